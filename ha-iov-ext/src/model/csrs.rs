//! CSR access (manual 1.1, 1.4; ha-iov 8.1, 8.2).

use rv_hart::HartState;
use rv_hart::Mode;
use rv_hart::ext::CsrName;
use rv_hart::trap::Refusal;

use super::Haiov;
use crate::cause;
use crate::csr;
use crate::fields::{huectl, uip, ustatus};

macro_rules! names {
    ($($number:ident $name:literal),* $(,)?) => {
        &[$(CsrName { number: csr::$number, name: $name }),*]
    };
}

pub(super) const NAMES: &[CsrName] = names! {
    USTATUS "ustatus",
    UIE "uie",
    UTVEC "utvec",
    USCRATCH "uscratch",
    UEPC "uepc",
    UCAUSE "ucause",
    UTVAL "utval",
    UIP "uip",
    SEDELEG "sedeleg",
    SIDELEG "sideleg",
    UTINST "utinst",
    HUEDELEG "huedeleg",
    HUECTL "huectl",
};

/// Exceptions that S can delegate to U: those that medeleg may hand to S, less calls from S and everything of the guest's.
const SEDELEG: u64 = 0xb1ff;
const STATUS: u64 = ustatus::UIE | ustatus::UPIE;

/// U-level state, the numbers that any mode could reach if nothing else were said.
fn user_level(number: u16) -> bool {
    (number <= csr::UIP && NAMES.iter().any(|name| name.number == number)) || number == csr::UTINST
}

/// Delegation and the state that decides on modes; the rest is data for the handler.
pub(super) fn flushes(number: u16) -> bool {
    matches!(number, csr::USTATUS | csr::SEDELEG | csr::SIDELEG | csr::HUEDELEG | csr::HUECTL)
}

impl Haiov {
    /// A1: nothing of N is visible at V=1. A2: U needs huectl.NE. The rest follows from the numbers (A3).
    pub(super) fn check(&self, hart: &HartState, number: u16) -> Result<(), Refusal> {
        let delegation = matches!(number, csr::SEDELEG | csr::SIDELEG);
        if hart.mode.virt() && (user_level(number) || delegation) {
            return Err(Refusal::Virtual);
        }
        if hart.mode == Mode::U && user_level(number) && !self.enabled() {
            return Err(Refusal::Illegal);
        }
        let uer_only = matches!(number, csr::UTINST | csr::HUEDELEG);
        if uer_only && !self.config.uer { Err(Refusal::Illegal) } else { Ok(()) }
    }

    pub(super) fn read(&self, hart: &HartState, number: u16) -> u64 {
        let state = &self.state;
        let visible = hart.csr.mideleg & state.sideleg & uip::ALL;
        match number {
            csr::USTATUS => self.ustatus(hart),
            csr::UIE => hart.csr.mie & visible,
            csr::UIP => hart.csr.mip & visible,
            csr::UTVEC => state.utvec,
            csr::USCRATCH => state.uscratch,
            csr::UEPC => state.uepc,
            csr::UCAUSE => state.ucause,
            csr::UTVAL => state.utval,
            csr::UTINST => state.utinst,
            csr::SEDELEG => state.sedeleg,
            csr::SIDELEG => state.sideleg,
            csr::HUEDELEG => state.huedeleg,
            csr::HUECTL => state.huectl,
            _ => 0,
        }
    }

    fn ustatus(&self, hart: &HartState) -> u64 {
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        hart.csr.mstatus & STATUS | flag(self.state.upv, ustatus::UPV) | flag(self.state.upp, ustatus::UPP)
    }

    pub(super) fn write(&mut self, hart: &mut HartState, number: u16, value: u64) {
        let visible = hart.csr.mideleg & self.state.sideleg & uip::ALL;
        let software = visible & uip::USIP;
        let replace = |old: u64, mask: u64| old & !mask | value & mask;
        let state = &mut self.state;
        match number {
            csr::USTATUS => {
                hart.csr.mstatus = replace(hart.csr.mstatus, STATUS);
                state.upv = self.config.uer && value & ustatus::UPV != 0;
                state.upp = self.config.uer && value & ustatus::UPP != 0;
            }
            csr::UIE => hart.csr.mie = replace(hart.csr.mie, visible),
            csr::UIP => hart.csr.mip = replace(hart.csr.mip, software),
            csr::UTVEC => state.utvec = value & !2,
            csr::USCRATCH => state.uscratch = value,
            csr::UEPC => state.uepc = value & !1,
            csr::UCAUSE => state.ucause = value,
            csr::UTVAL => state.utval = value,
            csr::UTINST => state.utinst = value,
            csr::SEDELEG => state.sedeleg = value & SEDELEG,
            csr::SIDELEG => state.sideleg = value & uip::ALL,
            csr::HUEDELEG => state.huedeleg = value & cause::REDIRECTABLE,
            csr::HUECTL => state.huectl = value & huectl::NE,
            _ => {}
        }
    }
}
