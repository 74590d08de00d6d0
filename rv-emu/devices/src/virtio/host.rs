//! A disk in whatever of the host's is read and written at positions: an image in a format that isn't known here.

use std::fmt;

use rv_virtio::device::block::{Buffered, ByteStore, StorageError};

/// Bytes that are moved at a time.
const CHUNK: usize = 64 << 10;

/// A disk in something of the host's.
pub struct HostDisk(pub(super) Box<Buffered<Boxed, CHUNK>>);

/// A store behind a pointer, as a store.
pub(super) struct Boxed(Box<dyn ByteStore>);

impl HostDisk {
    /// The disk in this store, up to its last whole sector.
    pub fn new(store: Box<dyn ByteStore>) -> Self {
        Self(Box::new(Buffered::new(Boxed(store))))
    }
}

impl fmt::Debug for HostDisk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = self.0.store();
        formatter.debug_struct("HostDisk").field("bytes", &store.len()).field("read_only", &store.read_only()).finish()
    }
}

impl ByteStore for Boxed {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_only(&self) -> bool {
        self.0.read_only()
    }

    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), StorageError> {
        self.0.read_at(position, into)
    }

    fn write_at(&mut self, position: u64, from: &[u8]) -> Result<(), StorageError> {
        self.0.write_at(position, from)
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.0.flush()
    }

    fn discard(&mut self, position: u64, len: u64) -> Result<(), StorageError> {
        self.0.discard(position, len)
    }
}
