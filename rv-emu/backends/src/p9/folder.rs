//! Entries of folders: reading them, making, naming and removing them.

use rustix::fs::{AtFlags, CWD, Dir, DirEntry, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::fid::Opened;
use super::file::{MODE, make};
use super::wire::{Qid, Reader, Writer};
use super::{Done, Share};

/// In Tunlinkat: the entry is a folder (`AT_REMOVEDIR`).
const REMOVEDIR: u32 = 0x200;

impl Share {
    /// Treaddir fid[4] offset[8] count[4] → count[4] then qid[13] offset[8] type[1] name[s] for each entry. An offset is
    /// 0, or one that came with an entry before.
    pub(super) fn readdir(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let (number, offset, count) = (request.u32()?, request.u64()?, request.u32()?);
        let Opened::Dir(dir, position) = &mut self.fid(number)?.opened else { return Err(Errno::BADF) };
        if *position != Some(offset) || offset == 0 {
            match offset {
                0 => dir.rewind(),
                _ => dir.seek(i64::try_from(offset).map_err(|_| Errno::INVAL)?)?,
            }
        }
        *position = None;
        let at = reply.len();
        reply.u32(0)?;
        let start = reply.len();
        let end = start + reply.left().min(count as usize);
        let last = entries(dir, reply, end)?;
        reply.patch(at, (reply.len() - start) as u32);
        // An entry that didn't fit was taken off the folder all the same: then the next request goes back to it.
        *position = last;
        Ok(())
    }

    /// Tmkdir dfid[4] name[s] mode[4] gid[4] → qid[13].
    pub(super) fn mkdir(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let (number, name, mode) = (request.u32()?, request.name()?, request.u32()?);
        self.writable()?;
        let folder = &self.fid(number)?.node;
        rustix::fs::mkdirat(folder.fd(), name, Mode::from_raw_mode(mode & MODE))?;
        self.reply_qid(number, name, reply)
    }

    /// Tsymlink fid[4] name[s] symtgt[s] gid[4] → qid[13]. What the link says is the guest's business: nobody follows it
    /// here.
    pub(super) fn symlink(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let (number, name, target) = (request.u32()?, request.name()?, request.target()?);
        self.writable()?;
        let folder = &self.fid(number)?.node;
        rustix::fs::symlinkat(target, folder.fd(), name)?;
        self.reply_qid(number, name, reply)
    }

    /// Tmknod dfid[4] name[s] mode[4] major[4] minor[4] gid[4] → qid[13]. Regular files only.
    pub(super) fn mknod(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let (number, name, mode) = (request.u32()?, request.name()?, request.u32()?);
        self.writable()?;
        if FileType::from_raw_mode(mode) != FileType::RegularFile {
            return Err(Errno::PERM);
        }
        make(&self.fid(number)?.node, name, OFlags::WRONLY, mode)?;
        self.reply_qid(number, name, reply)
    }

    fn reply_qid(&self, number: u32, name: &[u8], reply: &mut Writer<'_>) -> Done {
        let folder = &self.fids.get(&number).ok_or(Errno::BADF)?.node;
        let stat = rustix::fs::statat(folder.fd(), name, AtFlags::SYMLINK_NOFOLLOW)?;
        reply.qid(Qid::of(&stat, self.device))
    }

    /// Tlink dfid[4] fid[4] name[s].
    pub(super) fn link(&mut self, request: &mut Reader<'_>) -> Done {
        let (folder, number, name) = (request.u32()?, request.u32()?, request.name()?);
        self.writable()?;
        let path = self.fid(number)?.node.path();
        let folder = &self.fid(folder)?.node;
        rustix::fs::linkat(CWD, path, folder.fd(), name, AtFlags::SYMLINK_FOLLOW)
    }

    /// Trename fid[4] dfid[4] name[s].
    pub(super) fn rename(&mut self, request: &mut Reader<'_>) -> Done {
        let (number, folder, name) = (request.u32()?, request.u32()?, request.name()?);
        self.writable()?;
        let fids = &self.fids;
        let (fid, folder) = (fids.get(&number).ok_or(Errno::BADF)?, fids.get(&folder).ok_or(Errno::BADF)?);
        let (parent, old) = fid.node.parent(&self.root)?;
        rustix::fs::renameat(parent.fd(), old, folder.node.fd(), name)
    }

    /// Trenameat olddirfid[4] oldname[s] newdirfid[4] newname[s].
    pub(super) fn renameat(&mut self, request: &mut Reader<'_>) -> Done {
        let (old, old_name, new, new_name) = (request.u32()?, request.name()?, request.u32()?, request.name()?);
        self.writable()?;
        let (old, new) = (self.fids.get(&old).ok_or(Errno::BADF)?, self.fids.get(&new).ok_or(Errno::BADF)?);
        rustix::fs::renameat(old.node.fd(), old_name, new.node.fd(), new_name)
    }

    /// Tunlinkat dirfd[4] name[s] flags[4].
    pub(super) fn unlinkat(&mut self, request: &mut Reader<'_>) -> Done {
        let (number, name, flags) = (request.u32()?, request.name()?, request.u32()?);
        self.writable()?;
        let folder = &self.fid(number)?.node;
        let flags = if flags & REMOVEDIR != 0 { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        rustix::fs::unlinkat(folder.fd(), name, flags)
    }

    /// Tremove fid[4]. The number is gone, whatever comes of it.
    pub(super) fn remove(&mut self, request: &mut Reader<'_>) -> Done {
        let number = request.u32()?;
        let fid = self.fids.remove(&number).ok_or(Errno::BADF)?;
        self.writable()?;
        let (parent, name) = fid.node.parent(&self.root)?;
        let folder = fid.node.file_type()? == FileType::Directory;
        let flags = if folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        rustix::fs::unlinkat(parent.fd(), name, flags)
    }
}

/// Puts entries until one doesn't fit, or the reply has `end` bytes. The offset of the last one if all that were taken
/// off the folder were put.
fn entries(dir: &mut Dir, reply: &mut Writer<'_>, end: usize) -> Result<Option<u64>, Errno> {
    let start = reply.len();
    let mut last = None;
    while let Some(entry) = dir.read() {
        let before = reply.len();
        let offset = match entry.and_then(|entry| put(&entry, reply)) {
            Ok(offset) if reply.len() <= end => offset,
            Ok(_) | Err(Errno::IO) => {
                reply.truncate(before);
                // A client that has no room for a single entry would read for ever.
                return if before == start { Err(Errno::INVAL) } else { Ok(None) };
            }
            Err(error) => return Err(error),
        };
        last = Some(offset);
    }
    Ok(last)
}

fn put(entry: &DirEntry, reply: &mut Writer<'_>) -> Result<u64, Errno> {
    let (offset, kind) = (entry.offset() as u64, entry.file_type());
    // The number is of the client's own making: only that it tells files apart matters.
    reply.qid(Qid { kind: Qid::kind(kind), version: 0, path: entry.ino() })?;
    reply.u64(offset)?;
    reply.u8(dirent_type(kind))?;
    reply.string(entry.file_name().to_bytes())?;
    Ok(offset)
}

/// `d_type` of readdir(3).
fn dirent_type(kind: FileType) -> u8 {
    match kind {
        FileType::Fifo => 1,
        FileType::CharacterDevice => 2,
        FileType::Directory => 4,
        FileType::BlockDevice => 6,
        FileType::RegularFile => 8,
        FileType::Symlink => 10,
        FileType::Socket => 12,
        FileType::Unknown => 0,
    }
}
