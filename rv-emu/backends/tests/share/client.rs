//! A client of a share.

use std::path::Path;

use rv_backends::p9::Share;
use rv_virtio::device::p9::Server;

/// No number of a file (`P9_NOFID`).
pub const NOFID: u32 = u32::MAX;

/// Error numbers of Linux.
pub mod errno {
    pub const EPERM: u32 = 1;
    pub const ENOENT: u32 = 2;
    pub const EBADF: u32 = 9;
    pub const EEXIST: u32 = 17;
    pub const ENOTDIR: u32 = 20;
    pub const EISDIR: u32 = 21;
    pub const EINVAL: u32 = 22;
    pub const EROFS: u32 = 30;
    pub const ENOTEMPTY: u32 = 39;
    pub const ELOOP: u32 = 40;
    pub const EOPNOTSUPP: u32 = 95;
}

/// A message's contents.
#[derive(Debug, Clone, Default)]
pub struct Body(pub Vec<u8>);

impl Body {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub fn string(self, text: &str) -> Self {
        self.u16(text.len() as u16).bytes(text.as_bytes())
    }
}

pub struct Client {
    pub share: Share,
    tag: u16,
}

/// Number of the share's folder, for the client.
pub const ROOT: u32 = 0;

impl Client {
    /// A client whose number 0 is the folder.
    pub fn new(folder: &Path, read_only: bool) -> Self {
        let mut client = Self { share: Share::open(folder, read_only).unwrap(), tag: 0 };
        client.version();
        client.attach(ROOT).unwrap();
        client
    }

    pub fn version(&mut self) {
        let reply = self.call(100, Body::new().u32(64 << 10).string("9P2000.L")).unwrap();
        assert_eq!(reply, Body::new().u32(64 << 10).string("9P2000.L").0);
    }

    pub fn attach(&mut self, fid: u32) -> Result<Vec<u8>, u32> {
        self.call(104, Body::new().u32(fid).u32(NOFID).string("root").string("").u32(0))
    }

    /// Sends a request; the reply's contents, or its error.
    pub fn call(&mut self, kind: u8, body: Body) -> Result<Vec<u8>, u32> {
        self.tag = self.tag.wrapping_add(1);
        let size = 7 + body.0.len() as u32;
        let request = [&size.to_le_bytes()[..], &[kind], &self.tag.to_le_bytes(), &body.0].concat();
        let mut reply = vec![0; 64 << 10];
        let len = self.share.message(&request, &mut reply);
        reply.truncate(len);
        assert_eq!(reply[..4], (len as u32).to_le_bytes());
        assert_eq!(reply[5..7], self.tag.to_le_bytes());
        let contents = reply.split_off(7);
        match reply[4] {
            7 => Err(u32::from_le_bytes(contents.try_into().unwrap())),
            answer if answer == kind + 1 => Ok(contents),
            other => panic!("type {other} answers {kind}"),
        }
    }

    /// Walks from `fid` to `new` by names; how many were found.
    pub fn walk(&mut self, fid: u32, new: u32, names: &[&str]) -> Result<usize, u32> {
        let body = Body::new().u32(fid).u32(new).u16(names.len() as u16);
        let body = names.iter().fold(body, |body, name| body.string(name));
        self.call(110, body).map(|reply| {
            let count = usize::from(u16::from_le_bytes([reply[0], reply[1]]));
            assert_eq!(reply.len(), 2 + 13 * count);
            count
        })
    }

    pub fn open(&mut self, fid: u32, flags: u32) -> Result<Vec<u8>, u32> {
        self.call(12, Body::new().u32(fid).u32(flags))
    }

    pub fn create(&mut self, fid: u32, name: &str, flags: u32) -> Result<Vec<u8>, u32> {
        self.call(14, Body::new().u32(fid).string(name).u32(flags).u32(0o644).u32(0))
    }

    pub fn clunk(&mut self, fid: u32) -> Result<Vec<u8>, u32> {
        self.call(120, Body::new().u32(fid))
    }

    pub fn read(&mut self, fid: u32, offset: u64, count: u32) -> Result<Vec<u8>, u32> {
        self.call(116, Body::new().u32(fid).u64(offset).u32(count)).map(|reply| {
            assert_eq!(reply[..4], (reply.len() as u32 - 4).to_le_bytes());
            reply[4..].to_vec()
        })
    }

    pub fn write(&mut self, fid: u32, offset: u64, data: &[u8]) -> Result<u32, u32> {
        let body = Body::new().u32(fid).u64(offset).u32(data.len() as u32).bytes(data);
        self.call(118, body).map(|reply| u32::from_le_bytes(reply.try_into().unwrap()))
    }

    /// The names in an open folder, read by requests of `count` bytes.
    pub fn names(&mut self, fid: u32, count: u32) -> Vec<String> {
        let (mut names, mut offset) = (Vec::new(), 0);
        loop {
            let reply = self.call(40, Body::new().u32(fid).u64(offset).u32(count)).unwrap();
            assert!(reply.len() <= count as usize + 4);
            let mut entries = &reply[4..];
            if entries.is_empty() {
                return names;
            }
            while !entries.is_empty() {
                offset = u64::from_le_bytes(entries[13..21].try_into().unwrap());
                let len = usize::from(u16::from_le_bytes([entries[22], entries[23]]));
                names.push(String::from_utf8(entries[24..24 + len].to_vec()).unwrap());
                entries = &entries[24 + len..];
            }
        }
    }

    /// Mode and size of a file.
    pub fn stat(&mut self, fid: u32) -> Result<(u32, u64), u32> {
        self.call(24, Body::new().u32(fid).u64(0x7ff)).map(|reply| {
            assert_eq!(reply.len(), 153);
            let word = |at: usize| u64::from_le_bytes(reply[at..at + 8].try_into().unwrap());
            (word(21) as u32, word(49))
        })
    }

    pub fn unlink(&mut self, fid: u32, name: &str, flags: u32) -> Result<Vec<u8>, u32> {
        self.call(76, Body::new().u32(fid).string(name).u32(flags))
    }
}
