//! Machine-level CSRs (Machine-Level ISA, "Machine-Level CSRs").

use rv_isa::fields::{menvcfg, mip, misa, mstatus};

use super::{MIDELEG_ONES, Row, field, legal_epc, legal_tvec, number};
use crate::hart::Hart;
use crate::mmu::Space;

/// Exceptions that medeleg can delegate: all that exist but the call from M-mode.
const MEDELEG: u64 = 0x00f0_b7ff;
/// S-level interrupts that mideleg can delegate.
const MIDELEG: u64 = mip::SSIP | mip::STIP | mip::SEIP;
/// Interrupts that mie can enable.
const MIE: u64 = 0x1eee;
/// mstatus fields that software writes. UXL, SXL and endianness are fixed; VS and XS are 0 without such state.
const MSTATUS: u64 = mstatus::SIE
    | mstatus::MIE
    | mstatus::SPIE
    | mstatus::MPIE
    | mstatus::SPP
    | mstatus::MPP
    | mstatus::FS
    | mstatus::MPRV
    | mstatus::SUM
    | mstatus::MXR
    | mstatus::TVM
    | mstatus::TW
    | mstatus::TSR
    | mstatus::GVA
    | mstatus::MPV;

pub(super) const ROWS: &[Row] = &[
    Row::constant(number::MVENDORID, |_| 0),
    Row::constant(number::MARCHID, |_| 0),
    Row::constant(number::MIMPID, |_| 0),
    Row::constant(number::MHARTID, |h| h.state.hart_id),
    Row::constant(number::MCONFIGPTR, |_| 0),
    Row::new(number::MSTATUS, |h| with_sd(h.state.csr.mstatus), write_mstatus),
    Row::constant(number::MISA, |h| misa::RV64 | misa::letters("acdfhimsu") | h.bits.misa),
    Row::new(
        number::MEDELEG,
        |h| h.state.csr.medeleg,
        |h, v| {
            h.state.csr.medeleg = v & (MEDELEG | h.bits.medeleg);
            h.attend();
        },
    ),
    Row::new(
        number::MIDELEG,
        |h| h.state.csr.mideleg,
        |h, v| {
            h.state.csr.mideleg = v & (MIDELEG | h.bits.mideleg) | MIDELEG_ONES;
            h.attend();
        },
    ),
    Row::new(
        number::MIE,
        |h| h.state.csr.mie,
        |h, v| {
            h.state.csr.mie = v & (MIE | h.bits.mie);
            h.attend();
        },
    ),
    Row::new(number::MTVEC, |h| h.state.csr.mtvec, |h, v| h.state.csr.mtvec = legal_tvec(v)),
    field!(MCOUNTEREN, mcounteren, 0xffff_ffff),
    field!(MSCRATCH, mscratch),
    Row::new(number::MEPC, |h| h.state.csr.mepc, |h, v| h.state.csr.mepc = legal_epc(v)),
    field!(MCAUSE, mcause),
    field!(MTVAL, mtval),
    Row::new(number::MIP, Hart::mip, write_mip),
    field!(MTINST, mtinst),
    field!(MTVAL2, mtval2),
    Row::new(number::MENVCFG, |h| h.state.csr.menvcfg, write_menvcfg),
    // Debug specification: without triggers tselect is 0, and tdata1 says that there is none.
    Row::constant(number::TSELECT, |_| 0),
    Row::constant(number::TDATA1, |_| 0),
    Row::constant(number::TDATA2, |_| 0),
    Row::constant(number::TDATA3, |_| 0),
];

/// SD summarises FS (VS and XS are 0).
pub(super) fn with_sd(status: u64) -> u64 {
    if status & mstatus::FS == mstatus::FS { status | mstatus::SD } else { status }
}

/// MPP is WARL: the reserved privilege 2 leaves it as it was.
fn write_mstatus(hart: &mut Hart, value: u64) {
    let old = hart.state.csr.mstatus;
    let mut mask = MSTATUS | hart.bits.mstatus;
    if value & mstatus::MPP == 2 << mstatus::MPP_SHIFT {
        mask &= !mstatus::MPP;
    }
    set_status(hart, old & !mask | value & mask);
}

/// Replaces mstatus, with what a change of its fields entails. MXR is part of what TLB entries hold; SUM and MPRV choose the TLB.
pub(super) fn set_status(hart: &mut Hart, value: u64) {
    let changed = hart.state.csr.mstatus ^ value;
    hart.state.csr.mstatus = value;
    hart.charge(hart.costs().csr_flush);
    if changed & mstatus::MXR != 0 {
        hart.flush_all();
    }
    hart.refresh_mode();
}

/// What M-mode can set: SSIP, SEIP, VSSIP, and STIP unless Sstc drives it. VSSIP is the same bit as in hvip.
fn write_mip(hart: &mut Hart, value: u64) {
    let timer = if hart.state.stce() { 0 } else { mip::STIP };
    let mask = mip::SSIP | mip::SEIP | timer | hart.bits.mip;
    let csr = &mut hart.state.csr;
    csr.mip = csr.mip & !mask | value & mask;
    csr.hvip = csr.hvip & !mip::VSSIP | value & mip::VSSIP;
    hart.attend();
}

fn write_menvcfg(hart: &mut Hart, value: u64) {
    let old = hart.state.csr.menvcfg;
    let value = value & (menvcfg::FIOM | menvcfg::ADUE | menvcfg::STCE);
    hart.state.csr.menvcfg = value;
    if (old ^ value) & menvcfg::ADUE != 0 {
        hart.flush(&Space::HOST);
        hart.flush(&Space::GUEST);
    }
    hart.attend();
}
