//! What the SSWI remembers.

use serde::{Deserialize, Serialize};

/// Saved state of a [`Sswi`](super::Sswi).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SswiState {
    /// Cycles from the write of a register to the interrupt at the hart.
    pub wire_cycles: u64,
    /// One per hart: the cycle at which an edge that is on its way arrives.
    pub arrivals: Vec<Option<u64>>,
}
