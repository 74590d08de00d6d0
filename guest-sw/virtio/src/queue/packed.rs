//! Packed virtqueues (2.8): one ring of descriptors, which driver and device take turns to write.

use core::sync::atomic::{Ordering, fence};

use super::{BUFFERS_MAX, Buffer, DESCRIPTOR_SIZE, INDIRECT, NEXT, Rings, Tokens, WRITE, passed, tables};
use crate::{Arena, Error, Layout};

const AVAILABLE: u16 = 1 << 7;
const USED: u16 = 1 << 15;

/// What a side wants to be told (2.8.10): of everything, of nothing, or of one descriptor.
const EVENTS_ON: u16 = 0;
const EVENTS_OFF: u16 = 1;
const EVENTS_AT: u16 = 2;

/// The wrap counter in an event's offset.
const EVENT_WRAP: u16 = 1 << 15;

#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Descriptor {
    address: u64,
    len: u32,
    id: u16,
    flags: u16,
}

/// A place in the ring, and how often it was gone round, modulo 2.
#[derive(Clone, Copy, Debug)]
struct Place {
    index: u16,
    wrap: bool,
}

impl Place {
    #[inline]
    const fn advanced(self, count: u16, size: u16) -> Self {
        let index = self.index + count;
        if index < size { Self { index, ..self } } else { Self { index: index - size, wrap: !self.wrap } }
    }

    /// As in an event's offset.
    #[inline]
    const fn event(self) -> u16 {
        self.index | if self.wrap { EVENT_WRAP } else { 0 }
    }
}

/// A packed virtqueue. Its token is a request's buffer id.
#[derive(Debug)]
pub struct Packed {
    size: u16,
    event_idx: bool,
    ring: *mut Descriptor,
    /// Offset and flags of the driver's event suppression.
    driver_event: *mut u16,
    /// The same of the device's.
    device_event: *mut u16,
    /// By token, `BUFFERS_MAX` each; null without indirect descriptors.
    tables: *mut Descriptor,
    tokens: Tokens,
    available: Place,
    used: Place,
    /// Descriptors made available since the device was last considered for a notification.
    unkicked: u16,
}

impl Packed {
    pub(super) fn new(layout: &Layout, arena: &mut Arena) -> Result<(Self, Rings), Error> {
        let ring = arena.take(DESCRIPTOR_SIZE * usize::from(layout.size), 64)?;
        let driver_event = arena.take(4, 64)?;
        let device_event = arena.take(4, 64)?;
        let rings = Rings {
            size: layout.size,
            descriptors: ring as usize,
            driver: driver_event as usize,
            device: device_event as usize,
        };
        let start = Place { index: 0, wrap: true };
        let queue = Self {
            size: layout.size,
            event_idx: layout.event_idx,
            ring: ring.cast(),
            driver_event: driver_event.cast(),
            device_event: device_event.cast(),
            tables: tables(layout, arena)?.cast(),
            tokens: Tokens::new(layout.size, arena)?,
            available: start,
            used: start,
            unkicked: 0,
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
        let (id, count) = self.tokens.take(buffers.len(), !self.tables.is_null())?;
        self.tokens.free_head = self.tokens.next[usize::from(id)];
        self.unkicked += count;
        if usize::from(count) < buffers.len() {
            let table = self.fill_table(id, buffers);
            let first = Buffer { address: table, len: (buffers.len() * DESCRIPTOR_SIZE) as u32, written: false };
            self.publish(&first, id, INDIRECT, self.available);
            self.available = self.available.advanced(1, self.size);
        } else {
            self.fill_chain(id, buffers);
        }
        Some(id)
    }

    /// Writes a chain, its first descriptor last (2.8.21.1).
    #[inline]
    fn fill_chain(&mut self, id: u16, buffers: &[Buffer]) {
        let first = self.available;
        let last = buffers.len() - 1;
        let mut place = first.advanced(1, self.size);
        for (position, buffer) in buffers.iter().enumerate().skip(1) {
            let more = if position < last { NEXT } else { 0 };
            self.write(place, buffer, id, more);
            place = place.advanced(1, self.size);
        }
        let more = if last > 0 { NEXT } else { 0 };
        self.publish(&buffers[0], id, more, first);
        self.available = place;
    }

    #[inline]
    fn fill_table(&mut self, id: u16, buffers: &[Buffer]) -> usize {
        // SAFETY: there is a table for each token.
        let table = unsafe { self.tables.add(usize::from(id) * BUFFERS_MAX) };
        for (position, buffer) in buffers.iter().enumerate() {
            let flags = if buffer.written { WRITE } else { 0 };
            let entry = Descriptor { address: buffer.address as u64, len: buffer.len, id: 0, flags };
            // SAFETY: a request has `BUFFERS_MAX` buffers at most.
            unsafe { table.add(position).write_volatile(entry) };
        }
        table as usize
    }

    /// Writes a descriptor with its flags.
    #[inline]
    fn write(&mut self, place: Place, buffer: &Buffer, id: u16, more: u16) {
        let entry =
            Descriptor { address: buffer.address as u64, len: buffer.len, id, flags: flags(place, buffer, more) };
        // SAFETY: places are inside of the ring.
        unsafe { self.ring.add(usize::from(place.index)).write_volatile(entry) };
    }

    /// Writes a descriptor, its flags last, when all else of the chain is visible.
    #[inline]
    fn publish(&mut self, buffer: &Buffer, id: u16, more: u16, place: Place) {
        // SAFETY: as above.
        unsafe {
            let entry = self.ring.add(usize::from(place.index));
            (&raw mut (*entry).address).write_volatile(buffer.address as u64);
            (&raw mut (*entry).len).write_volatile(buffer.len);
            (&raw mut (*entry).id).write_volatile(id);
            fence(Ordering::Release);
            (&raw mut (*entry).flags).write_volatile(flags(place, buffer, more));
        }
    }

    #[inline]
    pub(super) fn wants_kick(&mut self) -> bool {
        let added = self.unkicked;
        self.unkicked = 0;
        // What was made available is visible before suppression is looked at (2.8.21.3.1).
        fence(Ordering::SeqCst);
        // SAFETY: offset and flags of the device's event suppression.
        let (offset, flags) = unsafe { (self.device_event.read_volatile(), self.device_event.add(1).read_volatile()) };
        match flags & 3 {
            EVENTS_AT if self.event_idx => {
                let wrap = offset & EVENT_WRAP != 0;
                let mut event = offset & !EVENT_WRAP;
                if wrap != self.available.wrap {
                    event = event.wrapping_sub(self.size);
                }
                let new = self.available.index;
                passed(event, new, new.wrapping_sub(added))
            }
            EVENTS_OFF => false,
            _ => added > 0,
        }
    }

    #[inline]
    fn is_used(&self, place: Place) -> bool {
        // SAFETY: places are inside of the ring.
        let flags = unsafe { (&raw const (*self.ring.add(usize::from(place.index))).flags).read_volatile() };
        let (available, used) = (flags & AVAILABLE != 0, flags & USED != 0);
        available == used && used == place.wrap
    }

    #[inline]
    pub(super) fn has_used(&self) -> bool {
        self.is_used(self.used)
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Result<Option<(u16, u32)>, Error> {
        if !self.is_used(self.used) {
            return Ok(None);
        }
        fence(Ordering::Acquire);
        // SAFETY: places are inside of the ring.
        let used = unsafe { self.ring.add(usize::from(self.used.index)).read_volatile() };
        let length = self.tokens.give_back(usize::from(used.id))?;
        self.tokens.next[usize::from(used.id)] = self.tokens.free_head;
        self.tokens.free_head = used.id;
        self.used = self.used.advanced(length, self.size);
        Ok(Some((used.id, used.len)))
    }

    #[inline]
    pub(super) fn disable_interrupts(&mut self) {
        // SAFETY: the flags of the driver's event suppression.
        unsafe { self.driver_event.add(1).write_volatile(EVENTS_OFF) };
    }

    #[inline]
    pub(super) fn enable_interrupts(&mut self, after: u16) -> bool {
        let after = if self.event_idx { after.min(self.size - 1) } else { 0 };
        let place = self.used.advanced(after, self.size);
        let flags = if self.event_idx { EVENTS_AT } else { EVENTS_ON };
        // SAFETY: offset and flags of the driver's event suppression.
        unsafe {
            self.driver_event.write_volatile(place.event());
            fence(Ordering::Release);
            self.driver_event.add(1).write_volatile(flags);
        }
        // Asked for before looked: what came in between is seen here (2.8.21.4).
        fence(Ordering::SeqCst);
        !self.is_used(place)
    }
}

/// A descriptor's flags: available in this round, and not used.
#[inline]
const fn flags(place: Place, buffer: &Buffer, more: u16) -> u16 {
    let turn = if place.wrap { AVAILABLE } else { USED };
    turn | more | if buffer.written { WRITE } else { 0 }
}
