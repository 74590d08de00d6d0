//! Virtqueues, seen from the device: split and packed, with one interface.
//!
//! ```text
//! pop    takes the next request                     any number of times
//! push   says that a request is done                in any order; not visible yet
//! publish makes all that was pushed visible         once per batch
//! needs_interrupt  whether the driver wants to know once per batch
//! ```
//!
//! A driver that breaks the rules gets a [`QueueError`]: the queue is dead from then on, and the
//! device has to say so ([`Registers::fail`](crate::transport::mmio::Registers::fail)). Work is
//! bounded whatever is in the rings: a `pop` reads at most as many descriptors as the queue has, plus one table of at most
//! [`CHAIN_MAX`].

mod chain;
mod packed;
mod split;

pub use chain::{CHAIN_MAX, Chain, Gather, Segment, total_len};
pub use packed::PackedQueue;
pub use split::SplitQueue;

use core::fmt;

use crate::features;
use crate::memory::{GuestAddress, GuestMemory, MemoryError};

/// The biggest queue that 16-bit indices can serve.
pub const QUEUE_SIZE_MAX: u16 = 32768;

/// Where a queue is, as the driver has set it up. Plain data, that can be handed to whoever serves
/// the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct QueueConfig {
    /// Number of descriptors.
    pub size: u16,
    /// Descriptor area: the descriptor table, or the packed ring.
    pub descriptors: GuestAddress,
    /// Driver area: the available ring, or the driver's event suppression.
    pub driver: GuestAddress,
    /// Device area: the used ring, or the device's event suppression.
    pub device: GuestAddress,
}

impl QueueConfig {
    /// Whether size and alignment are as the specification demands. Whether there is memory comes
    /// out when a [`Queue`] is made.
    pub fn check(&self, features: u64) -> Result<(), QueueError> {
        let packed = features & features::RING_PACKED != 0;
        let size_fits = (1..=QUEUE_SIZE_MAX).contains(&self.size) && (packed || self.size.is_power_of_two());
        if !size_fits {
            return Err(QueueError::Size(self.size));
        }
        let (driver, device) = if packed { (4, 4) } else { (2, 4) };
        let areas = [(self.descriptors, 16), (self.driver, driver), (self.device, device)];
        match areas.into_iter().find(|(address, alignment)| !address.is_aligned(*alignment)) {
            Some((address, _)) => Err(QueueError::Alignment(address)),
            None => Ok(()),
        }
    }
}

/// How far a queue has got: what goes from one who served it to one who will, when nothing is in
/// flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Position {
    /// The next request: an index that counts on and on (split), or a place in the ring (packed).
    pub available: u16,
    /// The wrap counter that goes with `available` (packed).
    pub available_wrap: bool,
    /// The next completion, likewise.
    pub used: u16,
    /// The wrap counter that goes with `used` (packed).
    pub used_wrap: bool,
}

impl Position {
    /// That of a queue that was never used.
    pub const START: Self = Self { available: 0, available_wrap: true, used: 0, used_wrap: true };
}

impl Default for Position {
    fn default() -> Self {
        Self::START
    }
}

/// A place in the sequence of requests, to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    available: u16,
    wrap: bool,
    in_flight: u16,
}

/// A request that was taken and is not done: all that one must remember of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Token {
    /// Index of the chain's first descriptor (split), or the buffer's id (packed).
    id: u16,
    /// Places that it takes in the ring.
    slots: u16,
}

/// What a driver did to its queue that no driver may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueError {
    /// A queue of this size can't be.
    Size(u16),
    /// A part of the queue is not aligned.
    Alignment(GuestAddress),
    /// The available index, which is this, has jumped by more than the queue holds, or backwards.
    Index(u16),
    /// There is no descriptor of this number.
    Descriptor(u16),
    /// More descriptors than the queue has, or than the device allows.
    ChainLength,
    /// More bytes than the specification allows.
    ChainBytes,
    /// Memory to be read after memory to be written.
    Order,
    /// A descriptor's end is beyond the address space.
    Address(GuestAddress),
    /// An indirect descriptor where there may be none: the feature is not negotiated, or it is in a
    /// table, or has a successor.
    Indirect,
    /// A table of indirect descriptors of this many bytes.
    TableSize(u32),
    /// An address that is no memory.
    Memory(MemoryError),
    /// A request that can't be answered: its header, or its place for the answer, is missing.
    Request,
    /// It has happened before.
    Broken,
}

impl From<MemoryError> for QueueError {
    fn from(error: MemoryError) -> Self {
        Self::Memory(error)
    }
}

impl fmt::Display for QueueError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => write!(formatter, "no queue can have {size} descriptors"),
            Self::Alignment(address) => write!(formatter, "a part of the queue is not aligned: {address}"),
            Self::Index(index) => write!(formatter, "the available index jumped to {index}"),
            Self::Descriptor(index) => write!(formatter, "there is no descriptor {index}"),
            Self::ChainLength => write!(formatter, "a request has too many descriptors"),
            Self::ChainBytes => write!(formatter, "a request has too many bytes"),
            Self::Order => write!(formatter, "a request has memory to read after memory to write"),
            Self::Address(address) => write!(formatter, "memory at {address} ends beyond the address space"),
            Self::Indirect => write!(formatter, "an indirect descriptor where none may be"),
            Self::TableSize(len) => write!(formatter, "a table of indirect descriptors of {len} bytes"),
            Self::Memory(error) => error.fmt(formatter),
            Self::Request => write!(formatter, "a request without header or place for the answer"),
            Self::Broken => write!(formatter, "the queue is broken"),
        }
    }
}

impl core::error::Error for QueueError {}

/// A virtqueue of either kind.
///
/// Made from what the driver has set up, once it's ready; thrown away when the queue or the device
/// is reset. Ring memory is looked up when it is made, not later.
pub enum Queue<M: GuestMemory> {
    /// Descriptor table, available ring and used ring.
    Split(SplitQueue<M::Region>),
    /// One ring.
    Packed(PackedQueue<M::Region>),
}

/// Calls the same method of either kind.
macro_rules! either {
    ($queue:expr, $name:ident => $call:expr) => {
        match $queue {
            Queue::Split($name) => $call,
            Queue::Packed($name) => {
                packed();
                $call
            }
        }
    };
}

/// Split rings are what nearly every driver uses. Cold, so that the compiler lays out their way as the straight one.
#[cold]
const fn packed() {}

impl<M: GuestMemory> Queue<M> {
    /// A queue that was never used.
    pub fn new(config: &QueueConfig, features: u64, memory: &M) -> Result<Self, QueueError> {
        Self::resume(config, features, memory, Position::START)
    }

    /// A queue that somebody else has served before.
    pub fn resume(config: &QueueConfig, features: u64, memory: &M, position: Position) -> Result<Self, QueueError> {
        config.check(features)?;
        Ok(if features & features::RING_PACKED != 0 {
            Self::Packed(PackedQueue::new(config, features, memory, position)?)
        } else {
            Self::Split(SplitQueue::new(config, features, memory, position)?)
        })
    }

    /// How far it has got. Requests in flight are lost to a successor.
    pub fn position(&self) -> Position {
        either!(self, queue => queue.position())
    }

    /// Number of descriptors.
    pub fn size(&self) -> u16 {
        either!(self, queue => queue.size())
    }

    /// Takes the next request, if there is one: `Ok(false)` if not, and then `chain` is unchanged.
    #[inline]
    pub fn pop(&mut self, memory: &M, chain: &mut Chain) -> Result<bool, QueueError> {
        either!(self, queue => queue.pop(memory, chain))
    }

    /// Takes the next request if it is one piece of memory to be read, as most frames to be sent are; that costs a
    /// fraction of [`pop`](Self::pop). `None` for everything else, errors too: `pop` says what it is.
    #[inline]
    pub fn pop_piece(&mut self) -> Option<(Token, Segment)> {
        match self {
            Self::Split(queue) => queue.pop_piece(),
            Self::Packed(_) => None,
        }
    }

    /// Says that a request is done, and that `written` bytes from the beginning of the memory to be
    /// written have been. The driver learns of it by [`publish`](Self::publish).
    ///
    /// A token is pushed once; a packed queue has no way back from it.
    #[inline]
    pub fn push(&mut self, token: Token, written: u32) {
        either!(self, queue => queue.push(token, written));
    }

    /// Lets the driver see everything that was pushed.
    #[inline]
    pub fn publish(&mut self) {
        either!(self, queue => queue.publish());
    }

    /// Whether the driver wants to be told of what was published since the last question.
    #[inline]
    pub fn needs_interrupt(&mut self) -> bool {
        either!(self, queue => queue.needs_interrupt())
    }

    /// Tells the driver that notifications are a waste: the device looks by itself.
    ///
    /// A hint, as the specification has it: some may come.
    #[inline]
    pub fn disable_notifications(&mut self) {
        either!(self, queue => queue.disable_notifications());
    }

    /// Asks the driver for notifications from here on. `true` if there are requests that it may
    /// have made available before it knew: then there will be no notification for them, and the
    /// device has to go on by itself. Never sleep on `true`.
    #[inline]
    #[must_use = "requests that are there already bring no notification"]
    pub fn enable_notifications(&mut self) -> bool {
        let mark = self.mark();
        self.enable_notifications_at(mark)
    }

    /// Asks for a notification of what comes at `mark` or later, for a device that has looked at what
    /// comes before and can do nothing with it yet: buffers that are too few for a frame. `true` as
    /// for [`enable_notifications`](Self::enable_notifications).
    #[inline]
    #[must_use = "requests that are there already bring no notification"]
    pub fn enable_notifications_at(&mut self, mark: Mark) -> bool {
        either!(self, queue => queue.enable_notifications_at(mark))
    }

    /// Whether there is a request to take, or an error to be met.
    #[inline]
    pub fn has_available(&mut self) -> bool {
        either!(self, queue => queue.has_available())
    }

    /// The present place in the sequence of requests.
    #[inline]
    pub fn mark(&self) -> Mark {
        either!(self, queue => queue.mark())
    }

    /// Puts back all that was taken since `mark`; nothing of it may have been pushed.
    #[inline]
    pub fn rewind(&mut self, mark: Mark) {
        either!(self, queue => queue.rewind(mark));
    }

    /// Makes the queue dead: for devices that find a fault in a request.
    pub fn break_off(&mut self) {
        either!(self, queue => queue.break_off());
    }
}

/// The comparison of the specification's `virtq_need_event`: whether going from `old` to `new`
/// passes `event`.
#[inline]
const fn passes(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}
