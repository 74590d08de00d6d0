//! The hardware context switch: taking a user VEI in place of a guest, and returning to it (manual 6; ha-iov 8.7).

use rv_hart::ext::{Entry, Interrupt, Outside};
use rv_hart::trap::{Refusal, Trap};
use rv_hart::{HartState, Mode};
use rv_isa::cause as standard;
use rv_isa::fields::mstatus;

use super::{Haiov, INTERRUPT};
use crate::cause;
use crate::fields::{husave, hveictl, suestat, ustatus};

/// x2, the stack pointer.
const SP: usize = 2;

impl Haiov {
    fn banked(&self) -> bool {
        self.state.hveictl & hveictl::BANK != 0
    }

    /// From a guest into the handler of the slot's context: all of it or, if the registers can't be banked, nothing.
    pub(super) fn take(&mut self, hart: &mut HartState, outside: &mut Outside<'_>) -> Result<Interrupt, Trap> {
        let (banked, at) = (self.banked(), self.state.husave);
        if banked && !store_registers(hart, outside, at) {
            return Err(Trap::exception(standard::STORE_ACCESS_FAULT, at));
        }
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        let enabled = hart.csr.mstatus & ustatus::UIE != 0;
        self.state.suepc = hart.pc;
        self.state.suestat = suestat::V | flag(hart.mode == Mode::VS, suestat::PP) | flag(enabled, suestat::UIE);
        self.swap(hart);
        if banked {
            hart.x = [0; 32];
            hart.x[SP] = self.state.uscratch;
        }
        hart.csr.mstatus &= !(ustatus::UIE | ustatus::UPIE);
        hart.reservation = None;
        let state = &mut self.state;
        (state.upv, state.upp) = (false, false);
        (state.uepc, state.utval, state.utinst) = (0, 0, 0);
        state.ucause = cause::USER_VEI | INTERRUPT;
        state.hveictl |= hveictl::HCSA;
        let prices = self.config.prices;
        outside.charge(prices.hcs_swap + if banked { prices.hcs_bank } else { 0 });
        self.counts.hcs_takes += 1;
        outside.tell("hcs_take", &[("ctx", self.state.slot.index.into()), ("pc", self.state.suepc)]);
        let pc = self.state.utvec & !3;
        Ok(Interrupt { number: cause::USER_VEI, entry: Entry { mode: Mode::U, pc } })
    }

    /// URET of the handler: back to what it interrupted, all of it or nothing. With TVM, a monitor wants to see writes of satp: HS must
    /// return by software.
    pub(super) fn hcs_return(&mut self, hart: &mut HartState, outside: &mut Outside<'_>, raw: u32) -> Result<(), Trap> {
        if hart.csr.mstatus & mstatus::TVM != 0 {
            return Err(Refusal::Illegal.trap(raw));
        }
        if self.banked() {
            let at = self.state.husave;
            let fault = Trap::exception(standard::LOAD_ACCESS_FAULT, at);
            hart.x = load_registers(hart, outside, at).ok_or(fault)?;
        }
        self.swap(hart);
        let status = self.state.suestat;
        let enabled = if status & suestat::UIE != 0 { ustatus::UIE } else { 0 };
        hart.csr.mstatus = hart.csr.mstatus & !(ustatus::UIE | ustatus::UPIE) | enabled;
        hart.mode = match (status & suestat::V != 0, status & suestat::PP != 0) {
            (false, _) => Mode::U,
            (true, false) => Mode::VU,
            (true, true) => Mode::VS,
        };
        hart.pc = self.state.suepc;
        hart.reservation = None;
        let state = &mut self.state;
        // What the handler left there is nobody's.
        (state.upv, state.upp, state.ucause) = (false, false, 0);
        state.hveictl &= !hveictl::HCSA;
        let index = state.slot.index;
        state.slot.valid = false;
        self.evaluate(hart, outside, index);
        let prices = self.config.prices;
        outside.charge(prices.hcs_return + if self.banked() { prices.hcs_bank } else { 0 });
        self.counts.hcs_returns += 1;
        outside.tell("hcs_return", &[("ctx", index.into()), ("pc", hart.pc)]);
        Ok(())
    }

    /// Both ways: the slot's registers and those in force.
    fn swap(&mut self, hart: &mut HartState) {
        let state = &mut self.state;
        std::mem::swap(&mut hart.csr.satp, &mut state.suatp);
        std::mem::swap(&mut hart.csr.sscratch, &mut state.suscratch);
        std::mem::swap(&mut state.utvec, &mut state.sutvec);
        std::mem::swap(&mut state.uscratch, &mut state.suuscratch);
    }
}

/// x1 to x31 to the area at `at`; false, and nothing is written, if S-mode may not write all of it.
fn store_registers(hart: &HartState, outside: &mut Outside<'_>, at: u64) -> bool {
    let places = (1..32).map(|register| at + husave::offset(register));
    outside.writable(hart, at, husave::SIZE)
        && places.zip(&hart.x[1..]).all(|(place, value)| outside.write(hart, place, *value))
}

fn load_registers(hart: &HartState, outside: &Outside<'_>, at: u64) -> Option<[u64; 32]> {
    let mut x = [0; 32];
    for (register, x) in x.iter_mut().enumerate().skip(1) {
        *x = outside.read(hart, at + husave::offset(register))?;
    }
    Some(x)
}
