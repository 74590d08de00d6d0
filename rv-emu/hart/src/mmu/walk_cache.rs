//! Which page-table entries the hardware walker still has. Only time depends on it: entries are always read from memory.
//!
//! Walkers keep recently used entries beside them, and read the rest through the data cache. Without that, each access to a page that must
//! not be cached (because it faults) would pay for a whole two-stage walk, which no measured machine does.

/// Entries that the walker has room for.
const ENTRIES: usize = 64;
/// No entry has this address: entries are aligned to 8 bytes.
const NONE: u64 = 1;

/// A direct-mapped cache of entry addresses.
pub struct WalkCache {
    tags: [u64; ENTRIES],
}

impl WalkCache {
    pub(crate) fn new() -> WalkCache {
        WalkCache { tags: [NONE; ENTRIES] }
    }

    /// Forgets everything, as fences demand.
    pub(crate) fn flush(&mut self) {
        self.tags = [NONE; ENTRIES];
    }

    /// Whether the entry at `phys` is there; it is afterwards. The index takes in the page, since tables are used at similar offsets.
    pub(crate) fn touch(&mut self, phys: u64) -> bool {
        let slot = &mut self.tags[((phys >> 3 ^ phys >> 12) % ENTRIES as u64) as usize];
        std::mem::replace(slot, phys) == phys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_until_flushed_or_replaced() {
        let mut cache = WalkCache::new();
        assert!(!cache.touch(0x8000_0000));
        assert!(cache.touch(0x8000_0000));
        assert!(!cache.touch(0x8000_0000 + 8 * ENTRIES as u64), "the same slot");
        assert!(!cache.touch(0x8000_0000));
        cache.flush();
        assert!(!cache.touch(0x8000_0000));
    }
}
