//! Who may access which CSR, against an oracle: the rules of the specification by number, written anew from its text. And what an access does
//! in each mode, against the same write by an observer.

mod csr_rules;

use conformance::{CODE, HS_HANDLER, M_HANDLER, Rig, VS_HANDLER};
use csr_rules::{Outcome, exists, outcome, substituted};
use proptest::prelude::{ProptestConfig, any};
use proptest::{prop_assert_eq, proptest};
use rv_hart::{Costs, Hart, HartState, Mode};
use rv_isa::asm::{self, A0, A1, ZERO};
use rv_isa::fields::{hstatus, hvictl, mstatus, pmpcfg};
use rv_isa::{Isa, IsaSet, csr};

/// Harts to try.
const HARTS: [&str; 8] = [
    "default",
    "max",
    "rv64i",
    "rv64gch",
    "rva22s64",
    "rv64imafdch_sstc_smstateen",
    "rv64gch_smaia",
    "rv64imach_ssaia",
];

/// Registers that say who may access others.
const GATES: [u16; 15] = [
    csr::MCOUNTEREN,
    csr::HCOUNTEREN,
    csr::SCOUNTEREN,
    csr::MENVCFG,
    csr::HENVCFG,
    csr::MSTATEEN0,
    csr::MSTATEEN1,
    csr::MSTATEEN2,
    csr::MSTATEEN3,
    csr::HSTATEEN0,
    csr::HSTATEEN1,
    csr::HSTATEEN2,
    csr::HSTATEEN3,
    csr::HSTATUS,
    csr::VSSTATUS,
];

/// A hart with the extensions `isa`: PMP open, exceptions delegated, handlers in place.
fn rig(isa: &str) -> Rig {
    let mut rig = Rig::default();
    let isa = IsaSet::parse(isa).unwrap();
    rig.hart = Hart::new(0, CODE, isa, Costs::FLAT, Vec::new()).unwrap();
    let open = pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X;
    for (number, value) in [
        (csr::PMPADDR0, u64::MAX),
        (csr::PMPCFG0, open.into()),
        (csr::MTVEC, M_HANDLER),
        (csr::STVEC, HS_HANDLER),
        (csr::VSTVEC, VS_HANDLER),
        (csr::MEDELEG, u64::MAX),
    ] {
        rig.hart.csr_poke(number, value);
    }
    rig
}

/// Gates at random, and whether satp and floating point are trapped.
fn set_gates(rig: &mut Rig, values: [u64; 15], status: u64) {
    for (number, value) in GATES.into_iter().zip(values) {
        rig.hart.csr_poke(number, value);
    }
    rig.set(csr::MSTATUS, status & (mstatus::FS | mstatus::TVM));
}

/// What windows show, and who looks through them. Nothing of it makes an interrupt pending.
fn set_windows(rig: &mut Rig, gates: [u64; 15], operand: u64) {
    rig.hart.csr_poke(csr::MISELECT, gates[0] >> 7);
    rig.hart.csr_poke(csr::SISELECT, gates[1] >> 7);
    rig.hart.csr_poke(csr::VSISELECT, gates[2] >> 7);
    rig.hart.csr_poke(csr::MVIEN, gates[3] >> 7);
    rig.hart.csr_poke(csr::HVICTL, gates[4] & !hvictl::IID | 9 << hvictl::IID_SHIFT);
    let vgein = operand % 5;
    let hstatus = rig.hart.csr_peek(csr::HSTATUS).unwrap_or(0) & !hstatus::VGEIN;
    rig.hart.csr_poke(csr::HSTATUS, hstatus | vgein << hstatus::VGEIN_SHIFT);
}

fn restore(rig: &mut Rig, saved: &HartState) {
    rig.hart.state = saved.clone();
    rig.hart.refresh();
}

/// Registers whose value goes on by itself.
fn runs(number: u16) -> bool {
    matches!(number, 0xb00..=0xb1f | 0xc00..=0xc1f)
}

/// One instruction of Zicsr on a CSR: the encoding, and what it makes of the old value and of a0.
struct Access {
    raw: fn(u16) -> u32,
    reads: bool,
    write: Option<fn(u64, u64) -> u64>,
}

const ACCESSES: [Access; 5] = [
    Access { raw: |csr| asm::csrrs(A1, csr, ZERO), reads: true, write: None },
    Access { raw: |csr| asm::csrrw(A1, csr, A0), reads: true, write: Some(|_, new| new) },
    Access { raw: |csr| asm::csrrw(ZERO, csr, A0), reads: false, write: Some(|_, new| new) },
    Access { raw: |csr| asm::csrrs(A1, csr, A0), reads: true, write: Some(|old, set| old | set) },
    Access { raw: |csr| asm::csrrc(A1, csr, A0), reads: true, write: Some(|old, clear| old & !clear) },
];

/// What the access did, and what was left, if it was allowed: as an observer's read and write would have it.
fn check(rig: &mut Rig, mode: Mode, number: u16, access: &Access, operand: u64) -> Result<(), String> {
    rig.hart.state.mode = mode;
    rig.hart.refresh();
    let saved = rig.hart.state.clone();
    let expected = outcome(&rig.hart.state, mode, number, access.write.is_some());
    let target = if mode.virt() { substituted(number) } else { number };
    let before = if expected == Outcome::Allowed { rig.get(target) } else { 0 };
    rig.hart.state.x[usize::from(A0)] = operand;
    rig.hart.state.x[usize::from(A1)] = !0xabcd;
    let cause = rig.raises(mode, (access.raw)(number)).map(|(_, cause)| cause);
    let read = rig.hart.state.x[usize::from(A1)];
    let after = rig.hart.csr_peek(target);
    restore(rig, &saved);
    if cause != expected.cause() {
        return Err(format!("expected {expected:?}, raised {cause:?}"));
    }
    if expected != Outcome::Allowed || runs(target) {
        return Ok(());
    }
    if access.reads && read != before {
        return Err(format!("read {read:#x}, was {before:#x}"));
    }
    if let Some(write) = access.write {
        rig.hart.csr_poke(target, write(before, operand));
    }
    let poked = rig.hart.csr_peek(target);
    restore(rig, &saved);
    if after == poked { Ok(()) } else { Err(format!("left {after:x?}, an observer's write {poked:x?}")) }
}

fn check_all(isa: &str, gates: [u64; 15], status: u64, operand: u64, phase: u16) -> Result<(), String> {
    let mut rig = rig(isa);
    set_gates(&mut rig, gates, status);
    // An IMSIC that no bus answers for: its registers read 0.
    if phase % 2 == 1 {
        rig.hart.attach_imsic(3);
    }
    set_windows(&mut rig, gates, operand);
    let set = rig.hart.state.isa;
    // All that exist, and some others.
    for number in (0..4096).filter(|number| exists(*number, set) || number % 16 == phase) {
        for mode in Mode::ALL.into_iter().filter(|mode| !mode.virt() || set.has(Isa::H)) {
            for access in &ACCESSES {
                check(&mut rig, mode, number, access, operand).map_err(|error| {
                    format!(
                        "{isa}: {mode:?}, {}: {error}",
                        rv_isa::disassemble(rv_isa::decode((access.raw)(number)).unwrap(), 0)
                    )
                })?;
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn accesses_are_as_specified(
        isa in proptest::sample::select(&HARTS[..]),
        gates in any::<[u64; 15]>(),
        status in any::<u64>(),
        operand in any::<u64>(),
        phase in 0u16..16,
    ) {
        prop_assert_eq!(check_all(isa, gates, status, operand, phase), Ok(()));
    }
}

/// The oracle's list and the hart's, for every number.
#[test]
fn the_same_numbers_exist() {
    for isa in ["default", "max", "rv64i", "rv64gc", "rv64gch", "rva22s64", "rv64gc_smaia", "rv64gch_ssaia"] {
        let rig = rig(isa);
        let set = rig.hart.state.isa;
        for number in 0..4096 {
            let name = rv_isa::csr::name(number).unwrap_or("nameless");
            assert_eq!(rig.hart.csr_peek(number).is_some(), exists(number, set), "{isa}: {number:#x} ({name})");
        }
    }
}
