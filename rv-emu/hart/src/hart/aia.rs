//! Which interrupt comes first where software sets priorities: the values of mtopi, stopi and vstopi (Advanced Interrupt Architecture,
//! "Interrupts for Machine and Supervisor Levels" and "Interrupts for Virtual Machines").
//!
//! Every candidate has a nominal priority, the smaller the more urgent: the number that software or the external interrupt controller gave
//! it, or else one before or behind all of these. Among equals the default order decides.

use rv_isa::cause::{COUNTER_OVERFLOW, MACHINE_EXTERNAL, SUPERVISOR_EXTERNAL};
use rv_isa::fields::{hvictl, mip};

use super::Hart;
use crate::mode::Mode;

/// The nominal priority of what has no number and ranks above external interrupts.
const HIGHEST: u16 = 0;
/// The number of an external interrupt that the controller gives none.
const UNNUMBERED: u16 = 256;
/// The nominal priority of what has no number and ranks below external interrupts.
const LOWEST: u16 = u16::MAX;
/// The largest that xtopi can show.
const SHOWN_MAX: u16 = 255;

/// An interrupt with its claim to be the first: nominal priority, then place in the default order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    nominal: u16,
    place: usize,
    number: u64,
}

impl Candidate {
    /// As xtopi shows it.
    fn shown(self) -> u64 {
        self.number << 16 | u64::from(self.nominal.min(SHOWN_MAX))
    }
}

impl Hart {
    /// Interrupts that are pending and enabled at machine level.
    pub(crate) fn machine_interrupts(&self) -> u64 {
        self.mip() & self.state.csr.mie & !self.state.csr.mideleg
    }

    /// Interrupts that are pending and enabled at supervisor level and not delegated further: those of mip, and those of mvip ("Interrupt
    /// filtering and virtual interrupts for supervisor level").
    pub(crate) fn supervisor_interrupts(&self) -> u64 {
        let csr = &self.state.csr;
        let real = self.mip() & csr.mie & csr.mideleg;
        let filtered = self.mvip() & csr.aia.sie & csr.aia.mvien & !csr.mideleg;
        (real | filtered) & !csr.hideleg_in_force()
    }

    /// mtopi.
    pub(crate) fn machine_top(&self) -> u64 {
        match self.machine_interrupts() {
            0 => 0,
            candidates => self.top_of(candidates, Mode::M),
        }
    }

    /// stopi. What an extension takes elsewhere isn't for the supervisor.
    pub(crate) fn supervisor_top(&self) -> u64 {
        let candidates = self.supervisor_interrupts();
        match candidates & !self.claimed(candidates) {
            0 => 0,
            candidates => self.top_of(candidates, Mode::HS),
        }
    }

    /// vstopi: of a supervisor external interrupt and the first of the others, the more urgent one.
    pub(crate) fn guest_top(&self) -> u64 {
        let csr = &self.state.csr;
        let active = self.vsip() & self.vsie();
        let external = (active & mip::SEIP != 0).then(|| self.guest_external_candidate());
        let other = match csr.hvictl_interrupt() {
            Some(number) => Some(self.given_candidate(number)),
            None if csr.aia.hvictl & hvictl::VTI != 0 => None,
            None => self.guest_candidate(active & !mip::SEIP),
        };
        let Some(first) = external.into_iter().chain(other).min() else { return 0 };
        let shows_number = csr.aia.hvictl & hvictl::IPRIOM != 0;
        if shows_number { first.shown() } else { first.number << 16 | 1 }
    }

    /// Something is pending and enabled at some level: what ends WFI ("WFI (Wait for Interrupt) instruction").
    pub(super) fn top_pending(&self) -> bool {
        self.machine_interrupts() != 0 || self.supervisor_interrupts() != 0 || self.guest_top() != 0
    }

    /// The first of `candidates` (not empty), all for machine level (`M`) or all for supervisor level, as xtopi shows it.
    pub(super) fn top_of(&self, candidates: u64, level: Mode) -> u64 {
        let external = &self.state.external;
        let (own, number, array) = match level {
            Mode::M => (MACHINE_EXTERNAL, external.machine, 0),
            // Software may have set SEIP: then the number is none of the controller's.
            _ => (SUPERVISOR_EXTERNAL, if self.state.wires.seip { external.supervisor } else { 0 }, 1),
        };
        let priorities = &self.state.csr.aia.iprio[array];
        let nominal = |code: u64| match priorities.get(code as usize) {
            _ if code == own => Some(number).filter(|number| *number != 0).unwrap_or(UNNUMBERED),
            Some(0) | None => self.unnumbered(code, own),
            Some(number) => (*number).into(),
        };
        let all = bits(candidates);
        let first = all.map(|code| Candidate { nominal: nominal(code), place: self.place(code), number: code }).min();
        first.map_or(0, Candidate::shown)
    }

    /// The nominal priority of `code` without a number of its own, beside external interrupt `external`.
    fn unnumbered(&self, code: u64, external: u64) -> u16 {
        if self.place(code) < self.place(external) { HIGHEST } else { LOWEST }
    }

    /// Where `code` is in the default order. What isn't listed comes last, lowest number first.
    fn place(&self, code: u64) -> usize {
        let listed = self.priority.iter().position(|ranked| *ranked == code);
        listed.unwrap_or(self.priority.len() + code as usize)
    }

    /// The supervisor external interrupt of a guest, with the priority number that its interrupt file or hvictl has.
    fn guest_external_candidate(&self) -> Candidate {
        let (state, aia) = (&self.state, &self.state.csr.aia);
        let file = state.guest_file().map_or(0, |_| state.external.guest);
        let given = (aia.hvictl & hvictl::IPRIO) as u16;
        let by_hvictl = state.vgein() == 0 && (aia.hvictl & hvictl::IID) >> hvictl::IID_SHIFT == SUPERVISOR_EXTERNAL;
        let nominal = match (file, given) {
            (0, given) if by_hvictl && given != 0 => given,
            (0, _) => UNNUMBERED,
            (file, _) => file,
        };
        Candidate { nominal, place: self.place(SUPERVISOR_EXTERNAL), number: SUPERVISOR_EXTERNAL }
    }

    /// The interrupt that hvictl names. DPR alone says where it ranks beside an external one.
    fn given_candidate(&self, number: u64) -> Candidate {
        let register = self.state.csr.aia.hvictl;
        let below = register & hvictl::DPR != 0;
        let nominal = match (register & hvictl::IPRIO, below) {
            (0, false) => HIGHEST,
            (0, true) => LOWEST,
            (given, _) => given as u16,
        };
        Candidate { nominal, place: if below { usize::MAX } else { 0 }, number }
    }

    /// The first of `candidates`, bits of vsip, by the priority numbers of hviprio1 and hviprio2.
    fn guest_candidate(&self, candidates: u64) -> Option<Candidate> {
        let nominal = |code: u64| match self.guest_priority(code) {
            0 => self.unnumbered(code, SUPERVISOR_EXTERNAL),
            number => number.into(),
        };
        let all = bits(candidates);
        all.map(|code| Candidate { nominal: nominal(code), place: self.place(code), number: code }).min()
    }

    /// The priority number of interrupt `code` at VS level; 0 for none ("Configuring priorities of major interrupts at VS level").
    fn guest_priority(&self, code: u64) -> u8 {
        let (register, byte) = match code {
            1 => (0, 1),
            5 => (0, 3),
            COUNTER_OVERFLOW..=15 => (0, code - 8),
            16..=23 => (1, code - 16),
            _ => return 0,
        };
        (self.state.csr.aia.hviprio[register] >> (8 * byte)) as u8
    }
}

/// The numbers of the bits that are set.
fn bits(mut set: u64) -> impl Iterator<Item = u64> {
    std::iter::from_fn(move || {
        let bit = set.checked_ilog2()?;
        set &= !(1 << bit);
        Some(bit.into())
    })
}
