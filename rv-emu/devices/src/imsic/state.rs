//! What the IMSICs remember.

use serde::{Deserialize, Serialize};

use super::registers::WORDS;

/// One interrupt file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImsicFile {
    /// eidelivery: its interrupts reach the hart.
    pub delivery: bool,
    /// eithreshold: identities from this one on are not signalled; 0 lets all through.
    pub threshold: u32,
    /// The array eip.
    pub pending: [u64; WORDS],
    /// The array eie.
    pub enable: [u64; WORDS],
}

/// A message on its way to a hart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The cycle at which it arrives.
    pub at: u64,
    /// The file that it is for.
    pub file: u8,
    /// The identity that it makes pending.
    pub identity: u32,
}

/// One hart's files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImsicHart {
    /// The level's own, then those of guests.
    pub files: Vec<ImsicFile>,
    /// What has been sent and isn't there yet; no identity of a file twice.
    pub coming: Vec<Message>,
}

/// Saved state of an [`Imsic`](super::Imsic).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImsicState {
    /// Cycles from a message's store to its being pending.
    pub wire_cycles: u64,
    /// Guest interrupt files of each hart.
    pub guests: u8,
    /// By hart.
    pub harts: Vec<ImsicHart>,
}
