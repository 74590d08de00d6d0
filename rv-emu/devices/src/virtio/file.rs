//! A disk in a file of the host: sector for sector, nothing else in it.
//!
//! What the guest writes goes to the file at once, and to the host's disk when the guest flushes. So what ends the
//! emulator, however suddenly, takes nothing from the file that was written.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rv_virtio::device::block::{Buffered, ByteStore, SECTOR, StorageError};

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
pub struct FileDisk(pub(super) Box<Buffered<Store, CHUNK>>);

/// The file itself.
#[derive(Debug)]
pub(super) struct Store {
    file: File,
    bytes: u64,
    read_only: bool,
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
        Ok(Self(Box::new(Buffered::new(Store { file, bytes, read_only }))))
    }

    /// The file as what other storage can be built on.
    pub fn into_store(self) -> Box<dyn ByteStore> {
        Box::new(self.0.into_store())
    }
}

impl Store {
    fn seek(&mut self, position: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(position)).map(drop)
    }
}

/// The host's trouble is the guest's I/O error.
fn failed(_: io::Error) -> StorageError {
    StorageError::Failed
}

impl ByteStore for Store {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), StorageError> {
        self.seek(position).and_then(|()| self.file.read_exact(into)).map_err(failed)
    }

    fn write_at(&mut self, position: u64, from: &[u8]) -> Result<(), StorageError> {
        self.seek(position).and_then(|()| self.file.write_all(from)).map_err(failed)
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        if self.read_only { Ok(()) } else { self.file.sync_data().map_err(failed) }
    }
}
