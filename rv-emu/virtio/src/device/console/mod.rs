//! The console device (virtio 1.2, section "Console Device"): one port, no control queues.

mod device;

pub use device::{Console, ConsoleOptions, Port};

/// Device type of consoles.
pub const DEVICE_ID: u32 = 3;

/// Index of the queue with buffers for input to the driver.
pub const RECEIVE: u16 = 0;

/// Index of the queue with output from the driver.
pub const TRANSMIT: u16 = 1;

/// Feature bits of consoles.
pub mod features {
    /// `cols` and `rows` are valid.
    pub const SIZE: u64 = 1 << 0;
    /// A character can be written to `emerg_wr` at any time.
    pub const EMERG_WRITE: u64 = 1 << 2;
}

/// Offsets in the configuration space.
mod config {
    pub const COLS: usize = 0;
    pub const ROWS: usize = 2;
    pub const EMERG_WR: u8 = 8;
    pub const LEN: usize = 12;
}
