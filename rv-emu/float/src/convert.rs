//! Conversions to and from integers and between formats.

use crate::flags::{Flags, Rounding};
use crate::format::{Binary32, Binary64, Finite, Format, Value, nan_result, normalize, sign_bit, unpack};
use crate::round::{round_off, round_pack, shift_right_jam};

/// The limits of an integer type that conversions saturate to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    min: i128,
    max: i128,
}

impl Limits {
    /// Those of FCVT.W.
    pub const I32: Limits = Limits { min: i32::MIN as i128, max: i32::MAX as i128 };
    /// Those of FCVT.WU.
    pub const U32: Limits = Limits { min: 0, max: u32::MAX as i128 };
    /// Those of FCVT.L.
    pub const I64: Limits = Limits { min: i64::MIN as i128, max: i64::MAX as i128 };
    /// Those of FCVT.LU.
    pub const U64: Limits = Limits { min: 0, max: u64::MAX as i128 };

    fn contain(self, value: i128) -> bool {
        (self.min..=self.max).contains(&value)
    }
}

/// FCVT to an integer type. What does not fit saturates and raises NV, then never NX; a NaN
/// counts as plus infinity ("Domains of float-to-integer conversions").
#[inline]
pub fn to_integer<F: Format>(a: u64, limits: Limits, rm: Rounding, flags: &mut Flags) -> i128 {
    if let Some((integer, exact)) = F::host_truncate(a)
        && (exact || rm == Rounding::Rtz)
        && limits.contain(integer.into())
    {
        flags.raise_inexact(!exact);
        return integer.into();
    }
    to_integer_portable::<F>(a, limits, rm, flags)
}

#[cold]
#[inline(never)]
fn to_integer_portable<F: Format>(a: u64, limits: Limits, rm: Rounding, flags: &mut Flags) -> i128 {
    let (value, inexact) = match unpack::<F>(a) {
        Value::Nan | Value::Infinity(false) => (i128::MAX, false),
        Value::Infinity(true) => (i128::MIN, false),
        Value::Zero(_) => (0, false),
        Value::Finite(x) => round_to_integer(x, rm),
    };
    if limits.contain(value) {
        flags.raise_inexact(inexact);
        return value;
    }
    *flags |= Flags::NV;
    value.clamp(limits.min, limits.max)
}

/// FCVTMOD.W: truncates and keeps the lowest 32 bits of the integer, as JavaScript does; infinities
/// and NaNs give zero. Raises what FCVT.W would, so NV where that would saturate.
#[inline]
pub fn to_i32_modular<F: Format>(a: u64, flags: &mut Flags) -> i32 {
    if let Some((integer, exact)) = F::host_truncate(a) {
        let fits = Limits::I32.contain(integer.into());
        *flags |= if fits { Flags::NONE } else { Flags::NV };
        flags.raise_inexact(fits && !exact);
        return integer as i32;
    }
    to_i32_modular_portable::<F>(a, flags)
}

#[cold]
#[inline(never)]
fn to_i32_modular_portable<F: Format>(a: u64, flags: &mut Flags) -> i32 {
    to_integer_portable::<F>(a, Limits::I32, Rounding::Rtz, flags);
    let Value::Finite(x) = unpack::<F>(a) else {
        return 0;
    };
    // Modulo 2^64, that is: ones shifted out at either end do not count.
    let magnitude = if x.exponent < 63 {
        x.significand.checked_shr((63 - x.exponent) as u32)
    } else {
        x.significand.checked_shl((x.exponent - 63) as u32)
    };
    let magnitude = magnitude.unwrap_or(0) as i32;
    if x.sign { magnitude.wrapping_neg() } else { magnitude }
}

/// The integer that a number rounds to, and whether it is another number. Numbers beyond 64 bits
/// come out as an integer that is beyond 64 bits as well.
pub(crate) fn round_to_integer(x: Finite, rm: Rounding) -> (i128, bool) {
    let signed = |magnitude: u64| {
        let magnitude = i128::from(magnitude);
        if x.sign { -magnitude } else { magnitude }
    };
    if x.exponent > 63 {
        return (if x.sign { i128::MIN } else { i128::MAX }, false);
    }
    if x.exponent == 63 {
        return (signed(x.significand), false);
    }
    // Numbers below one half all round like one another: 62 fraction bits tell them apart from
    // zero, one half and one.
    let fraction_bits = (63 - x.exponent) as u32;
    let drop = fraction_bits.min(62);
    let aligned = shift_right_jam(x.significand, fraction_bits - drop);
    let (magnitude, inexact) = round_off(aligned, drop, x.sign, rm);
    (signed(magnitude), inexact)
}

/// FCVT from an integer type, any of which an `i128` holds.
///
/// `value` must be in the range of `i64` or of `u64`.
#[inline]
pub fn from_integer<F: Format>(value: i128, rm: Rounding, flags: &mut Flags) -> u64 {
    // Integers of no more bits than the precision are exact, so the host's rounding is unused.
    if value.unsigned_abs() < 1 << F::PRECISION
        && let Some(result) = F::host_from_small(value as i64)
    {
        return result;
    }
    from_integer_portable::<F>(value, rm, flags)
}

#[cold]
#[inline(never)]
fn from_integer_portable<F: Format>(value: i128, rm: Rounding, flags: &mut Flags) -> u64 {
    debug_assert!((i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value));
    if value == 0 {
        return 0;
    }
    round_pack::<F>(normalize(value < 0, 63, value.unsigned_abs() as u64), rm, flags)
}

/// FCVT between formats, here from `From` to `To`. A NaN comes out canonical.
#[cold]
#[inline(never)]
fn convert_portable<From: Format, To: Format>(a: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    match unpack::<From>(a) {
        Value::Finite(x) => round_pack::<To>(x, rm, flags),
        Value::Zero(sign) => sign_bit::<To>(sign),
        Value::Infinity(sign) => sign_bit::<To>(sign) | To::INFINITY,
        Value::Nan => {
            nan_result::<From>(&[a], flags);
            To::CANONICAL_NAN
        }
    }
}

/// FCVT to a wider format: exact.
#[inline]
pub fn widen<From: Format, To: Format>(a: u64, flags: &mut Flags) -> u64 {
    const { assert!(From::PRECISION < To::PRECISION && From::EXPONENT_BITS < To::EXPONENT_BITS) };
    if To::PRECISION == Binary64::PRECISION
        && let Some(result) = From::host_widen(a)
    {
        return result;
    }
    convert_portable::<From, To>(a, Rounding::Rne, flags)
}

/// FCVT to a narrower format, any of them: going from double to half by way of single would round twice.
#[inline]
pub fn narrow<From: Format, To: Format>(a: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    const { assert!(From::PRECISION > To::PRECISION && From::EXPONENT_BITS > To::EXPONENT_BITS) };
    if rm == Rounding::Rne
        && To::PRECISION == Binary32::PRECISION
        && let Some(result) = From::host_narrow(a, flags)
    {
        return result;
    }
    convert_portable::<From, To>(a, rm, flags)
}
