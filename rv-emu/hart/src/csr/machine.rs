//! Machine-level CSRs (Machine-Level ISA, "Machine-Level CSRs").

use rv_isa::Isa;
use rv_isa::fields::{menvcfg, mip, mstatus};

use super::{MIDELEG_ONES, Row, bits_with, cache_block_fields, field, legal_envcfg, legal_epc, legal_tvec, number};
use crate::hart::Hart;
use crate::mmu::Space;
use crate::state::HartState;

/// Exceptions that medeleg can delegate: all that exist but the call from M-mode.
const MEDELEG: u64 = 0x0000_b3ff;
/// Those that H adds.
const MEDELEG_H: u64 = 0x00f0_0400;
/// S-level interrupts that mideleg can delegate.
const MIDELEG: u64 = mip::SSIP | mip::STIP | mip::SEIP;
/// Interrupts that mie can enable.
const MIE: u64 = 0x0aaa;
/// Those that H adds.
const MIE_H: u64 = MIDELEG_ONES | mip::SGEIP;
/// mstatus fields that software writes. UXL, SXL and endianness are fixed; VS and XS are 0 without such state.
const MSTATUS: u64 = mstatus::SIE
    | mstatus::MIE
    | mstatus::SPIE
    | mstatus::MPIE
    | mstatus::SPP
    | mstatus::MPP
    | mstatus::MPRV
    | mstatus::SUM
    | mstatus::MXR
    | mstatus::TVM
    | mstatus::TW
    | mstatus::TSR;

pub(super) const ROWS: &[Row] = &[
    Row::constant(number::MVENDORID, |_| 0),
    Row::constant(number::MARCHID, |_| 0),
    Row::constant(number::MIMPID, |_| 0),
    Row::constant(number::MHARTID, |h| h.state.hart_id),
    Row::constant(number::MCONFIGPTR, |_| 0),
    Row::new(number::MSTATUS, |h| with_sd(h.state.csr.mstatus), write_mstatus),
    Row::constant(number::MISA, |h| h.state.isa.misa() | h.bits.misa),
    Row::new(
        number::MEDELEG,
        |h| h.state.csr.medeleg,
        |h, v| {
            h.state.csr.medeleg = v & (MEDELEG | bits_with(&h.state, Isa::H, MEDELEG_H) | h.bits.medeleg);
            h.attend();
        },
    ),
    Row::new(
        number::MIDELEG,
        |h| h.state.csr.mideleg,
        |h, v| {
            let overflow = bits_with(&h.state, Isa::Sscofpmf, mip::LCOFIP);
            let guest_external = if h.state.guest_files() > 0 { mip::SGEIP } else { 0 };
            let ones = bits_with(&h.state, Isa::H, MIDELEG_ONES | guest_external);
            h.state.csr.mideleg = v & (MIDELEG | overflow | h.bits.mideleg) | ones;
            h.attend();
        },
    ),
    Row::new(
        number::MIE,
        |h| h.state.csr.mie,
        |h, v| {
            let overflow = bits_with(&h.state, Isa::Sscofpmf, mip::LCOFIP);
            let guest = bits_with(&h.state, Isa::H, MIE_H);
            h.state.csr.mie = v & (MIE | overflow | guest | h.bits.mie);
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
    field!(MTINST, mtinst).of(Isa::H),
    field!(MTVAL2, mtval2).of(Isa::H),
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
    let guest = bits_with(&hart.state, Isa::H, mstatus::GVA | mstatus::MPV);
    let mut mask = MSTATUS | bits_with(&hart.state, Isa::F, mstatus::FS) | guest | hart.bits.mstatus;
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

/// What M-mode can set: SSIP, SEIP unless mvien has taken it away, VSSIP, LCOFIP, and STIP unless Sstc drives it. VSSIP is the same bit
/// as in hvip.
fn write_mip(hart: &mut Hart, value: u64) {
    let timer = if hart.state.stce() { 0 } else { mip::STIP };
    let overflow = bits_with(&hart.state, Isa::Sscofpmf, mip::LCOFIP);
    let external = mip::SEIP & !hart.state.csr.aia.mvien;
    let mask = mip::SSIP | external | timer | overflow | hart.bits.mip;
    let guest = bits_with(&hart.state, Isa::H, mip::VSSIP);
    let csr = &mut hart.state.csr;
    csr.mip = csr.mip & !mask | value & mask;
    csr.hvip = csr.hvip & !guest | value & guest;
    hart.attend();
}

fn write_menvcfg(hart: &mut Hart, value: u64) {
    let old = hart.state.csr.menvcfg;
    let value = legal_envcfg(old, value, menvcfg_fields(&hart.state));
    hart.state.csr.menvcfg = value;
    if (old ^ value) & (menvcfg::ADUE | menvcfg::PBMTE) != 0 {
        hart.flush(&Space::HOST);
        hart.flush(&Space::GUEST);
    }
    hart.refresh_mode();
}

fn menvcfg_fields(state: &HartState) -> u64 {
    menvcfg::FIOM
        | cache_block_fields(state)
        | bits_with(state, Isa::Smnpm, menvcfg::PMM)
        | bits_with(state, Isa::Svadu, menvcfg::ADUE)
        | bits_with(state, Isa::Svpbmt, menvcfg::PBMTE)
        | bits_with(state, Isa::Sstc, menvcfg::STCE)
}
