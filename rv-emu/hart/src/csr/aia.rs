//! CSRs of the Advanced Interrupt Architecture: Smaia and Ssaia ("Control and Status Registers (CSRs) Added to Harts").
//!
//! mireg, sireg and vsireg are windows. On the priorities of major interrupts they are registers of the hart; on interrupt files, and
//! xtopei with them, they are registers of the IMSIC, which the bus answers for: a row says which by [`Row::in_file`].

use rv_isa::Isa;
use rv_isa::fields::{hvictl, mip, stateen};

use super::{MIDELEG_ONES, Row, number};
use crate::bus::{File, FileRegister};
use crate::hart::Hart;
use crate::mode::Mode;
use crate::state::HartState;
use crate::trap::Refusal;

/// Interrupts 13 and up: local ones, and those for custom use.
pub(super) const LOCAL: u64 = !0 << 13;
/// What xiselect holds: 0 to 0x1ff.
const SELECT: u64 = 0x1ff;
/// Registers behind the windows: priorities of major interrupts, and those of an interrupt file.
const PRIORITIES: std::ops::RangeInclusive<u64> = 0x30..=0x3f;
const FILES: std::ops::RangeInclusive<u64> = 0x70..=0xff;
/// The first register of the arrays eip and eie, of which RV64 has the even ones only.
const ARRAYS: u64 = 0x80;
/// Fields of hvictl.
const HVICTL: u64 = hvictl::VTI | hvictl::IID | hvictl::DPR | hvictl::IPRIOM | hvictl::IPRIO;
/// hviprio1: numbers of interrupts 1, 5, 13, 14 and 15; the other bytes are reserved.
const HVIPRIO1: u64 = 0xffff_ff00_ff00_ff00;

/// Interrupts with a priority number at machine level: those that mie has and mideleg may leave there, but the external one.
const MACHINE_PRIORITIES: u64 = 0x22aa & !mip::MEIP;
/// The same at supervisor level, where hie's are included.
const SUPERVISOR_PRIORITIES: u64 = (mip::SSIP | mip::STIP | mip::LCOFIP) | MIDELEG_ONES | mip::SGEIP;

macro_rules! aia {
    ($number:ident, $mask:expr, $($field:tt)+) => {
        Row::new(
            number::$number,
            |h| h.state.csr.aia.$($field)+,
            |h, v| {
                h.state.csr.aia.$($field)+ = v & $mask;
                h.attend();
            },
        )
    };
}

pub(super) const ROWS: &[Row] = &[
    aia!(MISELECT, SELECT, miselect).of(Isa::Smaia),
    Row::new(number::MIREG, |h| read_priorities(h, 0), |h, v| write_priorities(h, 0, v))
        .of(Isa::Smaia)
        .gated(machine_window_gate)
        .in_file(|state| selected(File::Machine, state.csr.aia.miselect)),
    Row::new(number::MTOPEI, |h| shown(h.state.external.machine), |_, _| {})
        .of(Isa::Smaia)
        .gated(|state| legal(state.imsic.is_some()))
        .in_file(|_| Some((File::Machine, FileRegister::Top))),
    Row::constant(number::MTOPI, Hart::machine_top).of(Isa::Smaia),
    Row::new(number::MVIEN, |h| h.state.csr.aia.mvien, write_mvien).of(Isa::Smaia),
    Row::new(number::MVIP, Hart::mvip, write_mvip).of(Isa::Smaia),
    aia!(SISELECT, SELECT, siselect).of(Isa::Ssaia).opened_by_machine(opens_select).gated(guest_select_gate),
    Row::new(number::SIREG, |h| read_priorities(h, 1), |h, v| write_priorities(h, 1, v))
        .of(Isa::Ssaia)
        .opened_by_machine(opens_supervisor_window)
        .gated(supervisor_window_gate)
        .in_file(|state| selected(File::Supervisor, state.csr.aia.siselect)),
    Row::new(number::STOPEI, |h| shown(h.state.external.supervisor), |_, _| {})
        .of(Isa::Ssaia)
        .opened_by_machine(opens_files)
        .gated(supervisor_top_gate)
        .in_file(|_| Some((File::Supervisor, FileRegister::Top))),
    Row::constant(number::STOPI, Hart::supervisor_top)
        .of(Isa::Ssaia)
        .opened_by_machine(opens_aia)
        .gated(|state| virtual_unless(state.mode != Mode::VS || state.csr.hstateen[0] & stateen::AIA != 0)),
    Row::new(number::HVIEN, |h| h.state.csr.aia.hvien, write_hvien)
        .of(Isa::Ssaia)
        .of(Isa::H)
        .opened_by_machine(opens_aia),
    aia!(HVICTL, HVICTL, hvictl).of(Isa::Ssaia).of(Isa::H).opened_by_machine(opens_aia),
    aia!(HVIPRIO1, HVIPRIO1, hviprio[0]).of(Isa::Ssaia).of(Isa::H).opened_by_machine(opens_aia),
    aia!(HVIPRIO2, u64::MAX, hviprio[1]).of(Isa::Ssaia).of(Isa::H).opened_by_machine(opens_aia),
    aia!(VSISELECT, SELECT, vsiselect).of(Isa::Ssaia).of(Isa::H).opened_by_machine(opens_select),
    Row::constant(number::VSIREG, |_| 0)
        .of(Isa::Ssaia)
        .of(Isa::H)
        .opened_by_machine(opens_guest_window)
        .gated(|state| legal(guest_window(state)))
        .in_file(|state| selected(File::Guest(state.guest_file()?), state.csr.aia.vsiselect)),
    Row::new(number::VSTOPEI, |h| shown(h.state.external.guest), |_, _| {})
        .of(Isa::Ssaia)
        .of(Isa::H)
        .opened_by_machine(opens_files)
        .gated(|state| legal(state.guest_file().is_some()))
        .in_file(|state| Some((File::Guest(state.guest_file()?), FileRegister::Top))),
    Row::constant(number::VSTOPI, Hart::guest_top).of(Isa::Ssaia).of(Isa::H).opened_by_machine(opens_aia),
];

/// The register of `file` that `select` means, if it means one.
fn selected(file: File, select: u64) -> Option<(File, FileRegister)> {
    FILES.contains(&select).then_some((file, FileRegister::Selected(select as u8)))
}

/// xtopei for an observer, who has the number that the hart saw last: identity and priority are the same at an interrupt file.
fn shown(top: u16) -> u64 {
    u64::from(top) << 16 | u64::from(top)
}

fn legal(allowed: bool) -> Result<(), Refusal> {
    if allowed { Ok(()) } else { Err(Refusal::Illegal) }
}

fn virtual_unless(allowed: bool) -> Result<(), Refusal> {
    if allowed { Ok(()) } else { Err(Refusal::Virtual) }
}

/// A register of an interrupt file exists on RV64: of the arrays, every other one.
fn file_register(select: u64) -> bool {
    FILES.contains(&select) && (select < ARRAYS || select.is_multiple_of(2))
}

/// A window on the hart's own registers has something to show.
fn window(state: &HartState, select: u64) -> bool {
    PRIORITIES.contains(&select) && select.is_multiple_of(2) || state.imsic.is_some() && file_register(select)
}

fn machine_window_gate(state: &HartState) -> Result<(), Refusal> {
    legal(window(state, state.csr.aia.miselect))
}

/// sireg, which is vsireg for a guest: there everything that isn't accessible is a matter for the hypervisor. While M-mode filters
/// external interrupts, the supervisor's interrupt file is M-mode's too.
fn supervisor_window_gate(state: &HartState) -> Result<(), Refusal> {
    let select = state.csr.aia.siselect;
    match state.mode {
        Mode::VS => virtual_unless(state.csr.hstateen[0] & stateen::CSRIND != 0 && guest_window(state)),
        Mode::HS if FILES.contains(&select) && filtered(state) => Err(Refusal::Illegal),
        _ => legal(window(state, select)),
    }
}

/// vsireg shows something: a register of the guest interrupt file that VGEIN selects, unless hstateen0 keeps these from guests.
fn guest_window(state: &HartState) -> bool {
    let kept = state.mode.virt() && state.csr.hstateen[0] & stateen::IMSIC == 0;
    state.guest_file().is_some() && !kept && file_register(state.csr.aia.vsiselect)
}

fn guest_select_gate(state: &HartState) -> Result<(), Refusal> {
    virtual_unless(state.mode != Mode::VS || state.csr.hstateen[0] & stateen::CSRIND != 0)
}

fn supervisor_top_gate(state: &HartState) -> Result<(), Refusal> {
    match state.mode {
        Mode::VS => virtual_unless(state.guest_file().is_some() && state.csr.hstateen[0] & stateen::IMSIC != 0),
        Mode::HS if filtered(state) => Err(Refusal::Illegal),
        _ => legal(state.imsic.is_some()),
    }
}

/// M-mode filters supervisor external interrupts: the interrupt file is out of S-mode's reach.
fn filtered(state: &HartState) -> bool {
    state.csr.aia.mvien & mip::SEIP != 0
}

fn opens_aia(state: &HartState) -> bool {
    state.csr.mstateen[0] & stateen::AIA != 0
}

fn opens_select(state: &HartState) -> bool {
    state.csr.mstateen[0] & stateen::CSRIND != 0
}

/// Without an IMSIC the bit is 0, and guards nothing.
fn opens_files(state: &HartState) -> bool {
    state.imsic.is_none() || state.csr.mstateen[0] & stateen::IMSIC != 0
}

/// sireg is guarded by what is behind it: for a guest that is another's. Users are refused by their mode first, unless CSRIND is 0.
fn opens_supervisor_window(state: &HartState) -> bool {
    let opened = |select: u64| {
        let priorities = !PRIORITIES.contains(&select) || opens_aia(state);
        priorities && (!FILES.contains(&select) || opens_files(state))
    };
    let behind = match state.mode {
        Mode::HS => opened(state.csr.aia.siselect),
        // CSRIND of hstateen0 is looked at before, whatever is behind.
        Mode::VS if state.csr.hstateen[0] & stateen::CSRIND != 0 => {
            !FILES.contains(&state.csr.aia.vsiselect) || opens_files(state)
        }
        _ => true,
    };
    opens_select(state) && behind
}

/// vsireg, for HS-mode: a guest is refused by its mode, unless CSRIND is 0.
fn opens_guest_window(state: &HartState) -> bool {
    let files = state.mode.virt() || !FILES.contains(&state.csr.aia.vsiselect) || opens_files(state);
    opens_select(state) && files
}

/// Bits of mstateen0 and hstateen0 that the architecture brings.
pub(super) fn stateen_bits(state: &HartState) -> u64 {
    let files = if state.imsic.is_some() { stateen::IMSIC } else { 0 };
    if state.has_aia() { stateen::CSRIND | stateen::AIA | files } else { 0 }
}

/// While hvictl.VTI is set, a guest's accesses to its pending and enable bits are the hypervisor's ("Virtual interrupts for VS level").
pub(super) fn guest_interrupts_gate(state: &HartState) -> Result<(), Refusal> {
    virtual_unless(state.mode != Mode::VS || state.csr.aia.hvictl & hvictl::VTI == 0)
}

/// Where the first priority number of a window is, of those that are kept.
fn first_priority(hart: &Hart, array: usize) -> usize {
    let aia = &hart.state.csr.aia;
    let select = if array == 0 { aia.miselect } else { aia.siselect };
    (select.saturating_sub(*PRIORITIES.start()) * 4) as usize
}

fn read_priorities(hart: &Hart, array: usize) -> u64 {
    let from = first_priority(hart, array);
    let bytes = hart.state.csr.aia.iprio[array].get(from..from + 8);
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Numbers have 8 bits (IPRIOLEN). What can't be pending, and external interrupts of the level, have none.
fn write_priorities(hart: &mut Hart, array: usize, value: u64) {
    let from = first_priority(hart, array);
    let state = &mut hart.state;
    let mut settable = if array == 0 { MACHINE_PRIORITIES } else { SUPERVISOR_PRIORITIES };
    if !state.isa.has(Isa::H) {
        settable &= !(MIDELEG_ONES | mip::SGEIP);
    }
    if !state.isa.has(Isa::Sscofpmf) {
        settable &= !mip::LCOFIP;
    }
    let bytes = value.to_le_bytes();
    for (code, number) in (from..).zip(bytes) {
        if let Some(place) = state.csr.aia.iprio[array].get_mut(code).filter(|_| settable >> code & 1 != 0) {
            *place = number;
        }
    }
    hart.attend();
}

/// Interrupts 13 and up that mvien and hvien can bring: all but those of other extensions.
pub(super) fn virtual_local(hart: &Hart) -> u64 {
    if hart.state.has_aia() { LOCAL & !(hart.bits.mie | hart.bits.mideleg) } else { 0 }
}

fn write_mvien(hart: &mut Hart, value: u64) {
    let mask = mip::SSIP | mip::SEIP | virtual_local(hart);
    hart.state.csr.aia.mvien = value & mask;
    hart.attend();
}

/// SSIP is a bit of its own while mvien has it, and mip's else; STIP is mip's where that is writable; SEIP is what mip calls its
/// software-writable bit.
fn write_mvip(hart: &mut Hart, value: u64) {
    let own = virtual_local(hart) | hart.state.csr.aia.mvien & mip::SSIP;
    let timer = if hart.state.stce() { 0 } else { mip::STIP };
    let aliases = (mip::SSIP | timer | mip::SEIP) & !own;
    let csr = &mut hart.state.csr;
    csr.aia.mvip = csr.aia.mvip & !own | value & own;
    csr.mip = csr.mip & !aliases | value & aliases;
    hart.attend();
}

fn write_hvien(hart: &mut Hart, value: u64) {
    hart.state.csr.aia.hvien = value & virtual_local(hart);
    hart.attend();
}

impl Hart {
    /// mvip: see [`write_mvip`].
    pub(crate) fn mvip(&self) -> u64 {
        let csr = &self.state.csr;
        let own = LOCAL | csr.aia.mvien & mip::SSIP;
        let timer = if self.state.stce() { 0 } else { mip::STIP };
        csr.aia.mvip & own | csr.mip & (mip::SSIP | timer | mip::SEIP) & !own
    }
}
