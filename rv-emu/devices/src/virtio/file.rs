//! A disk in a file of the host: sector for sector, nothing else in it.
//!
//! What the guest writes goes to the file at once, and to the host's disk when the guest flushes. So what ends the
//! emulator, however suddenly, takes nothing from the file that was written.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rv_virtio::device::block::{SECTOR, Storage, StorageError};
use rv_virtio::memory::GuestMemory;
use rv_virtio::queue::Segment;

/// Bytes that are moved at a time.
const CHUNK: usize = 64 << 10;

/// Why a file can't be a disk.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// The host doesn't give it.
    #[error("can't open disk {}: {source}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What the host says.
        source: io::Error,
    },
    /// It is a directory, a terminal or the like.
    #[error("disk {} is no regular file", .0.display())]
    Kind(PathBuf),
    /// It has no whole number of sectors.
    #[error("disk {} has {bytes} bytes: it must be a multiple of {SECTOR}, and not nothing", file.display())]
    Size {
        /// The file.
        file: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Another process writes it, or reads it while we want to write.
    #[error("disk {} is in use by another process, or as another drive", .0.display())]
    Locked(PathBuf),
}

/// A disk in a file.
#[derive(Debug)]
pub struct FileDisk {
    file: File,
    sectors: u64,
    read_only: bool,
    buffer: Vec<u8>,
}

impl FileDisk {
    /// The disk in the file at `path`, which nobody else may write meanwhile.
    ///
    /// # Errors
    /// [`DriveError`] says what is wrong with the file.
    pub fn open(path: &Path, read_only: bool) -> Result<Self, DriveError> {
        let failed = |source| DriveError::Open { file: path.to_owned(), source };
        // What is no file is not opened: opening may wait, or do something.
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(DriveError::Kind(path.to_owned()));
        }
        let file = OpenOptions::new().read(true).write(!read_only).open(path).map_err(failed)?;
        let locked = if read_only { file.try_lock_shared() } else { file.try_lock() };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DriveError::Locked(path.to_owned())),
            // A file system without locks can't tell; that is no reason not to work on it.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let bytes = file.metadata().map_err(failed)?.len();
        if bytes == 0 || !bytes.is_multiple_of(SECTOR) {
            return Err(DriveError::Size { file: path.to_owned(), bytes });
        }
        Ok(Self { file, sectors: bytes / SECTOR, read_only, buffer: vec![0; CHUNK] })
    }

    fn seek(&mut self, position: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(position)).map(drop)
    }
}

/// The host's trouble is the guest's I/O error.
fn failed(_: io::Error) -> StorageError {
    StorageError::Failed
}

impl Storage for FileDisk {
    fn sectors(&self) -> u64 {
        self.sectors
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read<M: GuestMemory>(&mut self, position: u64, memory: &M, to: Segment) -> Result<(), StorageError> {
        self.seek(position).map_err(failed)?;
        let mut done = 0;
        while done < to.len {
            let chunk = &mut self.buffer[..CHUNK.min((to.len - done) as usize)];
            self.file.read_exact(chunk).map_err(failed)?;
            memory.write(to.at(done), chunk)?;
            done += chunk.len() as u32;
        }
        Ok(())
    }

    fn write<M: GuestMemory>(&mut self, position: u64, memory: &M, from: Segment) -> Result<(), StorageError> {
        self.seek(position).map_err(failed)?;
        let mut done = 0;
        while done < from.len {
            let chunk = &mut self.buffer[..CHUNK.min((from.len - done) as usize)];
            memory.read(from.at(done), chunk)?;
            self.file.write_all(chunk).map_err(failed)?;
            done += chunk.len() as u32;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        if self.read_only { Ok(()) } else { self.file.sync_data().map_err(failed) }
    }

    fn write_zeros(&mut self, position: u64, len: u64, _may_unmap: bool) -> Result<(), StorageError> {
        self.seek(position).map_err(failed)?;
        self.buffer.fill(0);
        let mut done = 0;
        while done < len {
            let step = (len - done).min(CHUNK as u64);
            self.file.write_all(&self.buffer[..step as usize]).map_err(failed)?;
            done += step;
        }
        Ok(())
    }
}
