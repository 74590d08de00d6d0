//! A folder of the host for the guest, by 9P2000.L: the dialect of Linux' 9p file system, as diod's protocol.md and the
//! kernel's `net/9p` have it.
//!
//! The guest never leaves the folder (see `fid`). It acts with the rights of whoever runs the emulator, and files that it
//! makes are theirs: owners that the guest gives are not kept, and neither are the bits that make a program run as
//! somebody else. It makes no devices, and opens none. There are no extended attributes; locks hold within the guest.
//!
//! Files: `wire` (messages as bytes), `fid` (where a file is), `session` (version, attach, walk, clunk), `file` (contents),
//! `folder` (entries), `attributes`.

mod attributes;
mod fid;
mod file;
mod folder;
mod session;
mod wire;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rv_virtio::device::p9::Server;

use fid::Fid;
use wire::{HEADER, Qid, Reader, Writer};

/// Bytes of a message at most: as many as a virtio transport ever has.
pub const MESSAGE_MAX: u32 = 512 << 10;
/// Bytes that a client's limit must have at least, so that every answer but data fits.
const MESSAGE_MIN: u32 = 4096 + 1024;
/// Files that a client has numbers for at most; each is a descriptor of the host's, or two.
const FIDS_MAX: usize = 4096;

/// A message that says what went wrong.
const RLERROR: u8 = 7;

/// A shared folder, and one client's session with it.
pub struct Share {
    root: OwnedFd,
    /// The folder's file system.
    device: u64,
    read_only: bool,
    message_max: u32,
    fids: BTreeMap<u32, Fid>,
}

/// What an operation comes to: the reply is written, or an error is to be.
type Done = Result<(), Errno>;

impl Share {
    /// The folder at `path`. With `read_only` the guest changes nothing in it.
    ///
    /// # Errors
    /// If there is no such folder, or the host doesn't give it.
    pub fn open(path: &Path, read_only: bool) -> io::Result<Self> {
        let root = rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let device = rustix::fs::fstat(&root)?.st_dev;
        Ok(Self { root, device, read_only, message_max: MESSAGE_MAX, fids: BTreeMap::new() })
    }

    /// Files that the client has numbers for.
    pub fn fids(&self) -> usize {
        self.fids.len()
    }

    fn fid(&mut self, number: u32) -> Result<&mut Fid, Errno> {
        self.fids.get_mut(&number).ok_or(Errno::BADF)
    }

    /// Puts what tells the file with this number from others.
    fn put_qid(&self, number: u32, reply: &mut Writer<'_>) -> Done {
        let fid = self.fids.get(&number).ok_or(Errno::BADF)?;
        reply.qid(Qid::of(&fid.node.stat()?, self.device))
    }

    /// Gives a number to a file.
    fn insert(&mut self, number: u32, fid: Fid) -> Done {
        if self.fids.contains_key(&number) {
            return Err(Errno::INVAL);
        }
        if self.fids.len() >= FIDS_MAX {
            return Err(Errno::NFILE);
        }
        self.fids.insert(number, fid);
        Ok(())
    }

    /// Whether something may be changed.
    fn writable(&self) -> Done {
        if self.read_only { Err(Errno::ROFS) } else { Ok(()) }
    }

    /// Carries out a request of type `kind`.
    fn request(&mut self, kind: u8, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        match kind {
            8 => self.statfs(request, reply),
            12 => self.open_fid(request, reply),
            14 => self.create(request, reply),
            16 => self.symlink(request, reply),
            18 => self.mknod(request, reply),
            20 => self.rename(request),
            22 => self.readlink(request, reply),
            24 => self.getattr(request, reply),
            26 => self.setattr(request),
            40 => self.readdir(request, reply),
            50 => self.fsync(request),
            52 => self.lock(request, reply),
            54 => self.getlock(request, reply),
            70 => self.link(request),
            72 => self.mkdir(request, reply),
            74 => self.renameat(request),
            76 => self.unlinkat(request),
            100 => self.version(request, reply),
            104 => self.attach(request, reply),
            // Answers come in order: what is to be called off is over.
            108 => request.u16().map(drop),
            110 => self.walk(request, reply),
            116 => self.read(request, reply),
            118 => self.write(request, reply),
            120 => self.clunk(request),
            122 => self.remove(request),
            // Extended attributes (30, 32), authentication (102), and what is no request.
            _ => Err(Errno::OPNOTSUPP),
        }
    }
}

impl Server for Share {
    fn message(&mut self, request: &[u8], reply: &mut [u8]) -> usize {
        let Some((header, _)) = request.split_first_chunk::<HEADER>() else { return 0 };
        let [s0, s1, s2, s3, kind, t0, t1] = *header;
        let (size, tag) = (u32::from_le_bytes([s0, s1, s2, s3]), u16::from_le_bytes([t0, t1]));
        let room = reply.len().min(self.message_max as usize);
        let reply = &mut reply[..room];
        let mut writer = Writer::new(reply);
        let body = request.get(HEADER..size as usize).filter(|_| size <= self.message_max);
        let done = body.ok_or(Errno::INVAL).and_then(|body| self.request(kind, &mut Reader(body), &mut writer));
        match done {
            Ok(()) => writer.finish(kind.wrapping_add(1), tag),
            Err(errno) => {
                let mut writer = Writer::new(reply);
                match writer.u32(errno.raw_os_error() as u32) {
                    Ok(()) => writer.finish(RLERROR, tag),
                    Err(_) => 0,
                }
            }
        }
    }

    fn reset(&mut self) {
        self.fids.clear();
        self.message_max = MESSAGE_MAX;
    }
}
