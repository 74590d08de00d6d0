//! Multiplication.

use crate::flags::{Flags, Rounding};
use crate::format::{Finite, Format, Value, invalid, nan_result, sign_bit, unpack};
use crate::round::{normalize_wide, round_pack};

/// `a × b`.
#[inline]
pub fn mul<F: Format>(a: u64, b: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    if rm == Rounding::Rne
        && let Some(product) = F::host_mul(a, b, flags)
    {
        return product;
    }
    mul_portable::<F>(a, b, rm, flags)
}

#[cold]
#[inline(never)]
fn mul_portable<F: Format>(a: u64, b: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    let sign = (a ^ b) & F::SIGN;
    match (unpack::<F>(a), unpack::<F>(b)) {
        (Value::Finite(x), Value::Finite(y)) => mul_finite::<F>(x, y, rm, flags),
        (Value::Nan, _) | (_, Value::Nan) => nan_result::<F>(&[a, b], flags),
        (Value::Infinity(_), Value::Zero(_)) | (Value::Zero(_), Value::Infinity(_)) => invalid::<F>(flags),
        (Value::Infinity(_), _) | (_, Value::Infinity(_)) => sign | F::INFINITY,
        (Value::Zero(_), _) | (_, Value::Zero(_)) => sign_bit::<F>(sign != 0),
    }
}

fn mul_finite<F: Format>(x: Finite, y: Finite, rm: Rounding, flags: &mut Flags) -> u64 {
    let (exponent, product) = exact_product(x, y);
    round_pack::<F>(normalize_wide(x.sign ^ y.sign, exponent, product), rm, flags)
}

/// The magnitude of a product as (e, p): p × 2^(e − 127), with p at least 2^126.
#[inline]
pub(crate) fn exact_product(x: Finite, y: Finite) -> (i32, u128) {
    let product = u128::from(x.significand) * u128::from(y.significand);
    debug_assert!(product >> 126 != 0);
    // Each factor is scaled by 2^63, the product so by 2^126.
    (x.exponent + y.exponent + 1, product)
}
