//! Addition and subtraction.

use crate::flags::{Flags, Rounding};
use crate::format::{Finite, Format, Value, invalid, nan_result, normalize, sign_bit, unpack};
use crate::round::{round_pack, shift_right_jam};

/// `a + b`.
#[inline]
pub fn add<F: Format>(a: u64, b: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    if rm == Rounding::Rne
        && let Some(sum) = F::host_add(a, b, flags)
    {
        return sum;
    }
    add_portable::<F>(a, b, rm, flags)
}

/// `a - b`. Turning the sign of a NaN does not change the result, which is canonical.
#[inline]
pub fn sub<F: Format>(a: u64, b: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    add::<F>(a, b ^ F::SIGN, rm, flags)
}

#[cold]
#[inline(never)]
fn add_portable<F: Format>(a: u64, b: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    match (unpack::<F>(a), unpack::<F>(b)) {
        (Value::Finite(x), Value::Finite(y)) => add_finite::<F>(x, y, rm, flags),
        (Value::Nan, _) | (_, Value::Nan) => nan_result::<F>(&[a, b], flags),
        (Value::Infinity(x), Value::Infinity(y)) if x != y => invalid::<F>(flags),
        (Value::Zero(x), Value::Zero(y)) => sign_bit::<F>(zero_sum_sign(x, y, rm)),
        (Value::Infinity(_), _) | (_, Value::Zero(_)) => a,
        (_, Value::Infinity(_)) | (Value::Zero(_), _) => b,
    }
}

/// The sign of a sum that is exactly zero (IEEE 754 section 6.3).
#[inline]
pub(crate) fn zero_sum_sign(a: bool, b: bool, rm: Rounding) -> bool {
    if a == b { a } else { rm == Rounding::Rdn }
}

/// The sum of two finite numbers.
///
/// Jamming the bits that alignment shifts out is enough even when the signs differ: bits are only
/// lost by shifts of more than ten, and then the difference has its leading one at most one place
/// below that of the larger number, so the sticky bit stays below the rounding bit.
fn add_finite<F: Format>(x: Finite, y: Finite, rm: Rounding, flags: &mut Flags) -> u64 {
    let ordered = (x.exponent, x.significand) >= (y.exponent, y.significand);
    let (large, small) = if ordered { (x, y) } else { (y, x) };
    // One bit of headroom for the carry; the lowest bit of an unpacked significand is free.
    let distance = (large.exponent - small.exponent) as u32;
    let high = large.significand >> 1;
    let low = shift_right_jam(small.significand >> 1, distance);
    let sum = if x.sign == y.sign { high + low } else { high - low };
    if sum == 0 {
        return sign_bit::<F>(zero_sum_sign(x.sign, y.sign, rm));
    }
    round_pack::<F>(normalize(large.sign, large.exponent + 1, sum), rm, flags)
}
