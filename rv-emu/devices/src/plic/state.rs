//! What the PLIC remembers.

use serde::{Deserialize, Serialize};

use super::registers::WORDS;

/// One context: an interrupt target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlicContext {
    /// Enable bits, one per source.
    pub enable: [u32; WORDS],
    /// Requests of this priority or a lower one are not signalled.
    pub threshold: u32,
}

/// Saved state of a [`Plic`](super::Plic).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlicState {
    /// Priority of each source; index 0 is unused.
    pub priority: Vec<u32>,
    /// Level of each source's wire.
    pub level: [u32; WORDS],
    /// Requests that passed their gateway and wait for a claim.
    pub pending: [u32; WORDS],
    /// Gateways that are closed: claimed, not yet completed.
    pub claimed: [u32; WORDS],
    /// The targets.
    pub contexts: Vec<PlicContext>,
}
