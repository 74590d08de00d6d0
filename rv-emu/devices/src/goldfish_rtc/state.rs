//! What the clock remembers.

use serde::{Deserialize, Serialize};

use crate::Cycles;

/// Saved state of a [`GoldfishRtc`](super::GoldfishRtc).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldfishRtcState {
    /// Cycles of virtual time in a second.
    pub cycles_per_second: u64,
    /// The time at cycle 0 that the owner has chosen, in nanoseconds since 1970.
    pub start: u64,
    /// The time at cycle 0 as software has set it since, in nanoseconds since 1970; it wraps around.
    pub offset: u64,
    /// What TIME_HIGH reads as.
    pub time_high: u32,
    /// The alarm's time, set or not, in nanoseconds since 1970.
    pub alarm: u64,
    /// When the alarm goes off, if it is set.
    pub due: Option<Cycles>,
    /// The alarm has gone off, and nobody has cleared that.
    pub irq_pending: bool,
    /// The alarm interrupts.
    pub irq_enabled: bool,
}
