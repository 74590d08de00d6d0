//! Traps that U-mode takes: redirected accesses of a guest (manual 2.2; ha-iov 8.3, U1 to U4), and what N delegates (manual 3).

use rv_hart::ext::{Entry, Interrupt};
use rv_hart::trap::Trap;
use rv_hart::{HartState, Mode};

use super::Haiov;
use crate::cause;
use crate::fields::{uip, ustatus};

/// N's order within U: external, software, timer.
const PRIORITY: [u64; 3] = [cause::USER_EXTERNAL, cause::USER_SOFTWARE, cause::USER_TIMER];

impl Haiov {
    /// U2: the exception of the current thread's own guest goes to its handler. U1 (medeleg) and the traps of other modes have been sorted
    /// out by the hart; U3 is what happens otherwise.
    pub(super) fn redirected(&mut self, hart: &mut HartState, trap: &Trap) -> Option<Entry> {
        let delegated = trap.code < 64 && self.state.huedeleg >> trap.code & 1 != 0;
        if !(hart.mode.virt() && delegated && self.owns_guest(hart) && self.enabled()) || self.switched() {
            return None;
        }
        self.state.utval = trap.gpa?;
        self.state.utinst = trap.tinst_value().into();
        self.state.upv = true;
        self.state.upp = hart.mode == Mode::VS;
        hart.reservation = None;
        Some(self.enter(hart, trap.code, 0))
    }

    /// N: an exception of U that S delegates. Never one of a guest, whatever its privilege; never in a redirection handler (U4) or one by HCS
    /// (A5).
    pub(super) fn delegated(&mut self, hart: &mut HartState, trap: &Trap) -> Option<Entry> {
        let delegated = trap.code < 64 && self.state.sedeleg >> trap.code & 1 != 0;
        if hart.mode != Mode::U || !delegated || self.state.upv || self.switched() || !self.enabled() {
            return None;
        }
        self.state.utval = trap.tval;
        self.state.utinst = 0;
        Some(self.enter(hart, trap.code, 0))
    }

    /// N: the most urgent of the interrupts that S delegates to U. U has its own enable bit; a guest of the current thread is always
    /// interrupted, since it is less privileged than its thread (ha-iov 8.6).
    pub(super) fn user_interrupt(&mut self, hart: &mut HartState, claimed: u64) -> Option<Interrupt> {
        let number = PRIORITY.into_iter().find(|number| claimed & uip::ALL & (1 << number) != 0)?;
        let open = match hart.mode {
            Mode::U => hart.csr.mstatus & ustatus::UIE != 0 && !self.state.upv && !self.switched(),
            Mode::VS | Mode::VU => self.owns_guest(hart),
            Mode::M | Mode::HS => false,
        };
        if !open || !self.enabled() {
            return None;
        }
        if hart.mode.virt() {
            self.state.upv = true;
            self.state.upp = hart.mode == Mode::VS;
        }
        Some(self.user_entry(hart, number))
    }

    /// The common end: UPIE := UIE, UIE := 0, and into the handler.
    pub(super) fn enter(&mut self, hart: &mut HartState, ucause: u64, offset: u64) -> Entry {
        self.state.uepc = hart.pc;
        self.state.ucause = ucause;
        let status = hart.csr.mstatus & !(ustatus::UIE | ustatus::UPIE);
        let pie = if hart.csr.mstatus & ustatus::UIE != 0 { ustatus::UPIE } else { 0 };
        hart.csr.mstatus = status | pie;
        Entry { mode: Mode::U, pc: (self.state.utvec & !3).wrapping_add(offset) }
    }
}
