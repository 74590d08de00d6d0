//! The other end of a network device.

use crate::memory::{GuestMemory, MemoryError};
use crate::queue::{Gather, Segment};

use super::Header;

/// Why a frame was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// There is no room now. The frame stays with the driver; when there is room, whoever makes it
    /// has the queue served again.
    Full,
    /// The frame isn't in guest memory: the driver's fault, which breaks the device.
    Memory(MemoryError),
}

impl From<MemoryError> for SendError {
    fn from(error: MemoryError) -> Self {
        Self::Memory(error)
    }
}

/// A frame that waits for the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incoming {
    /// What its sender says of it: of interest are the checksum's state and place.
    pub header: Header,
    /// Its bytes.
    pub len: u32,
}

/// What frames go to and come from. It copies from and to guest memory itself, so that it is one
/// copy.
pub trait Wire {
    /// Takes a frame from the driver. Its checksum may be partial, if the header says so: between
    /// two ends that both know of it nobody need ever compute it.
    fn send<M: GuestMemory>(&mut self, header: &Header, frame: &Gather<'_, M>) -> Result<(), SendError>;

    /// The next frame for the driver. It stays the next until [`consume`](Self::consume).
    fn incoming(&mut self) -> Option<Incoming>;

    /// Copies bytes of the next frame, from `offset` on, to guest memory.
    fn copy<M: GuestMemory>(&mut self, offset: u32, memory: &M, to: Segment) -> Result<(), MemoryError>;

    /// Copies bytes of the next frame, from `offset` on.
    fn peek(&mut self, offset: u32, into: &mut [u8]);

    /// The next frame is done with.
    fn consume(&mut self);
}
