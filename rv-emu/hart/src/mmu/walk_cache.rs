//! Which page-table entries the hardware walker still has. Only time depends on it: entries are always read from memory.
//!
//! Walkers keep recently used entries beside them, and read the rest through the data cache. Without that, each access to a page that must
//! not be cached (because it faults) would pay for a whole two-stage walk, which no measured machine does.

/// Sets, and entries of a set. Associative, so that where software's tables happen to lie doesn't decide what a walk costs.
const SETS: usize = 16;
const WAYS: usize = 4;
/// No entry has this address: entries are aligned to 8 bytes.
const NONE: u64 = 1;

/// A cache of entry addresses that replaces what was not used for longest.
pub struct WalkCache {
    /// Addresses, the one used last first.
    sets: [[u64; WAYS]; SETS],
}

impl WalkCache {
    pub(crate) fn new() -> WalkCache {
        WalkCache { sets: [[NONE; WAYS]; SETS] }
    }

    /// Forgets everything, as a fence may.
    pub(crate) fn flush(&mut self) {
        *self = WalkCache::new();
    }

    /// Whether the entry at `phys` is there; it is afterwards. The index takes in the page, since tables are used at similar offsets.
    pub(crate) fn touch(&mut self, phys: u64) -> bool {
        let set = &mut self.sets[((phys >> 3 ^ phys >> 12) % SETS as u64) as usize];
        let found = set.iter().position(|entry| *entry == phys);
        set[..=found.unwrap_or(WAYS - 1)].rotate_right(1);
        set[0] = phys;
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries that share a set.
    fn entry(number: u64) -> u64 {
        0x8000_0000 + number * 8 * SETS as u64
    }

    #[test]
    fn the_entry_unused_for_longest_goes() {
        let mut cache = WalkCache::new();
        for number in 0..4 {
            assert!(!cache.touch(entry(number)));
        }
        assert!(cache.touch(entry(0)));
        assert!(!cache.touch(entry(4)), "takes the place of 1");
        assert!(cache.touch(entry(0)) && cache.touch(entry(2)) && cache.touch(entry(3)));
        assert!(!cache.touch(entry(1)));
        cache.flush();
        assert!(!cache.touch(entry(1)));
    }
}
