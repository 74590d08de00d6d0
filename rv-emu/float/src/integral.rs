//! Rounding to an integer that stays in the format (Zfa).

use crate::convert::{from_integer, round_to_integer};
use crate::flags::{Flags, Rounding};
use crate::format::{Format, Value, nan_result, sign_bit, unpack};

/// FROUND: the `roundToIntegral` family of IEEE 754-2019. Never raises NX.
#[inline]
pub fn round_to_integral<F: Format>(a: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    round::<F>(a, rm, flags).0
}

/// FROUNDNX: the `roundToIntegralExact` of IEEE 754-2019. Raises NX if the result is another
/// number.
#[inline]
pub fn round_to_integral_exact<F: Format>(a: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    let (result, inexact) = round::<F>(a, rm, flags);
    flags.raise_inexact(inexact);
    result
}

/// The integer, and whether it is another number.
fn round<F: Format>(a: u64, rm: Rounding, flags: &mut Flags) -> (u64, bool) {
    match unpack::<F>(a) {
        Value::Nan => (nan_result::<F>(&[a], flags), false),
        Value::Finite(x) if x.exponent < F::FRACTION_BITS as i32 => {
            let (integer, inexact) = round_to_integer(x, rm);
            // With no more bits than the precision, the magnitude is exact. The sign is put back
            // on its own, as a zero keeps it too.
            let magnitude = from_integer::<F>(integer.abs(), rm, flags);
            (sign_bit::<F>(x.sign) | magnitude, inexact)
        }
        // Without a fraction already.
        Value::Finite(_) | Value::Zero(_) | Value::Infinity(_) => (a, false),
    }
}
