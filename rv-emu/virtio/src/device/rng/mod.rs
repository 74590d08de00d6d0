//! The entropy device (virtio 1.2, section "Entropy Device"): one queue of buffers to be filled with random bytes.

mod device;

pub use device::{REQUEST_MAX, Rng, Source};

/// Device type of entropy devices.
pub const DEVICE_ID: u32 = 4;

/// Index of the queue of requests.
pub const REQUESTS: u16 = 0;
