//! Seeded random numbers, and the values that hardware gets wrong.

/// A small generator: the same seed gives the same numbers for ever.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound as u64) as usize
    }

    /// True once in `odds` times.
    pub fn once_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    /// One of `items`, which are not none.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// A register number.
    pub fn register(&mut self) -> u8 {
        self.below(32) as u8
    }

    /// An integer: edges, small ones, and any of all lengths.
    pub fn integer(&mut self) -> u64 {
        const EDGES: [u64; 14] = [
            0,
            1,
            2,
            !0,
            !1,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            0x1_0000_0000,
            0x7fff_ffff_ffff_ffff,
            0x8000_0000_0000_0000,
            0xffff_ffff_8000_0000,
            0x5555_5555_5555_5555,
            0xff00_00ff_0000_8001,
        ];
        match self.below(8) {
            0 | 1 => self.pick(&EDGES),
            2 => self.below(128) as u64,
            3 => (self.below(128) as u64).wrapping_neg(),
            _ => {
                let shift = self.below(64);
                self.bits() >> shift
            }
        }
    }

    /// A register of floating-point bits: hard doubles, boxed singles and halves, and values that are boxed badly.
    pub fn float(&mut self) -> u64 {
        match self.below(8) {
            0..=2 => self.hard(11, 52),
            3..=5 => 0xffff_ffff_0000_0000 | self.hard(8, 23),
            6 => 0xffff_ffff_ffff_0000 | self.hard(5, 10),
            _ => self.integer(),
        }
    }

    /// A number near an edge of a format with so many bits of exponent and fraction.
    fn hard(&mut self, exponent_bits: u32, fraction_bits: u32) -> u64 {
        let top = (1u64 << exponent_bits) - 1;
        let bias = top >> 1;
        let near = self.below(2 * fraction_bits as usize + 8) as u64;
        let exponent = match self.below(8) {
            0 => 0,
            1 => 1 + self.below(3) as u64,
            2 => top,
            3 => top - 1 - self.below(2) as u64,
            4 | 5 => bias.wrapping_add(near).wrapping_sub(4) & top,
            6 => bias.wrapping_sub(near) & top,
            _ => self.bits() & top,
        };
        let ones = (1u64 << fraction_bits) - 1;
        let fraction = match self.below(8) {
            0 | 1 => 0,
            2 => 1 << self.below(fraction_bits as usize),
            3 => ones,
            4 => ones & !1 << self.below(fraction_bits as usize),
            5 => 1 << (fraction_bits - 1) | self.bits() & 1,
            _ => self.bits() & ones,
        };
        let sign = self.bits() & 1;
        (sign << exponent_bits | exponent) << fraction_bits | fraction
    }
}
