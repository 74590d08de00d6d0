//! What a sector holds: at its head its number, the generation of its contents and the run's seed, at its end both
//! numbers mixed, so that a torn one shows, and in between words that depend on the seed and their place.

use crate::order::mixed;
use virtio::block::SECTOR_SIZE;

/// Words of a sector.
pub const WORDS: usize = SECTOR_SIZE / 8;

/// A sector.
pub type Sector = [u64; WORDS];

/// What sectors of a run hold.
#[derive(Clone, Debug)]
pub struct Pattern {
    words: Sector,
    seed: u32,
}

impl Pattern {
    /// The pattern of a seed.
    pub fn new(seed: u64) -> Self {
        Self { words: core::array::from_fn(|index| mixed(seed ^ mixed(index as u64))), seed: seed as u32 }
    }

    /// Writes what is the same in all sectors.
    pub fn prepare(&self, sectors: &mut [Sector]) {
        sectors.fill(self.words);
    }

    #[inline]
    const fn head(&self, generation: u32) -> u64 {
        (self.seed as u64) << 32 | generation as u64
    }

    /// Writes what isn't, from sector number `first` on.
    #[inline]
    pub fn stamp(&self, sectors: &mut [Sector], first: u64, generation: u32) {
        let head = self.head(generation);
        for (number, sector) in (first..).zip(sectors) {
            sector[0] = number;
            sector[1] = head;
            sector[WORDS - 1] = tail(number, head);
        }
    }

    /// Makes sure that none of the sectors looks like one that was read.
    #[inline]
    pub fn spoil(sectors: &mut [Sector]) {
        for sector in sectors {
            sector[0] = u64::MAX;
        }
    }

    /// How many sectors have wrong heads or ends.
    #[inline]
    pub fn check_ends(&self, sectors: &[Sector], first: u64, generation: u32) -> u64 {
        let head = self.head(generation);
        let mut wrong = 0;
        for (number, sector) in (first..).zip(sectors) {
            let right = sector[0] == number && sector[1] == head && sector[WORDS - 1] == tail(number, head);
            wrong += u64::from(!right);
        }
        wrong
    }

    /// How many sectors have any wrong word.
    pub fn check(&self, sectors: &[Sector], first: u64, generation: u32) -> u64 {
        let one = |(number, sector): (u64, &Sector)| {
            let ends = self.check_ends(core::slice::from_ref(sector), number, generation);
            let middle = sector[2..WORDS - 1] == self.words[2..WORDS - 1];
            u64::from(ends != 0 || !middle)
        };
        (first..).zip(sectors).map(one).sum()
    }
}

#[inline]
const fn tail(number: u64, head: u64) -> u64 {
    number.rotate_left(32) ^ head
}

#[cfg(test)]
mod tests {
    use super::{Pattern, WORDS};

    #[test]
    fn every_wrong_word_is_found() {
        let pattern = Pattern::new(3);
        let mut sectors = [[0; WORDS]; 4];
        pattern.prepare(&mut sectors);
        pattern.stamp(&mut sectors, 100, 7);
        assert_eq!(pattern.check(&sectors, 100, 7), 0);
        assert_eq!(pattern.check_ends(&sectors, 100, 7), 0);
        assert_eq!(pattern.check(&sectors, 101, 7), 4, "another place");
        assert_eq!(pattern.check(&sectors, 100, 6), 4, "another time");
        assert_eq!(Pattern::new(4).check(&sectors, 100, 7), 4, "another run");
        for word in 0..WORDS {
            sectors[2][word] ^= 1 << (word % 64);
            assert_eq!(pattern.check(&sectors, 100, 7), 1, "word {word}");
            sectors[2][word] ^= 1 << (word % 64);
        }
        sectors.swap(0, 1);
        assert_eq!(pattern.check_ends(&sectors, 100, 7), 2);
        Pattern::spoil(&mut sectors);
        assert_eq!(pattern.check_ends(&sectors, 100, 7), 4);
    }
}
