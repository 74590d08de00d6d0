//! A network cable in shared memory: two rings of frames, one for each direction, between a device's backend and its peer.
//!
//! The ends trust each other with the frames, and with nothing else: an end that writes nonsense into the rings gets nonsense, or nothing, out
//! of them, and the other end never leaves the memory that it was given. So the kernel may hold an end of a cable whose other end is a process.
//!
//! Neither end ever waits for the other. A consumer that wants to sleep says so in the ring ([`Consumer::prepare_to_wait`]); a producer learns
//! from [`Producer::send`] whether it has to wake it. How is not the cable's business.
#![cfg_attr(not(test), no_std)]

mod ring;

pub use ring::{Consumer, Frame, Place, Producer};

/// Bytes of a cable. As large as a large page, so that it is one piece of physical memory too.
pub const SIZE: usize = 2 << 20;

/// Longest frame, its header included.
pub const FRAME_MAX: usize = 20 << 10;

/// Which end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The backend's.
    Backend,
    /// The peer's.
    Peer,
}

/// One end: what it sends with and what it receives with.
#[derive(Debug)]
pub struct End {
    /// Frames to the other end.
    pub sender: Producer,
    /// Frames from the other end.
    pub receiver: Consumer,
}

impl End {
    /// An end of the cable at `memory`, which is zeroed at first.
    ///
    /// # Safety
    /// `memory` points to [`SIZE`] bytes, aligned to 64, that stay mapped as long as the end, and that Rust code touches only through ends. There
    /// is one end of each side at a time.
    pub unsafe fn new(memory: *mut u8, side: Side) -> End {
        // SAFETY: half of the memory each.
        let (first, second) = unsafe { (memory, memory.add(SIZE / 2)) };
        let (to, from) = match side {
            Side::Backend => (first, second),
            Side::Peer => (second, first),
        };
        // SAFETY: as the caller promises; each ring has one producer and one consumer, since each side is the producer of another one.
        unsafe { End { sender: Producer::new(to, SIZE / 2), receiver: Consumer::new(from, SIZE / 2) } }
    }
}

#[cfg(test)]
mod tests;
