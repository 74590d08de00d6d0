//! The machine's disk.

use hyp_abi::syscall::{DISK_FLUSH, DISK_READ, DISK_SIZE, DISK_WRITE};

use rv_virtio::device::block::{ByteStore, StorageError};

use crate::sys::{Result, syscall};

/// Bytes of it.
pub fn size() -> Result<u64> {
    // SAFETY: no pointers.
    unsafe { syscall(DISK_SIZE, [0; 3]) }.map(|size| size as u64)
}

/// Fills the buffer with what is at `position`.
pub fn read(position: u64, into: &mut [u8]) -> Result<()> {
    // SAFETY: the kernel fills `into`, which is alive here.
    unsafe { syscall(DISK_READ, [position as usize, into.as_mut_ptr() as usize, into.len()]) }.map(drop)
}

/// Writes the buffer at `position`.
pub fn write(position: u64, from: &[u8]) -> Result<()> {
    // SAFETY: the kernel reads `from`, which is alive here.
    unsafe { syscall(DISK_WRITE, [position as usize, from.as_ptr() as usize, from.len()]) }.map(drop)
}

/// Returns when all that was written is safe.
pub fn flush() -> Result<()> {
    // SAFETY: no pointers.
    unsafe { syscall(DISK_FLUSH, [0; 3]) }.map(drop)
}

/// The machine's disk as the bytes behind a virtio device.
#[derive(Debug)]
pub struct RealDisk {
    size: u64,
}

impl RealDisk {
    /// The disk, if the machine has one.
    pub fn open() -> Result<Self> {
        Ok(Self { size: size()? })
    }
}

fn failed(_: crate::abi::Error) -> StorageError {
    StorageError::Failed
}

impl ByteStore for RealDisk {
    fn len(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, position: u64, into: &mut [u8]) -> core::result::Result<(), StorageError> {
        read(position, into).map_err(failed)
    }

    fn write_at(&mut self, position: u64, from: &[u8]) -> core::result::Result<(), StorageError> {
        write(position, from).map_err(failed)
    }

    fn flush(&mut self) -> core::result::Result<(), StorageError> {
        flush().map_err(failed)
    }
}
