//! The block device (virtio 1.2, section "Block Device").
//!
//! Files: `storage` (what is behind the device), `request` (what a request is), `device`.

mod device;
mod request;
mod storage;

pub use device::{Block, BlockOptions};
pub use request::{Kind, Request, Status};
pub use storage::{Buffered, ByteStore, MemoryDisk, Storage, StorageError};

/// Device type of block devices.
pub const DEVICE_ID: u32 = 2;

/// Bytes of a sector: the unit of the protocol, whatever the device's blocks are.
pub const SECTOR: u64 = 512;

/// Feature bits of block devices.
pub mod features {
    /// `seg_max` is valid.
    pub const SEG_MAX: u64 = 1 << 2;
    /// The device is read-only.
    pub const RO: u64 = 1 << 5;
    /// `blk_size` is valid.
    pub const BLK_SIZE: u64 = 1 << 6;
    /// There are flush requests, and so a cache that needs them.
    pub const FLUSH: u64 = 1 << 9;
    /// There are several queues.
    pub const MQ: u64 = 1 << 12;
    /// There are discard requests.
    pub const DISCARD: u64 = 1 << 13;
    /// There are requests to write zeros.
    pub const WRITE_ZEROES: u64 = 1 << 14;
}

/// Offsets in the configuration space.
mod config {
    pub const CAPACITY: usize = 0;
    pub const SEG_MAX: usize = 12;
    pub const BLK_SIZE: usize = 20;
    pub const NUM_QUEUES: usize = 34;
    pub const MAX_DISCARD_SECTORS: usize = 36;
    pub const MAX_DISCARD_SEG: usize = 40;
    pub const DISCARD_SECTOR_ALIGNMENT: usize = 44;
    pub const MAX_WRITE_ZEROES_SECTORS: usize = 48;
    pub const MAX_WRITE_ZEROES_SEG: usize = 52;
    pub const WRITE_ZEROES_MAY_UNMAP: usize = 56;
    /// Up to the fields of secure erase, which isn't offered.
    pub const LEN: usize = 60;
}
