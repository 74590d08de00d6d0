//! Attributes of files and of the file system.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use rustix::io::Errno;

use super::fid::Opened;
use super::file::MODE;
use super::wire::{Qid, Reader, Writer};
use super::{Done, Share};

/// All attributes that a file of Linux has (`P9_GETATTR_BASIC`).
const BASIC: u64 = 0x7ff;
/// Which attributes Tsetattr sets (`P9_SETATTR_*`). Owners (2, 4) aren't kept, and the time of the change (0x40) is the
/// host's business.
const SET_MODE: u32 = 1;
const SET_SIZE: u32 = 8;
const SET_ATIME: u32 = 0x10;
const SET_MTIME: u32 = 0x20;
const SET_ATIME_TO: u32 = 0x80;
const SET_MTIME_TO: u32 = 0x100;
/// The file system's type, as for all of 9P (`V9FS_MAGIC`).
const MAGIC: u32 = 0x0102_1997;

impl Share {
    /// Tgetattr fid[4] request_mask[8] → valid[8] qid[13] mode[4] uid[4] gid[4] nlink[8] rdev[8] size[8] blksize[8]
    /// blocks[8], then seconds[8] and nanoseconds[8] of access, modification, change and birth, gen[8] data_version[8].
    pub(super) fn getattr(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let number = request.u32()?;
        let stat = self.fid(number)?.node.stat()?;
        reply.u64(BASIC)?;
        reply.qid(Qid::of(&stat, self.device))?;
        for word in [stat.st_mode, stat.st_uid, stat.st_gid] {
            reply.u32(word)?;
        }
        let times = [
            (stat.st_atime as u64, stat.st_atime_nsec),
            (stat.st_mtime as u64, stat.st_mtime_nsec),
            (stat.st_ctime as u64, stat.st_ctime_nsec),
            (0, 0),
        ];
        // No device of the host is one of the guest's.
        let device = 0;
        for word in [stat.st_nlink, device, stat.st_size as u64, stat.st_blksize as u64, stat.st_blocks as u64] {
            reply.u64(word)?;
        }
        for (seconds, nanoseconds) in times {
            reply.u64(seconds)?;
            reply.u64(nanoseconds)?;
        }
        reply.u64(0)?;
        reply.u64(0)
    }

    /// Tsetattr fid[4] valid[4] mode[4] uid[4] gid[4] size[8] atime_sec[8] atime_nsec[8] mtime_sec[8] mtime_nsec[8].
    pub(super) fn setattr(&mut self, request: &mut Reader<'_>) -> Done {
        let (number, valid, mode, _uid, _gid) =
            (request.u32()?, request.u32()?, request.u32()?, request.u32()?, request.u32()?);
        let size = request.u64()?;
        let access = time(valid, SET_ATIME, SET_ATIME_TO, request)?;
        let modification = time(valid, SET_MTIME, SET_MTIME_TO, request)?;
        self.writable()?;
        let fid = self.fid(number)?;
        let kind = fid.node.file_type()?;
        if valid & SET_MODE != 0 && kind != FileType::Symlink {
            rustix::fs::chmodat(CWD, fid.node.path(), Mode::from_raw_mode(mode & MODE), AtFlags::empty())?;
        }
        if valid & SET_SIZE != 0 {
            let size = i64::try_from(size).map_err(|_| Errno::FBIG)? as u64;
            match &fid.opened {
                Opened::File(file) if rustix::fs::ftruncate(file, size).is_ok() => {}
                _ => match fid.node.open(OFlags::WRONLY)? {
                    Opened::File(file) => rustix::fs::ftruncate(file, size)?,
                    _ => return Err(Errno::ISDIR),
                },
            }
        }
        if valid & (SET_ATIME | SET_MTIME) != 0 {
            let times = Timestamps { last_access: access, last_modification: modification };
            match kind {
                FileType::RegularFile | FileType::Directory => {
                    rustix::fs::utimensat(CWD, fid.node.path(), &times, AtFlags::empty())?;
                }
                // A link's own time can't be reached by its descriptor on all kernels, and nobody asks for it.
                _ => {}
            }
        }
        Ok(())
    }

    /// Treadlink fid[4] → target[s].
    pub(super) fn readlink(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let number = request.u32()?;
        let node = &self.fid(number)?.node;
        if node.file_type()? != FileType::Symlink {
            return Err(Errno::INVAL);
        }
        let target = rustix::fs::readlinkat(node.fd(), "", Vec::new())?;
        reply.string(target.as_bytes())
    }

    /// Tstatfs fid[4] → type[4] bsize[4] blocks[8] bfree[8] bavail[8] files[8] ffree[8] fsid[8] namelen[4].
    pub(super) fn statfs(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let number = request.u32()?;
        let node = &self.fid(number)?.node;
        let system = rustix::fs::fstatvfs(node.fd().as_fd())?;
        reply.u32(MAGIC)?;
        reply.u32(u32::try_from(system.f_frsize).unwrap_or(4096))?;
        let counts = [system.f_blocks, system.f_bfree, system.f_bavail, system.f_files, system.f_ffree, system.f_fsid];
        counts.into_iter().try_for_each(|count| reply.u64(count))?;
        reply.u32(u32::try_from(system.f_namemax).unwrap_or(255))
    }
}

/// A time that is set to a value, or to now, or stays.
fn time(valid: u32, set: u32, set_to: u32, request: &mut Reader<'_>) -> Result<Timespec, Errno> {
    let (seconds, nanoseconds) = (request.u64()?, request.u64()?);
    if valid & set == 0 {
        return Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT });
    }
    if valid & set_to == 0 {
        return Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_NOW });
    }
    if nanoseconds >= 1_000_000_000 {
        return Err(Errno::INVAL);
    }
    Ok(Timespec { tv_sec: seconds as i64, tv_nsec: nanoseconds as _ })
}
