//! URET (manual 2.4; ha-iov 8.4).

use rv_hart::trap::Refusal;
use rv_hart::{HartState, Mode};
use rv_isa::fields::satp;

use super::Haiov;
use crate::fields::ustatus;

impl Haiov {
    /// Returns from U's handler: to U, or to the guest that it interrupted.
    pub(super) fn uret(&mut self, hart: &mut HartState) -> Result<(), Refusal> {
        match hart.mode {
            Mode::VS | Mode::VU => return Err(Refusal::Virtual),
            Mode::M | Mode::HS => return Err(Refusal::Illegal),
            Mode::U if !self.enabled() => return Err(Refusal::Illegal),
            Mode::U => {}
        }
        if self.state.upv {
            self.enter_guest(hart)?;
        }
        hart.pc = self.state.uepc;
        let status = hart.csr.mstatus & !ustatus::UIE;
        let ie = if hart.csr.mstatus & ustatus::UPIE != 0 { ustatus::UIE } else { 0 };
        hart.csr.mstatus = status | ie | ustatus::UPIE;
        Ok(())
    }

    /// Back to V=1, if a guest of this thread is loaded. UPP counts here only, and the most it gives is VS.
    fn enter_guest(&mut self, hart: &mut HartState) -> Result<(), Refusal> {
        let loaded = hart.csr.hgatp & satp::MODE != satp::BARE;
        if !self.owns_guest(hart) || !loaded {
            return Err(Refusal::Illegal);
        }
        hart.mode = if self.state.upp { Mode::VS } else { Mode::VU };
        self.state.upv = false;
        self.state.upp = false;
        Ok(())
    }
}
