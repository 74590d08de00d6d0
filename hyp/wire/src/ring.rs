//! A ring of frames with one producer and one consumer.
//!
//! Positions count bytes and never wrap (32 bits are compared modulo 2^32); a frame is a prefix (length, and how many bytes are left out before
//! the frame) and its bytes, padded to 8. Bytes are left out so that a frame is aligned as its sender's copy of it: copies go by words then. A
//! frame does not go around the end of the ring: the length [`SKIP`] there says to go on at the beginning.

use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::FRAME_MAX;

/// Positions and flag, each in a cache line of its own.
const HEADER: usize = 3 * LINE;
const LINE: usize = 64;
const PRODUCED: usize = 0;
const CONSUMED: usize = LINE;
const WAITING: usize = 2 * LINE;
/// Beside it, for both are 0 nearly always: the producer has found no room, and waits to be told of some.
const STALLED: usize = WAITING + 4;
/// In the place of a length: the rest of the ring is not used.
const SKIP: u32 = u32::MAX;
/// Bytes of length and shift.
const PREFIX: usize = 8;
/// What alignment is about.
const WORD: usize = 8;

/// A ring's memory.
#[derive(Debug)]
struct Ring {
    memory: *mut u8,
    /// Bytes for frames: a power of two.
    capacity: usize,
    /// Our own position; the one in memory is for the other side.
    own: u32,
}

// SAFETY: a ring is owned by one thread at a time, and shared memory is accessed by atomics and copies only.
unsafe impl Send for Ring {}

impl Ring {
    /// The largest power of two that fits behind the header is the capacity.
    ///
    /// # Safety
    /// As [`Producer::new`].
    unsafe fn new(memory: *mut u8, size: usize, own: usize) -> Ring {
        let capacity = 1 << (size - HEADER).ilog2();
        let mut ring = Ring { memory, capacity, own: 0 };
        // An end that is taken up again goes on where it was.
        ring.own = ring.position(own);
        ring
    }

    /// A position in memory. Whatever is there, positions are multiples of 8.
    fn position(&self, offset: usize) -> u32 {
        self.word(offset).load(Ordering::Acquire) & !(WORD as u32 - 1)
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: inside the header, aligned, and shared memory is only accessed atomically.
        unsafe { AtomicU32::from_ptr(self.memory.add(offset).cast()) }
    }

    fn offset(&self, position: u32) -> usize {
        position as usize & (self.capacity - 1)
    }

    /// The place of `len` bytes at `offset`, which lie inside the ring.
    fn place(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(offset + len <= self.capacity);
        // SAFETY: just checked.
        unsafe { self.memory.add(HEADER + offset) }
    }

    /// Whether a consumer should tell of room now; if so, the request is done with.
    #[cold]
    fn tells_of_room(&self) -> bool {
        let used = self.position(PRODUCED).wrapping_sub(self.own) as usize;
        let enough = used <= self.capacity / 2;
        if enough {
            self.word(STALLED).store(0, Ordering::Relaxed);
        }
        enough
    }

    /// Length in the lower half, shift in the upper one.
    fn prefix(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: offsets are multiples of 8 below the capacity.
        unsafe { AtomicU64::from_ptr(self.place(offset, PREFIX).cast()) }
    }
}

/// What a frame of `len` bytes takes, with the bytes that are left out before it.
fn room(len: usize) -> usize {
    PREFIX + len.next_multiple_of(WORD)
}

/// The sending end of a ring.
#[derive(Debug)]
pub struct Producer {
    ring: Ring,
    /// Bytes known to be free: never more than there are.
    free: usize,
}

/// A place for a frame that is not sent yet.
#[derive(Debug)]
pub struct Place<'a> {
    producer: &'a mut Producer,
    /// The frame's prefix.
    prefix: *mut u8,
    len: usize,
    shift: usize,
}

impl Place<'_> {
    /// Where the frame's bytes go.
    pub fn pointer(&self) -> *mut u8 {
        self.prefix.wrapping_add(PREFIX + self.shift)
    }

    /// Sends what was written there. Whether the other side sleeps and must be woken.
    #[inline(always)]
    pub fn commit(self) -> bool {
        let Place { producer: Producer { ring, free }, prefix, len, shift } = self;
        // SAFETY: aligned, and inside of the ring.
        let prefix = unsafe { AtomicU64::from_ptr(prefix.cast()) };
        prefix.store(len as u64 | (shift as u64) << 32, Ordering::Relaxed);
        let room = room(shift + len);
        *free -= room;
        ring.own = ring.own.wrapping_add(room as u32);
        ring.word(PRODUCED).store(ring.own, Ordering::Release);
        // The flag is read after the position is visible: one of both sides sees the other (see `prepare_to_wait`).
        fence(Ordering::SeqCst);
        ring.word(WAITING).load(Ordering::Relaxed) != 0
    }
}

impl Producer {
    /// # Safety
    /// `memory` points to `size` bytes (more than 2 [`FRAME_MAX`]), aligned to 64, that are shared with one [`Consumer`], stay mapped, and are
    /// touched through these two only.
    pub(crate) unsafe fn new(memory: *mut u8, size: usize) -> Producer {
        // SAFETY: as the caller promises.
        Producer { ring: unsafe { Ring::new(memory, size, PRODUCED) }, free: 0 }
    }

    /// Sends a frame of `len` bytes, which `fill` writes to the pointer that it gets; that is aligned as the address `like` is, modulo 8.
    /// `None` if there is no room or the frame is too long, and `fill` isn't called then; else whether the other side sleeps and must be
    /// woken. If `fill` fails, nothing is sent.
    ///
    /// # Errors
    /// What `fill` says.
    #[inline(always)]
    pub fn send<E>(
        &mut self,
        len: usize,
        like: usize,
        fill: impl FnOnce(*mut u8) -> Result<(), E>,
    ) -> Result<Option<bool>, E> {
        let Some(place) = self.begin(len, like) else { return Ok(None) };
        fill(place.pointer())?;
        Ok(Some(place.commit()))
    }

    /// The first half of [`Producer::send`]: a place for a frame. Nothing is sent before it is [committed](Place::commit).
    ///
    /// Without room, the other side is asked to tell when there is: [`Frame::release`] answers then that it has to.
    #[inline(always)]
    pub fn begin(&mut self, len: usize, like: usize) -> Option<Place<'_>> {
        let shift = like % WORD;
        if len > FRAME_MAX || !(self.reserve(room(shift + len)) || self.stall(room(shift + len))) {
            return None;
        }
        // SAFETY: what is reserved lies within the ring.
        let prefix = unsafe { self.ring.memory.add(HEADER + self.ring.offset(self.ring.own)) };
        Some(Place { producer: self, prefix, len, shift })
    }

    /// Asks to be told of room, and looks once more: one of both sides sees the other.
    #[cold]
    fn stall(&mut self, room: usize) -> bool {
        self.ring.word(STALLED).store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let reserved = self.reserve(room);
        if reserved {
            self.ring.word(STALLED).store(0, Ordering::Relaxed);
        }
        reserved
    }

    /// Whether there is room in one piece from our position on; that moves to the beginning, if there is room only there.
    #[inline(always)]
    fn reserve(&mut self, room: usize) -> bool {
        let to_end = self.ring.capacity - self.ring.offset(self.ring.own);
        (room <= to_end || self.skip(to_end, room)) && self.has_room(room)
    }

    #[inline(always)]
    fn has_room(&mut self, room: usize) -> bool {
        self.free >= room || self.look() >= room
    }

    /// Leaves the rest of the ring unused, if there is room behind it.
    #[cold]
    fn skip(&mut self, to_end: usize, room: usize) -> bool {
        let fits = self.has_room(to_end + room);
        if fits {
            self.ring.prefix(self.ring.offset(self.ring.own)).store(SKIP.into(), Ordering::Relaxed);
            self.ring.own = self.ring.own.wrapping_add(to_end as u32);
            self.free -= to_end;
        }
        fits
    }

    /// Looks how far the other side is; how much is free now.
    #[cold]
    fn look(&mut self) -> usize {
        let used = self.ring.own.wrapping_sub(self.ring.position(CONSUMED)) as usize;
        // Whatever the other side says.
        self.free = self.ring.capacity.saturating_sub(used);
        self.free
    }
}

/// The receiving end of a ring.
#[derive(Debug)]
pub struct Consumer {
    ring: Ring,
    /// The other side's position, as last seen.
    seen: u32,
}

/// A frame that was received and still is in the ring.
#[derive(Debug)]
pub struct Frame<'a> {
    ring: &'a mut Ring,
    place: *mut u8,
    len: usize,
    next: u32,
}

impl Consumer {
    /// # Safety
    /// As [`Producer::new`].
    pub(crate) unsafe fn new(memory: *mut u8, size: usize) -> Consumer {
        // SAFETY: as the caller promises.
        let ring = unsafe { Ring::new(memory, size, CONSUMED) };
        Consumer { seen: ring.own, ring }
    }

    /// The oldest frame, if there is one.
    pub fn receive(&mut self) -> Option<Frame<'_>> {
        loop {
            if self.ring.own == self.seen && self.is_empty() {
                return None;
            }
            let offset = self.ring.offset(self.ring.own);
            let (sent, to_end) = (self.seen.wrapping_sub(self.ring.own) as usize, self.ring.capacity - offset);
            let prefix = self.ring.prefix(offset).load(Ordering::Relaxed);
            // A frame follows, which begins at offset 0: so there is one skip at most.
            if prefix as u32 == SKIP && offset > 0 && to_end < sent {
                self.skip(to_end);
                continue;
            }
            let (len, shift) = (prefix as u32 as usize, (prefix >> 32) as usize);
            let is_frame = len <= FRAME_MAX && shift < WORD && room(shift + len) <= to_end.min(sent);
            // What nobody sent: the other side is broken. What it has in the ring is dropped.
            if !is_frame || sent > self.ring.capacity {
                self.ring.own = self.seen;
                self.ring.word(CONSUMED).store(self.ring.own, Ordering::Release);
                return None;
            }
            let place = self.ring.place(offset + PREFIX + shift, len);
            let next = self.ring.own.wrapping_add(room(shift + len) as u32);
            return Some(Frame { ring: &mut self.ring, place, len, next });
        }
    }

    /// Whether nothing is there now.
    pub fn is_empty(&mut self) -> bool {
        if self.ring.own == self.seen {
            self.seen = self.ring.position(PRODUCED);
        }
        self.ring.own == self.seen
    }

    /// Tells the producer that this side is going to sleep. If a frame has come meanwhile the answer is no: it must not.
    pub fn prepare_to_wait(&mut self) -> bool {
        self.ring.word(WAITING).store(1, Ordering::Relaxed);
        // The flag is visible before the position is read (see `Place::commit`).
        fence(Ordering::SeqCst);
        let may_sleep = self.is_empty();
        if !may_sleep {
            self.finish_wait();
        }
        may_sleep
    }

    /// Tells the producer that this side looks by itself again.
    pub fn finish_wait(&mut self) {
        self.ring.word(WAITING).store(0, Ordering::Relaxed);
    }

    fn skip(&mut self, bytes: usize) {
        self.ring.own = self.ring.own.wrapping_add(bytes as u32);
    }
}

impl Frame<'_> {
    /// Bytes of the frame.
    #[allow(clippy::len_without_is_empty, reason = "a frame is a thing to be received, not a collection")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where its bytes are. The other side may change them at any time.
    pub fn as_ptr(&self) -> *const u8 {
        self.place
    }

    /// Copies bytes from `offset` on to `target`; `false`, and nothing is copied, if the frame is shorter.
    pub fn copy(&self, offset: usize, target: &mut [u8]) -> bool {
        let inside = offset.checked_add(target.len()).is_some_and(|end| end <= self.len);
        if inside {
            // SAFETY: inside the frame, which lies in the ring; `target` is ours.
            unsafe { ptr::copy_nonoverlapping(self.place.add(offset), target.as_mut_ptr(), target.len()) };
        }
        inside
    }

    /// Gives its place back to the producer. Whether that waits for room and must be told now: when half of the ring is free, so that it isn't
    /// woken for each frame.
    #[must_use = "a producer that waits for room isn't told otherwise"]
    pub fn release(self) -> bool {
        self.ring.own = self.next;
        self.ring.word(CONSUMED).store(self.next, Ordering::Release);
        // The position is visible before the flag is read (see `stall`).
        fence(Ordering::SeqCst);
        self.ring.word(STALLED).load(Ordering::Relaxed) != 0 && self.ring.tells_of_room()
    }
}
