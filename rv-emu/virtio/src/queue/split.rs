//! Split virtqueues (virtio 1.2, section "Split Virtqueues").

use core::sync::atomic::{Ordering, fence};

use super::chain::{Chain, DESCRIPTOR_SIZE, INDIRECT, NEXT, Segment, WRITE};
use super::{Mark, Position, QueueConfig, QueueError, Token, passes};
use crate::features;
use crate::memory::{GuestAddress, GuestMemory, Region};

/// Of the available ring: no interrupts, please.
const NO_INTERRUPT: u16 = 1;
/// Of the used ring: no notifications, please.
const NO_NOTIFY: u16 = 1;

/// Offsets within the available and the used ring.
const FLAGS: usize = 0;
const INDEX: usize = 2;
const RING: usize = 4;

/// How far a ring index runs before the event index, with which notifications are off, is moved
/// after it.
const EVENT_BEHIND_MAX: u16 = 0x4000;

/// A split virtqueue. [`Queue`](super::Queue) says what the methods do.
pub struct SplitQueue<R> {
    descriptors: R,
    available: R,
    used: R,
    size: u16,
    mask: u16,
    event_idx: bool,
    indirect: bool,
    broken: bool,
    notifications_off: bool,
    /// Index of the next request, and of the last one known plus one.
    next_available: u16,
    seen: u16,
    /// Index of the next completion; what of it is in memory; what of it was asked about.
    next_used: u16,
    published: u16,
    signalled: u16,
    /// What the used ring's `avail_event` says.
    avail_event: u16,
}

/// Nothing for the short way. Cold, so that the compiler lays that out as the straight one.
#[cold]
fn careful<T>() -> Option<T> {
    None
}

impl<R: Region> SplitQueue<R> {
    pub(super) fn new<M: GuestMemory<Region = R>>(
        config: &QueueConfig,
        features: u64,
        memory: &M,
        position: Position,
    ) -> Result<Self, QueueError> {
        let size = u64::from(config.size);
        let event_idx = features & features::EVENT_IDX != 0;
        let event = if event_idx { 2 } else { 0 };
        Ok(Self {
            descriptors: memory.region(config.descriptors, DESCRIPTOR_SIZE as u64 * size)?,
            available: memory.region(config.driver, RING as u64 + 2 * size + event)?,
            used: memory.region(config.device, RING as u64 + 8 * size + event)?,
            size: config.size,
            mask: config.size - 1,
            event_idx,
            indirect: features & features::INDIRECT_DESC != 0,
            broken: false,
            notifications_off: false,
            next_available: position.available,
            seen: position.available,
            next_used: position.used,
            published: position.used,
            signalled: position.used,
            avail_event: position.available,
        })
    }

    pub(super) fn position(&self) -> Position {
        Position { available: self.next_available, used: self.published, ..Position::START }
    }

    pub(super) fn size(&self) -> u16 {
        self.size
    }

    #[inline]
    pub(super) fn pop<M: GuestMemory<Region = R>>(
        &mut self,
        memory: &M,
        chain: &mut Chain,
    ) -> Result<bool, QueueError> {
        if self.next_available == self.seen && !self.look()? {
            return Ok(false);
        }
        let slot = usize::from(self.next_available & self.mask);
        let head = self.available.load_u16(RING + 2 * slot);
        if let Err(error) = self.walk(memory, head, chain) {
            self.break_off();
            return Err(error);
        }
        chain.finish(Token { id: head, slots: 1 });
        self.next_available = self.next_available.wrapping_add(1);
        Ok(true)
    }

    #[inline]
    pub(super) fn pop_piece(&mut self) -> Option<(Token, Segment)> {
        // What `look` finds wrong, the next one finds too.
        if self.next_available == self.seen && !self.look().unwrap_or(false) {
            return careful();
        }
        let head = self.available.load_u16(RING + 2 * usize::from(self.next_available & self.mask));
        if head >= self.size {
            return careful();
        }
        let offset = DESCRIPTOR_SIZE * usize::from(head);
        let address = self.descriptors.load_u64(offset);
        let (len, flags, _) = unpack(self.descriptors.load_u64(offset + 8));
        let whole = flags == 0 && len != 0 && address.checked_add(len.into()).is_some();
        if !whole {
            return careful();
        }
        self.next_available = self.next_available.wrapping_add(1);
        Some((Token { id: head, slots: 1 }, Segment::new(GuestAddress(address), len)))
    }

    /// Looks whether the driver has moved its index; whether there is something now.
    fn look(&mut self) -> Result<bool, QueueError> {
        if self.broken {
            return Err(QueueError::Broken);
        }
        // Entries and descriptors are read after the index that makes them valid.
        let index = self.available.load_u16_acquire(INDEX);
        let in_flight = self.next_available.wrapping_sub(self.next_used);
        let outstanding = index.wrapping_sub(self.next_used);
        if outstanding > self.size || outstanding < in_flight {
            self.break_off();
            return Err(QueueError::Index(index));
        }
        self.seen = index;
        Ok(outstanding != in_flight)
    }

    #[inline]
    fn walk<M: GuestMemory<Region = R>>(&self, memory: &M, head: u16, chain: &mut Chain) -> Result<(), QueueError> {
        chain.begin();
        let mut index = head;
        for _ in 0..self.size {
            if index >= self.size {
                return Err(QueueError::Descriptor(index));
            }
            let offset = DESCRIPTOR_SIZE * usize::from(index);
            let address = self.descriptors.load_u64(offset);
            let (len, flags, next) = unpack(self.descriptors.load_u64(offset + 8));
            if flags & INDIRECT != 0 {
                if !self.indirect || flags & NEXT != 0 {
                    return Err(QueueError::Indirect);
                }
                return walk_table(memory, address, len, chain);
            }
            chain.add(address, len, flags & WRITE != 0)?;
            if flags & NEXT == 0 {
                return Ok(());
            }
            index = next;
        }
        // More descriptors than there are: it goes in circles.
        Err(QueueError::ChainLength)
    }

    #[inline]
    pub(super) fn push(&mut self, token: Token, written: u32) {
        let offset = RING + 8 * usize::from(self.next_used & self.mask);
        self.used.store_u32(offset, u32::from(token.id));
        self.used.store_u32(offset + 4, written);
        self.next_used = self.next_used.wrapping_add(1);
    }

    #[inline]
    pub(super) fn publish(&mut self) {
        if self.published == self.next_used {
            return;
        }
        self.used.store_u16_release(INDEX, self.next_used);
        self.published = self.next_used;
        let behind = self.next_available.wrapping_sub(self.avail_event);
        if self.notifications_off && self.event_idx && behind > EVENT_BEHIND_MAX {
            self.disable_notifications();
        }
    }

    #[inline]
    pub(super) fn needs_interrupt(&mut self) -> bool {
        let (old, new) = (self.signalled, self.published);
        if old == new {
            return false;
        }
        self.signalled = new;
        // The index is visible before the driver's wish is read: else both could miss each other.
        fence(Ordering::SeqCst);
        if self.event_idx {
            passes(self.available.load_u16(RING + 2 * usize::from(self.size)), new, old)
        } else {
            self.available.load_u16(FLAGS) & NO_INTERRUPT == 0
        }
    }

    pub(super) fn disable_notifications(&mut self) {
        self.notifications_off = true;
        if self.event_idx {
            // An event that has just gone by: the next that passes it is 65,536 requests away.
            self.set_avail_event(self.next_available.wrapping_sub(1));
        } else {
            self.used.store_u16(FLAGS, NO_NOTIFY);
        }
    }

    pub(super) fn enable_notifications_at(&mut self, mark: Mark) -> bool {
        if self.event_idx {
            self.set_avail_event(mark.available);
        } else if self.notifications_off {
            self.used.store_u16(FLAGS, 0);
        }
        self.notifications_off = false;
        // The wish is visible before the index is read: else both could miss each other.
        fence(Ordering::SeqCst);
        self.broken || self.available.load_u16(INDEX) != mark.available
    }

    fn set_avail_event(&mut self, index: u16) {
        self.avail_event = index;
        self.used.store_u16(RING + 8 * usize::from(self.size), index);
    }

    #[inline]
    pub(super) fn has_available(&mut self) -> bool {
        self.next_available != self.seen || self.broken || self.available.load_u16(INDEX) != self.next_available
    }

    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark { available: self.next_available, wrap: false, in_flight: 0 }
    }

    #[inline]
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.next_available = mark.available;
    }

    pub(super) fn break_off(&mut self) {
        self.broken = true;
        // The next `pop` has to look, and finds that it is broken.
        self.seen = self.next_available;
    }
}

/// Length, flags and next of a descriptor's second word.
#[inline]
const fn unpack(word: u64) -> (u32, u16, u16) {
    (word as u32, (word >> 32) as u16, (word >> 48) as u16)
}

/// Follows the chain in a table of indirect descriptors.
fn walk_table<M: GuestMemory>(memory: &M, address: u64, len: u32, chain: &mut Chain) -> Result<(), QueueError> {
    let count = chain.load_table(memory, address, len)?;
    let mut index = 0;
    for _ in 0..count {
        if usize::from(index) >= count {
            return Err(QueueError::Descriptor(index));
        }
        let (address, word) = chain.table_entry(usize::from(index));
        let (len, flags, next) = unpack(word);
        if flags & INDIRECT != 0 {
            return Err(QueueError::Indirect);
        }
        chain.add(address, len, flags & WRITE != 0)?;
        if flags & NEXT == 0 {
            return Ok(());
        }
        index = next;
    }
    Err(QueueError::ChainLength)
}
