//! The operands that the tests cross with one another.

use super::arithmetic::{D, Format, H, S, near};
use super::selection::{Bits, Layout};
use super::subject::Width;

/// A format's corner values.
struct Corners {
    layout: Layout,
}

impl Corners {
    fn sign(&self) -> u64 {
        self.layout.sign()
    }

    fn one(&self) -> u64 {
        self.layout.infinity() >> 1 & self.layout.infinity()
    }

    fn smallest_normal(&self) -> u64 {
        1 << self.layout.fraction
    }

    fn largest(&self) -> u64 {
        self.layout.infinity() - 1
    }

    /// 2 to the power of `exponent`.
    fn power(&self, exponent: i32) -> u64 {
        self.one().wrapping_add_signed(i64::from(exponent) << self.layout.fraction)
    }

    /// Half a unit in the last place of 1: the sum of both is half way between two numbers.
    fn half_ulp(&self) -> u64 {
        self.power(-(self.layout.fraction as i32) - 1)
    }

    fn quiet(&self) -> u64 {
        self.layout.nan()
    }

    fn signalling(&self) -> u64 {
        self.layout.infinity() + 1
    }

    fn quiet_with_payload(&self) -> u64 {
        self.sign() | self.layout.nan() | 0x15
    }

    fn signalling_with_payload(&self) -> u64 {
        self.sign() | self.layout.infinity() | 0x2a
    }

    /// Crossed with each other.
    fn pairs(&self) -> Vec<u64> {
        let (sign, one, normal) = (self.sign(), self.one(), self.smallest_normal());
        let third = self.power(-2) | 0x5555_5555_5555_5555 & (normal - 1);
        vec![
            0,
            sign,
            1,
            sign | (normal - 1),
            normal,
            sign | normal,
            normal + 1,
            normal - 2,
            one,
            sign | one,
            one + 1,
            one - 1,
            sign | (one - 2),
            one - 2,
            one | normal >> 1,
            sign | self.power(1),
            self.power(1) | normal >> 1,
            third,
            self.half_ulp(),
            self.half_ulp() + 1,
            sign | (self.half_ulp() - normal),
            self.largest(),
            sign | self.largest(),
            self.layout.infinity(),
            sign | self.layout.infinity(),
            self.quiet(),
            self.quiet_with_payload(),
            self.signalling(),
            self.signalling_with_payload(),
        ]
    }

    /// Crossed with each other twice.
    fn triples(&self) -> Vec<u64> {
        let (sign, one, normal) = (self.sign(), self.one(), self.smallest_normal());
        vec![
            0,
            sign,
            sign | 1,
            normal,
            one + 1,
            sign | one,
            self.half_ulp(),
            self.largest(),
            self.layout.infinity(),
            self.quiet_with_payload(),
            self.signalling(),
        ]
    }

    /// Triples whose results are near a limit of the format.
    fn edges(&self) -> Vec<[u64; 3]> {
        let (sign, one, normal, largest) = (self.sign(), self.one(), self.smallest_normal(), self.largest());
        let half = self.power(-1);
        vec![
            [normal, one - 1, 0],
            [normal + 1, one - 2, 0],
            [normal, one, sign | 1],
            [half, 1, normal - 1],
            [half, sign | 1, normal],
            [self.power(-2), sign | 1, normal],
            [half, 1, sign | normal],
            [normal, half, normal >> 1],
            [normal + 1, half, sign | normal >> 1],
            [largest, self.power(1), sign | largest],
            [largest, one + 1, sign | largest],
            [largest, self.half_ulp(), largest],
            [largest, self.half_ulp() - normal, largest],
            [largest, sign | self.power(1), largest],
            [one + 1, one + 1, sign | (one + 2)],
            [one - 1, one + 1, sign | one],
            [one + 1, one - 2, sign | one],
        ]
    }
}

fn corners(width: Width) -> Corners {
    Corners { layout: layout(width) }
}

/// The layout of a width that is not X.
pub fn layout(width: Width) -> Layout {
    match width {
        Width::H => H::LAYOUT,
        Width::S => S::LAYOUT,
        Width::D | Width::X => D::LAYOUT,
    }
}

/// Numbers at which conversions to integers, or to integral numbers, and to narrower formats go wrong, if they do.
fn numbers<F: Format>() -> Vec<u64> {
    let power = |exponent: i32| 2f64.powi(exponent);
    let mut numbers = vec![0.25, 0.49999999999999994, 0.5, 0.75, 0.9, 1.0, 1.5, 2.0, 2.5, 3.5, 2047.5, 2048.5];
    for exponent in [7, 8, 15, 16, 22, 23, 31, 32, 51, 52, 63, 64] {
        let ulp = power(exponent - 53);
        numbers.extend([-1.0, -0.5, 0.0, 0.5, 1.0].map(|distance| power(exponent) + distance));
        numbers.extend([power(exponent) - ulp, power(exponent) + 2.0 * ulp, power(exponent - 1) * 1.5 + 0.5]);
    }
    // Around the largest and the smallest normal and subnormal numbers of half and single precision.
    for (precision, most, least) in [(11, 16, -14), (24, 128, -126)] {
        let ulp = power(most - precision);
        numbers.extend([1.0, 0.5, 0.4999, 0.5001, 0.0].map(|part| power(most) - part * ulp));
        let ulp = power(least - precision + 1);
        numbers.extend([0.25, 0.26, 0.24, 0.5, 0.51, 0.49, 1.0, 0.75].map(|part| power(least) - part * ulp));
        numbers.extend([0.25, 0.5, 0.5001, 0.75, 1.0, 1.5, 1.25, 2.5].map(|part| part * ulp));
    }
    numbers.extend([power(100), power(800), power(84) + power(32) * 12345.0, 1e300, -1e10]);
    numbers.into_iter().flat_map(|number| [near::<F>(number), near::<F>(-number)]).collect()
}

/// Integers at which conversions to floating point round.
fn integers() -> Vec<u64> {
    let mut integers =
        vec![0, 1, 5, 2047, 2049, 65503, 65504, 65505, 65519, 65520, 65521, 65535, 65536, 0xdead_beef_8000_0000];
    for (bits, precision) in
        [(32, 11), (32, 24), (64, 24), (64, 53), (12, 11), (25, 24), (54, 53), (55, 53), (31, 24), (63, 53)]
    {
        let (top, tie) = (1u64 << (bits - 1), 1u64 << (bits - precision) >> 1);
        let ulp = tie << 1;
        integers.extend([top, top - 1, top + tie, top + tie + 1, top + tie - 1, top + ulp, top + ulp + tie]);
        integers.extend([
            (top - 1) * 2 + 1,
            top.wrapping_mul(2).wrapping_sub(tie),
            top.wrapping_mul(2).wrapping_sub(tie + 1),
        ]);
    }
    integers.extend(integers.clone().iter().map(|integer| integer.wrapping_neg()));
    integers
}

/// Operands for an instruction with `count` of them.
pub fn operands(width: Width, count: usize) -> Vec<[u64; 3]> {
    let corners = corners(width);
    let mut all: Vec<[u64; 3]> = match (width, count) {
        (Width::X, _) => integers().into_iter().map(|a| [a, 0, 0]).collect(),
        (_, 1) => {
            let numbers = match width {
                Width::H => numbers::<H>(),
                Width::S => numbers::<S>(),
                Width::D | Width::X => numbers::<D>(),
            };
            corners.pairs().into_iter().chain(numbers).map(|a| [a, 0, 0]).collect()
        }
        (_, 2) => {
            let values = corners.pairs();
            values.iter().flat_map(|a| values.iter().map(|b| [*a, *b, 0])).collect()
        }
        _ => {
            let values = corners.triples();
            let pairs = values.iter().flat_map(|a| values.iter().map(|b| [*a, *b]));
            let crossed = pairs.flat_map(|[a, b]| values.iter().map(move |c| [a, b, *c]));
            let sign = corners.sign();
            let flipped = corners.edges().into_iter().flat_map(|[a, b, c]| [[a, b, c], [a | sign, b, c ^ sign]]);
            crossed.chain(flipped).collect()
        }
    };
    all.sort_unstable();
    all.dedup();
    all
}

/// Contents of registers, some of which are no properly boxed values of the width.
pub fn boxed_or_not(width: Width) -> [u64; 6] {
    match width {
        Width::H => [
            0xffff_ffff_ffff_3c00,
            0xffff_ffff_ffff_c200,
            0x3c00,
            0xffff_ffff_3f80_0000,
            0xffff_ffff_fffe_4000,
            0x7fff_ffff_ffff_4000,
        ],
        _ => [
            0xffff_ffff_3f80_0000,
            0xffff_ffff_c040_0000,
            0x3f80_0000,
            0x3ff0_0000_0000_0000,
            0xffff_fffe_4000_0000,
            0x7fff_ffff_4000_0000,
        ],
    }
}
