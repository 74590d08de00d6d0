//! The driver's side of virtio 1.2 behind virtio-mmio: rings, block, network.
//!
//! What it is for is measured in cycles per request, so it is lean: memory is taken once, nothing is allocated or
//! locked, and a request costs the stores that the specification asks for. Ring layout, indirect descriptors and
//! event indices are chosen by the caller, so that both settings of each can be compared. Section numbers are
//! those of the specification, version 1.2.
//!
//! Addresses are the device's own: a program that uses this maps its memory one to one.
#![no_std]

pub mod arena;
pub mod block;
pub mod checksum;
pub mod mmio;
pub mod net;
pub mod queue;

pub use arena::Arena;
pub use mmio::{Doorbell, Transport};
pub use queue::{Buffer, Queue};

/// What goes wrong with a device or its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No virtio-mmio device of version 2 at the address.
    NotVirtio,
    /// The device doesn't offer a feature that is needed: its bit.
    NoFeature(u8),
    /// The device doesn't accept the features that it offered.
    FeaturesRefused,
    /// The device has no such queue, or one that is too small.
    NoQueue(u16),
    /// Not enough memory for rings and buffers.
    OutOfMemory,
    /// The device put something into a used ring that the driver never made available.
    BadUsed,
    /// The device has set `DEVICE_NEEDS_RESET`.
    NeedsReset,
    /// More buffers in a request than the queue takes, whatever is in flight.
    TooLong,
    /// A frame that is shorter or longer than it says.
    BadFrame,
}

impl Error {
    /// In a few words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotVirtio => "no virtio-mmio device, version 2",
            Self::NoFeature(28) => "the device doesn't offer indirect descriptors",
            Self::NoFeature(29) => "the device doesn't offer event indices",
            Self::NoFeature(34) => "the device doesn't offer packed rings",
            Self::NoFeature(_) => "the device doesn't offer a feature that is needed",
            Self::FeaturesRefused => "the device refuses the features that it offered",
            Self::NoQueue(_) => "the device has no such queue, or too small a one",
            Self::OutOfMemory => "not enough memory for rings and buffers",
            Self::BadUsed => "the device used what was never made available",
            Self::NeedsReset => "the device needs a reset",
            Self::TooLong => "a request of too many buffers",
            Self::BadFrame => "the device gave a frame of impossible length",
        }
    }
}

/// Feature bits that no device type owns ("Reserved Feature Bits", 6).
pub mod feature {
    /// Descriptors may point to tables of descriptors.
    pub const INDIRECT: u64 = 1 << 28;
    /// Notifications are wanted from an index on.
    pub const EVENT_IDX: u64 = 1 << 29;
    /// The device keeps to the specification since 1.0.
    pub const VERSION_1: u64 = 1 << 32;
    /// Packed rings.
    pub const PACKED: u64 = 1 << 34;
}

/// How queues are to be: each switch is a feature that the device must offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Packed rings rather than split ones.
    pub packed: bool,
    /// Requests of several buffers take one descriptor, which points to a table.
    pub indirect: bool,
    /// Notifications are suppressed by index, not only by a flag.
    pub event_idx: bool,
    /// Descriptors per queue, at most.
    pub size: u16,
}

impl Default for Layout {
    fn default() -> Self {
        Self { packed: false, indirect: false, event_idx: true, size: 256 }
    }
}

impl Layout {
    /// The feature bits that it needs.
    pub const fn features(&self) -> u64 {
        let mut features = feature::VERSION_1;
        if self.packed {
            features |= feature::PACKED;
        }
        if self.indirect {
            features |= feature::INDIRECT;
        }
        if self.event_idx {
            features |= feature::EVENT_IDX;
        }
        features
    }
}
