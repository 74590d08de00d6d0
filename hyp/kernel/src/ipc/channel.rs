//! Channels: two ends, and a bounded queue of messages in each direction, which
//! may carry objects.
//!
//! Queues that carry ends of other channels could keep one another alive in a
//! ring, or be so deep that freeing them overflows the stack. So a channel is a
//! carrier of ends or a passenger, for good, by what is done with it first.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use hyp_abi::Error;
use hyp_abi::channel::{CHANNEL_QUEUE_MAX, MESSAGE_BYTES_MAX};

use crate::ipc::event::Event;
use crate::proc::object::Object;
use crate::sched::signal::{Deadline, Signal};
use crate::stats::{Counted, Kind};
use crate::sync::SpinLock;

/// Nothing said yet.
const FRESH: u8 = 0;
/// Has carried an end of another channel.
const CARRIER: u8 = 1;
/// One of its ends was in a message.
const PASSENGER: u8 = 2;

/// A message on its way.
pub struct Packet {
    /// Its bytes.
    pub bytes: [u8; MESSAGE_BYTES_MAX],
    /// How many count.
    pub len: u32,
    /// The objects that it carries.
    pub objects: Vec<Object>,
    _live: Counted,
}

impl Packet {
    /// A message of these bytes and objects.
    pub fn new(bytes: [u8; MESSAGE_BYTES_MAX], len: u32, objects: Vec<Object>) -> Self {
        assert!(len as usize <= MESSAGE_BYTES_MAX);
        Self { bytes, len, objects, _live: Counted::new(Kind::Message) }
    }
}

/// What lies before one end.
struct Inbox {
    queue: SpinLock<VecDeque<Packet>>,
    /// Something changed: a message came, or the other end is gone.
    changed: Signal,
    /// An event that is told too, and its bits.
    event: SpinLock<Option<(Arc<Event>, u32)>>,
    /// The end that reads here is gone.
    closed: AtomicBool,
    /// One `receive` at a time, so that a message that cannot be taken stays the first.
    receiving: AtomicBool,
}

struct Channel {
    inboxes: [Inbox; 2],
    role: AtomicU8,
    _live: Counted,
}

/// One end of a channel. When it is dropped, nobody can send to it any more.
pub struct ChannelEnd {
    channel: Arc<Channel>,
    side: usize,
}

impl Inbox {
    fn new() -> Result<Self, Error> {
        let mut queue = VecDeque::new();
        queue.try_reserve_exact(CHANNEL_QUEUE_MAX).map_err(|_| Error::OutOfMemory)?;
        Ok(Self {
            queue: SpinLock::new(queue),
            changed: Signal::new(),
            event: SpinLock::new(None),
            closed: AtomicBool::new(false),
            receiving: AtomicBool::new(false),
        })
    }

    fn notify(&self) {
        self.changed.raise(1);
        if let Some((event, bits)) = &*self.event.lock() {
            event.signal(*bits);
        }
    }
}

impl ChannelEnd {
    /// Both ends of a new channel.
    pub fn pair() -> Result<[Arc<Self>; 2], Error> {
        let channel = Arc::new(Channel {
            inboxes: [Inbox::new()?, Inbox::new()?],
            role: AtomicU8::new(FRESH),
            _live: Counted::new(Kind::Channel),
        });
        Ok([0, 1].map(|side| Arc::new(Self { channel: Arc::clone(&channel), side })))
    }

    fn inbox(&self) -> &Inbox {
        &self.channel.inboxes[self.side]
    }

    fn other_inbox(&self) -> &Inbox {
        &self.channel.inboxes[1 - self.side]
    }

    fn other_is_closed(&self) -> bool {
        self.other_inbox().closed.load(Ordering::Acquire)
    }

    /// Makes the channel a carrier or a passenger; tells whether it may be.
    fn become_role(&self, role: u8) -> bool {
        let change = self.channel.role.compare_exchange(FRESH, role, Ordering::AcqRel, Ordering::Acquire);
        change.is_ok() || change == Err(role)
    }

    /// Puts a message before the other end.
    pub fn send(&self, packet: Packet) -> Result<(), Error> {
        for object in &packet.objects {
            let may_travel = match object {
                Object::Channel(end) => self.become_role(CARRIER) && end.become_role(PASSENGER),
                other => other.may_travel(),
            };
            if !may_travel {
                return Err(Error::PermissionDenied);
            }
        }
        let inbox = self.other_inbox();
        let mut queue = inbox.queue.lock();
        // Under the lock, so that an end that closes sees what is in its queue.
        if self.other_is_closed() {
            return Err(Error::BrokenPipe);
        }
        if queue.len() >= CHANNEL_QUEUE_MAX {
            return Err(Error::TryAgain);
        }
        queue.push_back(packet);
        drop(queue);
        inbox.notify();
        Ok(())
    }

    /// Takes the oldest message if `accept` takes it; what that refuses stays.
    /// Waits as [`Signal::wait`] does.
    pub fn receive<T>(
        &self,
        deadline: Deadline,
        mut accept: impl FnMut(&Packet) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let inbox = self.inbox();
        if inbox.receiving.swap(true, Ordering::Acquire) {
            return Err(Error::Busy);
        }
        let result = loop {
            // Before the queue is looked at: a message sent before the other end
            // closed is seen.
            let closed = self.other_is_closed();
            match self.take(&mut accept) {
                Some(result) => break result,
                None if closed => break Err(Error::BrokenPipe),
                None => {}
            }
            if let Err(error) = inbox.changed.wait(deadline) {
                break Err(error);
            }
        };
        inbox.receiving.store(false, Ordering::Release);
        result
    }

    fn take<T>(&self, accept: &mut impl FnMut(&Packet) -> Result<T, Error>) -> Option<Result<T, Error>> {
        let inbox = self.inbox();
        let packet = inbox.queue.lock().pop_front()?;
        let result = accept(&packet);
        if result.is_err() {
            // Its place is still free: the sender may have filled the queue
            // meanwhile, which then holds one more for a while.
            inbox.queue.lock().push_front(packet);
        }
        Some(result)
    }

    /// Names the event that is told of messages, or none.
    pub fn set_event(&self, event: Option<(Arc<Event>, u32)>) {
        let inbox = self.inbox();
        let old = core::mem::replace(&mut *inbox.event.lock(), event);
        drop(old);
        if !inbox.queue.lock().is_empty() || self.other_is_closed() {
            inbox.notify();
        }
    }
}

impl Drop for ChannelEnd {
    fn drop(&mut self) {
        let inbox = self.inbox();
        inbox.closed.store(true, Ordering::Release);
        // Nobody can read these any more, and nobody can send others.
        let packets = core::mem::take(&mut *inbox.queue.lock());
        let event = inbox.event.lock().take();
        drop(packets);
        drop(event);
        self.other_inbox().notify();
    }
}
