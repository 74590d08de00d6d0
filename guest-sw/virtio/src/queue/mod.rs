//! Virtqueues ("Virtqueues", 2.6 to 2.8): one face for split and packed rings.
//!
//! A request is a few buffers and gets a token, a number below the queue's size, which comes back when the device
//! has used them. The token of the next request is known beforehand, so callers keep what belongs to a request in
//! plain arrays.

mod packed;
mod split;

use crate::{Arena, Error, Layout, Transport};
use packed::Packed;
use split::Split;

/// Buffers per request, at most.
pub const BUFFERS_MAX: usize = 4;

/// Bytes of a descriptor, in both kinds of rings.
const DESCRIPTOR_SIZE: usize = 16;

/// Flags of descriptors, in both kinds of rings: the next one continues this one; the device writes to its buffer;
/// its buffer is a table of descriptors.
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

/// A stretch of memory that a request lends to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Where it begins.
    pub address: usize,
    /// Its bytes.
    pub len: u32,
    /// Whether the device writes it; else it reads it. Buffers that are read come first.
    pub written: bool,
}

/// Where a queue is, for the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rings {
    /// Descriptors that it has.
    pub size: u16,
    /// The descriptors.
    pub descriptors: usize,
    /// What only the driver writes.
    pub driver: usize,
    /// What only the device writes.
    pub device: usize,
}

/// A virtqueue.
#[derive(Debug)]
pub enum Queue {
    /// Split rings.
    Split(Split),
    /// A packed ring.
    Packed(Packed),
}

/// Calls the same method of whichever kind it is.
macro_rules! either {
    ($queue:expr, $name:ident($($argument:expr),*)) => {
        match $queue {
            Queue::Split(queue) => queue.$name($($argument),*),
            Queue::Packed(queue) => {
                packed();
                queue.$name($($argument),*)
            }
        }
    };
}

/// Split rings are what nearly every device is used with. Cold, so that the compiler lays out their way as the straight one.
#[cold]
const fn packed() {}

impl Queue {
    /// Sets up queue number `index` of a device, which has agreed on `layout`'s features.
    pub fn new(transport: &mut Transport, index: u16, layout: &Layout, arena: &mut Arena) -> Result<Self, Error> {
        let size = transport.queue_size_max(index).min(u32::from(layout.size)).min(1 << 15);
        if size < 2 {
            return Err(Error::NoQueue(index));
        }
        // Split rings want a power of two; the largest that fits.
        let layout = Layout { size: 1 << size.ilog2(), ..*layout };
        let (queue, rings) = Self::in_memory(&layout, arena)?;
        transport.set_queue(index, &rings);
        Ok(queue)
    }

    /// A queue that no device knows of yet. The size is a power of two.
    pub fn in_memory(layout: &Layout, arena: &mut Arena) -> Result<(Self, Rings), Error> {
        assert!(layout.size.is_power_of_two());
        if layout.packed {
            Packed::new(layout, arena).map(|(queue, rings)| (Self::Packed(queue), rings))
        } else {
            Split::new(layout, arena).map(|(queue, rings)| (Self::Split(queue), rings))
        }
    }

    /// Descriptors that it has.
    pub const fn size(&self) -> u16 {
        match self {
            Self::Split(queue) => queue.size(),
            Self::Packed(queue) => queue.size(),
        }
    }

    /// The token of the next request, unless it would find no descriptor.
    #[inline]
    pub fn next_token(&self) -> Option<u16> {
        either!(self, next_token())
    }

    /// Makes a request available. Without room for it, nothing happens, and the answer is `None`.
    #[inline]
    pub fn add(&mut self, buffers: &[Buffer]) -> Option<u16> {
        either!(self, add(buffers))
    }

    /// As [`add`](Self::add), for a request of one buffer: what a frame is.
    #[inline]
    pub fn add_one(&mut self, buffer: &Buffer) -> Option<u16> {
        match self {
            Self::Split(queue) => queue.add_one(buffer),
            Self::Packed(queue) => {
                packed();
                queue.add(core::slice::from_ref(buffer))
            }
        }
    }

    /// Whether the device wants to be notified of what was added since this was last asked.
    #[inline]
    pub fn wants_kick(&mut self) -> bool {
        either!(self, wants_kick())
    }

    /// Whether the device is done with a request.
    #[inline]
    pub fn has_used(&self) -> bool {
        either!(self, has_used())
    }

    /// The next request that the device is done with, and how many bytes it has written.
    #[inline]
    pub fn pop(&mut self) -> Result<Option<(u16, u32)>, Error> {
        either!(self, pop())
    }

    /// Asks the device for no interrupts.
    #[inline]
    pub fn disable_interrupts(&mut self) {
        either!(self, disable_interrupts())
    }

    /// Asks for an interrupt when more than `after` requests are done; whether so many aren't yet, and one will
    /// come. (Without event indices it comes with the next; on a packed ring, requests count by their buffers.)
    #[inline]
    pub fn enable_interrupts(&mut self, after: u16) -> bool {
        either!(self, enable_interrupts(after))
    }
}

/// The tokens of a queue, and the descriptors that their requests have.
#[derive(Debug)]
struct Tokens {
    /// The order in which tokens are free.
    next: &'static mut [u16],
    /// By token: descriptors that the request has; 0 for one that isn't in flight.
    lengths: &'static mut [u16],
    free_head: u16,
    /// Descriptors that are free. Never more requests than descriptors, so there is always a token for one.
    free: u16,
}

impl Tokens {
    /// Tokens of a queue of `size` descriptors, all free.
    fn new(size: u16, arena: &mut Arena) -> Result<Self, Error> {
        let next = arena.halves(usize::from(size))?;
        for (index, next) in next.iter_mut().enumerate() {
            *next = index as u16 + 1;
        }
        Ok(Self { next, lengths: arena.halves(usize::from(size))?, free_head: 0, free: size })
    }

    /// The token of the next request, unless it would find no descriptor.
    #[inline]
    fn first(&self) -> Option<u16> {
        (self.free > 0).then_some(self.free_head)
    }

    /// Takes the descriptors of a request, with `tables` one for several buffers: its token, and how many descriptors.
    /// The caller moves `free_head` on.
    #[inline]
    fn take(&mut self, buffers: usize, tables: bool) -> Option<(u16, u16)> {
        let wanted = if tables && buffers > 1 { 1 } else { buffers as u16 };
        if self.free < wanted || buffers == 0 || buffers > BUFFERS_MAX {
            return None;
        }
        self.free -= wanted;
        self.lengths[usize::from(self.free_head)] = wanted;
        Some((self.free_head, wanted))
    }

    /// Takes a request's descriptors back: how many it had. The caller makes its token `free_head` again.
    #[inline]
    fn give_back(&mut self, token: usize) -> Result<u16, Error> {
        let length = self.lengths.get(token).copied().unwrap_or(0);
        if length == 0 {
            return Err(Error::BadUsed);
        }
        self.lengths[token] = 0;
        self.free += length;
        Ok(length)
    }
}

/// Memory for a table of [`BUFFERS_MAX`] descriptors for each token; null without indirect descriptors.
fn tables(layout: &Layout, arena: &mut Arena) -> Result<*mut u8, Error> {
    let size = DESCRIPTOR_SIZE * BUFFERS_MAX * usize::from(layout.size);
    if layout.indirect { arena.take(size, 64) } else { Ok(core::ptr::null_mut()) }
}

/// Whether an event at `event` lies within what went from `old` to `new` (2.7.10).
#[inline]
const fn passed(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}

#[cfg(test)]
mod tests;
