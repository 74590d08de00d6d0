//! Contents of files: open, create, read, write, fsync.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::fid::{Fid, Node, Opened};
use super::wire::{Reader, Writer};
use super::{Done, Share};

/// Bits of a mode that files of the guest have: none that change who a program runs as.
pub const MODE: u32 = 0o777;
/// The protocol's flags (`P9_DOTL_*`), which are those of most of Linux' architectures.
const ACCESS: u32 = 3;
const WRONLY: u32 = 1;
const RDWR: u32 = 2;
const EXCL: u32 = 0o200;
const TRUNC: u32 = 0o1000;

/// The host's flags for the protocol's. The others don't matter: writes say where they go, and no link is followed.
fn host_flags(flags: u32) -> Result<OFlags, Errno> {
    let access = match flags & ACCESS {
        0 => OFlags::RDONLY,
        WRONLY => OFlags::WRONLY,
        RDWR => OFlags::RDWR,
        _ => return Err(Errno::INVAL),
    };
    Ok(if flags & TRUNC != 0 { access | OFlags::TRUNC } else { access })
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}

impl Share {
    /// Tlopen fid[4] flags[4] → qid[13] iounit[4].
    pub(super) fn open_fid(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let (number, flags) = (request.u32()?, request.u32()?);
        let host = host_flags(flags)?;
        if flags & (ACCESS | TRUNC) != 0 {
            self.writable()?;
        }
        let fid = self.fid(number)?;
        if !matches!(fid.opened, Opened::No) {
            return Err(Errno::BADF);
        }
        let opened = fid.node.open(host)?;
        if matches!(opened, Opened::Dir(..)) && flags & (ACCESS | TRUNC) != 0 {
            return Err(Errno::ISDIR);
        }
        fid.opened = opened;
        self.put_qid(number, reply)?;
        // As much at a time as fits a message.
        reply.u32(0)
    }

    /// Tlcreate fid[4] name[s] flags[4] mode[4] gid[4] → qid[13] iounit[4]. The number is the file's afterwards.
    pub(super) fn create(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let (number, name, flags, mode) = (request.u32()?, request.name()?, request.u32()?, request.u32()?);
        let _gid = request.u32()?;
        self.writable()?;
        let host = host_flags(flags)?;
        let root = rustix::io::fcntl_dupfd_cloexec(&self.root, 0)?;
        let fid = self.fid(number)?;
        if !matches!(fid.opened, Opened::No) {
            return Err(Errno::BADF);
        }
        let made = match make(&fid.node, name, host, mode) {
            Ok(file) => Fid { node: fid.node.made(name, &file)?, opened: Opened::File(file) },
            // It was there, which the client doesn't mind: opened as what it is.
            Err(Errno::EXIST) if flags & EXCL == 0 => {
                let node = fid.node.step(&root, name)?;
                let opened = node.open(host)?;
                if matches!(opened, Opened::Dir(..)) {
                    return Err(Errno::ISDIR);
                }
                Fid { node, opened }
            }
            Err(error) => return Err(error),
        };
        *fid = made;
        self.put_qid(number, reply)?;
        reply.u32(0)
    }

    /// Tread fid[4] offset[8] count[4] → count[4] data[count].
    pub(super) fn read(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let (number, offset, count) = (request.u32()?, request.u64()?, request.u32()?);
        let Opened::File(file) = &self.fid(number)?.opened else { return Err(Errno::BADF) };
        let at = reply.len();
        reply.u32(0)?;
        let start = reply.len();
        let len = reply.left().min(count as usize);
        let read = read_at(file, offset, reply.reserve(len)?)?;
        reply.patch(at, read as u32);
        reply.truncate(start + read);
        Ok(())
    }

    /// Twrite fid[4] offset[8] count[4] data[count] → count[4].
    pub(super) fn write(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let (number, offset, count) = (request.u32()?, request.u64()?, request.u32()?);
        let data = request.bytes(count as usize)?;
        self.writable()?;
        let Opened::File(file) = &self.fid(number)?.opened else { return Err(Errno::BADF) };
        check_end(offset, data.len())?;
        let mut done = 0;
        while done < data.len() {
            match file.write_at(&data[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(len) => done += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) if done > 0 => break,
                Err(error) => return Err(errno(&error)),
            }
        }
        reply.u32(done as u32)
    }

    /// Tfsync fid[4] datasync[4].
    pub(super) fn fsync(&mut self, request: &mut Reader<'_>) -> Done {
        let number = request.u32()?;
        match &self.fid(number)?.opened {
            Opened::File(file) => rustix::fs::fsync(file),
            Opened::Dir(dir, _) => rustix::fs::fsync(dir.fd()?),
            Opened::No => Err(Errno::BADF),
        }
    }
}

/// Makes a file that wasn't there.
pub fn make(folder: &Node, name: &[u8], flags: OFlags, mode: u32) -> Result<File, Errno> {
    let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(folder.fd(), name, flags, Mode::from_raw_mode(mode & MODE))?.into())
}

/// Positions in files are signed.
fn check_end(offset: u64, len: usize) -> Done {
    let end = offset.checked_add(len as u64).ok_or(Errno::INVAL)?;
    if i64::try_from(end).is_ok() { Ok(()) } else { Err(Errno::FBIG) }
}

/// Reads until the buffer is full or the file ends.
fn read_at(file: &File, offset: u64, into: &mut [u8]) -> Result<usize, Errno> {
    check_end(offset, into.len())?;
    let mut done = 0;
    while done < into.len() {
        match file.read_at(&mut into[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(len) => done += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if done > 0 => break,
            Err(error) => return Err(errno(&error)),
        }
    }
    Ok(done)
}
