//! Packed virtqueues (virtio 1.2, section "Packed Virtqueues").

use core::sync::atomic::{Ordering, fence};

use super::chain::{Chain, DESCRIPTOR_SIZE, INDIRECT, NEXT, WRITE};
use super::{Mark, Position, QueueConfig, QueueError, Token, passes};
use crate::features;
use crate::memory::{GuestMemory, Region};

/// Equal to the driver's wrap counter when a descriptor is available.
const AVAIL: u16 = 1 << 7;
/// Equal to the device's wrap counter when a descriptor is used.
const USED: u16 = 1 << 15;

/// Values of an event suppression structure's flags.
const EVENTS_ON: u32 = 0;
const EVENTS_OFF: u32 = 1;
const EVENTS_AT: u32 = 2;

/// A packed virtqueue. [`Queue`](super::Queue) says what the methods do.
pub struct PackedQueue<R> {
    ring: R,
    /// What the driver wants to be told.
    driver_events: R,
    /// What we want to be told.
    device_events: R,
    size: u16,
    event_idx: bool,
    indirect: bool,
    broken: bool,
    notifications_off: bool,
    next_available: u16,
    available_wrap: bool,
    next_used: u16,
    used_wrap: bool,
    /// Places of requests that are taken and not pushed.
    in_flight: u16,
    /// The flags of the first descriptor of a batch, and where they belong: written last, they make
    /// all of it visible.
    first: Option<(u16, u16)>,
    /// Places pushed since the last question about interrupts; those not published don't count.
    unpublished: u32,
    unsignalled: u32,
}

impl<R: Region> PackedQueue<R> {
    pub(super) fn new<M: GuestMemory<Region = R>>(
        config: &QueueConfig,
        features: u64,
        memory: &M,
        position: Position,
    ) -> Result<Self, QueueError> {
        if position.available >= config.size || position.used >= config.size {
            return Err(QueueError::Index(position.available.max(position.used)));
        }
        Ok(Self {
            ring: memory.region(config.descriptors, DESCRIPTOR_SIZE as u64 * u64::from(config.size))?,
            driver_events: memory.region(config.driver, 4)?,
            device_events: memory.region(config.device, 4)?,
            size: config.size,
            event_idx: features & features::EVENT_IDX != 0,
            indirect: features & features::INDIRECT_DESC != 0,
            broken: false,
            notifications_off: false,
            next_available: position.available,
            available_wrap: position.available_wrap,
            next_used: position.used,
            used_wrap: position.used_wrap,
            in_flight: 0,
            first: None,
            unpublished: 0,
            unsignalled: 0,
        })
    }

    pub(super) fn position(&self) -> Position {
        Position {
            available: self.next_available,
            available_wrap: self.available_wrap,
            used: self.next_used,
            used_wrap: self.used_wrap,
        }
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
        if self.broken {
            return Err(QueueError::Broken);
        }
        // Length, id and flags in one load: flags that say "available" come with what they
        // announce.
        let word = self.ring.load_u64(DESCRIPTOR_SIZE * usize::from(self.next_available) + 8);
        if !is_available(word, self.available_wrap) {
            return Ok(false);
        }
        fence(Ordering::Acquire);
        match self.walk(memory, word, chain) {
            Ok(token) => {
                chain.finish(token);
                self.in_flight += token.slots;
                (self.next_available, self.available_wrap) =
                    advance(self.next_available, self.available_wrap, token.slots, self.size);
                Ok(true)
            }
            Err(error) => {
                self.break_off();
                Err(error)
            }
        }
    }

    #[inline]
    fn walk<M: GuestMemory<Region = R>>(
        &self,
        memory: &M,
        mut word: u64,
        chain: &mut Chain,
    ) -> Result<Token, QueueError> {
        chain.begin();
        let mut index = self.next_available;
        // What is in flight is the device's: a chain can't reach into it.
        for slots in 1..=self.size - self.in_flight {
            let address = self.ring.load_u64(DESCRIPTOR_SIZE * usize::from(index));
            let (len, id, flags) = unpack(word);
            if flags & INDIRECT != 0 {
                // A list has descriptors of one kind, and an indirect one is alone.
                if !self.indirect || flags & NEXT != 0 || slots != 1 {
                    return Err(QueueError::Indirect);
                }
                walk_table(memory, address, len, chain)?;
                return Ok(Token { id, slots });
            }
            chain.add(address, len, flags & WRITE != 0)?;
            if flags & NEXT == 0 {
                return Ok(Token { id, slots });
            }
            (index, _) = advance(index, true, 1, self.size);
            word = self.ring.load_u64(DESCRIPTOR_SIZE * usize::from(index) + 8);
        }
        Err(QueueError::ChainLength)
    }

    #[inline]
    pub(super) fn push(&mut self, token: Token, written: u32) {
        let written_flag = if written > 0 { WRITE } else { 0 };
        let flags = written_flag | if self.used_wrap { AVAIL | USED } else { 0 };
        let offset = DESCRIPTOR_SIZE * usize::from(self.next_used);
        if self.first.is_none() {
            self.first = Some((self.next_used, flags));
            self.ring.store_u32(offset + 8, written);
            self.ring.store_u16(offset + 12, token.id);
        } else {
            self.ring.store_u64(offset + 8, pack(written, token.id, flags));
        }
        (self.next_used, self.used_wrap) = advance(self.next_used, self.used_wrap, token.slots, self.size);
        self.in_flight = self.in_flight.saturating_sub(token.slots);
        self.unpublished = self.unpublished.saturating_add(u32::from(token.slots));
    }

    #[inline]
    pub(super) fn publish(&mut self) {
        let Some((index, flags)) = self.first.take() else {
            return;
        };
        self.ring.store_u16_release(DESCRIPTOR_SIZE * usize::from(index) + 14, flags);
        self.unsignalled = self.unsignalled.saturating_add(self.unpublished);
        self.unpublished = 0;
    }

    #[inline]
    pub(super) fn needs_interrupt(&mut self) -> bool {
        let moved = self.unsignalled;
        if moved == 0 {
            return false;
        }
        self.unsignalled = 0;
        // What is used is visible before the driver's wish is read.
        fence(Ordering::SeqCst);
        let wish = self.driver_events.load_u32(0);
        match wish >> 16 & 3 {
            EVENTS_OFF => false,
            EVENTS_AT if self.event_idx => self.passed(wish as u16, moved),
            // On; what is reserved, or was not negotiated, is no reason to keep the driver waiting.
            _ => true,
        }
    }

    /// Whether the last `moved` places that were used include the one that the driver names.
    fn passed(&self, wish: u16, moved: u32) -> bool {
        if moved >= u32::from(self.size) {
            return true;
        }
        // As indices without wrap counter: what is in the other round is one ring's size behind.
        let (event, wrap) = (wish & 0x7fff, wish & 0x8000 != 0);
        let event = if wrap == self.used_wrap { event } else { event.wrapping_sub(self.size) };
        passes(event, self.next_used, self.next_used.wrapping_sub(moved as u16))
    }

    pub(super) fn disable_notifications(&mut self) {
        self.notifications_off = true;
        self.device_events.store_u32(0, EVENTS_OFF << 16);
    }

    pub(super) fn enable_notifications_at(&mut self, mark: Mark) -> bool {
        if self.event_idx {
            let place = u32::from(mark.available) | u32::from(mark.wrap) << 15;
            self.device_events.store_u32(0, place | EVENTS_AT << 16);
        } else if self.notifications_off {
            self.device_events.store_u32(0, EVENTS_ON << 16);
        }
        self.notifications_off = false;
        // The wish is visible before the ring is read: else both could miss each other.
        fence(Ordering::SeqCst);
        // With all places taken, what is there is in flight, and no news.
        self.broken || (mark.in_flight < self.size && self.is_available_at(mark.available, mark.wrap))
    }

    #[inline]
    pub(super) fn has_available(&mut self) -> bool {
        self.broken || self.is_available_at(self.next_available, self.available_wrap)
    }

    fn is_available_at(&self, index: u16, wrap: bool) -> bool {
        is_available(self.ring.load_u64(DESCRIPTOR_SIZE * usize::from(index) + 8), wrap)
    }

    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark { available: self.next_available, wrap: self.available_wrap, in_flight: self.in_flight }
    }

    #[inline]
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.next_available = mark.available;
        self.available_wrap = mark.wrap;
        self.in_flight = mark.in_flight;
    }

    pub(super) fn break_off(&mut self) {
        self.broken = true;
    }
}

/// Whether the second word of a descriptor says that it's for us, in the round with this counter.
#[inline]
const fn is_available(word: u64, wrap: bool) -> bool {
    let (_, _, flags) = unpack(word);
    (flags & AVAIL != 0) == wrap && (flags & USED != 0) != wrap
}

/// Length, id and flags of a descriptor's second word.
#[inline]
const fn unpack(word: u64) -> (u32, u16, u16) {
    (word as u32, (word >> 32) as u16, (word >> 48) as u16)
}

#[inline]
const fn pack(len: u32, id: u16, flags: u16) -> u64 {
    len as u64 | (id as u64) << 32 | (flags as u64) << 48
}

/// The place `slots` further on in a ring, with its wrap counter.
#[inline]
const fn advance(index: u16, wrap: bool, slots: u16, size: u16) -> (u16, bool) {
    // Sizes are at most 32,768, so this doesn't overflow.
    let next = index + slots;
    if next >= size { (next - size, !wrap) } else { (next, wrap) }
}

/// Reads a table of indirect descriptors: all of it, in order. Of the flags only `WRITE` counts.
fn walk_table<M: GuestMemory>(memory: &M, address: u64, len: u32, chain: &mut Chain) -> Result<(), QueueError> {
    let count = chain.load_table(memory, address, len)?;
    for index in 0..count {
        let (address, word) = chain.table_entry(index);
        let (len, _, flags) = unpack(word);
        chain.add(address, len, flags & WRITE != 0)?;
    }
    Ok(())
}
