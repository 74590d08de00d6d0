//! qcow2 images, read and written by `imago`.
//!
//! Files: `header` (what is taken at all), `gate` (which other files an image may lead to).

mod gate;
mod header;

use std::fs::File as HostFile;
use std::io;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use imago::file::File;
use imago::qcow2::Qcow2;
use imago::{FormatAccess, FormatDriverBuilder, Storage, StorageOpenOptions};
use rv_virtio::device::block::{ByteStore, StorageError};

use super::{DiskError, file};
use gate::Gate;
use header::Refused;

pub use header::MAGIC;

/// A disk in a qcow2 image.
pub struct Qcow2Disk {
    image: FormatAccess<File>,
    len: u64,
    read_only: bool,
    /// The image's tables turned out to be impossible: what they say now is nobody's business.
    broken: bool,
    /// Held for their locks: the image, and those below it.
    _files: (HostFile, gate::Held),
}

impl Qcow2Disk {
    /// The disk in the image at `path`. With `follow` the image may name a backing file, which is then read: it is said
    /// by whoever trusts the image.
    ///
    /// # Errors
    /// [`DiskError`] says what is wrong with the image, or what it uses that isn't supported.
    pub fn open(path: &Path, read_only: bool, follow: bool) -> Result<Self, DiskError> {
        let lock = file::open(path, !read_only)?;
        let failed = |source| DiskError::Open { file: path.to_owned(), source };
        let header = check(path, &lock, !read_only)?;
        if header.backed && !follow {
            let reason = "it has a backing file, which is read only if the format is given (format=qcow2)";
            return Err(DiskError::damaged(path, reason));
        }
        let (gate, held) = Gate::new(follow);
        let opened = guarded(|| {
            let storage = File::open(StorageOpenOptions::new().filename(path).write(!read_only))?;
            let image = Qcow2::<File>::builder(storage).write(!read_only).open(gate)?;
            Ok(FormatAccess::new(image))
        });
        let image = opened.map_err(failed)?;
        let len = image.size();
        if len < rv_virtio::device::block::SECTOR {
            return Err(DiskError::damaged(path, "the disk in it has no sector"));
        }
        Ok(Self { image, len, read_only, broken: false, _files: (lock, held) })
    }

    /// Does something with the image, unless it has shown to be broken.
    fn with<R>(&mut self, act: impl FnOnce(&mut FormatAccess<File>) -> io::Result<R>) -> Result<R, StorageError> {
        if self.broken {
            return Err(StorageError::Failed);
        }
        let image = &mut self.image;
        let mut finished = false;
        let result = guarded(|| {
            let result = act(image);
            finished = true;
            result
        });
        self.broken = !finished;
        result.map_err(|_| StorageError::Failed)
    }
}

/// Calls what may panic over a damaged image. The panic's message is printed as always; then it is an error.
fn guarded<R>(act: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the image is damaged");
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|_| Err(damaged()))
}

/// Checks the header, and for writing what writers go by.
fn check(path: &Path, file: &HostFile, write: bool) -> Result<header::Header, DiskError> {
    let failed = |source| DiskError::Open { file: path.to_owned(), source };
    let refused = |refused| match refused {
        Refused::Feature(feature) => DiskError::Unsupported { file: path.to_owned(), feature },
        Refused::Damaged(reason) => DiskError::damaged(path, reason),
    };
    let len = file.metadata().map_err(failed)?.len();
    let bytes = file::beginning(path, header::LEN)?;
    let header = header::check(&bytes, len).map_err(refused)?;
    if write {
        // The table is within the file, and no longer than a header may say.
        let mut table = vec![0; header.refcounts.needed as usize * 8];
        file.read_exact_at(&mut table, header.refcounts.at).map_err(failed)?;
        header.refcounts.check(&table).map_err(refused)?;
    }
    Ok(header)
}

impl ByteStore for Qcow2Disk {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), StorageError> {
        self.with(|image| image.read(into, position))
    }

    fn write_at(&mut self, position: u64, from: &[u8]) -> Result<(), StorageError> {
        self.with(|image| image.write(from, position))
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        if self.read_only {
            return Ok(());
        }
        self.with(|image| {
            image.flush()?;
            image.sync()
        })
    }

    fn discard(&mut self, position: u64, len: u64) -> Result<(), StorageError> {
        self.with(|image| image.discard_to_any(position, len))
    }
}
