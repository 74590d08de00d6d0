//! 9P messages as bytes: little-endian numbers, and strings with their length before them (9P2000's intro(5)).

use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

/// Bytes of a message's size, type and tag.
pub const HEADER: usize = 7;
/// Bytes of a name at most, as on any file system.
const NAME_MAX: usize = 255;
/// Bytes of a path in a symbolic link at most (path_resolution(7)).
const PATH_MAX: usize = 4096;

/// What is left of a request.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next bytes.
    ///
    /// # Errors
    /// EINVAL if the message ends before; so have all that follow.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], Errno> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(Errno::INVAL)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn number(&mut self, len: usize) -> Result<u64, Errno> {
        Ok(self.bytes(len)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A byte.
    pub fn u8(&mut self) -> Result<u8, Errno> {
        Ok(self.number(1)? as u8)
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, Errno> {
        Ok(self.number(2)? as u16)
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, Errno> {
        Ok(self.number(4)? as u32)
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, Errno> {
        self.number(8)
    }

    /// A string of any bytes.
    pub fn string(&mut self) -> Result<&'a [u8], Errno> {
        let len = self.u16()?;
        self.bytes(usize::from(len))
    }

    /// The name of something in a folder: no path, and not the folder itself or the one above.
    pub fn name(&mut self) -> Result<&'a [u8], Errno> {
        let name = self.string()?;
        check_name(name)?;
        if name == b"." || name == b".." { Err(Errno::INVAL) } else { Ok(name) }
    }

    /// What a symbolic link says.
    pub fn target(&mut self) -> Result<&'a [u8], Errno> {
        let target = self.string()?;
        if target.is_empty() || target.contains(&0) {
            return Err(Errno::INVAL);
        }
        if target.len() >= PATH_MAX { Err(Errno::NAMETOOLONG) } else { Ok(target) }
    }
}

/// Whether these bytes can name something in a folder.
pub fn check_name(name: &[u8]) -> Result<(), Errno> {
    if name.is_empty() || name.contains(&0) || name.contains(&b'/') {
        return Err(Errno::INVAL);
    }
    if name.len() > NAME_MAX { Err(Errno::NAMETOOLONG) } else { Ok(()) }
}

/// A reply that is being written; what doesn't fit makes it an error.
#[derive(Debug)]
pub struct Writer<'a> {
    room: &'a mut [u8],
    len: usize,
}

impl<'a> Writer<'a> {
    /// A reply behind a header that is still to be written.
    pub fn new(room: &'a mut [u8]) -> Self {
        Self { room, len: HEADER }
    }

    /// Bytes that still fit.
    pub fn left(&self) -> usize {
        self.room.len().saturating_sub(self.len)
    }

    /// Puts bytes.
    ///
    /// # Errors
    /// EIO if they don't fit; so have all that follow.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.reserve(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Room for bytes that are still to be written.
    pub fn reserve(&mut self, len: usize) -> Result<&mut [u8], Errno> {
        let end = self.len.checked_add(len).ok_or(Errno::IO)?;
        let room = self.room.get_mut(self.len..end).ok_or(Errno::IO)?;
        self.len = end;
        Ok(room)
    }

    /// Takes back what was put behind the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len.max(HEADER));
    }

    /// Bytes so far, with the header.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Overwrites four bytes that were put before.
    pub fn patch(&mut self, at: usize, value: u32) {
        if let Some(bytes) = self.room.get_mut(at..at + 4) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// A byte.
    pub fn u8(&mut self, value: u8) -> Result<(), Errno> {
        self.bytes(&[value])
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) -> Result<(), Errno> {
        self.bytes(&value.to_le_bytes())
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) -> Result<(), Errno> {
        self.bytes(&value.to_le_bytes())
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) -> Result<(), Errno> {
        self.bytes(&value.to_le_bytes())
    }

    /// A string.
    pub fn string(&mut self, string: &[u8]) -> Result<(), Errno> {
        self.u16(u16::try_from(string.len()).map_err(|_| Errno::NAMETOOLONG)?)?;
        self.bytes(string)
    }

    /// What tells a file from all others.
    pub fn qid(&mut self, qid: Qid) -> Result<(), Errno> {
        self.u8(qid.kind)?;
        self.u32(qid.version)?;
        self.u64(qid.path)
    }

    /// Writes the header, and is done; how long the reply is.
    pub fn finish(self, kind: u8, tag: u16) -> usize {
        let Some(header) = self.room.get_mut(..HEADER) else { return 0 };
        header[..4].copy_from_slice(&(self.len as u32).to_le_bytes());
        header[4] = kind;
        header[5..].copy_from_slice(&tag.to_le_bytes());
        self.len
    }
}

/// A file's identity: its kind, a number that changes as it does, and one that no other file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qid {
    /// Folder, symbolic link, or neither.
    pub kind: u8,
    /// Of its contents.
    pub version: u32,
    /// Of the file.
    pub path: u64,
}

/// A folder.
const QTDIR: u8 = 0x80;
/// A symbolic link.
const QTSYMLINK: u8 = 0x02;

impl Qid {
    /// From what the host says. `device` is the file system of the shared folder: others that are mounted in it have
    /// numbers of their own, which are told from its.
    pub fn of(stat: &Stat, device: u64) -> Self {
        let version = (stat.st_mtime as u32) ^ (stat.st_mtime_nsec as u32) ^ (stat.st_size as u32).rotate_left(16);
        let kind = FileType::from_raw_mode(stat.st_mode);
        Self { kind: Self::kind(kind), version, path: stat.st_ino ^ (stat.st_dev ^ device).rotate_left(40) }
    }

    /// The kind of a type of files.
    pub fn kind(file_type: FileType) -> u8 {
        match file_type {
            FileType::Directory => QTDIR,
            FileType::Symlink => QTSYMLINK,
            _ => 0,
        }
    }
}
