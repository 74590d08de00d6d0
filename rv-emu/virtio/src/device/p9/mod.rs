//! The transport of the 9P protocol, by which a driver uses files of the host.
//!
//! The specification has reserved the number and no more; what a driver sees is what Linux and QEMU agree on: a mount tag
//! in the configuration space, and one queue of requests with a message of the client's to be read, and room for the
//! server's answer. What is in the messages is the [`Server`]'s business.

mod device;

pub use device::{MESSAGE_MIN, P9, Server, Tag};

/// Device type of 9P transports.
pub const DEVICE_ID: u32 = 9;

/// Index of the queue of requests.
pub const REQUESTS: u16 = 0;

/// Feature bits of 9P transports.
pub mod features {
    /// There is a mount tag in the configuration space.
    pub const MOUNT_TAG: u64 = 1 << 0;
}

/// Offsets in the configuration space.
mod config {
    pub const TAG_LEN: usize = 0;
    pub const TAG: usize = 2;
}
