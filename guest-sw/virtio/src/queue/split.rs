//! Split virtqueues (2.7): descriptors, a ring of what is available, a ring of what was used.

use core::sync::atomic::{Ordering, fence};

use super::{BUFFERS_MAX, Buffer, DESCRIPTOR_SIZE, INDIRECT, NEXT, Rings, Tokens, WRITE, passed, tables};
use crate::{Arena, Error, Layout};

/// In the available ring's flags: no interrupts, please.
const NO_INTERRUPT: u16 = 1;
/// In the used ring's flags: no notifications, please.
const NO_NOTIFY: u16 = 1;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Descriptor {
    address: u64,
    len: u32,
    flags: u16,
    next: u16,
}

impl Descriptor {
    /// As it is in memory.
    #[inline]
    const fn words(self) -> [u64; 2] {
        [self.address, self.len as u64 | (self.flags as u64) << 32 | (self.next as u64) << 48]
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Used {
    id: u32,
    len: u32,
}

/// A split virtqueue. Its token is the number of a request's first descriptor.
#[derive(Debug)]
pub struct Split {
    size: u16,
    event_idx: bool,
    descriptors: *mut Descriptor,
    /// Flags, index, ring, used_event.
    available: *mut u16,
    /// Flags and index; the ring begins behind them, avail_event behind that.
    used: *mut u16,
    /// By token, `BUFFERS_MAX` each; null without indirect descriptors.
    tables: *mut Descriptor,
    /// Their order is also that in which descriptors are chained. It is the driver's own: the device may write to what
    /// descriptors say.
    tokens: Tokens,
    available_index: u16,
    /// The index when the device was last considered for a notification.
    kicked_index: u16,
    used_index: u16,
}

impl Split {
    pub(super) fn new(layout: &Layout, arena: &mut Arena) -> Result<(Self, Rings), Error> {
        let size = usize::from(layout.size);
        let descriptors = arena.take(DESCRIPTOR_SIZE * size, 64)?;
        let available = arena.take(6 + 2 * size, 64)?;
        let used = arena.take(6 + 8 * size, 64)?;
        let rings = Rings {
            size: layout.size,
            descriptors: descriptors as usize,
            driver: available as usize,
            device: used as usize,
        };
        let queue = Self {
            size: layout.size,
            event_idx: layout.event_idx,
            descriptors: descriptors.cast(),
            available: available.cast(),
            used: used.cast(),
            tables: tables(layout, arena)?.cast(),
            tokens: Tokens::new(layout.size, arena)?,
            available_index: 0,
            kicked_index: 0,
            used_index: 0,
        };
        Ok((queue, rings))
    }

    pub(super) const fn size(&self) -> u16 {
        self.size
    }

    #[inline]
    pub(super) fn next_token(&self) -> Option<u16> {
        self.tokens.first()
    }

    #[inline]
    pub(super) fn add(&mut self, buffers: &[Buffer]) -> Option<u16> {
        let (head, count) = self.tokens.take(buffers.len(), !self.tables.is_null())?;
        let indirect = usize::from(count) < buffers.len();
        let end = if indirect { self.fill_table(head, buffers) } else { self.fill_chain(head, buffers) };
        self.tokens.free_head = end;
        self.publish(head);
        Some(head)
    }

    /// As [`add`](Self::add), without the loops: a chain of one descriptor.
    #[inline]
    pub(super) fn add_one(&mut self, buffer: &Buffer) -> Option<u16> {
        let Tokens { next, lengths, free_head, free } = &mut self.tokens;
        let head = *free_head;
        let (next, length) = (next.get(usize::from(head))?, lengths.get_mut(usize::from(head))?);
        if *free == 0 {
            return None;
        }
        *length = 1;
        *free_head = *next;
        *free -= 1;
        self.write_descriptor(head, descriptor(buffer, 0, 0));
        self.publish(head);
        Some(head)
    }

    /// Makes a chain available.
    #[inline]
    fn publish(&mut self, head: u16) {
        let slot = usize::from(self.available_index & (self.size - 1));
        // SAFETY: the ring has `size` entries behind flags and index.
        unsafe { self.available.add(2 + slot).write_volatile(head) };
        self.available_index = self.available_index.wrapping_add(1);
        // The device sees the index only with everything before it (2.7.13.2).
        fence(Ordering::Release);
        // SAFETY: the index is the ring's second half-word.
        unsafe { self.available.add(1).write_volatile(self.available_index) };
    }

    /// Writes a chain from descriptor `head` on; the next free descriptor.
    #[inline]
    fn fill_chain(&mut self, head: u16, buffers: &[Buffer]) -> u16 {
        let mut index = head;
        let last = buffers.len() - 1;
        for (position, buffer) in buffers.iter().enumerate() {
            let next = self.tokens.next[usize::from(index)];
            let more = if position < last { NEXT } else { 0 };
            self.write_descriptor(index, descriptor(buffer, more, next));
            index = next;
        }
        index
    }

    /// Writes the table of token `head` and the descriptor that points to it.
    #[inline]
    fn fill_table(&mut self, head: u16, buffers: &[Buffer]) -> u16 {
        // SAFETY: there is a table for each token.
        let table = unsafe { self.tables.add(usize::from(head) * BUFFERS_MAX) };
        let last = buffers.len() - 1;
        for (position, buffer) in buffers.iter().enumerate() {
            let more = if position < last { NEXT } else { 0 };
            let entry = descriptor(buffer, more, position as u16 + 1);
            // SAFETY: a request has `BUFFERS_MAX` buffers at most.
            unsafe { table.add(position).write_volatile(entry) };
        }
        let len = (buffers.len() * DESCRIPTOR_SIZE) as u32;
        let entry = Descriptor { address: table as u64, len, flags: INDIRECT, next: 0 };
        self.write_descriptor(head, entry);
        self.tokens.next[usize::from(head)]
    }

    #[inline]
    fn write_descriptor(&mut self, index: u16, entry: Descriptor) {
        debug_assert!(index < self.size);
        // SAFETY: indices come from the driver's own list of free descriptors.
        // In two words: volatile writes of a whole structure go by its fields.
        unsafe { self.descriptors.cast::<[u64; 2]>().add(usize::from(index)).write_volatile(entry.words()) };
    }

    #[inline]
    pub(super) fn wants_kick(&mut self) -> bool {
        let old = self.kicked_index;
        let new = self.available_index;
        self.kicked_index = new;
        // What was made available is visible before suppression is looked at (2.7.13.3.1).
        fence(Ordering::SeqCst);
        if self.event_idx {
            // SAFETY: avail_event lies behind the used ring.
            let event = unsafe { self.used.add(2 + 4 * usize::from(self.size)).read_volatile() };
            passed(event, new, old)
        } else {
            // SAFETY: the flags are the used ring's first half-word.
            new != old && unsafe { self.used.read_volatile() } & NO_NOTIFY == 0
        }
    }

    #[inline]
    fn device_index(&self) -> u16 {
        // SAFETY: the index is the used ring's second half-word.
        unsafe { self.used.add(1).read_volatile() }
    }

    #[inline]
    pub(super) fn has_used(&self) -> bool {
        self.device_index() != self.used_index
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Result<Option<(u16, u32)>, Error> {
        if self.device_index() == self.used_index {
            return Ok(None);
        }
        fence(Ordering::Acquire);
        let slot = usize::from(self.used_index & (self.size - 1));
        // SAFETY: the ring has `size` entries behind flags and index, and it is aligned.
        let used = unsafe { self.used.add(2).cast::<Used>().add(slot).read_volatile() };
        let length = self.tokens.give_back(used.id as usize)?;
        let head = used.id as u16;
        let last = (1..length).fold(head, |index, _| self.tokens.next[usize::from(index)]);
        self.tokens.next[usize::from(last)] = self.tokens.free_head;
        self.tokens.free_head = head;
        self.used_index = self.used_index.wrapping_add(1);
        Ok(Some((head, used.len)))
    }

    #[inline]
    pub(super) fn disable_interrupts(&mut self) {
        // With event indices there is nothing to do: none comes until the next event is asked for.
        if !self.event_idx {
            // SAFETY: the flags are the available ring's first half-word.
            unsafe { self.available.write_volatile(NO_INTERRUPT) };
        }
    }

    #[inline]
    pub(super) fn enable_interrupts(&mut self, after: u16) -> bool {
        if self.event_idx {
            let event = self.used_index.wrapping_add(after);
            // SAFETY: used_event lies behind the available ring.
            unsafe { self.available.add(2 + usize::from(self.size)).write_volatile(event) };
        } else {
            // SAFETY: the flags are the available ring's first half-word.
            unsafe { self.available.write_volatile(0) };
        }
        // Asked for before looked: what came in between is seen here (2.7.14).
        fence(Ordering::SeqCst);
        self.device_index().wrapping_sub(self.used_index) <= after
    }
}

#[inline]
const fn descriptor(buffer: &Buffer, more: u16, next: u16) -> Descriptor {
    let flags = more | if buffer.written { WRITE } else { 0 };
    Descriptor { address: buffer.address as u64, len: buffer.len, flags, next }
}
