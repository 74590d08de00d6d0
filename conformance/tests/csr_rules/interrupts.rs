//! Who may access the windows of the Advanced Interrupt Architecture, and the registers that only an IMSIC brings: "Hypervisor and VS
//! CSRs", "Virtual instruction exceptions", "Access control by the state-enable CSRs", and chapter "Incoming MSI Controller".

use rv_hart::{HartState, Mode};
use rv_isa::{Isa, csr};

use super::Outcome;

/// What comes of accessing `number` in `mode`, if it is one of these registers.
pub fn outcome(state: &HartState, mode: Mode, number: u16) -> Option<Outcome> {
    Some(match number {
        csr::MIREG if mode == Mode::M => legal(own(state, state.csr.aia.miselect)),
        csr::MTOPEI if mode == Mode::M => legal(state.imsic.is_some()),
        csr::MIREG | csr::MTOPEI => Outcome::Illegal,
        csr::SIREG | csr::VSIREG | csr::STOPEI | csr::VSTOPEI if mode == Mode::U => Outcome::Illegal,
        csr::SIREG => sireg(state, mode),
        csr::VSIREG => vsireg(state, mode),
        csr::STOPEI => stopei(state, mode),
        csr::VSTOPEI => vstopei(state, mode),
        _ => return None,
    })
}

fn legal(allowed: bool) -> Outcome {
    if allowed { Outcome::Allowed } else { Outcome::Illegal }
}

fn virtual_unless(allowed: bool) -> Outcome {
    if allowed { Outcome::Allowed } else { Outcome::Virtual }
}

/// A bit of mstateen0, which M-mode needn't ask.
fn machine_opens(state: &HartState, mode: Mode, bit: u32) -> bool {
    mode == Mode::M || !state.isa.has(Isa::Smstateen) || state.csr.mstateen[0] >> bit & 1 == 1
}

/// Bit IMSIC, which guards nothing where there is no IMSIC.
fn machine_opens_files(state: &HartState, mode: Mode) -> bool {
    state.imsic.is_none() || machine_opens(state, mode, 58)
}

fn external(select: u64) -> bool {
    (0x70..=0xff).contains(&select)
}

/// A register of an interrupt file: on RV64 the arrays have even numbers only.
fn of_file(select: u64) -> bool {
    external(select) && (select < 0x80 || select & 1 == 0)
}

/// What miselect or siselect selects exists.
fn own(state: &HartState, select: u64) -> bool {
    let priorities = (0x30..=0x3f).contains(&select) && select & 1 == 0;
    priorities || state.imsic.is_some() && of_file(select)
}

/// hstatus.VGEIN is the number of an implemented guest external interrupt.
fn has_guest_file(state: &HartState) -> bool {
    let vgein = state.csr.hstatus >> 12 & 0x3f;
    vgein != 0 && vgein <= state.imsic.unwrap_or(0).into()
}

fn sireg(state: &HartState, mode: Mode) -> Outcome {
    let (select, guest_select) = (state.csr.aia.siselect, state.csr.aia.vsiselect);
    let guest_opens = |bit: u32| state.csr.hstateen[0] >> bit & 1 == 1;
    match mode {
        _ if !machine_opens(state, mode, 60) => Outcome::Illegal,
        Mode::VU => Outcome::Virtual,
        Mode::VS if !guest_opens(60) => Outcome::Virtual,
        Mode::VS if external(guest_select) && !machine_opens_files(state, mode) => Outcome::Illegal,
        Mode::VS => virtual_unless(of_file(guest_select) && has_guest_file(state) && guest_opens(58)),
        _ => {
            let priorities = external(select) || machine_opens(state, mode, 59);
            let files = !external(select) || machine_opens_files(state, mode);
            // "mvien" bit 9: the file is M-mode's.
            let filtered = mode == Mode::HS && external(select) && state.csr.aia.mvien >> 9 & 1 == 1;
            legal(own(state, select) && priorities && files && !filtered)
        }
    }
}

fn vsireg(state: &HartState, mode: Mode) -> Outcome {
    match mode {
        _ if !machine_opens(state, mode, 60) => Outcome::Illegal,
        _ if mode.virt() => Outcome::Virtual,
        _ => legal(machine_opens_files(state, mode) && has_guest_file(state) && of_file(state.csr.aia.vsiselect)),
    }
}

fn stopei(state: &HartState, mode: Mode) -> Outcome {
    match mode {
        _ if !machine_opens_files(state, mode) => Outcome::Illegal,
        Mode::VU => Outcome::Virtual,
        Mode::VS => virtual_unless(has_guest_file(state) && state.csr.hstateen[0] >> 58 & 1 == 1),
        Mode::HS if state.csr.aia.mvien >> 9 & 1 == 1 => Outcome::Illegal,
        _ => legal(state.imsic.is_some()),
    }
}

fn vstopei(state: &HartState, mode: Mode) -> Outcome {
    match mode {
        _ if !machine_opens_files(state, mode) => Outcome::Illegal,
        _ if mode.virt() => Outcome::Virtual,
        _ => legal(has_guest_file(state)),
    }
}
