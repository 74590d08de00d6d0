//! What the ACLINT remembers.

use serde::{Deserialize, Serialize};

/// One hart's software interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SoftwareInterrupt {
    /// The `msip` bit as software reads it back.
    pub pending: bool,
    /// The cycle at which the hart begins to see it: the write, plus the way over the wire.
    pub arrives: u64,
}

/// Saved state of an [`Aclint`](super::Aclint).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AclintState {
    /// Cycles in one tick of `mtime`.
    pub cycles_per_tick: u64,
    /// Cycles from the write of an `msip` register to the interrupt at the hart.
    pub wire_cycles: u64,
    /// What is added to the elapsed ticks to get `mtime`. Writing `mtime` changes this, wrapping.
    pub mtime_offset: u64,
    /// One per hart.
    pub msip: Vec<SoftwareInterrupt>,
    /// One per hart.
    pub mtimecmp: Vec<u64>,
}
