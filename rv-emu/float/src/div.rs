//! Division.

use crate::flags::{Flags, Rounding};
use crate::format::{Finite, Format, Value, invalid, nan_result, unpack};
use crate::round::round_pack;

/// `a ÷ b`.
#[inline]
pub fn div<F: Format>(a: u64, b: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    if rm == Rounding::Rne
        && let Some(quotient) = F::host_div(a, b, flags)
    {
        return quotient;
    }
    div_portable::<F>(a, b, rm, flags)
}

#[cold]
#[inline(never)]
fn div_portable<F: Format>(a: u64, b: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    let sign = (a ^ b) & F::SIGN;
    match (unpack::<F>(a), unpack::<F>(b)) {
        (Value::Finite(x), Value::Finite(y)) => div_finite::<F>(x, y, rm, flags),
        (Value::Nan, _) | (_, Value::Nan) => nan_result::<F>(&[a, b], flags),
        (Value::Infinity(_), Value::Infinity(_)) | (Value::Zero(_), Value::Zero(_)) => invalid::<F>(flags),
        (Value::Finite(_), Value::Zero(_)) => {
            *flags |= Flags::DZ;
            sign | F::INFINITY
        }
        (Value::Infinity(_), _) => sign | F::INFINITY,
        (Value::Zero(_), _) | (_, Value::Infinity(_)) => sign,
    }
}

/// The quotient of two finite numbers: 64 bits of it and a sticky remainder.
fn div_finite<F: Format>(x: Finite, y: Finite, rm: Rounding, flags: &mut Flags) -> u64 {
    // Scaled so that the integer quotient has its leading one in bit 63.
    let below_one = x.significand < y.significand;
    let dividend = u128::from(x.significand) << (63 + u32::from(below_one));
    let divisor = u128::from(y.significand);
    let quotient = (dividend / divisor) as u64;
    let exact = u128::from(quotient) * divisor == dividend;
    let result = Finite {
        sign: x.sign ^ y.sign,
        exponent: x.exponent - y.exponent - i32::from(below_one),
        significand: quotient | u64::from(!exact),
    };
    round_pack::<F>(result, rm, flags)
}
