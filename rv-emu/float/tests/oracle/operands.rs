//! Where the operands come from: corner values to be crossed, and random values whose exponents
//! and fractions are chosen to meet the hard cases.

/// What the operands of an operation are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Half,
    Single,
    Double,
    /// An integer, of which the operation takes as many low bits as it likes.
    Integer,
}

/// The fields of a format.
#[derive(Clone, Copy)]
struct Layout {
    fraction_bits: u32,
    exponent_bits: u32,
}

const HALF: Layout = Layout { fraction_bits: 10, exponent_bits: 5 };
const SINGLE: Layout = Layout { fraction_bits: 23, exponent_bits: 8 };
const DOUBLE: Layout = Layout { fraction_bits: 52, exponent_bits: 11 };

impl Layout {
    fn of(kind: Kind) -> Layout {
        match kind {
            Kind::Half => HALF,
            Kind::Single => SINGLE,
            Kind::Double | Kind::Integer => DOUBLE,
        }
    }

    fn exponent_mask(self) -> u64 {
        (1 << self.exponent_bits) - 1
    }

    fn bias(self) -> i64 {
        self.exponent_mask() as i64 >> 1
    }

    fn fraction_mask(self) -> u64 {
        (1 << self.fraction_bits) - 1
    }

    /// A pattern from its fields; exponent fields beyond the format are brought to its ends.
    fn pack(self, sign: bool, field: i64, fraction: u64) -> u64 {
        let field = field.clamp(0, self.exponent_mask() as i64) as u64;
        u64::from(sign) << (self.fraction_bits + self.exponent_bits)
            | field << self.fraction_bits
            | fraction & self.fraction_mask()
    }

    fn field(self, bits: u64) -> i64 {
        (bits >> self.fraction_bits & self.exponent_mask()) as i64
    }

    fn min_normal(self) -> u64 {
        1 << self.fraction_bits
    }

    /// 2^`exponent`, which must be normal.
    fn power(self, exponent: i64) -> u64 {
        debug_assert!((1 - self.bias()..=self.bias()).contains(&exponent));
        self.pack(false, exponent + self.bias(), 0)
    }
}

/// The corner values of a kind: a short list if three operands are to be crossed, and all values
/// there are if it is a single half.
pub fn corners(kind: Kind, arity: usize) -> Vec<u64> {
    if kind == Kind::Integer {
        return integer_corners();
    }
    if kind == Kind::Half && arity == 1 {
        return (0..1 << 16).collect();
    }
    let layout = Layout::of(kind);
    let mut values = if arity == 3 { few_corners(layout) } else { many_corners(layout) };
    let sign = layout.pack(true, 0, 0);
    values.extend(values.clone().iter().map(|bits| bits | sign));
    values
}

/// Zero, the ends of the subnormal and normal ranges, one and its neighbours, specials.
fn few_corners(layout: Layout) -> Vec<u64> {
    let min_normal = layout.pack(false, 1, 0);
    let infinity = layout.pack(false, i64::MAX, 0);
    let one = layout.power(0);
    let quiet = 1 << (layout.fraction_bits - 1);
    vec![
        0,
        1,
        min_normal - 1,
        min_normal,
        min_normal + 1,
        layout.power(-i64::from(layout.fraction_bits) - 1),
        one - 1,
        one,
        one + 1,
        layout.power(layout.fraction_bits.into()),
        infinity - 1,
        infinity,
        infinity | quiet,
        infinity | 1,
    ]
}

/// The few, and: more of the ranges' ends, halves and small integers with their neighbours, the
/// limits of the integer types, and what is a corner in the narrower formats.
fn many_corners(layout: Layout) -> Vec<u64> {
    let mut values = few_corners(layout);
    let min_normal = layout.pack(false, 1, 0);
    let infinity = layout.pack(false, i64::MAX, 0);
    values.extend([2, 3, min_normal / 2, min_normal / 2 + 1, min_normal - 2]);
    values.extend([min_normal + 2, 2 * min_normal - 1, 2 * min_normal, 3 * min_normal]);
    values.extend([infinity - 2, infinity - min_normal, infinity - min_normal - 1]);
    let quiet = infinity + min_normal / 2;
    values.extend([quiet - 1, quiet + 5, infinity + min_normal - 1]);
    let precision = i64::from(layout.fraction_bits) + 1;
    for exponent in [-2, -1, 1, 2, 31, 32, 63, 64, precision - 1, precision, -precision] {
        if exponent > layout.bias() {
            continue;
        }
        let power = layout.power(exponent);
        let half = min_normal / 2;
        values.extend([power - 1, power, power + 1, power + half - 1, power + half]);
        values.extend([power + half + 1, power + half / 2, 2 * min_normal - 1 + power]);
    }
    // Square roots of the ends of the range, where products begin to underflow and overflow.
    let half_range = layout.bias() / 2;
    for exponent in [-half_range - 1, -half_range, half_range, half_range + 1] {
        let power = layout.power(exponent);
        values.extend([power - 1, power, power + 1]);
    }
    for narrow in [HALF, SINGLE] {
        if narrow.fraction_bits < layout.fraction_bits {
            values.extend(narrowing_corners(layout, narrow));
        }
    }
    values.sort_unstable();
    values.dedup();
    values
}

/// Where rounding to a narrower format decides: with their neighbours, the ends of its ranges, and
/// the places halfway between two of its numbers near those ends and near one.
fn narrowing_corners(layout: Layout, narrow: Layout) -> Vec<u64> {
    let (bias, fraction_bits) = (narrow.bias(), i64::from(narrow.fraction_bits));
    let ulp = 1 << (layout.fraction_bits - narrow.fraction_bits);
    let mut values = Vec::new();
    // The smallest subnormal, half of it, twice it; the smallest normal number; one; the largest
    // power of two, and the next, which is too large.
    let subnormal = 1 - bias - fraction_bits;
    for exponent in [subnormal - 1, subnormal, subnormal + 1, 1 - bias, 0, bias, bias + 1] {
        let power = layout.power(exponent);
        for step in [0, ulp / 2, ulp, 3 * (ulp / 2)] {
            values.extend([power + step - 1, power + step, power + step + 1]);
            values.extend([power - step - 1, power - step, power - step + 1]);
        }
        // Below a power of two the steps are half as long, and 3/2 is halfway between subnormals.
        let three_halves = power + layout.min_normal() / 2;
        values.extend([power - ulp / 4, three_halves - 1, three_halves, three_halves + 1]);
    }
    values
}

/// Powers of two and their neighbours, and the halfway cases of all precisions.
fn integer_corners() -> Vec<u64> {
    let mut values = vec![0];
    for shift in 0..64 {
        let power = 1u64 << shift;
        values.extend([power - 1, power, power + 1]);
        for precision in [11, 24, 53] {
            if shift >= precision {
                let half = power >> precision;
                values.extend([power + half - 1, power + half, power + half + 1]);
                values.extend([power + 3 * half, power + (power - 1) - half, power - 1 - half]);
            }
        }
    }
    values.extend(values.clone().iter().map(|value| value.wrapping_neg()));
    values.sort_unstable();
    values.dedup();
    values
}

/// A reproducible sequence (SplitMix64).
pub struct Random {
    state: u64,
    kind: Kind,
    corners: Vec<u64>,
}

impl Random {
    /// A sequence of operands of a kind.
    pub fn new(seed: u64, kind: Kind) -> Random {
        Random { state: seed, kind, corners: corners(kind, 2) }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A number near zero: −`reach`..=`reach`.
    fn around_zero(&mut self, reach: u64) -> i64 {
        self.below(2 * reach + 1) as i64 - reach as i64
    }

    /// Three operands, related such that sums cancel and products and quotients end up
    /// near the ends of the range or near the third operand.
    pub fn operands(&mut self) -> [u64; 3] {
        if self.kind == Kind::Integer {
            let shift = self.below(64);
            return [(self.next() as i64 >> shift) as u64, 0, 0];
        }
        let layout = Layout::of(self.kind);
        let a = self.number(layout);
        let b = self.related(layout, layout.field(a));
        let product = layout.field(a) + layout.field(b) - layout.bias();
        [a, b, self.related(layout, product)]
    }

    /// An operand to one with the exponent field `other`.
    fn related(&mut self, layout: Layout, other: i64) -> u64 {
        let reach = u64::from(layout.fraction_bits) + 4;
        let (top, sign, fraction) = (2 * layout.bias(), self.next() & 1 == 1, self.fraction(layout));
        let field = match self.below(8) {
            0 | 1 => return self.number(layout),
            // Near the other: sums align, the quotient is near one.
            2 | 3 => other + self.around_zero(2),
            4 => other + self.around_zero(reach),
            // The product is near the smallest normal number, or the largest.
            5 => layout.bias() + 1 - other + self.around_zero(2),
            6 => layout.bias() - other - self.below(reach) as i64,
            // The quotient is: the first operand as far from the second as can be.
            _ if other < layout.bias() => other + layout.bias() + self.around_zero(2),
            _ => (other - layout.bias() + self.around_zero(2)).min(top),
        };
        let field = if self.below(16) == 0 { top - field } else { field };
        layout.pack(sign, field, fraction)
    }

    /// A number of any magnitude.
    fn number(&mut self, layout: Layout) -> u64 {
        let (sign, fraction) = (self.next() & 1 == 1, self.fraction(layout));
        let field = match self.below(9) {
            0 => {
                let index = self.below(self.corners.len() as u64);
                return self.corners[index as usize];
            }
            1 | 2 => self.below(layout.exponent_mask() + 1) as i64,
            3 => 0,
            4 => 1 + self.below(3) as i64,
            // Around the integer types and the precision.
            5 => layout.bias() - 2 + self.below(70) as i64,
            6 => layout.bias() + self.around_zero(3),
            7 => layout.bias() + self.narrower_exponent(),
            _ => layout.exponent_mask() as i64 - self.below(4) as i64,
        };
        layout.pack(sign, field, fraction)
    }

    /// An exponent about the ends of the ranges of the narrower formats.
    fn narrower_exponent(&mut self) -> i64 {
        let narrow = if self.below(2) == 0 { HALF } else { SINGLE };
        match self.below(3) {
            0 => narrow.bias() + self.around_zero(1),
            1 => 1 - narrow.bias() + self.around_zero(1),
            _ => 1 - narrow.bias() - self.below(u64::from(narrow.fraction_bits) + 3) as i64,
        }
    }

    /// Fraction bits: any; or few ones at the top (exact results) or at both ends (halfway cases);
    /// or about halfway between such with few; or nearly all ones (carries).
    fn fraction(&mut self, layout: Layout) -> u64 {
        let any = self.next() & layout.fraction_mask();
        let width = self.below(layout.fraction_bits.into());
        let top = any >> width << width;
        match self.below(7) {
            0 | 1 => any,
            2 => top,
            3 => top | self.below(4),
            4 => (top | 1 << width >> 1).wrapping_add_signed(self.around_zero(1)) & layout.fraction_mask(),
            5 => layout.fraction_mask() ^ top,
            _ => layout.fraction_mask() ^ any >> width,
        }
    }
}
