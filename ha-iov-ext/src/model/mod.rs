//! The hardware: N and UER as an extension of `rv-hart`.
//!
//! [`Haiov`] holds the state and answers the hart's questions; each answer is in the file of its chapter: CSR access in `csrs`, URET in
//! `uret`, the G-stage leaf in `leaf`, redirection and traps to U in `redirect`.

mod csrs;
mod leaf;
mod redirect;
mod uret;

use rv_hart::HartState;
use rv_hart::ext::{CsrName, Entry, Extension, InsnRow, ReservedLeaf, StandardBits};
use rv_hart::trap::{Refusal, Trap};
use serde::{Deserialize, Serialize};

use crate::fields::{hstatus, huectl, misa, uip, ustatus};
use crate::{cause, insn};

/// Which parts a machine has. N is there with any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// User-level exception redirection. Without it `hstatus.HUR`, `huedeleg` and causes 24 to 26 do not exist.
    pub uer: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config { uer: true }
    }
}

/// State of the extension (manual 1.1). UIE and UPIE live in `mstatus`, pending and enable bits in `mip` and `mie`.
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
}

/// HA-IOV of one hart.
#[derive(Clone, Debug, Default)]
pub struct Haiov {
    config: Config,
    state: State,
}

impl Haiov {
    /// The extension with the parts of `config`, after reset.
    pub fn new(config: Config) -> Haiov {
        Haiov { config, state: State::default() }
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

impl Extension for Haiov {
    fn name(&self) -> &'static str {
        "Xhaiov"
    }

    fn reset(&mut self) {
        self.state = State::default();
    }

    fn standard_bits(&self) -> StandardBits {
        let uer = |bits| if self.config.uer { bits } else { 0 };
        StandardBits {
            misa: misa::N,
            mstatus: ustatus::UIE | ustatus::UPIE,
            sstatus: ustatus::UIE | ustatus::UPIE,
            hstatus: uer(hstatus::HUR),
            medeleg: uer(cause::MEDELEG),
            mideleg: uip::ALL,
            mie: uip::ALL,
            mip: uip::ALL,
            sip: uip::ALL,
        }
    }

    fn csrs(&self) -> &'static [CsrName] {
        csrs::NAMES
    }

    fn csr_check(&self, hart: &HartState, csr: u16, _write: bool) -> Result<(), Refusal> {
        self.check(hart, csr)
    }

    fn csr_read(&self, hart: &HartState, csr: u16) -> u64 {
        self.read(hart, csr)
    }

    fn csr_write(&mut self, hart: &mut HartState, csr: u16, value: u64) {
        self.write(hart, csr, value);
    }

    fn csr_flushes(&self, csr: u16) -> bool {
        csrs::flushes(csr)
    }

    fn insns(&self) -> &'static [InsnRow] {
        &[InsnRow { mnemonic: "uret", matches: insn::URET, mask: u32::MAX }]
    }

    fn execute(&mut self, hart: &mut HartState, _row: usize, _raw: u32) -> Result<(), Refusal> {
        self.uret(hart)
    }

    fn reserved_leaf(&self, hart: &HartState, leaf: &ReservedLeaf) -> Option<u64> {
        self.mmio_leaf(hart, leaf)
    }

    fn route(&mut self, hart: &mut HartState, trap: &Trap) -> Option<Entry> {
        self.redirected(hart, trap).or_else(|| self.delegated(hart, trap))
    }

    fn claims(&self, hart: &HartState, candidates: u64) -> u64 {
        let _ = hart;
        candidates & self.state.sideleg
    }

    fn interrupt(&mut self, hart: &mut HartState, claimed: u64) -> Option<Entry> {
        self.user_interrupt(hart, claimed)
    }

    fn save(&self) -> Vec<u8> {
        serde_json::to_vec(&self.state).expect("plain data")
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        self.state = serde_json::from_slice(state).map_err(|error| format!("Xhaiov: {error}"))?;
        Ok(())
    }
}
