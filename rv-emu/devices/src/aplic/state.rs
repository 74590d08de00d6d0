//! What the APLIC remembers.

use serde::{Deserialize, Serialize};

use super::registers::WORDS;

/// How both domains deliver interrupts: domaincfg.DM, which is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// By a line to each hart.
    Direct,
    /// By MSIs, to harts that have so many guest interrupt files.
    Msi {
        /// GEILEN.
        guests: u8,
    },
}

/// One hart's delivery control in a domain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IdcState {
    /// idelivery.
    pub delivery: bool,
    /// iforce.
    pub force: bool,
    /// ithreshold: priority numbers from this one on are not signalled; 0 lets all through.
    pub threshold: u32,
}

/// One interrupt domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainState {
    /// domaincfg.IE.
    pub enabled: bool,
    /// sourcecfg by source; index 0 is unused.
    pub sourcecfg: Vec<u32>,
    /// target by source; index 0 is unused.
    pub target: Vec<u32>,
    /// Pending bits.
    pub pending: [u32; WORDS],
    /// Enable bits.
    pub enable: [u32; WORDS],
    /// genmsi as it was written last.
    pub genmsi: u32,
    /// Delivery control by hart.
    pub idcs: Vec<IdcState>,
}

/// Saved state of an [`Aplic`](super::Aplic).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AplicState {
    /// How interrupts are delivered.
    pub delivery: Delivery,
    /// mmsiaddrcfg, mmsiaddrcfgh, smsiaddrcfg and smsiaddrcfgh at power-on: where the board's IMSICs are.
    pub msi_fixed: [u32; 4],
    /// The same now.
    pub msi_address: [u32; 4],
    /// The wires of the sources.
    pub level: [u32; WORDS],
    /// The machine-level domain, and the supervisor-level one.
    pub domains: [DomainState; 2],
}
