//! Contexts: a mode, its address space, CSRs and registers.

use rv_hart::Mode;
use rv_isa::csr;
use rv_isa::fields::{menvcfg, mip, mstatus, satp};

use super::Recipe;
use crate::campaign::layout::{CODE, CODE_SIZE, DATA, DATA_PAGES, HS_HANDLER, PAGE, PATCH, USER_ALIAS, VS_HANDLER};
use crate::campaign::program::{CONTEXT_CSRS, Context};
use crate::campaign::random::Random;
use crate::campaign::tables::{GIGA, HOSTILE, HOSTILE_MEGA, HOSTILE_PAGES, TERA};

/// Values for satp, vsatp and hgatp.
pub struct Spaces {
    /// First stages for HS-mode.
    pub first: Vec<u64>,
    /// First stages for guests.
    pub guest: Vec<u64>,
    /// Second stages.
    pub second: Vec<u64>,
    /// Places of page-table entries that code may change.
    pub loose: Vec<u64>,
}

/// What all contexts of a program have in common. Timers fire always or never: models differ in when they look at them.
pub struct Constants {
    /// HS-mode asks M-mode by EBREAK.
    pub by_ebreak: bool,
    /// STCE, or not.
    pub menvcfg: u64,
    /// Always, or never.
    pub stimecmp: u64,
}

/// Registers that hold addresses of data.
pub const POINTERS: [u8; 7] = [2, 8, 9, 10, 11, 12, 13];

/// A context that starts at one of `offsets`.
pub fn context(recipe: &Recipe, random: &mut Random, spaces: &Spaces, offsets: &[u64], program: &Constants) -> Context {
    let mode = random.pick(&recipe.modes);
    let mut csrs: Vec<u64> = CONTEXT_CSRS.iter().map(|number| value(random, *number, spaces, program)).collect();
    let atp = if mode.virt() { csr::VSATP } else { csr::SATP };
    let position = CONTEXT_CSRS.iter().position(|number| *number == atp).expect("it is there");
    if random.once_in(16) {
        csrs[position] = 0;
    }
    let bare = mode == Mode::M || csrs[position] & satp::MODE == 0;
    let alias = if mode.privilege() == 0 && !bare { USER_ALIAS } else { 0 };
    let pc = (CODE + random.pick(offsets)) | alias;
    let mut x: Vec<u64> = (0..31).map(|_| random.integer()).collect();
    for register in POINTERS {
        x[usize::from(register) - 1] = pointer(random);
    }
    x[15] = PATCH | alias;
    let mut status = random.bits() & !(mstatus::MPP | mstatus::MPV);
    for bits in [mstatus::TVM, mstatus::TW, mstatus::TSR, mstatus::MPRV] {
        if !random.once_in(4) {
            status &= !bits;
        }
    }
    if !random.once_in(8) {
        status |= mstatus::FS;
    }
    status |= u64::from(mode.privilege()) << mstatus::MPP_SHIFT | if mode.virt() { mstatus::MPV } else { 0 };
    Context { csrs, x, pc, mstatus: status }
}

/// An address that may work in any mode.
pub fn pointer(random: &mut Random) -> u64 {
    let data = random.below((DATA_PAGES * PAGE) as usize) as u64;
    let offset = match random.below(8) {
        0 => data,
        1 => data | 0xff8,
        _ => data & !15,
    };
    match random.below(24) {
        0..=13 => DATA + offset,
        14..=17 => HOSTILE + (offset + random.below(2) as u64 * DATA_PAGES * PAGE) % (HOSTILE_PAGES * PAGE),
        18 => HOSTILE_MEGA + random.below(3) as u64 * 0x20_0000 + offset,
        19 => GIGA + random.below(3) as u64 * 0x4000_0000 + (DATA & 0x3fff_ffff) + offset,
        20 => TERA + DATA + offset,
        21 => (!0 << 32) | (DATA + offset),
        22 if random.once_in(2) => {
            ((CODE + random.below(CODE_SIZE as usize) as u64) & !3) | random.pick(&[0, USER_ALIAS])
        }
        22 => (DATA + offset) | 1 << random.below(64),
        _ => random.integer(),
    }
}

/// A value for a CSR of a context.
fn value(random: &mut Random, number: u16, spaces: &Spaces, program: &Constants) -> u64 {
    let ask = if program.by_ebreak { 1 << 3 } else { 1 << 9 };
    let vectored = random.below(2) as u64;
    let any = random.bits();
    match number {
        csr::MEDELEG if random.once_in(3) => paired(any) & !ask,
        csr::MEDELEG => !ask,
        csr::HEDELEG if random.once_in(2) => !0,
        csr::HEDELEG => paired(any),
        csr::STVEC => HS_HANDLER | vectored,
        csr::VSTVEC => VS_HANDLER | vectored,
        csr::SATP => random.pick(&spaces.first),
        csr::VSATP => random.pick(&spaces.guest),
        csr::HGATP if random.once_in(4) => 0,
        csr::HGATP => random.pick(&spaces.second),
        csr::STIMECMP => program.stimecmp,
        csr::VSTIMECMP => !0,
        csr::MENVCFG => any & !menvcfg::STCE | program.menvcfg,
        csr::HENVCFG => any & !menvcfg::STCE,
        csr::MIP | csr::HVIP if random.once_in(2) => 0,
        csr::MIP => any & (mip::SSIP | mip::STIP | mip::SEIP | mip::VSSIP),
        csr::SEPC | csr::VSEPC => CODE | any & 0xfffe,
        csr::MIE if random.once_in(2) => 0,
        csr::VSSTATUS => any | if random.once_in(8) { 0 } else { mstatus::FS },
        _ => any,
    }
}

/// Misaligned exceptions are delegated as access faults are: which of the two an atomic raises is the implementation's choice.
fn paired(delegation: u64) -> u64 {
    let access_faults = 1 << 5 | 1 << 7;
    delegation & !access_faults | delegation << 1 & access_faults
}
