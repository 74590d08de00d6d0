//! What a disk's bytes are in.

use rv_virtio::device::block::{MemoryDisk, Storage, StorageError};
use rv_virtio::memory::GuestMemory;
use rv_virtio::queue::Segment;
use serde::{Deserialize, Serialize};

use super::{FileDisk, HostDisk};

/// A disk's name, which drivers can ask for: up to 20 bytes of ASCII, padded with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DriveId([u8; DriveId::LEN]);

impl DriveId {
    /// Bytes of a name at most.
    pub const LEN: usize = 20;

    /// The name; `None` if it is too long, or has other characters than visible ASCII.
    pub fn new(name: &str) -> Option<Self> {
        let mut id = [0; Self::LEN];
        let fits = name.bytes().all(|byte| byte.is_ascii_graphic());
        id.get_mut(..name.len()).filter(|_| fits)?.copy_from_slice(name.as_bytes());
        Some(Self(id))
    }

    /// As the protocol has it.
    pub const fn bytes(self) -> [u8; Self::LEN] {
        self.0
    }
}

/// The bytes of a disk.
#[derive(Debug)]
pub enum Drive {
    /// In the emulator's memory, and gone with it.
    Memory(MemoryDisk<Vec<u8>>),
    /// In a file of the host.
    File(FileDisk),
    /// In something else of the host's: an image in some format, or an overlay.
    Host(HostDisk),
    /// Nowhere: the disk of a restored state, until it is attached. All requests that need its bytes fail.
    Absent {
        /// Its size.
        sectors: u64,
        /// Whether it can't be written.
        read_only: bool,
    },
}

impl Drive {
    /// A disk of `bytes` zeros, down to a whole sector; memory is taken when it is written.
    pub fn memory(bytes: usize) -> Self {
        Self::Memory(MemoryDisk::new(vec![0; bytes]))
    }
}

/// Calls the same method of whichever there is.
macro_rules! either {
    ($drive:expr, $name:ident => $call:expr) => {
        match $drive {
            Drive::Memory($name) => $call,
            Drive::File(FileDisk($name)) => $call,
            Drive::Host(HostDisk($name)) => $call,
            Drive::Absent { .. } => Err(StorageError::Failed),
        }
    };
}

impl Storage for Drive {
    fn sectors(&self) -> u64 {
        match self {
            Self::Memory(disk) => disk.sectors(),
            Self::File(FileDisk(disk)) => disk.sectors(),
            Self::Host(HostDisk(disk)) => disk.sectors(),
            Self::Absent { sectors, .. } => *sectors,
        }
    }

    fn read_only(&self) -> bool {
        match self {
            Self::Memory(disk) => Storage::read_only(disk),
            Self::File(FileDisk(disk)) => disk.read_only(),
            Self::Host(HostDisk(disk)) => disk.read_only(),
            Self::Absent { read_only, .. } => *read_only,
        }
    }

    fn read<M: GuestMemory>(&mut self, position: u64, memory: &M, to: Segment) -> Result<(), StorageError> {
        either!(self, disk => disk.read(position, memory, to))
    }

    fn write<M: GuestMemory>(&mut self, position: u64, memory: &M, from: Segment) -> Result<(), StorageError> {
        either!(self, disk => disk.write(position, memory, from))
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        either!(self, disk => disk.flush())
    }

    fn discard(&mut self, position: u64, len: u64) -> Result<(), StorageError> {
        either!(self, disk => disk.discard(position, len))
    }

    fn write_zeros(&mut self, position: u64, len: u64, may_unmap: bool) -> Result<(), StorageError> {
        either!(self, disk => disk.write_zeros(position, len, may_unmap))
    }
}
