//! URET (manual 2.4; ha-iov 8.4).

use rv_hart::ext::Outside;
use rv_hart::trap::{Refusal, Trap};
use rv_hart::{HartState, Mode};
use rv_isa::fields::satp;

use super::Haiov;
use crate::fields::ustatus;

impl Haiov {
    /// Returns from U's handler: to U, to the guest that it interrupted, or out of a hardware context switch.
    pub(super) fn uret(&mut self, hart: &mut HartState, outside: &mut Outside<'_>, raw: u32) -> Result<(), Trap> {
        match hart.mode {
            Mode::VS | Mode::VU => return Err(Refusal::Virtual.trap(raw)),
            Mode::M | Mode::HS => return Err(Refusal::Illegal.trap(raw)),
            Mode::U => self.state_enabled(hart).map_err(|refusal| refusal.trap(raw))?,
        }
        if self.switched() {
            self.hcs_return(hart, outside, raw)?;
        } else {
            self.trap_return(hart).map_err(|refusal| refusal.trap(raw))?;
        }
        let xret = outside.costs().xret;
        outside.charge(xret);
        Ok(())
    }

    fn trap_return(&mut self, hart: &mut HartState) -> Result<(), Refusal> {
        if !self.enabled() {
            return Err(Refusal::Illegal);
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
