//! What a slot remembers. The disk's bytes are not part of it, as memory is not part of a hart.

use rv_virtio::device::Counters;
use rv_virtio::queue::Position;
use rv_virtio::transport::mmio::RegisterState;
use serde::{Deserialize, Serialize};

use super::DriveId;
use crate::Cycles;

/// How long a disk takes for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceTime {
    /// Cycles for each request, whatever it is.
    pub request: Cycles,
    /// Cycles for each sector's worth of bytes that it moves, begun ones included.
    pub sector: Cycles,
}

impl ServiceTime {
    /// No time at all: what the driver asks for is done when it has asked.
    pub const NONE: Self = Self { request: 0, sector: 0 };
}

/// The disk that is in a slot, as far as drivers can tell it from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveState {
    /// Its size.
    pub sectors: u64,
    /// Whether it can't be written.
    pub read_only: bool,
    /// Its name.
    pub id: DriveId,
    /// How fast it is.
    pub time: ServiceTime,
}

/// Saved state of a [`VirtioSlot`](super::VirtioSlot).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotState {
    /// The disk, if there is one.
    pub drive: Option<DriveState>,
    /// The registers.
    pub registers: RegisterState,
    /// How far the queue has got.
    pub position: Position,
    /// There may be requests in the queue that nobody has looked at.
    pub pending: bool,
    /// When the request that the disk works at is done, if it works at one.
    pub due: Option<Cycles>,
    /// What the device has done.
    pub counters: Counters,
}
