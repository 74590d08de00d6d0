//! The cable of a network device: frames that have left the guest, and frames that are on their way to it.
//!
//! Frames leave as they would go over a real cable: without a header of virtio's, and with their checksums complete.

use std::collections::VecDeque;

use rv_virtio::device::net::{Header, Incoming, SendError, Wire, complete_checksum};
use rv_virtio::memory::{GuestMemory, MemoryError};
use rv_virtio::queue::{Gather, Segment};
use serde::{Deserialize, Serialize};

/// Frames that can be on their way in each direction. More wait in the guest's queue, or with whoever sends them.
pub const FRAMES_MAX: usize = 256;
/// Bytes of the shortest frame: Ethernet's header. Padding to 60 bytes is the business of real cables.
pub const FRAME_MIN: usize = 14;
/// Bytes of the longest frame: Ethernet's header, a VLAN tag, and 1500 bytes.
pub const FRAME_MAX: usize = 14 + 4 + 1500;

/// Why a frame was not put on the cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// There is no such slot, or no network device in it.
    #[error("there is no network device in this slot")]
    NoDevice,
    /// As many frames as there can be wait for the guest already.
    #[error("{FRAMES_MAX} frames wait for the guest already")]
    Full,
    /// No frame has so many bytes.
    #[error("a frame of {0} bytes: it must have {FRAME_MIN} to {FRAME_MAX}")]
    Length(usize),
}

/// Both directions of a cable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Link {
    /// Sent by the guest, not taken yet.
    outgoing: VecDeque<Vec<u8>>,
    /// For the guest, not received yet.
    incoming: VecDeque<Vec<u8>>,
    /// The guest has a frame for which there was no room.
    refused: bool,
}

impl Link {
    /// Whether this can be the state of a cable.
    pub(super) fn is_valid(&self) -> bool {
        let fits = |frames: &VecDeque<Vec<u8>>, min| {
            frames.len() <= FRAMES_MAX && frames.iter().all(|frame| (min..=FRAME_MAX).contains(&frame.len()))
        };
        fits(&self.outgoing, FRAME_MIN) && fits(&self.incoming, FRAME_MIN)
    }

    /// The oldest frame that the guest has sent, and whether the guest waits for the room.
    pub(super) fn take(&mut self) -> Option<(Vec<u8>, bool)> {
        let frame = self.outgoing.pop_front()?;
        Some((frame, std::mem::take(&mut self.refused)))
    }

    /// Frames that can be put on the way to the guest now.
    pub(super) fn room(&self) -> usize {
        FRAMES_MAX.saturating_sub(self.incoming.len())
    }

    /// Puts a frame on its way to the guest.
    pub(super) fn push(&mut self, frame: &[u8]) -> Result<(), FrameError> {
        check_len(frame)?;
        if self.room() == 0 {
            return Err(FrameError::Full);
        }
        self.incoming.push_back(frame.to_vec());
        Ok(())
    }

    /// What is on its way to the guest is lost, as the driver that it was for is gone.
    pub(super) fn drop_incoming(&mut self) {
        self.incoming.clear();
        self.refused = false;
    }

    fn next(&self, offset: u32, len: usize) -> Option<&[u8]> {
        let start = offset as usize;
        self.incoming.front()?.get(start..start.checked_add(len)?)
    }
}

/// Whether a frame can be one.
pub(super) fn check_len(frame: &[u8]) -> Result<(), FrameError> {
    match frame.len() {
        FRAME_MIN..=FRAME_MAX => Ok(()),
        len => Err(FrameError::Length(len)),
    }
}

impl Wire for Link {
    fn send<M: GuestMemory>(&mut self, header: &Header, frame: &Gather<'_, M>) -> Result<(), SendError> {
        if self.outgoing.len() >= FRAMES_MAX {
            self.refused = true;
            return Err(SendError::Full);
        }
        // The device has checked it against the MTU.
        let mut bytes = vec![0; FRAME_MAX.min(frame.len() as usize)];
        frame.copy_to(&mut bytes)?;
        complete_checksum(header, &mut bytes);
        // What isn't even a header goes nowhere.
        if bytes.len() >= FRAME_MIN {
            self.outgoing.push_back(bytes);
        }
        Ok(())
    }

    fn incoming(&mut self) -> Option<Incoming> {
        let frame = self.incoming.front()?;
        Some(Incoming { header: Header::default(), len: frame.len() as u32 })
    }

    fn copy<M: GuestMemory>(&mut self, offset: u32, memory: &M, to: Segment) -> Result<(), MemoryError> {
        match self.next(offset, to.len as usize) {
            Some(bytes) => memory.write(to.address, bytes),
            None => Ok(()),
        }
    }

    fn peek(&mut self, offset: u32, into: &mut [u8]) {
        if let Some(bytes) = self.next(offset, into.len()) {
            into.copy_from_slice(bytes);
        }
    }

    fn consume(&mut self) {
        self.incoming.pop_front();
    }
}
