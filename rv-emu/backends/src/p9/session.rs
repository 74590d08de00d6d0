//! Sessions, and numbers for files: version, attach, walk, clunk; and locks, which are no business of the host's.

use rustix::io::Errno;

use super::fid::{Fid, Node, Opened};
use super::wire::{Qid, Reader, Writer};
use super::{Done, MESSAGE_MAX, MESSAGE_MIN, Share};

/// Names of a walk at most (walk(5)).
const WALK_MAX: u16 = 16;
/// The lock is granted.
const LOCK_SUCCESS: u8 = 0;
/// There is no lock: Linux' F_UNLCK.
const UNLOCKED: u8 = 2;

impl Share {
    /// Tversion msize[4] version[s] → the same. A new session: all numbers are forgotten.
    pub(super) fn version(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let (message_max, version) = (request.u32()?, request.string()?);
        if message_max < MESSAGE_MIN {
            return Err(Errno::MSGSIZE);
        }
        self.fids.clear();
        self.message_max = message_max.min(MESSAGE_MAX);
        reply.u32(self.message_max)?;
        let known = version == b"9P2000.L";
        reply.string(if known { version } else { b"unknown" })
    }

    /// Tattach fid[4] afid[4] uname[s] aname[s] n_uname[4] → qid[13].
    pub(super) fn attach(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let number = request.u32()?;
        let (_afid, _user, _tree, _uid) = (request.u32()?, request.string()?, request.string()?, request.u32()?);
        let node = Node::root(&self.root)?;
        self.insert(number, Fid { node, opened: Opened::No })?;
        self.put_qid(number, reply)
    }

    /// Twalk fid[4] newfid[4] nwname[2] nwname*(wname[s]) → nwqid[2] nwqid*(qid[13]). The new number exists if all names
    /// were found; that the first one was not is an error.
    pub(super) fn walk(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let (number, new, count) = (request.u32()?, request.u32()?, request.u16()?);
        if count > WALK_MAX {
            return Err(Errno::INVAL);
        }
        let mut node = self.fid(number)?.node.duplicate()?;
        let mut qids = Vec::new();
        for _ in 0..count {
            let name = request.string()?;
            let next = node.step(&self.root, name).and_then(|next| Ok((Qid::of(&next.stat()?, self.device), next)));
            match next {
                Ok((qid, next)) => {
                    qids.push(qid);
                    node = next;
                }
                Err(error) if qids.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        if qids.len() == usize::from(count) {
            if new == number {
                self.fids.remove(&number);
            }
            self.insert(new, Fid { node, opened: Opened::No })?;
        }
        reply.u16(qids.len() as u16)?;
        qids.into_iter().try_for_each(|qid| reply.qid(qid))
    }

    /// Tclunk fid[4].
    pub(super) fn clunk(&mut self, request: &mut Reader<'_>) -> Done {
        let number = request.u32()?;
        self.fids.remove(&number).map(drop).ok_or(Errno::BADF)
    }

    /// Tlock fid[4] type[1] flags[4] start[8] length[8] proc_id[4] client_id[s] → status[1]. There is one client, whose
    /// kernel has asked its own locks first.
    pub(super) fn lock(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let number = request.u32()?;
        self.fid(number)?;
        reply.u8(LOCK_SUCCESS)
    }

    /// Tgetlock fid[4] type[1] start[8] length[8] proc_id[4] client_id[s] → the same, of a lock that is in the way: there
    /// is none.
    pub(super) fn getlock(&mut self, request: &mut Reader<'_>, reply: &mut Writer<'_>) -> Done {
        let number = request.u32()?;
        self.fid(number)?;
        let _type = request.u8()?;
        let (start, length, process, client) = (request.u64()?, request.u64()?, request.u32()?, request.string()?);
        reply.u8(UNLOCKED)?;
        reply.u64(start)?;
        reply.u64(length)?;
        reply.u32(process)?;
        reply.string(client)
    }
}
