//! Hypervisor and virtual supervisor CSRs (H extension).

use rv_isa::Isa;
use rv_isa::fields::{hstatus, menvcfg, mip, mstatus};

use super::aia::{LOCAL, virtual_local};
use super::machine::with_sd;
use super::stateen::machine_opens_envcfg;
use super::supervisor::{timer_opened_by_machine, writable_status, write_sie, write_sip};
use super::{
    MIDELEG_ONES, Row, atp_mode_supported, bits_with, cache_block_fields, field, legal_envcfg, legal_epc, legal_tvec,
    number,
};
use crate::hart::Hart;
use crate::mmu::Space;
use crate::mode::Mode;
use crate::state::HartState;
use crate::trap::Refusal;

/// Exceptions that hedeleg can delegate (table "hedeleg bits").
const HEDELEG: u64 = 0x000c_b1ff;
/// hie and hip: the VS-level interrupts and SGEI.
const HIE: u64 = MIDELEG_ONES | mip::SGEIP;
/// hstatus fields that software writes, but VGEIN. VSBE and VSXL are fixed.
const HSTATUS: u64 =
    hstatus::GVA | hstatus::SPV | hstatus::SPVP | hstatus::HU | hstatus::VTVM | hstatus::VTW | hstatus::VTSR;

pub(super) const ROWS: &[Row] = &of_hypervisor([
    Row::new(
        number::HSTATUS,
        |h| h.state.csr.hstatus,
        |h, v| {
            let old = h.state.csr.hstatus;
            let mask =
                HSTATUS | bits_with(&h.state, Isa::Ssnpm, legal_hupmm(v)) | h.bits.hstatus | legal_vgein(&h.state, v);
            h.state.csr.hstatus = old & !mask | v & mask;
            h.charge(h.costs().csr_flush);
            h.attend();
        },
    ),
    field!(HEDELEG, hedeleg, HEDELEG),
    Row::new(
        number::HIDELEG,
        |h| h.state.csr.hideleg_in_force(),
        |h, v| {
            // Of the others, those that M-mode delegates or filters.
            let local = virtual_local(h) & (h.state.csr.mideleg | h.state.csr.aia.mvien);
            h.state.csr.hideleg = v & (MIDELEG_ONES | local);
            h.attend();
        },
    ),
    Row::new(number::HVIP, |h| h.state.csr.hvip, |h, v| set_hvip(h, MIDELEG_ONES | virtual_local(h), v)),
    Row::new(number::HIP, |h| h.mip() & HIE, |h, v| set_hvip(h, mip::VSSIP, v)),
    Row::new(
        number::HIE,
        |h| h.state.csr.mie & HIE,
        |h, v| {
            h.state.csr.mie = h.state.csr.mie & !HIE | v & HIE;
            h.attend();
        },
    ),
    Row::new(
        number::HGEIE,
        |h| h.state.csr.aia.hgeie,
        |h, v| {
            h.state.csr.aia.hgeie = v & (2u64 << h.state.guest_files()).wrapping_sub(2);
            h.attend();
        },
    ),
    Row::constant(number::HGEIP, |h| h.state.external.guest_lines),
    field!(HCOUNTEREN, hcounteren, 0xffff_ffff),
    field!(HTVAL, htval),
    field!(HTINST, htinst),
    Row::new(number::HENVCFG, read_henvcfg, write_henvcfg).opened_by_machine(machine_opens_envcfg),
    Row::new(
        number::HTIMEDELTA,
        |h| h.state.csr.htimedelta,
        |h, v| {
            h.state.csr.htimedelta = v;
            h.attend();
        },
    ),
    Row::new(number::HGATP, |h| h.state.csr.hgatp, write_hgatp).gated(hgatp_gate),
    Row::new(number::VSSTATUS, |h| with_sd(h.state.csr.vsstatus), write_vsstatus),
    Row::new(number::VSIE, Hart::vsie, write_vsie),
    Row::new(number::VSTVEC, |h| h.state.csr.vstvec, |h, v| h.state.csr.vstvec = legal_tvec(v)),
    field!(VSSCRATCH, vsscratch),
    Row::new(number::VSEPC, |h| h.state.csr.vsepc, |h, v| h.state.csr.vsepc = legal_epc(v)),
    field!(VSCAUSE, vscause),
    field!(VSTVAL, vstval),
    Row::new(number::VSIP, Hart::vsip, write_vsip),
    Row::new(number::VSATP, |h| h.state.csr.vsatp, write_vsatp),
    Row::new(
        number::VSTIMECMP,
        |h| h.state.csr.vstimecmp,
        |h, v| {
            h.state.csr.vstimecmp = v;
            h.attend();
        },
    )
    .opened_by_machine(timer_opened_by_machine)
    .of(Isa::Sstc),
]);

/// All rows come with H.
const fn of_hypervisor<const N: usize>(rows: [Row; N]) -> [Row; N] {
    let mut rows = rows;
    let mut index = 0;
    while index < N {
        rows[index] = rows[index].of(Isa::H);
        index += 1;
    }
    rows
}

/// VGEIN holds the numbers of guest interrupt files, and 0; any other leaves it alone.
fn legal_vgein(state: &HartState, value: u64) -> u64 {
    let number = (value & hstatus::VGEIN) >> hstatus::VGEIN_SHIFT;
    if number <= state.guest_files().into() { hstatus::VGEIN } else { 0 }
}

impl Hart {
    /// vsip: the VS-level interrupts under the numbers of S-level ones; of the others those that hideleg passes on from sip, and those of
    /// hvip that hvien brings ("Virtual interrupts for VS level").
    pub(crate) fn vsip(&self) -> u64 {
        let csr = &self.state.csr;
        let own = (self.mip() & csr.hideleg & MIDELEG_ONES) >> 1;
        if (csr.hideleg | csr.aia.hvien) & LOCAL == 0 {
            return own;
        }
        let passed = csr.hideleg_in_force() & LOCAL;
        own | self.sip() & passed | csr.hvip & csr.aia.hvien & !passed
    }

    /// vsie.
    pub(crate) fn vsie(&self) -> u64 {
        let csr = &self.state.csr;
        let own = (csr.mie & csr.hideleg & MIDELEG_ONES) >> 1;
        if (csr.hideleg | csr.aia.hvien) & LOCAL == 0 {
            return own;
        }
        let passed = csr.hideleg_in_force() & LOCAL;
        own | self.sie() & passed | csr.aia.vsie & csr.aia.hvien & !passed
    }
}

fn write_vsie(hart: &mut Hart, value: u64) {
    let csr = &mut hart.state.csr;
    let shifted = csr.hideleg & MIDELEG_ONES;
    csr.mie = csr.mie & !shifted | value << 1 & shifted;
    let passed = csr.hideleg_in_force() & LOCAL;
    let own = csr.aia.hvien & !passed;
    csr.aia.vsie = csr.aia.vsie & !own | value & own;
    write_sie(hart, passed, value);
}

/// What a guest may: its software interrupt, and the others above 12.
fn write_vsip(hart: &mut Hart, value: u64) {
    let csr = &hart.state.csr;
    let passed = csr.hideleg_in_force() & LOCAL;
    let own = csr.aia.hvien & !passed;
    let software = mip::VSSIP & csr.hideleg;
    set_hvip(hart, software | own, value << 1 & software | value & own);
    write_sip(hart, passed, value);
}

fn set_hvip(hart: &mut Hart, mask: u64, value: u64) {
    let csr = &mut hart.state.csr;
    csr.hvip = csr.hvip & !mask | value & mask;
    hart.attend();
}

/// The value 1 of HUPMM is reserved: it leaves the field alone.
fn legal_hupmm(value: u64) -> u64 {
    if value & hstatus::HUPMM == 1 << hstatus::HUPMM_SHIFT { 0 } else { hstatus::HUPMM }
}

/// Fields that are read-only 0 while menvcfg has them 0.
const GUARDED: u64 = menvcfg::STCE | menvcfg::PBMTE | menvcfg::ADUE;

fn read_henvcfg(hart: &Hart) -> u64 {
    let csr = &hart.state.csr;
    csr.henvcfg & (csr.menvcfg | !GUARDED)
}

fn write_henvcfg(hart: &mut Hart, value: u64) {
    let state = &hart.state;
    let pointer_masks = bits_with(state, Isa::Ssnpm, menvcfg::PMM);
    let mask = menvcfg::FIOM | cache_block_fields(state) | pointer_masks | GUARDED & state.csr.menvcfg;
    hart.state.csr.henvcfg = legal_envcfg(state.csr.henvcfg, value, mask);
    hart.flush(&Space::GUEST);
}

/// Field-wise WARL: an unsupported MODE leaves MODE alone. The root is 16 KiB, so PPN\[1:0\] are 0; VMID has 14 bits.
fn write_hgatp(hart: &mut Hart, value: u64) {
    const MODE: u64 = 0xf << 60;
    const FIELDS: u64 = 0x3fff << 44 | ((1 << 44) - 1) & !3;
    let old = hart.state.csr.hgatp;
    let mode = if atp_mode_supported(value, hart.state.isa) { value & MODE } else { old & MODE };
    hart.state.csr.hgatp = mode | value & FIELDS;
    hart.charge(hart.costs().csr_flush);
    hart.flush(&Space::GUEST);
}

/// TVM guards hgatp in HS-mode, but not vsatp.
fn hgatp_gate(state: &HartState) -> Result<(), Refusal> {
    let trapped = state.mode == Mode::HS && state.csr.mstatus & mstatus::TVM != 0;
    if trapped { Err(Refusal::Illegal) } else { Ok(()) }
}

fn write_vsstatus(hart: &mut Hart, value: u64) {
    let old = hart.state.csr.vsstatus;
    let mask = writable_status(&hart.state);
    let new = old & !mask | value & mask;
    hart.state.csr.vsstatus = new;
    if (old ^ new) & mstatus::MXR != 0 {
        hart.flush(&Space::GUEST);
    }
    hart.refresh_mode();
}

/// An unsupported MODE makes the whole write void, as for satp; at V=0 that is one of the choices that "vsatp" allows.
fn write_vsatp(hart: &mut Hart, value: u64) {
    if !atp_mode_supported(value, hart.state.isa) {
        return;
    }
    hart.state.csr.vsatp = value;
    hart.charge(hart.costs().csr_flush);
    hart.flush(&Space::GUEST);
}
