//! Guest memory as its host sees it: pieces of the host's own address space.

use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use core::{array, ptr};

use rv_virtio::memory::{GuestAddress, GuestMemory, MemoryError, Region};

/// How guest memory lies in the host's.
///
/// # Safety
/// What [`Pieces::piece`] answers is memory that stays where it is as long as `self`, that nothing in the host's program has references to, and
/// that may be read and written at any time.
pub unsafe trait Pieces {
    /// Where the memory at `address` is, and how many bytes follow one another there, `len` at most. `None` if there is no memory.
    fn piece(&self, address: GuestAddress, len: usize) -> Option<(*mut u8, usize)>;

    /// The same if all of them do. Others may lie in one piece all the same: this is the short way.
    #[inline(always)]
    fn whole(&self, address: GuestAddress, len: usize) -> Option<*mut u8> {
        self.piece(address, len).filter(|(_, count)| *count == len).map(|(pointer, _)| pointer)
    }
}

/// Guest memory made of [`Pieces`].
#[derive(Clone, Debug)]
pub struct Memory<P>(P);

impl<P: Pieces> Memory<P> {
    /// The memory.
    pub const fn new(pieces: P) -> Self {
        Memory(pieces)
    }

    /// Calls `copy` with a pointer and a range of the transfer's `len` bytes, for each piece of it.
    #[inline]
    fn each(
        &self,
        address: GuestAddress,
        len: usize,
        mut copy: impl FnMut(*mut u8, usize, usize),
    ) -> Result<(), MemoryError> {
        let missing = MemoryError { address, len: len as u64 };
        let mut done = 0;
        while done < len {
            let at = address.checked_add(done as u64).ok_or(missing)?;
            let (pointer, count) = self.0.piece(at, len - done).filter(|(_, count)| *count > 0).ok_or(missing)?;
            copy(pointer, done, count);
            done += count;
        }
        Ok(())
    }
}

impl<P: Pieces> GuestMemory for Memory<P> {
    type Region = Window;

    /// A ring must lie in one piece.
    fn region(&self, address: GuestAddress, len: u64) -> Result<Window, MemoryError> {
        let missing = MemoryError { address, len };
        let wanted = usize::try_from(len).map_err(|_| missing)?;
        match self.0.piece(address, wanted) {
            Some((start, count)) if count == wanted => Ok(Window { start, len: wanted }),
            _ => Err(missing),
        }
    }

    #[inline]
    fn read(&self, address: GuestAddress, into: &mut [u8]) -> Result<(), MemoryError> {
        let target = into.as_mut_ptr();
        // SAFETY: `each` stays within `into`, and a piece is memory that nobody has references to.
        self.each(address, into.len(), |from, done, count| unsafe {
            ptr::copy_nonoverlapping(from, target.add(done), count);
        })
    }

    #[inline]
    fn write(&self, address: GuestAddress, from: &[u8]) -> Result<(), MemoryError> {
        // SAFETY: as in `read`.
        self.each(address, from.len(), |to, done, count| unsafe {
            ptr::copy_nonoverlapping(from.as_ptr().add(done), to, count);
        })
    }

    #[inline(always)]
    fn read_array<const N: usize>(&self, address: GuestAddress) -> Result<[u8; N], MemoryError> {
        match self.0.piece(address, N) {
            // SAFETY: so many bytes of memory that nobody has references to; bytes have no alignment.
            Some((from, count)) if count == N => Ok(unsafe { ptr::read(from.cast()) }),
            _ => {
                let mut bytes = [0; N];
                self.read(address, &mut bytes)?;
                Ok(bytes)
            }
        }
    }

    #[inline(always)]
    fn head<const N: usize>(&self, address: GuestAddress, len: usize) -> Option<([u16; N], Option<*const u8>)> {
        let from = self.0.whole(address, len)?;
        if len < 2 * N || !(from as usize).is_multiple_of(2) {
            return None;
        }
        // SAFETY: so many bytes of memory that nobody has references to, aligned. Atomic, or the compiler finds that bytes do as well.
        let half = |index| unsafe { AtomicU16::from_ptr(from.cast::<u16>().add(index)) }.load(Ordering::Relaxed);
        Some((array::from_fn(|index| u16::from_le(half(index))), Some(from.cast_const())))
    }

    #[inline(always)]
    fn pointer(&self, address: GuestAddress, len: usize) -> Option<(*mut u8, usize)> {
        self.0.piece(address, len)
    }
}

/// A piece of guest memory that holds a ring.
#[derive(Debug)]
pub struct Window {
    start: *mut u8,
    len: usize,
}

// SAFETY: it is a pointer to memory that is shared with a guest anyway, and accessed atomically.
unsafe impl Send for Window {}

/// What is read outside of a window. Cold, so that the compiler lays out the way inside as the straight one.
#[cold]
fn outside() -> u8 {
    0
}

/// Loads and stores of one width: atomic, in one piece, and nothing outside of the window.
macro_rules! words {
    ($($load:ident $store:ident $word:ty, $atomic:ty;)*) => { $(
        #[inline]
        fn $load(&self, offset: usize) -> $word {
            if offset + size_of::<$word>() > self.len {
                return outside().into();
            }
            // SAFETY: inside the window, and aligned, as rings are and the queue's offsets in them.
            let word = unsafe { <$atomic>::from_ptr(self.start.add(offset).cast()) };
            <$word>::from_le(word.load(Ordering::Relaxed))
        }

        #[inline]
        fn $store(&self, offset: usize, value: $word) {
            if offset + size_of::<$word>() <= self.len {
                // SAFETY: as above.
                let word = unsafe { <$atomic>::from_ptr(self.start.add(offset).cast()) };
                word.store(value.to_le(), Ordering::Relaxed);
            }
        }
    )* };
}

impl Region for Window {
    words! {
        load_u16 store_u16 u16, AtomicU16;
        load_u32 store_u32 u32, AtomicU32;
        load_u64 store_u64 u64, AtomicU64;
    }
}

/// Guest memory in one piece: a mapping of a process.
#[derive(Clone, Copy, Debug)]
pub struct Mapped {
    gpa: u64,
    size: u64,
    start: *mut u8,
}

// SAFETY: as for `Window`.
unsafe impl Send for Mapped {}

impl Mapped {
    /// `size` bytes of guest memory at `gpa`, which are at `start` here.
    ///
    /// # Safety
    /// They stay mapped as long as this, and no reference to any of them is ever made.
    pub const unsafe fn new(gpa: u64, size: u64, start: *mut u8) -> Self {
        Mapped { gpa, size, start }
    }
}

// SAFETY: as the caller of `new` promises; what is outside of the mapping is refused.
unsafe impl Pieces for Mapped {
    #[inline]
    fn piece(&self, address: GuestAddress, len: usize) -> Option<(*mut u8, usize)> {
        let offset = address.0.wrapping_sub(self.gpa);
        let rest = self.size.checked_sub(offset).filter(|rest| *rest > 0)?;
        // SAFETY: the offset is inside the mapping.
        Some((unsafe { self.start.add(offset as usize) }, len.min(rest as usize)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Mapped, Memory};
    use rv_virtio::memory::{GuestAddress, GuestMemory, Region};

    const BASE: u64 = 0x8000_0000;

    fn memory(bytes: &mut [u64]) -> Memory<Mapped> {
        // SAFETY: the tests don't touch the bytes while they use the memory.
        Memory::new(unsafe { Mapped::new(BASE, 8 * bytes.len() as u64, bytes.as_mut_ptr().cast()) })
    }

    #[test]
    fn bytes_go_in_and_out_and_nothing_beyond() {
        let mut bytes = [0u64; 16];
        let memory = memory(&mut bytes);
        let end = BASE + 128;
        assert_eq!(memory.write(GuestAddress(end - 3), b"abc"), Ok(()));
        let mut back = [0; 3];
        assert_eq!(memory.read(GuestAddress(end - 3), &mut back), Ok(()));
        assert_eq!(&back, b"abc");
        for (address, len) in [(end - 2, 3), (end, 1), (BASE - 1, 1), (0, 8), (u64::MAX, 2)] {
            assert!(memory.read(GuestAddress(address), &mut [0; 8][..len]).is_err(), "{len} at {address:#x}");
            assert!(memory.write(GuestAddress(address), &[0; 8][..len]).is_err());
            assert!(memory.region(GuestAddress(address), len as u64).is_err());
        }
    }

    #[test]
    fn words_of_a_ring_are_little_endian_and_stay_in_it() {
        let mut bytes = [0u64; 16];
        let memory = memory(&mut bytes);
        let ring = memory.region(GuestAddress(BASE + 8), 16).unwrap();
        ring.store_u16(2, 0x1234);
        ring.store_u64(8, u64::MAX);
        assert_eq!((ring.load_u32(0), ring.load_u16(2), ring.load_u64(8)), (0x1234_0000, 0x1234, u64::MAX));
        ring.store_u64(16, 5);
        assert_eq!(ring.load_u64(16), 0, "outside");
        drop(ring);
        assert_eq!(bytes[3], 0);
        assert_eq!(bytes[1], u64::from_le_bytes([0, 0, 0x34, 0x12, 0, 0, 0, 0]));
    }
}
