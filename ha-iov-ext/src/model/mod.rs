//! The hardware: N, UER, VEI and HCS as an extension of `rv-hart`.
//!
//! [`Haiov`] holds one hart's state and answers its questions; each answer is in the file of its chapter: CSR access in `csrs`, URET in
//! `uret`, the G-stage leaf in `leaf`, redirection and traps to U in `redirect`, sending in `send` with the map cache in `cache`, delivery of
//! user VEIs in `slot`, the hardware context switch in `hcs`. What the harts of a machine share is the controller in `port`.

mod cache;
mod counts;
mod csrs;
mod hcs;
mod leaf;
mod port;
mod prices;
mod redirect;
mod send;
mod slot;
mod uret;

use std::sync::Arc;

use rv_hart::ext::{
    CsrName, Entry, Extension, Forbidden, InsnRow, Interrupt, Outside, ReservedLeaf, StandardBits, View,
};
use rv_hart::trap::{Refusal, Trap};
use rv_hart::{HartState, Mode};
use rv_machine::CostModel;
use rv_machine::machine::ExtensionFactory;
use serde::{Deserialize, Serialize};

use crate::fields::{hstatus, huct, huectl, misa, sip, stateen, uip, ustatus};
use crate::vei::Context;
use crate::{cause, insn};
use cache::MapCache;
use counts::Counts;
use port::{Controller, Port};
pub use prices::{Prices, complete, cost_model};
use slot::Slot;

/// The bit of ucause that tells interrupts from exceptions.
const INTERRUPT: u64 = 1 << 63;

/// Which parts a machine has, and of what size. N is there with any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// User-level exception redirection. Without it `hstatus.HUR`, `huedeleg` and causes 24 and 25 do not exist.
    pub uer: bool,
    /// Virtual event interrupts, for kernels and for user processes.
    pub vei: bool,
    /// The hardware context switch. It needs `vei`: without that it isn't there.
    pub hcs: bool,
    /// Mappings that each hart remembers; 0 is no map cache.
    pub map_cache: u32,
    /// What events cost.
    pub prices: Prices,
}

impl Default for Config {
    /// All parts, 16 mappings, nothing costs anything.
    fn default() -> Self {
        Config { uer: true, vei: true, hcs: true, map_cache: 16, prices: Prices::default() }
    }
}

impl Config {
    /// N alone.
    pub const NOTHING: Config = Config {
        uer: false,
        vei: false,
        hcs: false,
        map_cache: 0,
        prices: Prices {
            vei_send: 0,
            vei_map_hit: 0,
            vei_map_miss: 0,
            vei_post: 0,
            vei_claim: 0,
            vei_fence: 0,
            uct_fetch: 0,
            hcs_swap: 0,
            hcs_return: 0,
            hcs_bank: 0,
        },
    };

    /// With the prices of `model`; see [`complete`].
    #[must_use]
    pub fn priced(self, model: &CostModel) -> Config {
        Config { prices: Prices::of(model), ..self }
    }

    /// HCS is there.
    fn switches(&self) -> bool {
        self.hcs && self.vei
    }
}

/// State of the extension (manual 1.1). UIE and UPIE live in `mstatus`, pending and enable bits of N in `mip` and `mie`; huct and the pending
/// maps live in the controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// `ustatus.UPV`.
    upv: bool,
    /// `ustatus.UPP`.
    upp: bool,
    utvec: u64,
    uscratch: u64,
    uepc: u64,
    ucause: u64,
    utval: u64,
    utinst: u64,
    sedeleg: u64,
    sideleg: u64,
    huedeleg: u64,
    huectl: u64,
    /// `uie.UVEI`.
    uvei_enable: bool,
    hveictl: u64,
    hveidir: u64,
    hucur: u64,
    slot: Slot,
    suscratch: u64,
    sutvec: u64,
    suuscratch: u64,
    suepc: u64,
    suestat: u64,
    suatp: u64,
    husave: u64,
    cache: MapCache,
}

/// State of a hart with its part of the controller, as in a snapshot.
#[derive(Serialize, Deserialize)]
struct Saved {
    state: State,
    port: Port,
}

/// HA-IOV of one hart.
#[derive(Debug)]
pub struct Haiov {
    config: Config,
    state: State,
    counts: Counts,
    controller: Arc<Controller>,
    /// The hart's number.
    index: usize,
}

impl Default for Haiov {
    fn default() -> Self {
        Haiov::new(Config::default())
    }
}

impl Haiov {
    /// The extension of a machine's only hart, with the parts of `config`, after reset.
    pub fn new(config: Config) -> Haiov {
        Haiov::joined(config, Arc::new(Controller::new(1)), 0)
    }

    /// The extensions of a machine's harts, which can send to each other.
    pub fn machine(config: Config, harts: usize) -> ExtensionFactory {
        let controller = Arc::new(Controller::new(harts));
        Box::new(move |hart| vec![Box::new(Haiov::joined(config, Arc::clone(&controller), hart as usize))])
    }

    fn joined(config: Config, controller: Arc<Controller>, index: usize) -> Haiov {
        Haiov { config, state: State::default(), counts: Counts::default(), controller, index }
    }

    /// `huectl.NE`: U may use N state.
    fn enabled(&self) -> bool {
        self.state.huectl & huectl::NE != 0
    }

    /// UER exists and `hstatus.HUR` says that the loaded guest belongs to the current thread.
    fn owns_guest(&self, hart: &HartState) -> bool {
        self.config.uer && hart.csr.hstatus & hstatus::HUR != 0
    }
}

/// Where context `index` of the table `huct` is; `None` if there is no table.
fn context_address(huct: u64, index: u8) -> Option<u64> {
    let base = (huct & huct::PPN) >> huct::PPN_SHIFT << 12;
    (huct & huct::EN != 0).then_some(base + u64::from(index) % Context::COUNT * Context::SIZE)
}

impl Extension for Haiov {
    fn name(&self) -> &'static str {
        "Xhaiov"
    }

    fn reset(&mut self) {
        self.state = State::default();
        if let Some(mut port) = self.controller.port(self.index) {
            let changes = port.changes + 1;
            *port = Port { changes, ..Port::default() };
        }
    }

    fn standard_bits(&self) -> StandardBits {
        let uer = |bits| if self.config.uer { bits } else { 0 };
        let vei = |bits| if self.config.vei { bits } else { 0 };
        StandardBits {
            misa: misa::N,
            mstatus: ustatus::UIE | ustatus::UPIE,
            sstatus: ustatus::UIE | ustatus::UPIE,
            hstatus: uer(hstatus::HUR),
            medeleg: uer(cause::REDIRECTABLE) | vei(1 << cause::VEI_MAP_MISS),
            mideleg: uip::ALL | vei(sip::ALL),
            mie: uip::ALL | vei(sip::ALL),
            mip: uip::ALL,
            sip: uip::ALL,
            stateen: stateen::C,
        }
    }

    fn csrs(&self) -> &'static [CsrName] {
        csrs::NAMES
    }

    fn csr_check(&self, hart: &HartState, csr: u16, _write: bool) -> Result<(), Refusal> {
        self.check(hart, csr)
    }

    fn csr_read(&self, hart: &HartState, view: View<'_>, csr: u16) -> u64 {
        self.read(hart, view, csr)
    }

    fn csr_write(&mut self, hart: &mut HartState, outside: &mut Outside<'_>, csr: u16, value: u64) -> Result<(), Trap> {
        self.write(hart, outside, csr, value)
    }

    fn csr_flushes(&self, csr: u16) -> bool {
        csrs::flushes(csr)
    }

    fn insns(&self) -> &'static [InsnRow] {
        &[InsnRow { mnemonic: "uret", matches: insn::URET, mask: u32::MAX }]
    }

    fn execute(&mut self, hart: &mut HartState, outside: &mut Outside<'_>, _row: usize, raw: u32) -> Result<(), Trap> {
        self.uret(hart, outside, raw)
    }

    fn reserved_leaf(&self, hart: &HartState, leaf: &ReservedLeaf) -> Option<u64> {
        self.mmio_leaf(hart, leaf)
    }

    fn route(&mut self, hart: &mut HartState, trap: &Trap) -> Option<Entry> {
        self.redirected(hart, trap).or_else(|| self.delegated(hart, trap))
    }

    fn pending(&self, hart: &HartState) -> u64 {
        let arrived = self.controller.port(self.index).is_some_and(|port| port.supervisor.at(hart.cycles) != 0);
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        flag(arrived, sip::SVEIP) | flag(self.doorbell(hart), sip::SVDBP)
    }

    fn next_event(&self, hart: &HartState) -> u64 {
        let port = self.controller.port(self.index);
        port.map_or(u64::MAX, |port| port.supervisor.next(hart.cycles).min(port.contexts.next(hart.cycles)))
    }

    fn changes(&self) -> u64 {
        self.controller.port(self.index).map_or(0, |port| port.changes)
    }

    /// 8.8: SVEI and SVDB come behind STI.
    fn ranks(&self) -> &'static [(u64, u64)] {
        const SUPERVISOR_TIMER: u64 = 5;
        &[(cause::SUPERVISOR_VEI, SUPERVISOR_TIMER), (cause::DOORBELL, cause::SUPERVISOR_VEI)]
    }

    fn settle(&mut self, hart: &mut HartState, outside: &mut Outside<'_>) {
        self.fill(hart, outside);
    }

    /// A5: a handler by HCS has neither the guest's floating-point registers nor its memory.
    fn forbids(&self, hart: &HartState) -> Forbidden {
        let handler = self.switched() && hart.mode == Mode::U;
        Forbidden { float: handler, guest_access: handler }
    }

    fn claims(&self, _hart: &HartState, candidates: u64) -> u64 {
        candidates & self.state.sideleg
    }

    /// 8.8: user VEIs come before N's interrupts.
    fn interrupt(
        &mut self,
        hart: &mut HartState,
        outside: &mut Outside<'_>,
        claimed: u64,
    ) -> Result<Option<Interrupt>, Trap> {
        if self.by_switch(hart) {
            return self.take(hart, outside).map(Some);
        }
        if self.by_plain_entry(hart) {
            return Ok(Some(self.plain_entry(hart, outside)));
        }
        Ok(self.user_interrupt(hart, claimed))
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.counts.named()
    }

    fn registers(&self, hart: &HartState) -> Vec<(&'static str, u64)> {
        let csrs = csrs::NAMES.iter().map(|csr| (csr.name, self.read(hart, View::default(), csr.number)));
        let mut all: Vec<_> = csrs.collect();
        if let Some(port) = self.controller.port(self.index) {
            all.push(("veip", port.supervisor.at(hart.cycles)));
            all.push(("veip.wire", port.supervisor.on_wire(hart.cycles)));
            all.push(("hucpend.wire", port.contexts.on_wire(hart.cycles)));
        }
        all.push(("hvslot.dom", self.state.slot.dom.into()));
        all.push(("vei.mapped", self.state.cache.len() as u64));
        all
    }

    fn save(&self) -> Vec<u8> {
        let port = self.controller.port(self.index).map(|port| port.clone()).unwrap_or_default();
        serde_json::to_vec(&Saved { state: self.state.clone(), port }).expect("plain data")
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let saved: Saved = serde_json::from_slice(state).map_err(|error| format!("Xhaiov: {error}"))?;
        if saved.state.slot.index >= 64 {
            return Err(format!("Xhaiov: there is no context {}", saved.state.slot.index));
        }
        self.state = saved.state;
        if let Some(mut port) = self.controller.port(self.index) {
            let changes = port.changes + 1;
            *port = Port { changes, ..saved.port };
        }
        Ok(())
    }
}
