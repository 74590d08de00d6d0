//! Physical memory: host-mapped regions, with the two things that a store must sometimes know.
//!
//! A page may hold translated code or be watched by the machine. Such pages are *odd*: harts give them no fast store path, and every
//! store ends in [`Ram::stored`]. All other pages cost nothing.

use rustc_hash::FxHashMap;
use vm_memory::{GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion};

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;
/// Code is tracked in granules of this many bytes, so that data beside code doesn't drop it.
const GRANULE: u64 = 64;
/// The code log is cut when it is this long; harts that lag behind drop all their blocks.
const LOG_MAX: usize = 4096;

const CODE: u8 = 1;
const WATCHED: u8 = 2;
const READ_ONLY: u8 = 4;

/// Why memory can't be made.
#[derive(Debug, thiserror::Error)]
pub enum RamError {
    /// A region is empty, not page-aligned, or wraps around.
    #[error(
        "memory region at {base:#x} with {len:#x} bytes is empty, not aligned to 4 KiB, or beyond the address space"
    )]
    BadRegion {
        /// Start address.
        base: u64,
        /// Length in bytes.
        len: u64,
    },
    /// The host refuses the mapping.
    #[error("can't reserve memory: {0}")]
    Host(String),
    /// An access by the machine itself is outside of memory.
    #[error("physical range {addr:#x}+{len:#x} is not in memory")]
    Outside {
        /// Start address.
        addr: u64,
        /// Length in bytes.
        len: u64,
    },
}

/// A change to code, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeEvent {
    /// The page holds code from now on: fast stores to it must end.
    Marked(u64),
    /// Code on the page was overwritten: its blocks are void.
    Dirtied(u64),
}

struct Region {
    base: u64,
    len: u64,
    host: *mut u8,
    flags: Vec<u8>,
}

impl Region {
    /// Offset of `addr..addr+len` in the region, if it lies within.
    fn offset(&self, addr: u64, len: u64) -> Option<u64> {
        let offset = addr.wrapping_sub(self.base);
        (offset < self.len && len <= self.len - offset).then_some(offset)
    }
}

/// Physical memory of a machine. Host pages are reserved, and cost nothing until they are touched.
pub struct Ram {
    regions: Vec<Region>,
    code: FxHashMap<u64, u64>,
    log: Vec<CodeEvent>,
    log_start: u64,
    watch_hit: bool,
    /// Writes that no hart made.
    foreign_writes: u64,
    // Keeps the mappings that `Region::host` points into.
    _memory: GuestMemoryMmap,
}

// SAFETY: the raw pointers point into `_memory`, which the value owns and which is itself Send.
unsafe impl Send for Ram {}

impl Ram {
    /// Memory made of `(base, bytes)` regions.
    ///
    /// # Errors
    /// [`RamError`] if a region is bad, two overlap, or the host has no address space left.
    pub fn new(ranges: &[(u64, u64)]) -> Result<Ram, RamError> {
        for &(base, len) in ranges {
            let aligned = (base | len).is_multiple_of(PAGE_SIZE);
            if len == 0 || !aligned || base.checked_add(len).is_none() {
                return Err(RamError::BadRegion { base, len });
            }
        }
        let host_ranges: Vec<_> = ranges.iter().map(|&(base, len)| (GuestAddress(base), len as usize)).collect();
        let memory = GuestMemoryMmap::<()>::from_ranges(&host_ranges).map_err(|e| RamError::Host(e.to_string()))?;
        let regions = memory
            .iter()
            .map(|region| Region {
                base: region.start_addr().0,
                len: region.len(),
                host: region.as_ptr(),
                flags: vec![0; (region.len() / PAGE_SIZE) as usize],
            })
            .collect();
        Ok(Ram {
            regions,
            code: FxHashMap::default(),
            log: Vec::new(),
            log_start: 0,
            watch_hit: false,
            foreign_writes: 0,
            _memory: memory,
        })
    }

    /// `(base, bytes)` of every region.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.regions.iter().map(|r| (r.base, r.len))
    }

    fn find(&self, addr: u64, len: u64) -> Option<(&Region, u64)> {
        self.regions.iter().find_map(|r| r.offset(addr, len).map(|offset| (r, offset)))
    }

    /// Whether `addr..addr+len` lies in one region.
    pub fn contains(&self, addr: u64, len: u64) -> bool {
        self.find(addr, len).is_some()
    }

    /// Whether harts may store at `addr`.
    pub(crate) fn writable(&self, addr: u64) -> bool {
        self.find(addr, 1).is_some_and(|(region, offset)| region.flags[(offset / PAGE_SIZE) as usize] & READ_ONLY == 0)
    }

    /// Host address of the page that holds `addr`, and whether stores to it may bypass [`Ram::stored`].
    pub(crate) fn page(&self, addr: u64) -> Option<(*mut u8, bool)> {
        let page = addr & !(PAGE_SIZE - 1);
        let (region, offset) = self.find(page, PAGE_SIZE)?;
        let plain = region.flags[(offset / PAGE_SIZE) as usize] == 0;
        // SAFETY: `offset + PAGE_SIZE` is within the region's mapping.
        Some((unsafe { region.host.add(offset as usize) }, plain))
    }

    /// Reads `size` (at most 8) bytes, little-endian and zero-extended; `None` outside of memory.
    pub fn load(&self, addr: u64, size: u8) -> Option<u64> {
        debug_assert!(size <= 8);
        let (region, offset) = self.find(addr, u64::from(size))?;
        let mut bytes = [0u8; 8];
        // SAFETY: `find` proved the range; guest memory is plain bytes that only this thread touches.
        unsafe {
            std::ptr::copy_nonoverlapping(region.host.add(offset as usize), bytes.as_mut_ptr(), usize::from(size));
        }
        Some(u64::from_le_bytes(bytes))
    }

    /// Writes the low `size` (at most 8) bytes of `value`, with all that a guest's store entails. `false` if the range is outside
    /// of memory or read-only.
    pub fn store(&mut self, addr: u64, size: u8, value: u64) -> bool {
        debug_assert!(size <= 8);
        let Some((region, offset)) = self.find(addr, u64::from(size)) else { return false };
        if region.flags[(offset / PAGE_SIZE) as usize] & READ_ONLY != 0 {
            return false;
        }
        // SAFETY: `find` proved the range.
        unsafe {
            let at = region.host.add(offset as usize);
            std::ptr::copy_nonoverlapping(value.to_le_bytes().as_ptr(), at, usize::from(size));
        }
        self.stored(addr, u64::from(size));
        true
    }

    /// Reads bytes into `to`.
    ///
    /// # Errors
    /// [`RamError::Outside`]; nothing is read then.
    pub fn read_bytes(&self, addr: u64, to: &mut [u8]) -> Result<(), RamError> {
        let len = to.len() as u64;
        let (region, offset) = self.find(addr, len).ok_or(RamError::Outside { addr, len })?;
        // SAFETY: `find` proved the range, and `to` is not guest memory.
        unsafe { std::ptr::copy_nonoverlapping(region.host.add(offset as usize), to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    /// Writes bytes as a device or loader does: also into read-only pages, and code translated from there is dropped.
    ///
    /// # Errors
    /// [`RamError::Outside`]; nothing is written then.
    pub fn write_bytes(&mut self, addr: u64, from: &[u8]) -> Result<(), RamError> {
        let len = from.len() as u64;
        let (region, offset) = self.find(addr, len).ok_or(RamError::Outside { addr, len })?;
        // SAFETY: `find` proved the range, and `from` is not guest memory.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), region.host.add(offset as usize), from.len()) };
        self.stored(addr, len);
        self.foreign_writes += 1;
        Ok(())
    }

    /// Counts what devices have written: a reservation doesn't outlive that.
    pub(crate) fn foreign_writes(&self) -> u64 {
        self.foreign_writes
    }

    /// Makes stores by harts into the pages of `addr..addr+len` fail, as in ROM.
    pub fn protect(&mut self, addr: u64, len: u64) {
        self.flag_pages(addr, len, READ_ONLY);
    }

    /// Reports stores into the pages of `addr..addr+len` through [`Ram::take_watch_hit`]. To be called before harts run.
    pub fn watch(&mut self, addr: u64, len: u64) {
        self.flag_pages(addr, len, WATCHED);
    }

    /// Whether a watched page was stored to since the last call.
    pub fn take_watch_hit(&mut self) -> bool {
        std::mem::take(&mut self.watch_hit)
    }

    /// A watched page was stored to and nobody has asked yet.
    pub(crate) fn watch_hit(&self) -> bool {
        self.watch_hit
    }

    fn flag_pages(&mut self, addr: u64, len: u64, flag: u8) {
        let first = addr & !(PAGE_SIZE - 1);
        let last = addr.saturating_add(len.max(1) - 1);
        for page in (first..=last).step_by(PAGE_SIZE as usize) {
            self.set_flag(page, flag, true);
        }
    }

    fn set_flag(&mut self, addr: u64, flag: u8, on: bool) {
        for region in &mut self.regions {
            if let Some(offset) = region.offset(addr, 1) {
                let byte = &mut region.flags[(offset / PAGE_SIZE) as usize];
                *byte = if on { *byte | flag } else { *byte & !flag };
            }
        }
    }

    /// Bookkeeping after bytes at `addr..addr+len` changed.
    pub(crate) fn stored(&mut self, addr: u64, len: u64) {
        let first = addr & !(PAGE_SIZE - 1);
        for page in (first..addr + len).step_by(PAGE_SIZE as usize) {
            let Some((region, offset)) = self.find(page, 1) else { continue };
            let flags = region.flags[(offset / PAGE_SIZE) as usize];
            if flags & WATCHED != 0 {
                self.watch_hit = true;
            }
            if flags & CODE != 0 {
                let from = addr.max(page) - page;
                let to = (addr + len - page).min(PAGE_SIZE);
                self.dirty_code(page, granules(from, to));
            }
        }
    }

    fn dirty_code(&mut self, page: u64, granules: u64) {
        if self.code.get(&page).is_none_or(|code| code & granules == 0) {
            return;
        }
        self.code.remove(&page);
        self.set_flag(page, CODE, false);
        self.push_event(CodeEvent::Dirtied(page));
    }

    /// Blocks were made from bytes `from..to` of the page at `page`.
    pub(crate) fn mark_code(&mut self, page: u64, from: u64, to: u64) {
        let entry = self.code.entry(page).or_insert(0);
        let fresh = *entry == 0;
        *entry |= granules(from, to);
        if fresh {
            self.set_flag(page, CODE, true);
            self.push_event(CodeEvent::Marked(page));
        }
    }

    fn push_event(&mut self, event: CodeEvent) {
        if self.log.len() == LOG_MAX {
            self.log_start += LOG_MAX as u64;
            self.log.clear();
        }
        self.log.push(event);
    }

    /// Position behind the newest code event.
    pub(crate) fn code_cursor(&self) -> u64 {
        self.log_start + self.log.len() as u64
    }

    /// Code events since `cursor`; `None` if they are no longer all there.
    pub(crate) fn code_events(&self, cursor: u64) -> Option<&[CodeEvent]> {
        let from = cursor.checked_sub(self.log_start)?;
        Some(&self.log[from as usize..])
    }
}

/// Mask of the granules that bytes `from..to` of a page touch.
fn granules(from: u64, to: u64) -> u64 {
    debug_assert!(from < to && to <= PAGE_SIZE);
    let first = from / GRANULE;
    let last = (to - 1) / GRANULE;
    (u64::MAX >> (63 - (last - first))) << first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_regions_are_refused() {
        for range in [(0, 0), (1, 4096), (0, 100), (u64::MAX - 4095, 4096)] {
            assert!(matches!(Ram::new(&[range]), Err(RamError::BadRegion { .. })), "{range:x?}");
        }
        assert!(Ram::new(&[(0, 8192), (4096, 4096)]).is_err());
    }

    #[test]
    fn accesses_stay_inside() {
        let mut ram = Ram::new(&[(0x8000_0000, 8192)]).unwrap();
        assert!(ram.store(0x8000_1ff8, 8, u64::MAX));
        assert_eq!(ram.load(0x8000_1ffc, 4), Some(0xffff_ffff));
        assert_eq!(ram.load(0x8000_1ffd, 4), None);
        assert!(!ram.store(0x7fff_ffff, 1, 0));
        assert!(ram.read_bytes(0x8000_0000, &mut [0; 8193]).is_err());
    }

    #[test]
    fn only_stores_to_code_bytes_dirty_it() {
        let mut ram = Ram::new(&[(0, 8192)]).unwrap();
        ram.mark_code(4096, 64, 70);
        assert!(!ram.page(4096).unwrap().1);
        let cursor = ram.code_cursor();
        ram.store(4096 + 128, 8, 1);
        ram.store(4096 + 56, 8, 1);
        assert_eq!(ram.code_events(cursor), Some(&[][..]));
        ram.store(4096 + 60, 8, 1);
        assert_eq!(ram.code_events(cursor), Some(&[CodeEvent::Dirtied(4096)][..]));
        assert!(ram.page(4096).unwrap().1);
    }

    #[test]
    fn granule_masks() {
        assert_eq!(granules(0, 1), 1);
        assert_eq!(granules(63, 65), 3);
        assert_eq!(granules(0, PAGE_SIZE), u64::MAX);
        assert_eq!(granules(PAGE_SIZE - 1, PAGE_SIZE), 1 << 63);
    }

    #[test]
    fn rom_and_watches() {
        let mut ram = Ram::new(&[(0, 8192)]).unwrap();
        ram.protect(0, 10);
        assert!(!ram.store(8, 8, 1));
        assert!(ram.write_bytes(8, &[1]).is_ok());
        ram.watch(4096, 8);
        assert!(!ram.take_watch_hit());
        ram.store(8000, 1, 1);
        assert!(ram.take_watch_hit() && !ram.take_watch_hit());
    }
}
