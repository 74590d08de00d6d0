//! The network device (virtio 1.2, section "Network Device"): one pair of queues, no control queue.
//!
//! Files: `header` (what comes before a frame), `wire` (the other end), `device`.

mod checksum;
mod device;
mod header;
mod wire;

pub use checksum::complete_checksum;
pub use device::{MERGE_MAX, Net, NetOptions};
pub use header::Header;
pub use wire::{Incoming, SendError, Wire};

/// Device type of network devices.
pub const DEVICE_ID: u32 = 1;

/// Index of the queue with buffers for frames to the driver.
pub const RECEIVE: u16 = 0;

/// Index of the queue with frames from the driver.
pub const TRANSMIT: u16 = 1;

/// Feature bits of network devices.
pub mod features {
    /// The driver may send frames with partial checksums.
    pub const CSUM: u64 = 1 << 0;
    /// The driver takes frames with partial checksums.
    pub const GUEST_CSUM: u64 = 1 << 1;
    /// `mtu` is valid.
    pub const MTU: u64 = 1 << 3;
    /// `mac` is valid.
    pub const MAC: u64 = 1 << 5;
    /// A frame to the driver may take several buffers.
    pub const MRG_RXBUF: u64 = 1 << 15;
    /// `status` is valid.
    pub const STATUS: u64 = 1 << 16;
}

/// Offsets in the configuration space.
mod config {
    pub const MAC: usize = 0;
    pub const STATUS: usize = 6;
    pub const MTU: usize = 10;
    /// Up to `mtu`.
    pub const LEN: usize = 12;
    /// Of `status`.
    pub const LINK_UP: u16 = 1;
}
