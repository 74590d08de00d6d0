//! Supervisor-level CSRs (Supervisor-Level ISA), and the parts that their VS twins share.

use rv_isa::Isa;
use rv_isa::fields::{hstatus, menvcfg, mip, mstatus};

use super::aia::{LOCAL, guest_interrupts_gate};
use super::machine::{set_status, with_sd};
use super::stateen::{hypervisor_opens_envcfg, machine_opens_envcfg};
use super::{
    Row, atp_mode_supported, bits_with, cache_block_fields, field, legal_envcfg, legal_epc, legal_tvec, number,
};
use crate::hart::Hart;
use crate::mmu::Space;
use crate::mode::Mode;
use crate::state::HartState;
use crate::trap::Refusal;

/// Fields of sstatus and vsstatus that software writes, but FS.
const SSTATUS: u64 = mstatus::SIE | mstatus::SPIE | mstatus::SPP | mstatus::SUM | mstatus::MXR;
/// S-level interrupt bits of sip and sie; those of the VS level never show there.
const S_BITS: u64 = mip::SSIP | mip::STIP | mip::SEIP | mip::LCOFIP;

pub(super) const ROWS: &[Row] = &[
    Row::new(number::SSTATUS, read_sstatus, |h, v| {
        let mask = writable_status(&h.state) | h.bits.sstatus;
        let old = h.state.csr.mstatus;
        set_status(h, old & !mask | v & mask);
    }),
    Row::new(number::SIE, Hart::sie, |h, v| write_sie(h, u64::MAX, v)).gated(guest_interrupts_gate),
    Row::new(number::STVEC, |h| h.state.csr.stvec, |h, v| h.state.csr.stvec = legal_tvec(v)),
    field!(SCOUNTEREN, scounteren, 0xffff_ffff),
    Row::new(
        number::SENVCFG,
        |h| h.state.csr.senvcfg,
        |h, v| {
            let fields = menvcfg::FIOM | cache_block_fields(&h.state) | bits_with(&h.state, Isa::Ssnpm, menvcfg::PMM);
            h.state.csr.senvcfg = legal_envcfg(h.state.csr.senvcfg, v, fields);
            h.refresh_mode();
        },
    )
    .opened_by_machine(machine_opens_envcfg)
    .gated(hypervisor_opens_envcfg),
    field!(SSCRATCH, sscratch),
    Row::new(number::SEPC, |h| h.state.csr.sepc, |h, v| h.state.csr.sepc = legal_epc(v)),
    field!(SCAUSE, scause),
    field!(STVAL, stval),
    Row::new(number::SIP, Hart::sip, |h, v| write_sip(h, u64::MAX, v)).gated(guest_interrupts_gate),
    Row::new(number::SATP, |h| h.state.csr.satp, write_satp).gated(translation_gate),
    Row::new(
        number::STIMECMP,
        |h| h.state.csr.stimecmp,
        |h, v| {
            h.state.csr.stimecmp = v;
            h.attend();
        },
    )
    .opened_by_machine(timer_opened_by_machine)
    .gated(timer_gate)
    .writes_gated(guest_interrupts_gate)
    .of(Isa::Sstc),
];

/// [`SSTATUS`], and FS where there is floating-point state.
pub(super) fn writable_status(state: &HartState) -> u64 {
    SSTATUS | bits_with(state, Isa::F, mstatus::FS)
}

fn read_sstatus(hart: &Hart) -> u64 {
    let status = hart.state.csr.mstatus;
    with_sd(status & (SSTATUS | mstatus::FS | hart.bits.sstatus | mstatus::UXL))
}

/// Bits of mip and mie that sip and sie show: the delegated ones of the S level.
fn visible(hart: &Hart) -> u64 {
    (S_BITS | hart.bits.mie) & hart.state.csr.mideleg
}

/// Bits of sip and sie that M-mode has not delegated, but filters (Smaia): they are mvip's, with enables of their own.
fn filtered(hart: &Hart) -> u64 {
    hart.state.csr.aia.mvien & !hart.state.csr.mideleg
}

impl Hart {
    /// sip.
    pub(crate) fn sip(&self) -> u64 {
        self.mip() & visible(self) | self.mvip() & filtered(self)
    }

    /// sie.
    pub(crate) fn sie(&self) -> u64 {
        self.state.csr.mie & visible(self) | self.state.csr.aia.sie & filtered(self)
    }
}

/// Writes the bits of sie in `mask`.
pub(super) fn write_sie(hart: &mut Hart, mask: u64, value: u64) {
    let (own, aliases) = (filtered(hart) & mask, visible(hart) & mask);
    let csr = &mut hart.state.csr;
    csr.mie = csr.mie & !aliases | value & aliases;
    csr.aia.sie = csr.aia.sie & !own | value & own;
    hart.attend();
}

/// Writes the bits of sip in `mask`, as far as S-mode may: those that stay until software clears them.
pub(super) fn write_sip(hart: &mut Hart, mask: u64, value: u64) {
    let overflow = bits_with(&hart.state, Isa::Sscofpmf, mip::LCOFIP);
    let aliases = (mip::SSIP | overflow | hart.bits.sip) & hart.state.csr.mideleg & mask;
    let own = (mip::SSIP | LOCAL) & filtered(hart) & mask;
    let csr = &mut hart.state.csr;
    csr.mip = csr.mip & !aliases | value & aliases;
    csr.aia.mvip = csr.aia.mvip & !own | value & own;
    hart.attend();
}

/// An unsupported MODE makes the whole write void ("satp").
fn write_satp(hart: &mut Hart, value: u64) {
    if !atp_mode_supported(value, hart.state.isa) {
        return;
    }
    hart.state.csr.satp = value;
    hart.charge(hart.costs().csr_flush);
    hart.flush(&Space::HOST);
}

/// TVM guards satp in HS-mode, VTVM in VS-mode.
fn translation_gate(state: &HartState) -> Result<(), Refusal> {
    match state.mode {
        Mode::HS if state.csr.mstatus & mstatus::TVM != 0 => Err(Refusal::Illegal),
        Mode::VS if state.csr.hstatus & hstatus::VTVM != 0 => Err(Refusal::Virtual),
        _ => Ok(()),
    }
}

/// stimecmp (Sstc): hcounteren.TM and henvcfg.STCE open it for VS-mode.
fn timer_gate(state: &HartState) -> Result<(), Refusal> {
    let csr = &state.csr;
    let guest = csr.hcounteren & 2 != 0 && csr.henvcfg & menvcfg::STCE != 0;
    if state.mode == Mode::VS && !guest { Err(Refusal::Virtual) } else { Ok(()) }
}

/// What M-mode asks for stimecmp and vstimecmp to be accessible below it.
pub(super) fn timer_opened_by_machine(state: &HartState) -> bool {
    state.csr.mcounteren & 2 != 0 && state.stce()
}
