//! A disk in the host's memory.

use core::ptr;

use rv_virtio::device::block::{SECTOR, Storage, StorageError};
use rv_virtio::memory::{GuestAddress, GuestMemory, MemoryError};
use rv_virtio::queue::Segment;

use crate::memory::Pieces;

/// A disk whose bytes are pieces of memory, with the disk's first byte at address 0. Others may have the memory mapped too, so that there are
/// no references to it.
#[derive(Debug)]
pub struct RamDisk<P> {
    pieces: P,
    size: u64,
}

/// Which way bytes go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    FromDisk,
    ToDisk,
}

impl<P: Pieces> RamDisk<P> {
    /// A disk of `size` bytes, all of which `pieces` has.
    pub const fn new(pieces: P, size: u64) -> Self {
        RamDisk { pieces, size }
    }

    fn piece(&self, position: u64, len: usize) -> Result<(*mut u8, usize), StorageError> {
        let rest = usize::try_from(self.size.saturating_sub(position)).unwrap_or(usize::MAX);
        let piece = self.pieces.piece(GuestAddress(position), len.min(rest));
        piece.filter(|(_, count)| *count > 0).ok_or(StorageError::Failed)
    }

    /// Copies between disk and guest, piece by piece, without a detour.
    #[inline]
    fn copy<M: GuestMemory>(
        &self,
        position: u64,
        memory: &M,
        segment: Segment,
        direction: Direction,
    ) -> Result<(), StorageError> {
        let mut done = 0;
        while done < segment.len {
            let left = (segment.len - done) as usize;
            let (disk, on_disk) = self.piece(position + u64::from(done), left)?;
            let missing = MemoryError { address: segment.at(done), len: left as u64 };
            let (guest, in_guest) = memory.pointer(segment.at(done), on_disk).ok_or(missing)?;
            let count = on_disk.min(in_guest);
            let (from, to) = if direction == Direction::FromDisk { (disk, guest) } else { (guest, disk) };
            // SAFETY: both are `count` bytes that nobody has references to. They overlap only if a guest's memory is its own disk: `copy` bears it.
            unsafe { ptr::copy(from, to, count) };
            done += count as u32;
        }
        Ok(())
    }
}

impl<P: Pieces> Storage for RamDisk<P> {
    fn sectors(&self) -> u64 {
        self.size / SECTOR
    }

    #[inline]
    fn read<M: GuestMemory>(&mut self, position: u64, memory: &M, to: Segment) -> Result<(), StorageError> {
        self.copy(position, memory, to, Direction::FromDisk)
    }

    #[inline]
    fn write<M: GuestMemory>(&mut self, position: u64, memory: &M, from: Segment) -> Result<(), StorageError> {
        self.copy(position, memory, from, Direction::ToDisk)
    }

    fn write_zeros(&mut self, position: u64, len: u64, _may_unmap: bool) -> Result<(), StorageError> {
        let mut done = 0;
        while done < len {
            let (at, count) = self.piece(position + done, usize::try_from(len - done).unwrap_or(usize::MAX))?;
            // SAFETY: as in `copy`.
            unsafe { ptr::write_bytes(at, 0, count) };
            done += count as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::RamDisk;
    use crate::memory::{Mapped, Memory, Pieces};
    use rv_virtio::device::block::{Storage, StorageError};
    use rv_virtio::memory::{GuestAddress, GuestMemory};
    use rv_virtio::queue::Segment;

    /// Memory in pieces of 100 bytes, as a kernel has it in pages.
    struct Patches(Mapped);

    // SAFETY: a part of what `Mapped` answers.
    unsafe impl Pieces for Patches {
        fn piece(&self, address: GuestAddress, len: usize) -> Option<(*mut u8, usize)> {
            let to_end = 100 - (address.0 % 100) as usize;
            self.0.piece(address, len.min(to_end))
        }
    }

    #[test]
    fn what_is_written_is_read_across_pieces() {
        let (mut disk_bytes, mut guest_bytes) = (vec![0u8; 1024], vec![0u8; 4096]);
        // SAFETY: the vectors live longer, and are not touched meanwhile.
        let (disk, guest) = unsafe {
            (Mapped::new(0, 1024, disk_bytes.as_mut_ptr()), Mapped::new(0x1000, 4096, guest_bytes.as_mut_ptr()))
        };
        let mut disk = RamDisk::new(Patches(disk), 1024);
        let guest = Memory::new(guest);
        let pattern: Vec<u8> = (0..500).map(|n| n as u8).collect();
        guest.write(GuestAddress(0x1003), &pattern).unwrap();
        assert_eq!(disk.sectors(), 2);
        assert_eq!(disk.write(77, &guest, Segment::new(GuestAddress(0x1003), 500)), Ok(()));
        assert_eq!(disk.read(77, &guest, Segment::new(GuestAddress(0x1801), 500)), Ok(()));
        let mut back = vec![0; 500];
        guest.read(GuestAddress(0x1801), &mut back).unwrap();
        assert_eq!(back, pattern);
        assert_eq!(disk.write_zeros(100, 250, false), Ok(()));
        assert_eq!(disk.read(77, &guest, Segment::new(GuestAddress(0x1801), 500)), Ok(()));
        guest.read(GuestAddress(0x1801), &mut back).unwrap();
        assert_eq!((&back[..23], &back[23..273], &back[273..]), (&pattern[..23], &[0; 250][..], &pattern[273..]));
    }

    #[test]
    fn the_ends_of_disk_and_memory_are_kept() {
        let (mut disk_bytes, mut guest_bytes) = (vec![0u8; 512], vec![0u8; 512]);
        // SAFETY: as above.
        let (disk, guest) =
            unsafe { (Mapped::new(0, 512, disk_bytes.as_mut_ptr()), Mapped::new(0, 512, guest_bytes.as_mut_ptr())) };
        let mut disk = RamDisk::new(disk, 512);
        let guest = Memory::new(guest);
        assert_eq!(disk.read(500, &guest, Segment::new(GuestAddress(0), 13)), Err(StorageError::Failed));
        let beyond = disk.read(0, &guest, Segment::new(GuestAddress(500), 13));
        assert!(matches!(beyond, Err(StorageError::Memory(_))), "{beyond:?}");
        assert_eq!(disk.write_zeros(500, 13, true), Err(StorageError::Failed));
    }
}
