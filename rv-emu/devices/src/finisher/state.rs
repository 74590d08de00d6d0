//! What the finisher was told.

use serde::{Deserialize, Serialize};

/// A verdict that ends the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finish {
    /// Success.
    Pass,
    /// Failure, with the program's exit code.
    Fail(u16),
    /// The board is to be reset.
    Reset,
}

/// Saved state of a [`Finisher`](super::Finisher).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FinisherState {
    /// The last verdict written, until the board takes it.
    pub finish: Option<Finish>,
}
