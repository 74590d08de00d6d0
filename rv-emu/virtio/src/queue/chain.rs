//! A request as the driver describes it: pieces of guest memory, first those to read, then those to
//! write.

use core::slice;

use crate::memory::{GuestAddress, GuestMemory, MemoryError};

use super::{QueueError, Token};

/// How many pieces of memory a request may have: the device's own limit, beside that of the queue's
/// size. Devices tell the driver, where their type has a way to (block: `seg_max`).
pub const CHAIN_MAX: usize = 128;

/// The next descriptor continues this one.
pub(super) const NEXT: u16 = 1;
/// The device writes to this memory; else it reads.
pub(super) const WRITE: u16 = 2;
/// The memory holds descriptors.
pub(super) const INDIRECT: u16 = 4;

/// Bytes of a descriptor, in both kinds of rings.
pub(super) const DESCRIPTOR_SIZE: usize = 16;

/// A piece of guest memory that is contiguous for the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segment {
    /// Where it begins.
    pub address: GuestAddress,
    /// Its bytes.
    pub len: u32,
}

impl Segment {
    /// A segment.
    pub const fn new(address: GuestAddress, len: u32) -> Self {
        Self { address, len }
    }

    /// The address `offset` bytes into it. Segments of a chain end within the address space, so
    /// this doesn't wrap for offsets up to the length.
    #[inline]
    pub const fn at(&self, offset: u32) -> GuestAddress {
        GuestAddress(self.address.0.wrapping_add(offset as u64))
    }

    /// Its first `len` bytes, or all of it.
    #[inline]
    pub const fn prefix(&self, len: u32) -> Self {
        Self { address: self.address, len: if len < self.len { len } else { self.len } }
    }
}

/// A chain of descriptors, taken from a queue and checked. It is big, so there is one per device,
/// filled again for every request.
///
/// What is in it is a copy: whatever the driver writes to its ring meanwhile, the chain stays.
pub struct Chain {
    token: Token,
    /// Segments before this index are the device's to read, those from here on to write.
    readable_end: usize,
    first: usize,
    end: usize,
    /// All bytes, of both directions.
    total: u64,
    segments: [Segment; CHAIN_MAX],
    table: [u8; CHAIN_MAX * DESCRIPTOR_SIZE],
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

impl Chain {
    /// An empty chain, for [`Queue::pop`](super::Queue::pop) to fill.
    pub const fn new() -> Self {
        Self {
            token: Token { id: 0, slots: 0 },
            readable_end: 0,
            first: 0,
            end: 0,
            total: 0,
            segments: [Segment::new(GuestAddress(0), 0); CHAIN_MAX],
            table: [0; CHAIN_MAX * DESCRIPTOR_SIZE],
        }
    }

    /// What to give back to the queue when the request is done.
    #[inline]
    pub const fn token(&self) -> Token {
        self.token
    }

    /// The memory to read, in order.
    #[inline]
    pub fn readable(&self) -> &[Segment] {
        self.segments.get(self.first..self.readable_end).unwrap_or(&[])
    }

    /// The memory to write, in order.
    #[inline]
    pub fn writable(&self) -> &[Segment] {
        self.segments.get(self.readable_end..self.end).unwrap_or(&[])
    }

    /// The memory to read, with copying on top.
    #[inline]
    pub fn gather<'a, M: GuestMemory>(&'a self, memory: &'a M) -> Gather<'a, M> {
        Gather::new(memory, self.readable())
    }

    /// Reads the first `N` bytes of what is to be read and takes them off the chain; `None` when
    /// there are fewer. However the driver has cut its memory into pieces, as the section "Message
    /// Framing" wants it.
    #[inline]
    pub fn take_header<const N: usize, M: GuestMemory>(&mut self, memory: &M) -> Result<Option<[u8; N]>, MemoryError> {
        // Nearly every driver has it in one piece.
        if let Some(segment) = self.segments.get_mut(self.first).filter(|segment| segment.len as usize > N)
            && self.first < self.readable_end
        {
            let header = memory.read_array(segment.address)?;
            *segment = Segment::new(segment.at(N as u32), segment.len - N as u32);
            return Ok(Some(header));
        }
        self.collect_header(memory)
    }

    /// The same for a header in any pieces.
    fn collect_header<const N: usize, M: GuestMemory>(&mut self, memory: &M) -> Result<Option<[u8; N]>, MemoryError> {
        let mut header = [0; N];
        let mut done = 0;
        while done < N {
            if self.first == self.readable_end {
                return Ok(None);
            }
            let segment = &mut self.segments[self.first];
            let step = (N - done).min(segment.len as usize);
            memory.read(segment.address, &mut header[done..done + step])?;
            *segment = Segment::new(segment.at(step as u32), segment.len - step as u32);
            done += step;
            if segment.len == 0 {
                self.first += 1;
            }
        }
        Ok(Some(header))
    }

    /// Takes the last byte to be written off the chain; where it is. `None` when nothing is to be
    /// written.
    #[inline]
    pub fn take_last_writable_byte(&mut self) -> Option<GuestAddress> {
        if self.end == self.readable_end {
            return None;
        }
        let segment = &mut self.segments[self.end - 1];
        segment.len -= 1;
        let address = segment.at(segment.len);
        if segment.len == 0 {
            self.end -= 1;
        }
        Some(address)
    }

    #[inline]
    pub(super) fn begin(&mut self) {
        self.first = 0;
        self.end = 0;
        self.readable_end = 0;
        self.total = 0;
    }

    #[inline]
    pub(super) fn finish(&mut self, token: Token) {
        self.token = token;
    }

    /// Adds what a descriptor describes.
    #[inline]
    pub(super) fn add(&mut self, address: u64, len: u32, writable: bool) -> Result<(), QueueError> {
        if len == 0 {
            // Says nothing; it only counts as a descriptor.
            return Ok(());
        }
        if address.checked_add(u64::from(len)).is_none() {
            return Err(QueueError::Address(GuestAddress(address)));
        }
        self.total += u64::from(len);
        // "Drivers MUST NOT add a descriptor chain longer than 2^32 bytes in total."
        if self.total > 1 << 32 {
            return Err(QueueError::ChainBytes);
        }
        let Some(slot) = self.segments.get_mut(self.end) else {
            return Err(QueueError::ChainLength);
        };
        *slot = Segment::new(GuestAddress(address), len);
        self.end += 1;
        if !writable {
            // "The driver MUST place any device-writable descriptor elements after any
            // device-readable descriptor elements."
            if self.readable_end + 1 != self.end {
                return Err(QueueError::Order);
            }
            self.readable_end = self.end;
        }
        Ok(())
    }

    /// Copies a table of indirect descriptors, so that they are read once. The number of them.
    pub(super) fn load_table<M: GuestMemory>(
        &mut self,
        memory: &M,
        address: u64,
        len: u32,
    ) -> Result<usize, QueueError> {
        let len = len as usize;
        if len == 0 || !len.is_multiple_of(DESCRIPTOR_SIZE) {
            return Err(QueueError::TableSize(len as u32));
        }
        let table = self.table.get_mut(..len).ok_or(QueueError::ChainLength)?;
        memory.read(GuestAddress(address), table)?;
        Ok(len / DESCRIPTOR_SIZE)
    }

    /// The two words of a descriptor of the copied table.
    #[inline]
    pub(super) fn table_entry(&self, index: usize) -> (u64, u64) {
        let word = |offset: usize| {
            let bytes = self.table.get(offset..offset + 8).and_then(|bytes| bytes.try_into().ok());
            u64::from_le_bytes(bytes.unwrap_or_default())
        };
        (word(index * DESCRIPTOR_SIZE), word(index * DESCRIPTOR_SIZE + 8))
    }
}

/// The length of some segments together.
#[inline]
pub fn total_len(segments: &[Segment]) -> u64 {
    segments.iter().map(|segment| u64::from(segment.len)).sum()
}

/// Memory to be read that is in several pieces, and how to copy it.
#[derive(Clone, Copy)]
pub struct Gather<'a, M> {
    memory: &'a M,
    segments: &'a [Segment],
    /// Where the host has all of it, if it is in one piece and somebody has looked.
    place: Option<*const u8>,
}

impl<'a, M: GuestMemory> Gather<'a, M> {
    /// From its parts.
    pub const fn new(memory: &'a M, segments: &'a [Segment]) -> Self {
        Self { memory, segments, place: None }
    }

    /// One piece, which [`GuestMemory::head`] has found at `place` as a whole, or not.
    #[inline(always)]
    pub(crate) const fn located(memory: &'a M, segment: &'a Segment, place: Option<*const u8>) -> Self {
        Self { memory, segments: slice::from_ref(segment), place }
    }

    /// Where the host has all the bytes one behind the other, if that is known.
    pub const fn place(&self) -> Option<*const u8> {
        self.place
    }

    /// Where the pieces are.
    pub const fn segments(&self) -> &'a [Segment] {
        self.segments
    }

    /// The memory that they are in.
    pub const fn memory(&self) -> &'a M {
        self.memory
    }

    /// All their bytes.
    #[inline(always)]
    pub fn len(&self) -> u64 {
        total_len(self.segments)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Copies bytes from the beginning on: as many as fit, or all there are. How many.
    #[inline]
    pub fn copy_to(&self, into: &mut [u8]) -> Result<usize, MemoryError> {
        let mut done = 0;
        for segment in self.segments {
            let step = (into.len() - done).min(segment.len as usize);
            self.memory.read(segment.address, &mut into[done..done + step])?;
            done += step;
        }
        Ok(done)
    }

    /// Copies bytes in pieces of at most `N`, and hands out each piece: for what takes bytes, but
    /// has no room for all of them.
    pub fn for_each_chunk<const N: usize>(&self, mut take: impl FnMut(&[u8])) -> Result<(), MemoryError> {
        let mut buffer = [0; N];
        for segment in self.segments {
            let mut done = 0;
            while done < segment.len {
                let chunk = &mut buffer[..N.min((segment.len - done) as usize)];
                self.memory.read(segment.at(done), chunk)?;
                take(chunk);
                done += chunk.len() as u32;
            }
        }
        Ok(())
    }
}
