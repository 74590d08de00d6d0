//! An overlay in memory: what is written is gone at the end.

use std::collections::BTreeMap;

use rv_virtio::device::block::StorageError;

use super::Top;

/// Written clusters, in memory.
#[derive(Debug, Default)]
pub struct MemoryOverlay {
    clusters: BTreeMap<u64, Box<[u8]>>,
}

impl MemoryOverlay {
    /// Nothing is written yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Top for MemoryOverlay {
    fn has(&self, cluster: u64) -> bool {
        self.clusters.contains_key(&cluster)
    }

    fn read(&mut self, cluster: u64, offset: usize, into: &mut [u8]) -> Result<(), StorageError> {
        let bytes = self.clusters.get(&cluster).and_then(|bytes| bytes.get(offset..offset + into.len()));
        into.copy_from_slice(bytes.ok_or(StorageError::Failed)?);
        Ok(())
    }

    fn write(&mut self, cluster: u64, offset: usize, from: &[u8]) -> Result<(), StorageError> {
        let bytes = self.clusters.get_mut(&cluster).and_then(|bytes| bytes.get_mut(offset..offset + from.len()));
        bytes.ok_or(StorageError::Failed)?.copy_from_slice(from);
        Ok(())
    }

    fn add(&mut self, cluster: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.clusters.insert(cluster, bytes.into());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        Ok(())
    }
}
