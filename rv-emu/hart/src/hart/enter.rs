//! Trap entry: one function with parallel arms, the destination computed once at its head.

use rv_isa::fields::{hstatus, mstatus};
use rv_isa::{Isa, IsaSet};

use super::Hart;
use crate::bus::Bus;
use crate::ext::{Entry, Extension};
use crate::mode::Mode;
use crate::transform::transformed;
use crate::trap::{Tinst, Trap};

/// Interrupts in the order of priority ("mip and mie", and H extension): external, software, timer, M before S before VS. Others come
/// last, lowest number first.
const PRIORITY: [u64; 11] = [11, 3, 7, 9, 1, 5, 12, 10, 2, 6, 13];

/// The same with the local interrupts that the Advanced Interrupt Architecture makes room for ("Defined major interrupts and default
/// priorities", with the order that is planned there).
const PRIORITY_AIA: [u64; 35] = [
    47, 23, 46, 45, 22, 44, 43, 21, 42, 41, 20, 40, 11, 3, 7, 9, 1, 5, 12, 10, 2, 6, 13, 39, 19, 38, 37, 18, 36, 35,
    17, 34, 33, 16, 32,
];

/// The order of priority on a hart with `isa`, with the interrupts of `extensions` where they rank.
pub(super) fn priority(isa: IsaSet, extensions: &[Box<dyn Extension>]) -> Box<[u64]> {
    let mut order = if isa.has(Isa::Ssaia) { PRIORITY_AIA.to_vec() } else { PRIORITY.to_vec() };
    for (number, before) in extensions.iter().flat_map(|extension| extension.ranks()) {
        let place = order.iter().position(|ranked| ranked == before).map_or(order.len(), |place| place + 1);
        order.insert(place, *number);
    }
    order.into()
}

/// Exceptions that only M-mode or HS-mode may take are never delegated further by `hedeleg`, whose bits for them are read-only 0.
fn delegated(mask: u64, code: u64) -> bool {
    code < 64 && mask >> code & 1 != 0
}

impl Hart {
    /// Takes an exception that the instruction `raw` at `state.pc` raised.
    pub(crate) fn trap(&mut self, trap: Trap, raw: u32) {
        let trap = match trap.tinst {
            Tinst::Transformed { offset } => Trap { tinst: Tinst::Value(transformed(raw, offset)), ..trap },
            Tinst::Zero | Tinst::Value(_) => trap,
        };
        let csr = &self.state.csr;
        let mode = self.state.mode;
        let below_machine = mode != Mode::M && delegated(csr.medeleg, trap.code);
        let to_guest = mode.virt() && delegated(csr.hedeleg, trap.code);
        match (below_machine, to_guest) {
            (false, _) => self.enter(trap, Mode::M),
            (true, true) => self.enter(trap, Mode::VS),
            (true, false) => match self.routed(&trap) {
                Some(entry) => self.enter_elsewhere(entry, &trap),
                None => self.enter(trap, Mode::HS),
            },
        }
    }

    fn routed(&mut self, trap: &Trap) -> Option<Entry> {
        let state = &mut self.state;
        self.extensions.iter_mut().find_map(|extension| extension.route(state, trap))
    }

    /// Takes the most urgent interrupt that is pending and enabled, if any.
    pub(super) fn take_interrupt(&mut self, bus: &mut dyn Bus) -> bool {
        let enabled = self.mip() & self.state.csr.mie;
        let aia = self.state.has_aia();
        if enabled == 0 && self.extensions.is_empty() && !aia {
            return false;
        }
        let csr = &self.state.csr;
        let (mode, status) = (self.state.mode, csr.mstatus);
        let machine = mode != Mode::M || status & mstatus::MIE != 0;
        let to_machine = if machine { enabled & !csr.mideleg } else { 0 };
        if to_machine != 0 {
            return self.interrupt(to_machine, Mode::M);
        }
        let supervisor = match mode {
            Mode::M => false,
            Mode::HS => status & mstatus::SIE != 0,
            Mode::U | Mode::VS | Mode::VU => true,
        };
        let below = enabled & csr.mideleg;
        let guest_bits = below & csr.hideleg;
        let supervisor_bits = if aia { self.supervisor_interrupts() } else { below & !guest_bits };
        let claimed = self.claimed(supervisor_bits);
        let to_supervisor = if supervisor { supervisor_bits & !claimed } else { 0 };
        if to_supervisor != 0 {
            return self.interrupt(to_supervisor, Mode::HS);
        }
        if self.extension_interrupt(claimed, bus) {
            return true;
        }
        let guest = match self.state.mode {
            Mode::VU => true,
            Mode::VS => self.state.csr.vsstatus & mstatus::SIE != 0,
            _ => false,
        };
        match aia {
            true => guest && self.guest_interrupt(),
            false => guest && guest_bits != 0 && self.interrupt(guest_bits, Mode::VS),
        }
    }

    /// Takes the interrupt that vstopi names, if there is one. Those of the hardware have other numbers outside of the guest.
    fn guest_interrupt(&mut self) -> bool {
        let top = self.guest_top();
        if top == 0 {
            return false;
        }
        let number = top >> 16;
        let given = self.state.csr.hvictl_interrupt() == Some(number);
        let outside = if matches!(number, 1 | 5 | 9) && !given { number + 1 } else { number };
        self.enter_as(Trap::interrupt(outside), Mode::VS, number);
        true
    }

    /// Those of `candidates` that an extension takes to a less privileged mode.
    pub(super) fn claimed(&self, candidates: u64) -> u64 {
        self.extensions.iter().map(|extension| extension.claims(&self.state, candidates)).fold(0, |a, b| a | b)
    }

    /// Gives each extension the chance to take one of the interrupts that it claims, or one of its own.
    fn extension_interrupt(&mut self, claimed: u64, bus: &mut dyn Bus) -> bool {
        for index in 0..self.extensions.len() {
            let taken = self.extend(index, Some(&mut *bus), |extension, state, outside| {
                extension.interrupt(state, outside, claimed)
            });
            match taken {
                Ok(None) => {}
                Ok(Some(taken)) => {
                    self.enter_elsewhere(taken.entry, &Trap::interrupt(taken.number));
                    return true;
                }
                Err(trap) => {
                    self.fault_of_interrupt(trap);
                    return true;
                }
            }
        }
        false
    }

    /// Hardware failed to take an interrupt. The exception is no instruction's, so it is none for the guest or for an extension.
    fn fault_of_interrupt(&mut self, trap: Trap) {
        if self.record.is_some() {
            self.begin_step(None, false);
        }
        let to_supervisor = self.state.mode != Mode::M && delegated(self.state.csr.medeleg, trap.code);
        self.enter(trap, if to_supervisor { Mode::HS } else { Mode::M });
    }

    fn interrupt(&mut self, candidates: u64, to: Mode) -> bool {
        debug_assert!(candidates != 0);
        let number = if self.state.has_aia() { self.top_of(candidates, to) >> 16 } else { self.first(candidates) };
        self.enter(Trap::interrupt(number), to);
        true
    }

    /// The most urgent of `candidates`, which is not empty.
    fn first(&self, candidates: u64) -> u64 {
        let ranked = self.priority.iter().find(|number| candidates >> **number & 1 != 0);
        ranked.copied().unwrap_or_else(|| candidates.trailing_zeros().into())
    }

    /// Enters where an extension said; its own CSRs are set.
    fn enter_elsewhere(&mut self, entry: Entry, trap: &Trap) {
        self.count_trap(entry.mode, trap);
        self.state.mode = entry.mode;
        self.state.pc = entry.pc;
        self.switched(0);
    }

    fn count_trap(&mut self, to: Mode, trap: &Trap) {
        let from = crate::mode::Mode::ALL[self.accounted_mode()];
        self.counters.trap(from, to, trap.interrupt, trap.code);
        if self.record.is_some() {
            self.record_trap(trap, from, to);
        }
        self.charge(self.costs.trap_entry);
        self.state.waiting = false;
    }

    /// "Trap Entry" of the privileged specification.
    fn enter(&mut self, trap: Trap, to: Mode) {
        self.enter_as(trap, to, trap_number(&trap, to));
    }

    /// The same, with the code that the destination shall see.
    fn enter_as(&mut self, trap: Trap, to: Mode, number: u64) {
        self.count_trap(to, &trap);
        let vector = match to {
            Mode::M => self.enter_machine(&trap),
            Mode::VS => self.enter_guest(&trap, number),
            _ => self.enter_supervisor(&trap),
        };
        let offset = if trap.interrupt && vector & 1 != 0 { 4 * number } else { 0 };
        self.state.mode = to;
        self.state.pc = (vector & !3).wrapping_add(offset);
        self.switched(0);
    }

    fn enter_machine(&mut self, trap: &Trap) -> u64 {
        let (mode, csr) = (self.state.mode, &mut self.state.csr);
        csr.mepc = self.state.pc;
        csr.mcause = trap.cause();
        csr.mtval = trap.tval;
        csr.mtval2 = trap.gpa.unwrap_or(0) >> 2;
        csr.mtinst = trap.tinst_value().into();
        let pie = if csr.mstatus & mstatus::MIE != 0 { mstatus::MPIE } else { 0 };
        let gva = if trap.gva { mstatus::GVA } else { 0 };
        let mpv = if mode.virt() { mstatus::MPV } else { 0 };
        let kept = csr.mstatus & !(mstatus::MIE | mstatus::MPIE | mstatus::MPP | mstatus::GVA | mstatus::MPV);
        csr.mstatus = kept | pie | gva | mpv | u64::from(mode.privilege()) << mstatus::MPP_SHIFT;
        csr.mtvec
    }

    fn enter_supervisor(&mut self, trap: &Trap) -> u64 {
        let (mode, csr) = (self.state.mode, &mut self.state.csr);
        csr.sepc = self.state.pc;
        csr.scause = trap.cause();
        csr.stval = trap.tval;
        csr.htval = trap.gpa.unwrap_or(0) >> 2;
        csr.htinst = trap.tinst_value().into();
        csr.mstatus = pushed_supervisor(csr.mstatus, mode);
        let mut status = csr.hstatus & !(hstatus::GVA | hstatus::SPV);
        if trap.gva {
            status |= hstatus::GVA;
        }
        if mode.virt() {
            status &= !hstatus::SPVP;
            status |= hstatus::SPV;
            if mode == Mode::VS {
                status |= hstatus::SPVP;
            }
        }
        csr.hstatus = status;
        csr.stvec
    }

    /// VS-mode sees its interrupts under the numbers of S-level ones.
    fn enter_guest(&mut self, trap: &Trap, number: u64) -> u64 {
        let (mode, csr) = (self.state.mode, &mut self.state.csr);
        csr.vsepc = self.state.pc;
        csr.vscause = number | trap.cause() & 1 << 63;
        csr.vstval = trap.tval;
        csr.vsstatus = pushed_supervisor(csr.vsstatus, mode);
        csr.vstvec
    }
}

/// SPIE := SIE, SIE := 0, SPP := the mode left.
fn pushed_supervisor(status: u64, mode: Mode) -> u64 {
    let mut pushed = status & !(mstatus::SIE | mstatus::SPIE | mstatus::SPP);
    if status & mstatus::SIE != 0 {
        pushed |= mstatus::SPIE;
    }
    if mode.privilege() == 1 {
        pushed |= mstatus::SPP;
    }
    pushed
}

/// The code as the destination sees it.
fn trap_number(trap: &Trap, to: Mode) -> u64 {
    if to == Mode::VS && trap.interrupt && matches!(trap.code, 2 | 6 | 10) { trap.code - 1 } else { trap.code }
}
