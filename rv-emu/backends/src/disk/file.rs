//! Files of the host that hold images: regular ones, and nobody else's meanwhile.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::path::Path;

use super::DiskError;

/// Opens an image that is there. Readers share it; who writes has it alone.
pub fn open(path: &Path, write: bool) -> Result<File, DiskError> {
    let failed = |source| DiskError::Open { file: path.to_owned(), source };
    // What is no file is not opened: opening may wait, or do something.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(DiskError::Kind(path.to_owned()));
    }
    let file = OpenOptions::new().read(true).write(write).open(path).map_err(failed)?;
    lock(&file, path, write)?;
    Ok(file)
}

/// Makes an image that wasn't there.
pub fn create(path: &Path) -> Result<File, DiskError> {
    let failed = |source| DiskError::Open { file: path.to_owned(), source };
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path).map_err(failed)?;
    lock(&file, path, true)?;
    Ok(file)
}

fn lock(file: &File, path: &Path, write: bool) -> Result<(), DiskError> {
    let locked = if write { file.try_lock() } else { file.try_lock_shared() };
    match locked {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(DiskError::Locked(path.to_owned())),
        // A file system without locks can't tell; that is no reason not to work on it.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(source)) => Err(DiskError::Open { file: path.to_owned(), source }),
    }
}

/// The first bytes of a file, up to `len`; fewer if it is shorter.
pub fn beginning(path: &Path, len: usize) -> Result<Vec<u8>, DiskError> {
    let failed = |source| DiskError::Open { file: path.to_owned(), source };
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(DiskError::Kind(path.to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(len as u64).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}
