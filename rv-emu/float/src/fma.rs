//! Fused multiply-add: a product and a sum with one rounding.

use crate::add::zero_sum_sign;
use crate::flags::{Flags, Rounding};
use crate::format::{Finite, Format, Value, invalid, nan_result, sign_bit, unpack};
use crate::mul::exact_product;
use crate::round::{normalize_wide, round_pack, shift_right_jam_wide};

/// `a × b + c`. The instructions FMSUB, FNMSUB and FNMADD negate *operands*: negating the result
/// instead would be wrong for the directed rounding modes and for zeros.
#[inline]
pub fn mul_add<F: Format>(a: u64, b: u64, c: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    if rm == Rounding::Rne
        && let Some(result) = F::host_mul_add(a, b, c, flags)
    {
        return result;
    }
    mul_add_portable::<F>(a, b, c, rm, flags)
}

/// FMADD: `a × b + c`.
#[inline]
pub fn madd<F: Format>(a: u64, b: u64, c: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    mul_add::<F>(a, b, c, rm, flags)
}

/// FMSUB: `a × b − c`.
#[inline]
pub fn msub<F: Format>(a: u64, b: u64, c: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    mul_add::<F>(a, b, c ^ F::SIGN, rm, flags)
}

/// FNMSUB: `−(a × b) + c`.
#[inline]
pub fn nmsub<F: Format>(a: u64, b: u64, c: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    mul_add::<F>(a ^ F::SIGN, b, c, rm, flags)
}

/// FNMADD: `−(a × b) − c`.
#[inline]
pub fn nmadd<F: Format>(a: u64, b: u64, c: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    mul_add::<F>(a ^ F::SIGN, b, c ^ F::SIGN, rm, flags)
}

#[cold]
#[inline(never)]
fn mul_add_portable<F: Format>(a: u64, b: u64, c: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    let sign = (a ^ b) & F::SIGN != 0;
    let addend = unpack::<F>(c);
    match (unpack::<F>(a), unpack::<F>(b)) {
        (Value::Finite(x), Value::Finite(y)) => match addend {
            Value::Finite(z) => mul_add_finite::<F>(x, y, z, rm, flags),
            Value::Zero(_) => round_product::<F>(x, y, rm, flags),
            Value::Infinity(_) => c,
            Value::Nan => nan_result::<F>(&[c], flags),
        },
        // Infinity times zero is invalid even if the addend is a quiet NaN ("Single-Precision
        // Floating-Point Computational Instructions"; IEEE 754 leaves the choice).
        (Value::Infinity(_), Value::Zero(_)) | (Value::Zero(_), Value::Infinity(_)) => invalid::<F>(flags),
        (Value::Nan, _) | (_, Value::Nan) => nan_result::<F>(&[a, b, c], flags),
        (Value::Infinity(_), _) | (_, Value::Infinity(_)) => match addend {
            Value::Nan => nan_result::<F>(&[c], flags),
            Value::Infinity(other) if other != sign => invalid::<F>(flags),
            _ => sign_bit::<F>(sign) | F::INFINITY,
        },
        (Value::Zero(_), _) | (_, Value::Zero(_)) => match addend {
            Value::Nan => nan_result::<F>(&[c], flags),
            Value::Zero(other) => sign_bit::<F>(zero_sum_sign(sign, other, rm)),
            _ => c,
        },
    }
}

/// The product alone: the addend is zero, which can't even change the sign of a nonzero product.
fn round_product<F: Format>(x: Finite, y: Finite, rm: Rounding, flags: &mut Flags) -> u64 {
    let (exponent, product) = exact_product(x, y);
    round_pack::<F>(normalize_wide(x.sign ^ y.sign, exponent, product), rm, flags)
}

/// The sum of a full product and an addend in 128 bits.
///
/// The argument of `add_finite` again, with more room: a product has at most 2 × 53 bits, an
/// addend 53, so alignment by at most 20 places loses nothing, and after a longer one the
/// difference keeps its leading one within two places of the larger number's.
fn mul_add_finite<F: Format>(x: Finite, y: Finite, z: Finite, rm: Rounding, flags: &mut Flags) -> u64 {
    let sign = x.sign ^ y.sign;
    let (exponent, product) = exact_product(x, y);
    // Both scaled by 2^127 with one bit of headroom; the product's leading one may be one lower.
    let (product, addend) = (product >> 1, u128::from(z.significand) << 63);
    let distance = exponent - z.exponent;
    let (top, product, addend) = if distance >= 0 {
        (exponent, product, shift_right_jam_wide(addend, distance as u32))
    } else {
        (z.exponent, shift_right_jam_wide(product, distance.unsigned_abs()), addend)
    };
    let (sign, sum) = if sign == z.sign {
        (sign, product + addend)
    } else if product >= addend {
        (sign, product - addend)
    } else {
        (z.sign, addend - product)
    };
    if sum == 0 {
        return sign_bit::<F>(zero_sum_sign(x.sign ^ y.sign, z.sign, rm));
    }
    round_pack::<F>(normalize_wide(sign, top + 1, sum), rm, flags)
}
