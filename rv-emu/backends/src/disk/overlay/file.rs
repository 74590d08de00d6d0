//! An overlay in a sparse file of the host:
//!
//! | offset | what |
//! |---|---|
//! | 0 | `rv-cow` and two zeros |
//! | 8 | version, a 32-bit number: 1 |
//! | 12 | bytes of a cluster, a 32-bit number: 65536 |
//! | 16 | bytes of the disk, a 64-bit number |
//! | 24 | FNV-1a of the bytes before, 64 bits |
//! | 4096 | a bit for each cluster, the first in bit 0 of the first byte: whether it was written |
//! | behind that, at a multiple of 65536 | clusters, each where it would be in the disk |
//!
//! Numbers are little-endian. A cluster's bit is written after the cluster is safe: so the file is right whatever ends
//! the program or the host, but for what was written since the last flush.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rv_virtio::device::block::StorageError;

use super::{CLUSTER, Top};
use crate::disk::{DiskError, file};

const MAGIC: [u8; 8] = *b"rv-cow\0\0";
const VERSION: u32 = 1;
/// Bytes of the header, with its sum.
const HEADER: usize = 32;
const SUMMED: usize = 24;
/// Where the bits begin.
const BITS: u64 = 4096;
/// Bytes of a disk at most: its bits are held in memory, 128 MiB then.
const DISK_MAX: u64 = 64 << 40;

/// Written clusters, in a file.
#[derive(Debug)]
pub struct OverlayFile {
    file: File,
    bits: Vec<u8>,
    /// Bytes of `bits` that the file doesn't have yet, as the first and one past the last.
    changed: Option<(usize, usize)>,
    /// Where the first cluster would be.
    data: u64,
}

impl OverlayFile {
    /// The overlay in the file at `path` for a disk of `disk` bytes; a new one if there is no such file.
    ///
    /// # Errors
    /// If the file is no overlay of such a disk, or the host doesn't give it.
    pub fn open(path: &Path, disk: u64) -> Result<Self, DiskError> {
        if disk > DISK_MAX {
            return Err(DiskError::damaged(path, format!("a disk of {disk} bytes is too big for an overlay")));
        }
        match path.try_exists() {
            Ok(true) => Self::open_existing(path, disk),
            _ => Self::create(path, disk),
        }
    }

    fn create(path: &Path, disk: u64) -> Result<Self, DiskError> {
        let file = file::create(path)?;
        let bits = vec![0; bits_len(disk)];
        let made = file.write_all_at(&header(disk), 0);
        let made = made.and_then(|()| file.set_len(data_at(disk)));
        made.and_then(|()| file.sync_all()).map_err(|source| DiskError::Open { file: path.to_owned(), source })?;
        Ok(Self { file, bits, changed: None, data: data_at(disk) })
    }

    fn open_existing(path: &Path, disk: u64) -> Result<Self, DiskError> {
        let file = file::open(path, true)?;
        let damaged = |reason: &str| Err(DiskError::damaged(path, reason));
        let mut found = [0; HEADER];
        if file.read_exact_at(&mut found, 0).is_err() || found[..8] != MAGIC {
            return damaged("it is no overlay of this program's");
        }
        if found[SUMMED..] != sum(&found[..SUMMED]) {
            return damaged("the header is damaged");
        }
        if found != header(disk) {
            let word = |at: usize| found[at..at + 8].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            let version = word(8) as u32;
            return match version {
                VERSION => damaged(&format!("it is over a disk of {} bytes, and this one has {disk}", word(16))),
                _ => damaged(&format!("it has version {version} of the format, and {VERSION} is known")),
            };
        }
        let mut bits = vec![0; bits_len(disk)];
        if file.read_exact_at(&mut bits, BITS).is_err() {
            return damaged("it ends too early");
        }
        let clusters = disk.div_ceil(CLUSTER);
        let beyond = bits.last().is_some_and(|last| !clusters.is_multiple_of(8) && last >> (clusters % 8) != 0);
        let written = (0..clusters).rev().find(|cluster| bit(&bits, *cluster));
        let end = written.map_or(0, |cluster| data_at(disk) + ((cluster + 1) * CLUSTER).min(disk));
        let len = file.metadata().map_err(|source| DiskError::Open { file: path.to_owned(), source })?.len();
        if beyond || end > len {
            return damaged("it has clusters that can't be there");
        }
        Ok(Self { file, bits, changed: None, data: data_at(disk) })
    }

    fn at(&self, cluster: u64, offset: usize) -> u64 {
        self.data + cluster * CLUSTER + offset as u64
    }

    /// Writes bits, after what they are about.
    fn write_bits(&mut self) -> std::io::Result<()> {
        self.file.sync_data()?;
        if let Some((start, end)) = self.changed {
            self.file.write_all_at(&self.bits[start..end], BITS + start as u64)?;
            self.file.sync_data()?;
            self.changed = None;
        }
        Ok(())
    }
}

impl Drop for OverlayFile {
    fn drop(&mut self) {
        // Nobody is left to hear of an error; the file is right as of the last flush.
        let _ = self.write_bits();
    }
}

impl Top for OverlayFile {
    fn has(&self, cluster: u64) -> bool {
        bit(&self.bits, cluster)
    }

    fn read(&mut self, cluster: u64, offset: usize, into: &mut [u8]) -> Result<(), StorageError> {
        self.file.read_exact_at(into, self.at(cluster, offset)).map_err(|_| StorageError::Failed)
    }

    fn write(&mut self, cluster: u64, offset: usize, from: &[u8]) -> Result<(), StorageError> {
        self.file.write_all_at(from, self.at(cluster, offset)).map_err(|_| StorageError::Failed)
    }

    fn add(&mut self, cluster: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.write(cluster, 0, bytes)?;
        let byte = (cluster / 8) as usize;
        *self.bits.get_mut(byte).ok_or(StorageError::Failed)? |= 1 << (cluster % 8);
        let (start, end) = self.changed.unwrap_or((byte, byte + 1));
        self.changed = Some((start.min(byte), end.max(byte + 1)));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.write_bits().map_err(|_| StorageError::Failed)
    }
}

fn bit(bits: &[u8], cluster: u64) -> bool {
    bits.get((cluster / 8) as usize).is_some_and(|byte| byte & 1 << (cluster % 8) != 0)
}

fn bits_len(disk: u64) -> usize {
    disk.div_ceil(CLUSTER).div_ceil(8) as usize
}

fn data_at(disk: u64) -> u64 {
    (BITS + bits_len(disk) as u64).next_multiple_of(CLUSTER)
}

fn header(disk: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..16].copy_from_slice(&(CLUSTER as u32).to_le_bytes());
    header[16..SUMMED].copy_from_slice(&disk.to_le_bytes());
    let sum = sum(&header[..SUMMED]);
    header[SUMMED..].copy_from_slice(&sum);
    header
}

/// FNV-1a, 64 bits: for damage, not against intent.
fn sum(bytes: &[u8]) -> [u8; 8] {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step).to_le_bytes()
}
