//! What a device needs of guest memory.
//!
//! The memory belongs to a guest that runs at the same time and means no good. So nobody gets a
//! reference to it: bytes are copied in and out, and what was copied once is not read again.
//!
//! Two ways of access, by cost. Rings are small, are touched many times per request and stay where
//! they are: a queue asks for their [`Region`]s once, when it is made, and an implementation can do
//! all checks and translations then. Payloads are anywhere and are copied once:
//! [`GuestMemory::read`] and [`GuestMemory::write`], which an implementation turns into one `memcpy`
//! per contiguous piece.

#[cfg(any(test, feature = "testing"))]
mod vec;

#[cfg(any(test, feature = "testing"))]
pub use vec::{VecMemory, VecRegion};

use core::fmt;

/// An address in the guest's physical memory, as the driver writes it into rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GuestAddress(pub u64);

impl GuestAddress {
    /// The address `offset` bytes on, unless that is beyond the address space.
    #[inline]
    pub const fn checked_add(self, offset: u64) -> Option<Self> {
        match self.0.checked_add(offset) {
            Some(address) => Some(Self(address)),
            None => None,
        }
    }

    /// Whether the address is a multiple of `alignment`, a power of two.
    #[inline]
    pub const fn is_aligned(self, alignment: u64) -> bool {
        self.0 & (alignment - 1) == 0
    }
}

impl fmt::Display for GuestAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#x}", self.0)
    }
}

/// The guest named an address where it has no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryError {
    /// Where the access began.
    pub address: GuestAddress,
    /// How many bytes it was for.
    pub len: u64,
}

impl fmt::Display for MemoryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes at {} are no guest memory", self.len, self.address)
    }
}

impl core::error::Error for MemoryError {}

/// The memory of one guest.
///
/// Methods take `&self`: the guest writes to it anyway, so there is no exclusive access to be had.
/// An address range that is not memory from end to end is an error, and nothing is copied then, or
/// only a part: callers treat both alike.
pub trait GuestMemory {
    /// A handle to a piece of memory, with checks and translation already paid.
    type Region: Region;

    /// The memory from `address` on, for many small accesses.
    fn region(&self, address: GuestAddress, len: u64) -> Result<Self::Region, MemoryError>;

    /// Copies bytes out of guest memory.
    fn read(&self, address: GuestAddress, into: &mut [u8]) -> Result<(), MemoryError>;

    /// Copies bytes into guest memory.
    fn write(&self, address: GuestAddress, from: &[u8]) -> Result<(), MemoryError>;

    /// Where the memory at `address` is for the host, and how many of the `len` bytes follow each
    /// other there: for storage that moves data by other means than [`read`](Self::read) and
    /// [`write`](Self::write), such as a system call or another device. `None` where there is no
    /// such place, and no memory.
    #[inline]
    fn pointer(&self, address: GuestAddress, len: usize) -> Option<(*mut u8, usize)> {
        let _ = (address, len);
        None
    }

    /// Reads a few bytes.
    #[inline]
    fn read_array<const N: usize>(&self, address: GuestAddress) -> Result<[u8; N], MemoryError> {
        let mut bytes = [0; N];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// The little-endian numbers at the beginning of `len` bytes, and where all those are for the host, if that is known:
    /// for what comes often and is small, in one look at the address. `None` if there are fewer bytes than the numbers take,
    /// and wherever that look isn't enough, as for what isn't aligned: [`read`](Self::read) says whether it is an error.
    #[inline]
    fn head<const N: usize>(&self, address: GuestAddress, len: usize) -> Option<([u16; N], Option<*const u8>)> {
        if len < 2 * N {
            return None;
        }
        let mut halves = [[0; 2]; N];
        self.read(address, halves.as_flattened_mut()).ok()?;
        Some((halves.map(u16::from_le_bytes), None))
    }

    /// Reads a byte.
    #[inline]
    fn read_u8(&self, address: GuestAddress) -> Result<u8, MemoryError> {
        Ok(u8::from_le_bytes(self.read_array(address)?))
    }

    /// Reads a little-endian number.
    #[inline]
    fn read_u16(&self, address: GuestAddress) -> Result<u16, MemoryError> {
        Ok(u16::from_le_bytes(self.read_array(address)?))
    }

    /// Reads a little-endian number.
    #[inline]
    fn read_u32(&self, address: GuestAddress) -> Result<u32, MemoryError> {
        Ok(u32::from_le_bytes(self.read_array(address)?))
    }

    /// Writes a byte.
    #[inline]
    fn write_u8(&self, address: GuestAddress, value: u8) -> Result<(), MemoryError> {
        self.write(address, &[value])
    }
}

/// A piece of guest memory that is accessed in small words: a ring, or a part of one.
///
/// An offset is a multiple of the word's size, counted from a start that is aligned as the
/// specification demands of rings (at least to the biggest word that is used in them), and the word
/// ends within the region: queues see to that. An implementation needs no more than a check that
/// keeps a mistake of theirs from doing harm: what is outside reads as zero, and a store to it does
/// nothing.
///
/// Every access is one load or store of the hart (single-copy atomic), never split and never
/// repeated; values are little-endian in memory. Order between accesses is the business of queues,
/// by [`core::sync::atomic::fence`]: with relaxed atomics (or volatile accesses) here that is all
/// that is needed.
pub trait Region {
    /// Reads a `u16`.
    fn load_u16(&self, offset: usize) -> u16;
    /// Reads a `u32`.
    fn load_u32(&self, offset: usize) -> u32;
    /// Reads a `u64`.
    fn load_u64(&self, offset: usize) -> u64;
    /// Writes a `u16`.
    fn store_u16(&self, offset: usize, value: u16);
    /// Writes a `u32`.
    fn store_u32(&self, offset: usize, value: u32);
    /// Writes a `u64`.
    fn store_u64(&self, offset: usize, value: u64);

    /// Reads a `u16` before everything that is read or written after it.
    #[inline]
    fn load_u16_acquire(&self, offset: usize) -> u16 {
        let value = self.load_u16(offset);
        core::sync::atomic::fence(core::sync::atomic::Ordering::Acquire);
        value
    }

    /// Writes a `u16` after everything that was read or written before it.
    #[inline]
    fn store_u16_release(&self, offset: usize, value: u16) {
        core::sync::atomic::fence(core::sync::atomic::Ordering::Release);
        self.store_u16(offset, value);
    }
}
