//! What is behind a block device.

use core::fmt;

use super::SECTOR;
use crate::memory::{GuestMemory, MemoryError};
use crate::queue::Segment;

/// Why storage didn't do as it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageError {
    /// The guest's memory isn't there: the driver's fault, which breaks the device.
    Memory(MemoryError),
    /// The storage failed: the request is answered with IOERR.
    Failed,
}

impl From<MemoryError> for StorageError {
    fn from(error: MemoryError) -> Self {
        Self::Memory(error)
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(error) => error.fmt(formatter),
            Self::Failed => write!(formatter, "the storage failed"),
        }
    }
}

impl core::error::Error for StorageError {}

/// A disk. It copies from and to guest memory itself, so that it is one copy where that can be.
///
/// The device has checked that all positions are within [`sectors`](Self::sectors), and sends no
/// write to a disk that is read-only. Positions and lengths of single segments are bytes, not whole
/// sectors: a driver may cut its memory as it likes.
pub trait Storage {
    /// Its size.
    fn sectors(&self) -> u64;

    /// Whether it can't be written.
    fn read_only(&self) -> bool {
        false
    }

    /// From the disk to the guest.
    fn read<M: GuestMemory>(&mut self, position: u64, memory: &M, to: Segment) -> Result<(), StorageError>;

    /// From the guest to the disk.
    fn write<M: GuestMemory>(&mut self, position: u64, memory: &M, from: Segment) -> Result<(), StorageError>;

    /// Returns when everything that was written is safe.
    fn flush(&mut self) -> Result<(), StorageError> {
        Ok(())
    }

    /// The contents of these bytes are not needed any more. They may stay.
    fn discard(&mut self, position: u64, len: u64) -> Result<(), StorageError> {
        let _ = (position, len);
        Ok(())
    }

    /// These bytes read as zero from now on. With `may_unmap` they may be given up as well.
    fn write_zeros(&mut self, position: u64, len: u64, may_unmap: bool) -> Result<(), StorageError>;
}

/// A disk in the host's memory: anything that is bytes, such as a vector or a slice.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryDisk<B> {
    bytes: B,
    read_only: bool,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> MemoryDisk<B> {
    /// A disk of these bytes; what is left of a whole sector at the end isn't part of it.
    pub const fn new(bytes: B) -> Self {
        Self { bytes, read_only: false }
    }

    /// A disk that can't be written.
    pub const fn read_only(bytes: B) -> Self {
        Self { bytes, read_only: true }
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The bytes, back.
    pub fn into_inner(self) -> B {
        self.bytes
    }

    fn range(&mut self, position: u64, len: u64) -> Result<&mut [u8], StorageError> {
        let start = usize::try_from(position).map_err(|_| StorageError::Failed)?;
        let len = usize::try_from(len).map_err(|_| StorageError::Failed)?;
        let end = start.checked_add(len).ok_or(StorageError::Failed)?;
        self.bytes.as_mut().get_mut(start..end).ok_or(StorageError::Failed)
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Storage for MemoryDisk<B> {
    fn sectors(&self) -> u64 {
        self.bytes.as_ref().len() as u64 / SECTOR
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    #[inline]
    fn read<M: GuestMemory>(&mut self, position: u64, memory: &M, to: Segment) -> Result<(), StorageError> {
        Ok(memory.write(to.address, self.range(position, u64::from(to.len))?)?)
    }

    #[inline]
    fn write<M: GuestMemory>(&mut self, position: u64, memory: &M, from: Segment) -> Result<(), StorageError> {
        Ok(memory.read(from.address, self.range(position, u64::from(from.len))?)?)
    }

    fn write_zeros(&mut self, position: u64, len: u64, _may_unmap: bool) -> Result<(), StorageError> {
        self.range(position, len)?.fill(0);
        Ok(())
    }
}

/// Something that is read and written at positions, through a buffer: a file.
pub trait ByteStore {
    /// Its size in bytes.
    fn len(&self) -> u64;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it can't be written.
    fn read_only(&self) -> bool {
        false
    }

    /// Fills the buffer from `position` on.
    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), StorageError>;

    /// Writes all of the buffer at `position`.
    fn write_at(&mut self, position: u64, from: &[u8]) -> Result<(), StorageError>;

    /// Returns when everything that was written is safe.
    fn flush(&mut self) -> Result<(), StorageError> {
        Ok(())
    }

    /// The contents of these bytes are not needed any more.
    fn discard(&mut self, position: u64, len: u64) -> Result<(), StorageError> {
        let _ = (position, len);
        Ok(())
    }
}

/// A disk from a [`ByteStore`], with a buffer of `N` bytes for what goes through.
#[derive(Debug)]
pub struct Buffered<T, const N: usize> {
    store: T,
    buffer: [u8; N],
}

impl<T: ByteStore, const N: usize> Buffered<T, N> {
    /// A disk of what is in `store`, up to its last whole sector.
    pub const fn new(store: T) -> Self {
        const { assert!(N > 0) };
        Self { store, buffer: [0; N] }
    }

    /// What is behind it.
    pub const fn store(&self) -> &T {
        &self.store
    }

    /// What is behind it, without the buffer.
    pub fn into_store(self) -> T {
        self.store
    }
}

impl<T: ByteStore, const N: usize> Storage for Buffered<T, N> {
    fn sectors(&self) -> u64 {
        self.store.len() / SECTOR
    }

    fn read_only(&self) -> bool {
        self.store.read_only()
    }

    fn read<M: GuestMemory>(&mut self, position: u64, memory: &M, to: Segment) -> Result<(), StorageError> {
        let mut done = 0;
        while done < to.len {
            let chunk = &mut self.buffer[..N.min((to.len - done) as usize)];
            self.store.read_at(position + u64::from(done), chunk)?;
            memory.write(to.at(done), chunk)?;
            done += chunk.len() as u32;
        }
        Ok(())
    }

    fn write<M: GuestMemory>(&mut self, position: u64, memory: &M, from: Segment) -> Result<(), StorageError> {
        let mut done = 0;
        while done < from.len {
            let chunk = &mut self.buffer[..N.min((from.len - done) as usize)];
            memory.read(from.at(done), chunk)?;
            self.store.write_at(position + u64::from(done), chunk)?;
            done += chunk.len() as u32;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.store.flush()
    }

    fn discard(&mut self, position: u64, len: u64) -> Result<(), StorageError> {
        self.store.discard(position, len)
    }

    fn write_zeros(&mut self, position: u64, len: u64, _may_unmap: bool) -> Result<(), StorageError> {
        self.buffer.fill(0);
        let mut done = 0;
        while done < len {
            let step = (len - done).min(N as u64);
            self.store.write_at(position + done, &self.buffer[..step as usize])?;
            done += step;
        }
        Ok(())
    }
}
