//! Files that the client has a number for, and how they are found: one name at a time, from a folder that is open, and
//! never through a symbolic link. So there is no way out of the shared folder, whatever the guest or somebody on the host
//! does to it meanwhile.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::wire::check_name;

/// Folders on the way to a file at most.
const DEPTH_MAX: usize = 256;

/// A place in the shared folder. The descriptor is for the file itself, without being able to read or write it
/// (`O_PATH`), and stays right when the file is renamed.
#[derive(Debug)]
pub struct Node {
    fd: OwnedFd,
    /// The way that it was found by, for `..` and to remove it.
    names: Vec<Box<[u8]>>,
}

/// What an open file is read through.
pub enum Opened {
    /// It isn't open.
    No,
    /// A regular file.
    File(File),
    /// A folder, and the place after the entry that was read last.
    Dir(Box<Dir>, Option<u64>),
}

/// A number's file.
pub struct Fid {
    /// Where it is.
    pub node: Node,
    /// Whether it is open.
    pub opened: Opened,
}

/// Flags for a descriptor of whatever there is, even of a symbolic link.
fn place() -> OFlags {
    OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

impl Node {
    /// The shared folder.
    pub fn root(root: &OwnedFd) -> Result<Self, Errno> {
        Ok(Self { fd: rustix::io::fcntl_dupfd_cloexec(root, 0)?, names: Vec::new() })
    }

    /// Another descriptor for the same place.
    pub fn duplicate(&self) -> Result<Self, Errno> {
        Ok(Self { fd: rustix::io::fcntl_dupfd_cloexec(&self.fd, 0)?, names: self.names.clone() })
    }

    /// What has this name in the folder. Above the shared folder is the shared folder.
    pub fn step(&self, root: &OwnedFd, name: &[u8]) -> Result<Self, Errno> {
        check_name(name)?;
        match name {
            b"." => self.duplicate(),
            b".." => Self::root(root)?.descend(&self.names[..self.names.len().saturating_sub(1)]),
            _ if self.names.len() >= DEPTH_MAX => Err(Errno::NAMETOOLONG),
            _ => {
                let fd = rustix::fs::openat(&self.fd, name, place(), Mode::empty())?;
                let mut names = self.names.clone();
                names.push(name.into());
                Ok(Self { fd, names })
            }
        }
    }

    fn descend(mut self, names: &[Box<[u8]>]) -> Result<Self, Errno> {
        for name in names {
            self.fd = rustix::fs::openat(&self.fd, &**name, place(), Mode::empty())?;
        }
        self.names = names.to_vec();
        Ok(self)
    }

    /// The folder that it is in, and its name there, if it is still there by that name.
    pub fn parent(&self, root: &OwnedFd) -> Result<(Self, &[u8]), Errno> {
        let (name, above) = self.names.split_last().ok_or(Errno::BUSY)?;
        let parent = Self::root(root)?.descend(above)?;
        let (mine, there) = (self.stat()?, rustix::fs::statat(&parent.fd, &**name, AtFlags::SYMLINK_NOFOLLOW)?);
        if (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino) {
            return Err(Errno::STALE);
        }
        Ok((parent, name))
    }

    /// A file that was just made in the folder.
    pub fn made(&self, name: &[u8], file: &File) -> Result<Self, Errno> {
        let mut names = self.names.clone();
        names.push(name.into());
        Ok(Self { fd: rustix::io::fcntl_dupfd_cloexec(file, 0)?, names })
    }

    /// What the host says of it.
    pub fn stat(&self) -> Result<Stat, Errno> {
        rustix::fs::fstat(&self.fd)
    }

    /// What it is.
    pub fn file_type(&self) -> Result<FileType, Errno> {
        Ok(FileType::from_raw_mode(self.stat()?.st_mode))
    }

    /// The descriptor, for calls that take a folder's, or any.
    pub fn fd(&self) -> impl AsFd + '_ {
        self.fd.as_fd()
    }

    /// A path for calls that take no descriptor of a place: it leads to the very file, whatever its name is by now.
    pub fn path(&self) -> String {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd())
    }

    /// Opens it for reading or writing. What is neither file nor folder is never opened: that might wait, or do
    /// something.
    pub fn open(&self, flags: OFlags) -> Result<Opened, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        match self.file_type()? {
            FileType::RegularFile => {
                Ok(Opened::File(rustix::fs::openat(CWD, self.path(), flags, Mode::empty())?.into()))
            }
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let fd = rustix::fs::openat(&self.fd, ".", flags, Mode::empty())?;
                Ok(Opened::Dir(Box::new(Dir::new(fd)?), Some(0)))
            }
            FileType::Symlink => Err(Errno::LOOP),
            _ => Err(Errno::PERM),
        }
    }
}
