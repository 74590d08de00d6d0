//! The backend's end of a cable, as a network device's wire. A frame travels with its virtio header before it.

use core::ptr;
use core::sync::atomic::{AtomicU16, Ordering};

use hyp_wire::{End, Frame};
use rv_virtio::device::net::{Header, Incoming, SendError, Wire};
use rv_virtio::memory::{GuestAddress, GuestMemory, MemoryError};
use rv_virtio::queue::{Gather, Segment};

/// An end of a cable, and how to wake the other one.
pub struct Port<W> {
    end: End,
    wake: W,
}

impl<W: FnMut()> Port<W> {
    /// A port at `end`; `wake` is called when a frame was sent to a peer that sleeps.
    pub const fn new(end: End, wake: W) -> Self {
        Port { end, wake }
    }

    /// The caller wants to sleep until the peer wakes it. If frames have come, it must not.
    pub fn may_sleep(&mut self) -> bool {
        self.end.receiver.prepare_to_wait()
    }

    /// The caller looks by itself again.
    pub fn finish_sleep(&mut self) {
        self.end.receiver.finish_wait();
    }
}

/// Writes a header.
///
/// # Safety
/// `to` is the place of one.
#[inline(always)]
unsafe fn write_header(header: &Header, to: *mut u8) {
    if (to as usize).is_multiple_of(2) {
        for (index, half) in header.to_halves().into_iter().enumerate() {
            // SAFETY: inside of the header, and aligned.
            let place = unsafe { AtomicU16::from_ptr(to.cast::<u16>().add(index)) };
            // Atomic, or the compiler finds that bytes do as well.
            place.store(half.to_le(), Ordering::Relaxed);
        }
    } else {
        // SAFETY: as the caller promises.
        unsafe { ptr::copy_nonoverlapping(header.to_bytes().as_ptr(), to, Header::LEN) };
    }
}

/// Copies a frame to `to`, which has room for it.
#[inline(always)]
fn collect<M: GuestMemory>(frame: &Gather<'_, M>, to: *mut u8) -> Result<(), MemoryError> {
    if let Some(from) = frame.place() {
        // SAFETY: guest memory that nobody has references to, into the frame's place.
        unsafe { ptr::copy_nonoverlapping(from, to, frame.len() as usize) };
        return Ok(());
    }
    collect_pieces(frame, to)
}

/// The same for a frame in any pieces.
#[inline(never)]
fn collect_pieces<M: GuestMemory>(frame: &Gather<'_, M>, to: *mut u8) -> Result<(), MemoryError> {
    let mut done = 0;
    for segment in frame.segments() {
        let mut copied = 0;
        while copied < segment.len {
            let left = (segment.len - copied) as usize;
            let address = segment.at(copied);
            let missing = MemoryError { address, len: left as u64 };
            let (from, count) = frame.memory().pointer(address, left).filter(|(_, count)| *count > 0).ok_or(missing)?;
            // SAFETY: guest memory that nobody has references to, into the frame's place, which is as long as all pieces together.
            unsafe { ptr::copy_nonoverlapping(from, to.add(done), count) };
            done += count;
            copied += count as u32;
        }
    }
    Ok(())
}

impl<W: FnMut()> Wire for Port<W> {
    // Always, so that the loops over a frame's pieces are gone where there is one piece.
    #[inline(always)]
    fn send<M: GuestMemory>(&mut self, header: &Header, frame: &Gather<'_, M>) -> Result<(), SendError> {
        let len = usize::try_from(frame.len()).map_err(|_| SendError::Full)?;
        // The frame itself is what takes long to copy.
        let like = frame.segments().first().map_or(0, |first| first.address.0 as usize).wrapping_sub(Header::LEN);
        let Some(place) = self.end.sender.begin(Header::LEN + len, like) else { return Err(SendError::Full) };
        let to = place.pointer();
        // SAFETY: the place of header and frame.
        unsafe { write_header(header, to) };
        // SAFETY: as above.
        collect(frame, unsafe { to.add(Header::LEN) })?;
        if place.commit() {
            (self.wake)();
        }
        Ok(())
    }

    fn incoming(&mut self) -> Option<Incoming> {
        loop {
            let frame = self.end.receiver.receive()?;
            let mut header = [0; Header::LEN];
            if frame.copy(0, &mut header) {
                let len = (frame.len() - Header::LEN) as u32;
                return Some(Incoming { header: Header::from_bytes(header), len });
            }
            // No frame of ours is so short.
            if frame.release() {
                (self.wake)();
            }
        }
    }

    fn copy<M: GuestMemory>(&mut self, offset: u32, memory: &M, to: Segment) -> Result<(), MemoryError> {
        let missing = MemoryError { address: to.address, len: to.len.into() };
        let frame = self.end.receiver.receive().ok_or(missing)?;
        let start = Header::LEN + offset as usize;
        if start + to.len as usize > frame.len() {
            return Err(missing);
        }
        spread(&frame, start, memory, to)
    }

    fn peek(&mut self, offset: u32, into: &mut [u8]) {
        if let Some(frame) = self.end.receiver.receive() {
            frame.copy(Header::LEN + offset as usize, into);
        }
    }

    fn consume(&mut self) {
        if let Some(frame) = self.end.receiver.receive()
            && frame.release()
        {
            (self.wake)();
        }
    }
}

/// Copies a part of a received frame, which has it all, to guest memory.
fn spread<M: GuestMemory>(frame: &Frame<'_>, start: usize, memory: &M, to: Segment) -> Result<(), MemoryError> {
    let mut done = 0;
    while done < to.len {
        let left = (to.len - done) as usize;
        let address: GuestAddress = to.at(done);
        let missing = MemoryError { address, len: left as u64 };
        let (target, count) = memory.pointer(address, left).filter(|(_, count)| *count > 0).ok_or(missing)?;
        // SAFETY: inside the frame, as the caller has checked; guest memory that nobody has references to.
        unsafe { ptr::copy_nonoverlapping(frame.as_ptr().add(start + done as usize), target, count) };
        done += count as u32;
    }
    Ok(())
}
