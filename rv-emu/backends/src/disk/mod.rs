//! Disk images of the host: qcow2, and overlays that keep what a guest writes apart from the image under it. Plain files
//! of sectors are `rv_devices`' own.
//!
//! All are [`ByteStore`]s, so they can be put on top of each other and behind a virtio disk. What was written is with the
//! host when [`ByteStore::flush`] has returned, and when the store is dropped; a host that dies in between leaves the
//! image as it was at some flush, with later writes in part.

mod file;
mod overlay;
mod qcow2;

use std::io;
use std::path::{Path, PathBuf};

use rv_virtio::device::block::ByteStore;

pub use overlay::{MemoryOverlay, Overlay, OverlayFile};
pub use qcow2::Qcow2Disk;

/// Any of the stores here, and those of others.
pub type Store = Box<dyn ByteStore>;

/// What an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Sector for sector.
    Raw,
    /// QEMU's.
    Qcow2,
}

impl Format {
    /// What the file at `path` is: qcow2 if it begins like one, else raw.
    ///
    /// A guest with a raw disk can make it begin like qcow2. So an image that was not said to be qcow2 is not followed to
    /// other files: see [`Qcow2Disk::open`].
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn detect(path: &Path) -> Result<Self, DiskError> {
        let beginning = file::beginning(path, qcow2::MAGIC.len())?;
        Ok(if beginning == qcow2::MAGIC { Self::Qcow2 } else { Self::Raw })
    }
}

/// Why an image can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The host doesn't give it.
    #[error("can't open disk image {}: {source}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What the host says, or what reads the format.
        source: io::Error,
    },
    /// It is a directory, a device or the like.
    #[error("disk image {} is no regular file", .0.display())]
    Kind(PathBuf),
    /// Another process writes it, or reads it while we want to write.
    #[error("disk image {} is in use by another process, or as another drive", .0.display())]
    Locked(PathBuf),
    /// It is not what it should be.
    #[error("disk image {}: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It uses something that this program doesn't know.
    #[error("disk image {} uses {feature}, which isn't supported", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// What it is.
        feature: String,
    },
}

impl DiskError {
    fn damaged(file: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), reason: reason.into() }
    }
}
