//! CSR access (manual 1.1, 1.4; ha-iov 8.1, 8.2).

use rv_hart::HartState;
use rv_hart::Mode;
use rv_hart::ext::{CsrName, Outside, View};
use rv_hart::trap::{Refusal, Trap};

use super::slot::{OWN_ENABLE, satp_mode};
use super::{Haiov, State};
use crate::cause;
use crate::csr;
use crate::fields::{huct, huectl, husave, hveictl, hveidir, hvslot, stateen, suestat, uip, ustatus};

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
    UTOPVEI "utopvei",
    VEISEND "veisend",
    HVEICTL "hveictl",
    HVEIDIR "hveidir",
    HUCT "huct",
    HUCPEND "hucpend",
    HVSLOT "hvslot",
    HUCUR "hucur",
    HVEIFENCE "hveifence",
    STOPVEI "stopvei",
    SUSCRATCH "suscratch",
    SUTVEC "sutvec",
    SUUSCRATCH "suuscratch",
    SUEPC "suepc",
    SUESTAT "suestat",
    HUSAVE "husave",
    SUATP "suatp",
};

/// Exceptions that S can delegate to U: those that medeleg may hand to S, less calls from S and everything of the guest's.
const SEDELEG: u64 = 0xb1ff;
const STATUS: u64 = ustatus::UIE | ustatus::UPIE;

/// U-level state, the numbers that any mode could reach if nothing else were said.
fn user_level(number: u16) -> bool {
    (number <= csr::UIP && NAMES.iter().any(|name| name.number == number))
        || matches!(number, csr::UTINST | csr::UTOPVEI)
}

/// A5: of the user state, what is the interrupted thread's while a handler runs by HCS.
fn veiled(number: u16) -> bool {
    matches!(number, csr::UEPC | csr::UTVAL | csr::UTINST | csr::UIE | csr::UIP)
}

/// Delegation and the state that decides on modes; the rest is data for the handler.
pub(super) fn flushes(number: u16) -> bool {
    matches!(number, csr::USTATUS | csr::SEDELEG | csr::SIDELEG | csr::HUEDELEG | csr::HUECTL | csr::HVEICTL)
}

impl Haiov {
    /// The part that the register belongs to is there.
    fn exists(&self, number: u16) -> bool {
        match number {
            csr::UTINST | csr::HUEDELEG => self.config.uer,
            csr::UTOPVEI
            | csr::VEISEND
            | csr::HVEICTL
            | csr::HVEIDIR
            | csr::HUCT
            | csr::HUCPEND
            | csr::HVSLOT
            | csr::HUCUR
            | csr::HVEIFENCE
            | csr::STOPVEI => self.config.vei,
            csr::SUSCRATCH | csr::SUTVEC | csr::SUUSCRATCH | csr::SUEPC | csr::SUESTAT | csr::HUSAVE | csr::SUATP => {
                self.config.switches()
            }
            _ => true,
        }
    }

    /// A1: nothing of N is visible at V=1. A2: U needs huectl.NE, or to be a handler by HCS. A4: a guest needs hveictl.VSE to send. The rest
    /// follows from the numbers (A3).
    pub(super) fn check(&self, hart: &HartState, number: u16) -> Result<(), Refusal> {
        if !self.exists(number) {
            return Err(Refusal::Illegal);
        }
        self.state_enabled(hart)?;
        let delegation = matches!(number, csr::SEDELEG | csr::SIDELEG);
        if hart.mode.virt() && (user_level(number) || delegation) {
            return Err(Refusal::Virtual);
        }
        if hart.mode == Mode::U && user_level(number) && !self.enabled() && !self.switched() {
            return Err(Refusal::Illegal);
        }
        if number == csr::VEISEND && !self.may_send(hart) { Err(Refusal::Virtual) } else { Ok(()) }
    }

    /// A2, Smstateen: bit C lets modes below M, a guest, and U at the custom state. Without Smstateen all of them are open.
    pub(super) fn state_enabled(&self, hart: &HartState) -> Result<(), Refusal> {
        let csr = &hart.csr;
        let open = |register: u64| register & stateen::C != 0;
        match hart.mode {
            Mode::M => Ok(()),
            _ if !open(csr.mstateen[0]) => Err(Refusal::Illegal),
            Mode::VS | Mode::VU if !open(csr.hstateen[0]) => Err(Refusal::Virtual),
            Mode::U if !open(csr.sstateen) => Err(Refusal::Illegal),
            _ => Ok(()),
        }
    }

    /// A5.
    fn hidden(&self, hart: &HartState, number: u16) -> bool {
        self.switched() && hart.mode == Mode::U && veiled(number)
    }

    pub(super) fn read(&self, hart: &HartState, view: View<'_>, number: u16) -> u64 {
        let state = &self.state;
        let visible = hart.csr.mideleg & state.sideleg & uip::ALL;
        let own = |on: bool| if on { OWN_ENABLE } else { 0 };
        match number {
            number if self.hidden(hart, number) => 0,
            csr::USTATUS => self.ustatus(hart),
            csr::UIE => hart.csr.mie & visible | own(state.uvei_enable),
            csr::UIP => hart.csr.mip & visible | own(self.own_pending()),
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
            csr::UTOPVEI => self.top_user(hart, view),
            csr::STOPVEI => self.top_supervisor(hart),
            number => self.read_host(hart, number),
        }
    }

    /// The host's registers of VEI and HCS. veisend and hveifence read 0.
    fn read_host(&self, hart: &HartState, number: u16) -> u64 {
        let state = &self.state;
        match number {
            csr::HVEICTL => state.hveictl,
            csr::HVEIDIR => state.hveidir,
            csr::HUCT => self.controller.port(self.index).map_or(0, |port| port.huct),
            csr::HUCPEND => self.controller.port(self.index).map_or(0, |port| port.contexts.at(hart.cycles)),
            csr::HVSLOT => state.slot.value(),
            csr::HUCUR => state.hucur,
            csr::SUSCRATCH => state.suscratch,
            csr::SUTVEC => state.sutvec,
            csr::SUUSCRATCH => state.suuscratch,
            csr::SUEPC => state.suepc,
            csr::SUESTAT => state.suestat,
            csr::HUSAVE => state.husave,
            csr::SUATP => state.suatp,
            _ => 0,
        }
    }

    fn ustatus(&self, hart: &HartState) -> u64 {
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        hart.csr.mstatus & STATUS | flag(self.state.upv, ustatus::UPV) | flag(self.state.upp, ustatus::UPP)
    }

    pub(super) fn write(
        &mut self,
        hart: &mut HartState,
        outside: &mut Outside<'_>,
        number: u16,
        value: u64,
    ) -> Result<(), Trap> {
        match number {
            number if self.hidden(hart, number) => {}
            csr::VEISEND => return self.send(hart, outside, value),
            csr::HVEIFENCE => self.fence(hart, outside, value),
            csr::UTOPVEI => self.claim_user(hart, outside),
            csr::STOPVEI => self.claim_supervisor(hart),
            csr::HUCUR => self.set_current(hart, outside, value),
            csr::HUCT | csr::HUCPEND => self.write_port(hart, number, value),
            number if number >> 8 & 3 == 2 => self.state.write_host(&self.config, hart, number, value),
            number => self.write_user(hart, number, value),
        }
        Ok(())
    }

    /// N's own registers.
    fn write_user(&mut self, hart: &mut HartState, number: u16, value: u64) {
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
            csr::UIE => {
                hart.csr.mie = replace(hart.csr.mie, visible);
                state.uvei_enable = self.config.vei && value & OWN_ENABLE != 0;
            }
            csr::UIP => hart.csr.mip = replace(hart.csr.mip, software),
            csr::UTVEC => state.utvec = value & !2,
            csr::USCRATCH => state.uscratch = value,
            csr::UEPC => state.uepc = value & !1,
            csr::UCAUSE => state.ucause = value,
            csr::UTVAL => state.utval = value,
            csr::UTINST => state.utinst = value,
            csr::SEDELEG => state.sedeleg = value & SEDELEG,
            csr::SIDELEG => state.sideleg = value & uip::ALL,
            _ => {}
        }
    }

    /// What the interrupt controller keeps.
    fn write_port(&mut self, hart: &HartState, number: u16, value: u64) {
        let Some(mut port) = self.controller.port(self.index) else { return };
        match number {
            csr::HUCT => port.huct = value & (huct::EN | huct::PPN),
            _ => port.contexts.assign(hart.cycles, value),
        }
    }

    /// hucur: naming a context looks at what is posted there (ha-iov 8.6).
    fn set_current(&mut self, hart: &HartState, outside: &Outside<'_>, value: u64) {
        self.state.hucur = if value & hvslot::V != 0 { value & (hvslot::V | hvslot::IDX) } else { 0 };
        if self.state.hucur != 0 {
            self.evaluate(hart, outside, (value & hvslot::IDX) as u8);
        }
    }
}

impl State {
    /// The host's registers. Only the hardware fills the slot: a write to it can empty it.
    fn write_host(&mut self, config: &super::Config, hart: &HartState, number: u16, value: u64) {
        let of_switch = if config.switches() { hveictl::UVE | hveictl::BANK | hveictl::HCSA | hveictl::DOM } else { 0 };
        match number {
            csr::HUEDELEG => self.huedeleg = value & cause::REDIRECTABLE,
            csr::HUECTL => self.huectl = value & huectl::NE,
            csr::HVEICTL => self.hveictl = value & (hveictl::VSE | of_switch),
            csr::HVEIDIR => self.hveidir = value & (hveidir::EN | hveidir::K | hveidir::PPN),
            csr::HVSLOT => self.slot.valid &= value & hvslot::V != 0,
            csr::SUSCRATCH => self.suscratch = value,
            csr::SUTVEC => self.sutvec = value & !2,
            csr::SUUSCRATCH => self.suuscratch = value,
            csr::SUEPC => self.suepc = value & !1,
            csr::SUESTAT => self.suestat = value & (suestat::UIE | suestat::V | suestat::PP),
            csr::HUSAVE => self.husave = value & HUSAVE,
            // As satp: an unsupported MODE makes the write void.
            csr::SUATP if satp_mode(hart, value) => self.suatp = value,
            _ => {}
        }
    }
}

/// husave is a physical address, aligned to its area.
const HUSAVE: u64 = ((1 << 56) - 1) & !(husave::SIZE - 1);
