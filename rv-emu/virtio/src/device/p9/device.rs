//! The 9P transport's behaviour.

use super::{DEVICE_ID, REQUESTS, config, features};
use crate::device::{Counters, Device, Progress, Step, finish, repeat};
use crate::memory::GuestMemory;
use crate::queue::{Chain, Queue, QueueError, total_len};
use crate::transport::mmio::{CONFIG_MAX, ConfigSpace, Identity};

/// Bytes that every message has: its size (four bytes), its type, its tag (two bytes).
pub const MESSAGE_MIN: usize = 7;

/// Biggest size of the queue. As many requests can be on their way at once as a client has descriptors for.
const QUEUE_SIZE: u16 = 128;

/// Who answers messages.
pub trait Server {
    /// Answers one message of the client's: writes the reply to the beginning of `reply`, and returns how many bytes it
    /// has, at most `reply.len()`.
    ///
    /// The message has at least [`MESSAGE_MIN`] bytes; nothing else of it is checked, not even that its size field is
    /// right. `reply` is as long as the client has room for, or as the device has. With a result of 0 the request comes
    /// back without an answer, which clients take for a fault of the transport.
    fn message(&mut self, request: &[u8], reply: &mut [u8]) -> usize;

    /// The driver has reset the device: the session and all its files are closed.
    fn reset(&mut self);
}

/// The name by which a driver mounts the share: 1 to 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    bytes: [u8; Tag::LEN_MAX],
    len: u8,
}

impl Tag {
    /// Bytes of a name at most.
    pub const LEN_MAX: usize = 32;

    /// The tag of this name; `None` if it is empty or too long, or has a NUL in it, which no command line could name.
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && !name.contains('\0');
        let mut bytes = [0; Self::LEN_MAX];
        bytes.get_mut(..name.len()).filter(|_| fits)?.copy_from_slice(name.as_bytes());
        Some(Self { bytes, len: name.len() as u8 })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

const _: () = assert!(config::TAG + Tag::LEN_MAX <= CONFIG_MAX);

/// A 9P transport. `B` holds a message: a slice or a vector, as long as the longest message that is served (the server's
/// `msize`).
pub struct P9<S, B> {
    server: S,
    tag: Tag,
    request: B,
    reply: B,
    counters: Counters,
    chain: Chain,
}

impl<S: Server, B: AsRef<[u8]> + AsMut<[u8]>> P9<S, B> {
    /// A transport in front of a server, with a buffer for messages in either direction.
    pub fn new(server: S, tag: Tag, request: B, reply: B) -> Self {
        Self { server, tag, request, reply, counters: Counters::default(), chain: Chain::new() }
    }

    /// Who answers.
    pub const fn server(&self) -> &S {
        &self.server
    }

    /// Who answers.
    pub const fn server_mut(&mut self) -> &mut S {
        &mut self.server
    }

    /// The name by which a driver mounts the share.
    pub const fn tag(&self) -> &Tag {
        &self.tag
    }

    fn serve_one<M: GuestMemory>(
        &mut self,
        queue: &mut Queue<M>,
        memory: &M,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        if !queue.pop(memory, &mut self.chain)? {
            return Ok(Step::Idle);
        }
        let message = self.chain.gather(memory);
        let (len, room) = (message.len(), total_len(self.chain.writable()));
        if len < MESSAGE_MIN as u64 {
            return Err(QueueError::Request);
        }
        // No server has agreed to messages that are longer than its buffer.
        if len > self.request.as_ref().len() as u64 {
            return Err(QueueError::ChainBytes);
        }
        let request = &mut self.request.as_mut()[..len as usize];
        message.copy_to(request)?;
        let reply = self.reply.as_mut();
        let room = reply.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let reply = &mut reply[..room];
        let answered = self.server.message(request, reply).min(room);
        let mut rest = &reply[..answered];
        for &segment in self.chain.writable() {
            let (now, later) = rest.split_at(rest.len().min(segment.len as usize));
            memory.write(segment.address, now)?;
            rest = later;
        }
        queue.push(self.chain.token(), answered as u32);
        self.counters.bytes_in += len;
        self.counters.bytes_out += answered as u64;
        self.counters.errors += u64::from(answered == 0);
        progress.bytes += len + answered as u64;
        progress.served += 1;
        Ok(Step::Done)
    }
}

impl<S: Server, B: AsRef<[u8]> + AsMut<[u8]>> Device for P9<S, B> {
    fn identity(&self) -> Identity {
        let tag = self.tag.as_bytes();
        Identity {
            device_id: DEVICE_ID,
            vendor_id: Identity::VENDOR,
            features: crate::features::QUEUES | features::MOUNT_TAG,
            queue_max: Identity::queues(&[QUEUE_SIZE]),
            config: ConfigSpace::new(config::TAG + tag.len())
                .with(config::TAG_LEN, &(tag.len() as u16).to_le_bytes())
                .with(config::TAG, tag),
            accepts: |_| true,
        }
    }

    fn negotiated(&mut self, _features: u64) {}

    fn reset(&mut self) {
        self.server.reset();
    }

    fn serve<M: GuestMemory>(
        &mut self,
        index: u16,
        queue: &mut Queue<M>,
        memory: &M,
        max: u32,
    ) -> Result<Progress, QueueError> {
        let mut progress = Progress::default();
        let last = match index {
            REQUESTS => repeat(max, || self.serve_one(queue, memory, &mut progress)),
            _ => Ok(Step::Idle),
        };
        finish(last, queue, progress, &mut self.counters)
    }

    fn rearm<M: GuestMemory>(&mut self, index: u16, queue: &mut Queue<M>) -> bool {
        index == REQUESTS && queue.enable_notifications()
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
