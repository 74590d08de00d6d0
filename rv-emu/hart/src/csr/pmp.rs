//! PMP configuration ("Physical Memory Protection CSRs"): 16 entries.

use rv_isa::Isa;
use rv_isa::fields::{mseccfg, pmpcfg};

use super::{Row, number};
use crate::hart::Hart;
use crate::state::PMP_ENTRIES;

/// pmpaddr holds address bits 55:2.
const ADDR: u64 = (1 << 54) - 1;

macro_rules! addresses {
    ($($entry:literal)*) => { [$(
        Row::new(number::PMPADDR0 + $entry, |h| h.state.csr.pmpaddr[$entry], |h, v| write_addr(h, $entry, v)),
    )*] };
}

pub(super) const ADDRESSES: &[Row] = &addresses! { 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 };
pub(super) const CONFIGS: &[Row] = &[
    Row::new(number::PMPCFG0, |h| read_cfg(h, 0), |h, v| write_cfg(h, 0, v)),
    Row::new(number::PMPCFG2, |h| read_cfg(h, 8), |h, v| write_cfg(h, 8, v)),
    Row::new(number::MSECCFG, |h| h.state.csr.mseccfg, write_mseccfg).of(Isa::Smepmp),
];

/// MML and MMWP stay set once they are; RLB can't be set any more while an entry is locked and it is 0 (Smepmp).
fn write_mseccfg(hart: &mut Hart, value: u64) {
    let csr = &mut hart.state.csr;
    let sticky = csr.mseccfg & (mseccfg::MML | mseccfg::MMWP);
    let locked = csr.pmpcfg.iter().any(|cfg| cfg & pmpcfg::L != 0);
    let bypass = if csr.mseccfg & mseccfg::RLB == 0 && locked { 0 } else { mseccfg::RLB };
    csr.mseccfg = sticky | value & (mseccfg::MML | mseccfg::MMWP | bypass);
    hart.flush_all();
}

fn read_cfg(hart: &Hart, first: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hart.state.csr.pmpcfg[first..first + 8]);
    u64::from_le_bytes(bytes)
}

/// Locked entries keep their value. R=0 with W=1 is reserved and written as neither, unless mseccfg.MML gives it a meaning.
fn write_cfg(hart: &mut Hart, first: usize, value: u64) {
    let mode = hart.state.csr.mseccfg;
    let (lockdown, bypass) = (mode & mseccfg::MML != 0, mode & mseccfg::RLB != 0);
    for (cfg, new) in hart.state.csr.pmpcfg[first..first + 8].iter_mut().zip(value.to_le_bytes()) {
        let new = new & (pmpcfg::R | pmpcfg::W | pmpcfg::X | pmpcfg::A | pmpcfg::L);
        let reserved = !lockdown && new & (pmpcfg::R | pmpcfg::W) == pmpcfg::W;
        let locked = *cfg & pmpcfg::L != 0 || lockdown && executes_for_machine(new);
        if bypass || !locked {
            *cfg = if reserved { new & !pmpcfg::W } else { new };
        }
    }
    hart.flush_all();
}

/// Under MML a rule that lets M-mode execute can't be added any more: one of M-mode alone with X, or one shared and locked with X.
fn executes_for_machine(cfg: u8) -> bool {
    cfg & pmpcfg::L != 0
        && matches!(
            (cfg & pmpcfg::R != 0, cfg & pmpcfg::W != 0, cfg & pmpcfg::X != 0),
            (_, false, true) | (false, true, _)
        )
}

/// A locked entry freezes its address, and the one below too if it is the end of a range (TOR).
fn write_addr(hart: &mut Hart, entry: usize, value: u64) {
    let csr = &mut hart.state.csr;
    let bypass = csr.mseccfg & mseccfg::RLB != 0;
    let locked = |index: usize| csr.pmpcfg[index] & pmpcfg::L != 0 && !bypass;
    let ends_locked_range =
        entry + 1 < PMP_ENTRIES && locked(entry + 1) && csr.pmpcfg[entry + 1] & pmpcfg::A == pmpcfg::A_TOR;
    if !locked(entry) && !ends_locked_range {
        csr.pmpaddr[entry] = value & ADDR;
        hart.flush_all();
    }
}
