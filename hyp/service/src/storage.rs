//! What is behind a disk: memory, or a store of bytes that is reached by copying.

use rv_virtio::device::block::{Buffered, ByteStore, Storage, StorageError};
use rv_virtio::memory::GuestMemory;
use rv_virtio::queue::Segment;

use crate::disk::RamDisk;
use crate::memory::Pieces;

/// Bytes that go to a store at a time.
pub const BUFFER: usize = 16 << 10;

/// The bytes of a disk.
#[allow(clippy::large_enum_variant, reason = "there is one of them in each place that serves one")]
pub enum Disk<P, T> {
    /// Memory.
    Ram(RamDisk<P>),
    /// Something else, such as the machine's disk.
    Store(Buffered<T, BUFFER>),
}

/// Calls the same method of either disk.
macro_rules! either {
    ($disk:expr, $name:ident => $call:expr) => {
        match $disk {
            Disk::Ram($name) => $call,
            Disk::Store($name) => $call,
        }
    };
}

impl<P: Pieces, T: ByteStore> Storage for Disk<P, T> {
    fn sectors(&self) -> u64 {
        either!(self, disk => disk.sectors())
    }

    fn read_only(&self) -> bool {
        either!(self, disk => disk.read_only())
    }

    #[inline]
    fn read<M: GuestMemory>(&mut self, position: u64, memory: &M, to: Segment) -> Result<(), StorageError> {
        either!(self, disk => disk.read(position, memory, to))
    }

    #[inline]
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
