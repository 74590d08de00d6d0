//! Copy on write: reads come from the image below until something was written there; writes never reach it.
//!
//! What was written is kept in clusters. The first write to one copies the rest of it from below.

mod file;
mod memory;

use rv_virtio::device::block::{ByteStore, StorageError};

use super::Store;

pub use file::OverlayFile;
pub use memory::MemoryOverlay;

/// Bytes of a cluster.
pub const CLUSTER: u64 = 64 << 10;

/// Where written clusters are kept.
pub trait Top {
    /// Whether the cluster was written.
    fn has(&self, cluster: u64) -> bool;

    /// Reads from a cluster that was written, from `offset` on.
    fn read(&mut self, cluster: u64, offset: usize, into: &mut [u8]) -> Result<(), StorageError>;

    /// Writes to a cluster that was written, from `offset` on.
    fn write(&mut self, cluster: u64, offset: usize, from: &[u8]) -> Result<(), StorageError>;

    /// Writes a cluster for the first time, all of it.
    fn add(&mut self, cluster: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Returns when everything that was written is safe.
    fn flush(&mut self) -> Result<(), StorageError>;
}

/// A disk whose written parts are in `top`, and the others in another disk.
pub struct Overlay<T> {
    base: Store,
    top: T,
}

impl<T: Top> Overlay<T> {
    /// A disk over `base`, of the same size.
    pub fn new(base: Store, top: T) -> Self {
        Self { base, top }
    }

    /// Calls `act` with each cluster's part of a range: its number, the offset in it, and the part of the range.
    fn parts(position: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            if done == len {
                return None;
            }
            let at = position + done as u64;
            let offset = (at % CLUSTER) as usize;
            let step = (len - done).min(CLUSTER as usize - offset);
            let part = done..done + step;
            done += step;
            Some((at / CLUSTER, offset, part))
        })
    }

    fn check(&self, position: u64, len: usize) -> Result<(), StorageError> {
        let end = position.checked_add(len as u64).ok_or(StorageError::Failed)?;
        if end > self.base.len() { Err(StorageError::Failed) } else { Ok(()) }
    }

    /// Copies a cluster from below, with `from` in it.
    fn copy_up(&mut self, cluster: u64, offset: usize, from: &[u8]) -> Result<(), StorageError> {
        let start = cluster * CLUSTER;
        let len = CLUSTER.min(self.base.len() - start) as usize;
        let mut bytes = vec![0; len];
        if from.len() < len {
            self.base.read_at(start, &mut bytes)?;
        }
        bytes[offset..offset + from.len()].copy_from_slice(from);
        self.top.add(cluster, &bytes)
    }
}

impl<T: Top> ByteStore for Overlay<T> {
    fn len(&self) -> u64 {
        self.base.len()
    }

    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), StorageError> {
        self.check(position, into.len())?;
        for (cluster, offset, part) in Self::parts(position, into.len()) {
            let into = &mut into[part];
            match self.top.has(cluster) {
                true => self.top.read(cluster, offset, into)?,
                false => self.base.read_at(cluster * CLUSTER + offset as u64, into)?,
            }
        }
        Ok(())
    }

    fn write_at(&mut self, position: u64, from: &[u8]) -> Result<(), StorageError> {
        self.check(position, from.len())?;
        for (cluster, offset, part) in Self::parts(position, from.len()) {
            let from = &from[part];
            match self.top.has(cluster) {
                true => self.top.write(cluster, offset, from)?,
                false => self.copy_up(cluster, offset, from)?,
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.top.flush()
    }
}
