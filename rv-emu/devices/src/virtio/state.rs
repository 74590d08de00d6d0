//! What a slot remembers. What is of the host (a disk's bytes, a share's server) is not part of it, as memory is not part
//! of a hart.

use rv_virtio::device::Counters;
use rv_virtio::queue::Position;
use rv_virtio::transport::mmio::{QUEUES_MAX, RegisterState};
use serde::{Deserialize, Serialize};

use super::{DriveId, Generator, Line, Link};
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

/// What is plugged into a slot, as far as drivers can tell it from another, and what is on its way through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlugState {
    /// Nothing.
    Empty,
    /// A disk, without its bytes.
    Disk(DriveState),
    /// A network card.
    Net {
        /// Its address.
        mac: [u8; 6],
        /// The frames on its cable.
        link: Link,
    },
    /// A console, with what was typed and printed.
    Console(Line),
    /// A source of random bytes.
    Rng(Generator),
    /// A folder of the host, without who serves it: its session ends with the state.
    Share {
        /// The name that it is mounted by.
        tag: String,
    },
}

/// Saved state of a [`VirtioSlot`](super::VirtioSlot).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotState {
    /// What is in it.
    pub plug: PlugState,
    /// The registers.
    pub registers: RegisterState,
    /// How far each queue has got.
    pub positions: [Position; QUEUES_MAX],
    /// There may be something to do in these queues that nobody has looked at; a bit each.
    pub pending: u8,
    /// When the request that a disk works at is done, or when any other device goes on.
    pub due: Option<Cycles>,
    /// What the device has done.
    pub counters: Counters,
}
