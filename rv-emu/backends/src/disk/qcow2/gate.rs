//! Which files an image may lead to: none, or backing files, so many deep.

use std::fs::File as HostFile;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use imago::file::File;
use imago::format::gate::ImplicitOpenGate;
use imago::{FormatAccess, FormatDriverBuilder, Storage, StorageOpenOptions};

use crate::disk::file;

/// Images below an image at most. A chain that ends in itself has no end.
const DEPTH_MAX: usize = 16;

/// Files that are held open, and locked, as long as the image is.
pub type Held = Arc<Mutex<Vec<HostFile>>>;

/// Lets an image lead to other files, or not.
#[derive(Debug)]
pub struct Gate {
    depth_left: usize,
    held: Held,
}

impl Gate {
    /// A gate, and the files that will be opened through it.
    pub fn new(follow: bool) -> (Self, Held) {
        let held = Held::default();
        (Self { depth_left: if follow { DEPTH_MAX } else { 0 }, held: Arc::clone(&held) }, held)
    }

    /// Opens a file only to lock it; what it is was checked then.
    fn hold(&self, path: &Path) -> io::Result<()> {
        let file = file::open(path, false).map_err(|error| io::Error::other(error.to_string()))?;
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        Ok(())
    }

    fn refused(&self, what: &str) -> io::Error {
        io::Error::new(io::ErrorKind::PermissionDenied, format!("it leads to {what}, which isn't followed"))
    }
}

impl ImplicitOpenGate<File> for Gate {
    fn open_format<F: FormatDriverBuilder<File>>(&mut self, builder: F) -> io::Result<FormatAccess<File>> {
        let Some(depth_left) = self.depth_left.checked_sub(1) else {
            return Err(self.refused("another image, or to too many"));
        };
        let below = Self { depth_left, held: Arc::clone(&self.held) };
        Ok(FormatAccess::new(builder.write(false).open(below)?))
    }

    fn open_storage(&mut self, options: StorageOpenOptions) -> io::Result<File> {
        match options.get_filename() {
            Some(path) => self.hold(path)?,
            None => return Err(self.refused("something that is no file")),
        }
        File::open(options.write(false))
    }
}
