//! Physical memory protection (Machine-Level ISA, "Physical Memory Protection") with the rules of Smepmp, 16 entries, granularity 4 bytes.

use rv_isa::fields::{mseccfg, pmpcfg};

use super::tlb::Perms;
use crate::ram::PAGE_SIZE;
use crate::state::{Csrs, PMP_ENTRIES};

/// What an access wants to do, for PMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PmpAccess {
    /// Fetch: needs X.
    Fetch,
    /// Load or implicit read: needs R.
    Load,
    /// Store or implicit write: needs W.
    Store,
    /// HLVX: needs R and X.
    LoadExecute,
}

const NOTHING: Perms = Perms { read: false, write: false, exec: false };
const EVERYTHING: Perms = Perms { read: true, write: true, exec: true };

/// The first byte and the byte after the last of entry `index`; `None` if it is off or empty. Ends saturate at the top of the
/// address space, which no physical address reaches.
fn range(csr: &Csrs, index: usize) -> Option<(u64, u64)> {
    let addr = csr.pmpaddr[index];
    match csr.pmpcfg[index] & pmpcfg::A {
        pmpcfg::A_TOR => {
            let from = if index == 0 { 0 } else { csr.pmpaddr[index - 1] << 2 };
            let to = addr << 2;
            (from < to).then_some((from, to))
        }
        pmpcfg::A_NA4 => Some((addr << 2, (addr << 2) + 4)),
        pmpcfg::A_NAPOT => {
            let size = 8u64.checked_shl(addr.trailing_ones()).filter(|size| *size != 0);
            let from = (addr & addr.wrapping_add(1)) << 2;
            Some((from, size.map_or(u64::MAX, |size| from.saturating_add(size))))
        }
        _ => None,
    }
}

/// Permissions of `addr..addr+len` in M-mode or below, or `None` where the lowest matching entry covers only a part.
fn perms(csr: &Csrs, machine: bool, addr: u64, len: u64) -> Option<Perms> {
    let end = addr + len;
    for index in 0..PMP_ENTRIES {
        let Some((from, to)) = range(csr, index) else { continue };
        if end <= from || to <= addr {
            continue;
        }
        if addr < from || to < end {
            return None;
        }
        let cfg = csr.pmpcfg[index];
        return Some(match csr.mseccfg & mseccfg::MML {
            0 if machine && cfg & pmpcfg::L == 0 => EVERYTHING,
            0 => allowed(cfg),
            _ => allowed_in_lockdown(cfg, machine),
        });
    }
    Some(unmatched(csr, machine))
}

/// What R, W and X say.
fn allowed(cfg: u8) -> Perms {
    let has = |bit: u8| cfg & bit != 0;
    Perms { read: has(pmpcfg::R), write: has(pmpcfg::W), exec: has(pmpcfg::X) }
}

/// The truth table of mseccfg.MML ("Smepmp Physical Memory Protection Rules"): L says whose an entry is; W without R is shared.
fn allowed_in_lockdown(cfg: u8, machine: bool) -> Perms {
    let has = |bit: u8| cfg & bit != 0;
    let locked = has(pmpcfg::L);
    match (locked, has(pmpcfg::R), has(pmpcfg::W), has(pmpcfg::X)) {
        (false, false, true, exec) => Perms { read: true, write: machine || exec, exec: false },
        (true, false, true, exec) => Perms { read: machine && exec, write: false, exec: true },
        (true, true, true, true) => Perms { read: true, ..NOTHING },
        _ if locked == machine => allowed(cfg),
        _ => NOTHING,
    }
}

/// Where no entry matches: M-mode may do everything but execute in lockdown, and nothing under MMWP; the others nothing.
fn unmatched(csr: &Csrs, machine: bool) -> Perms {
    match machine && csr.mseccfg & mseccfg::MMWP == 0 {
        true => Perms { exec: csr.mseccfg & mseccfg::MML == 0, ..EVERYTHING },
        false => NOTHING,
    }
}

/// Whether PMP lets an access of `len` bytes at `addr` through. A partial match fails, whatever its permissions.
pub fn allows(csr: &Csrs, machine: bool, addr: u64, len: u64, access: PmpAccess) -> bool {
    let perms = perms(csr, machine, addr, len).unwrap_or(NOTHING);
    match access {
        PmpAccess::Fetch => perms.exec,
        PmpAccess::Load => perms.read,
        PmpAccess::Store => perms.write,
        PmpAccess::LoadExecute => perms.read && perms.exec,
    }
}

/// Permissions that hold for every byte of the page at `page`; `None` if they differ within it.
pub fn page_perms(csr: &Csrs, machine: bool, page: u64) -> Option<Perms> {
    perms(csr, machine, page, PAGE_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csrs(entries: &[(u8, u64)]) -> Csrs {
        let mut csr = Csrs::new(rv_isa::IsaSet::standard());
        for (index, (cfg, addr)) in entries.iter().enumerate() {
            csr.pmpcfg[index] = *cfg;
            csr.pmpaddr[index] = *addr;
        }
        csr
    }

    const R: u8 = pmpcfg::R;
    const W: u8 = pmpcfg::W;

    #[test]
    fn no_match_fails_below_machine_only() {
        let csr = csrs(&[]);
        assert!(allows(&csr, true, 0x1000, 4, PmpAccess::Fetch));
        assert!(!allows(&csr, false, 0x1000, 4, PmpAccess::Fetch));
    }

    #[test]
    fn the_lowest_match_decides_and_partial_matches_fail() {
        let csr = csrs(&[(pmpcfg::A_NA4 | R, 0x1000 >> 2), (pmpcfg::A_NAPOT | R | W, (0x1000 >> 2) | 0x1ff)]);
        assert!(allows(&csr, false, 0x1000, 4, PmpAccess::Load));
        assert!(!allows(&csr, false, 0x1000, 4, PmpAccess::Store));
        assert!(allows(&csr, false, 0x1004, 4, PmpAccess::Store));
        assert!(!allows(&csr, false, 0x1000, 8, PmpAccess::Load));
        assert!(!allows(&csr, true, 0x1000, 8, PmpAccess::Load), "partial matches fail in M-mode too");
        assert_eq!(page_perms(&csr, false, 0x1000), None);
    }

    #[test]
    fn tor_needs_a_start_below_its_end() {
        let csr = csrs(&[(0, 0x2000 >> 2), (pmpcfg::A_TOR | R, 0x1000 >> 2), (pmpcfg::A_TOR | R, 0x3000 >> 2)]);
        assert!(!allows(&csr, false, 0x1800, 4, PmpAccess::Store));
        assert!(allows(&csr, false, 0x1800, 4, PmpAccess::Load), "entry 2 starts at pmpaddr1");
        let first = csrs(&[(pmpcfg::A_TOR | R, 0x1000 >> 2)]);
        assert!(allows(&first, false, 0, 4, PmpAccess::Load), "entry 0 starts at 0");
    }

    #[test]
    fn napot_of_all_ones_covers_everything() {
        let csr = csrs(&[(pmpcfg::A_NAPOT | R, u64::MAX >> 10)]);
        assert!(allows(&csr, false, 0, 8, PmpAccess::Load));
        assert!(allows(&csr, false, (1 << 56) - 8, 8, PmpAccess::Load));
        assert!(page_perms(&csr, false, 0x8000_0000).is_some_and(|p| p.read && !p.write));
    }

    #[test]
    fn locked_entries_bind_machine_mode() {
        let csr = csrs(&[(pmpcfg::L | pmpcfg::A_NAPOT | R, u64::MAX >> 10)]);
        assert!(!allows(&csr, true, 0, 4, PmpAccess::Store));
        assert!(!allows(&csr, true, 0, 4, PmpAccess::LoadExecute));
    }

    /// "Smepmp Physical Memory Protection Rules": the truth table under mseccfg.MML, by L, R, W, X; permissions of M-mode, of S and U.
    #[test]
    fn lockdown_follows_the_truth_table() {
        let table = [
            "", "", "", "x", "rw", "r", "rw", "rw", "", "r", "", "rx", "", "rw", "", "rwx", "", "", "x", "", "x", "x",
            "rx", "x", "r", "", "rx", "", "rw", "", "r", "r",
        ];
        for (bits, expected) in (0u8..16).zip(table.chunks(2)) {
            let flag = |bit: u8, value: u8| if bits & bit != 0 { value } else { 0 };
            let cfg = flag(8, pmpcfg::L) | flag(4, pmpcfg::R) | flag(2, pmpcfg::W) | flag(1, pmpcfg::X);
            let mut csr = csrs(&[(cfg | pmpcfg::A_NAPOT, u64::MAX >> 10)]);
            csr.mseccfg = mseccfg::MML;
            for (machine, expected) in [true, false].into_iter().zip(expected) {
                let has = |access, letter: char| {
                    assert_eq!(
                        allows(&csr, machine, 0x1000, 4, access),
                        expected.contains(letter),
                        "{bits:04b}, M {machine}"
                    );
                };
                has(PmpAccess::Load, 'r');
                has(PmpAccess::Store, 'w');
                has(PmpAccess::Fetch, 'x');
            }
        }
    }

    #[test]
    fn without_a_match_machine_mode_is_what_mseccfg_says() {
        let mut csr = csrs(&[]);
        csr.mseccfg = mseccfg::MML;
        assert!(allows(&csr, true, 0x1000, 4, PmpAccess::Load) && !allows(&csr, true, 0x1000, 4, PmpAccess::Fetch));
        csr.mseccfg = mseccfg::MMWP;
        assert!(!allows(&csr, true, 0x1000, 4, PmpAccess::Load));
    }
}
