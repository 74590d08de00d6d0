//! What is behind the guest's disk: memory, or the machine's own disk.

use hyp_rt::disk;
use hyp_service::{Mapped, RamDisk};
use rv_virtio::device::block::{Buffered, ByteStore, Storage, StorageError};
use rv_virtio::memory::GuestMemory;
use rv_virtio::queue::Segment;

/// Bytes that go to the machine's disk at a time.
const BUFFER: usize = 16 << 10;

/// The bytes of the guest's disk.
#[allow(clippy::large_enum_variant, reason = "there is one of them")]
pub enum Disk {
    /// Memory of this process.
    Ram(RamDisk<Mapped>),
    /// The machine's disk.
    Real(Buffered<RealDisk, BUFFER>),
}

impl Disk {
    /// The machine's disk, if it has one.
    pub fn real() -> hyp_rt::sys::Result<Self> {
        Ok(Self::Real(Buffered::new(RealDisk { size: disk::size()? })))
    }
}

/// The machine's disk, through the kernel.
pub struct RealDisk {
    size: u64,
}

fn failed(_: hyp_abi::Error) -> StorageError {
    StorageError::Failed
}

impl ByteStore for RealDisk {
    fn len(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), StorageError> {
        disk::read(position, into).map_err(failed)
    }

    fn write_at(&mut self, position: u64, from: &[u8]) -> Result<(), StorageError> {
        disk::write(position, from).map_err(failed)
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        disk::flush().map_err(failed)
    }
}

/// Calls the same method of either disk.
macro_rules! either {
    ($disk:expr, $name:ident => $call:expr) => {
        match $disk {
            Disk::Ram($name) => $call,
            Disk::Real($name) => $call,
        }
    };
}

impl Storage for Disk {
    fn sectors(&self) -> u64 {
        either!(self, disk => disk.sectors())
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
