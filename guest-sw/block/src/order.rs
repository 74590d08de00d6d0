//! The order of requests. As with fio, a random order takes every block once before it takes one twice.

/// Which block each request is for.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    blocks: u64,
    random: bool,
    seed: u64,
    position: u64,
    pass: u32,
}

/// A place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The block.
    pub block: u64,
    /// How many times all blocks were taken before.
    pub pass: u32,
    /// How many blocks were taken since.
    pub position: u64,
}

impl Order {
    /// The order in which `blocks` blocks, at least one, are taken again and again.
    pub const fn new(blocks: u64, random: bool, seed: u64) -> Self {
        Self { blocks, random, seed, position: 0, pass: 0 }
    }

    /// The next step.
    #[inline]
    pub fn peek(&self) -> Step {
        let block = if self.random { self.permuted() } else { self.position };
        Step { block, pass: self.pass, position: self.position }
    }

    /// Goes on to the step behind.
    #[inline]
    pub fn advance(&mut self) {
        self.position += 1;
        if self.position == self.blocks {
            self.position = 0;
            self.pass += 1;
        }
    }

    /// A permutation of the power of two that is enough, walked until it gives a block that there is.
    #[inline]
    fn permuted(&self) -> u64 {
        let bits = u64::BITS - (self.blocks - 1).leading_zeros();
        let mask = (1 << bits) - 1;
        let half = bits.div_ceil(2).max(1);
        let key = mixed(self.seed.wrapping_add(u64::from(self.pass) << 32));
        let mut value = self.position;
        loop {
            // Each step can be undone, so no two positions meet.
            value = value.wrapping_add(key) & mask;
            value = value.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask;
            value ^= value >> half;
            value = (value ^ key >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) & mask;
            value ^= value >> half;
            if value < self.blocks {
                return value;
            }
        }
    }
}

/// A number without pattern from any other (the finaliser of SplitMix64).
pub const fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::Order;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    fn pass(order: &mut Order, blocks: u64) -> Vec<u64> {
        let step = |_| {
            let step = order.peek();
            order.advance();
            step.block
        };
        (0..blocks).map(step).collect()
    }

    #[test]
    fn every_block_once_per_pass() {
        for blocks in [1, 2, 3, 5, 8, 100, 1000, 1024, 1025] {
            let mut order = Order::new(blocks, true, 42);
            let first = pass(&mut order, blocks);
            let second = pass(&mut order, blocks);
            for pass in [&first, &second] {
                assert_eq!(pass.iter().copied().collect::<BTreeSet<_>>(), (0..blocks).collect());
            }
            assert!(blocks < 8 || first != second);
        }
    }

    #[test]
    fn random_is_not_sequential_and_is_repeatable() {
        let order = |seed| pass(&mut Order::new(1000, true, seed), 1000);
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let steps = order(1).windows(2).filter(|pair| pair[1] == pair[0] + 1).count();
        assert!(steps < 20, "{steps} neighbours follow each other");
    }

    #[test]
    fn sequence() {
        let mut order = Order::new(3, false, 0);
        assert_eq!(pass(&mut order, 7), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!((order.peek().pass, order.peek().position), (2, 1));
    }
}
