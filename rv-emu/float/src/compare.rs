//! Comparison, minimum and maximum, classification and sign injection: the operations that only
//! look at patterns and never round.

use crate::flags::Flags;
use crate::format::{Format, is_nan, is_signaling, nan_result};

/// FEQ: quiet, that is NV only for a signalling NaN.
#[inline]
pub fn eq<F: Format>(a: u64, b: u64, flags: &mut Flags) -> bool {
    if is_nan::<F>(a) || is_nan::<F>(b) {
        raise_if_signaling::<F>(a, b, flags);
        return false;
    }
    a == b || (a | b) & !F::SIGN == 0
}

/// FLT: signalling, that is NV for any NaN.
#[inline]
pub fn lt<F: Format>(a: u64, b: u64, flags: &mut Flags) -> bool {
    if is_nan::<F>(a) || is_nan::<F>(b) {
        *flags |= Flags::NV;
        return false;
    }
    is_below::<F>(a, b)
}

/// FLTQ: as [`lt`], but quiet, that is NV only for a signalling NaN.
#[inline]
pub fn lt_quiet<F: Format>(a: u64, b: u64, flags: &mut Flags) -> bool {
    if is_nan::<F>(a) || is_nan::<F>(b) {
        raise_if_signaling::<F>(a, b, flags);
        return false;
    }
    is_below::<F>(a, b)
}

/// FLE: signalling, that is NV for any NaN.
#[inline]
pub fn le<F: Format>(a: u64, b: u64, flags: &mut Flags) -> bool {
    if is_nan::<F>(a) || is_nan::<F>(b) {
        *flags |= Flags::NV;
        return false;
    }
    !is_below::<F>(b, a)
}

/// FLEQ: as [`le`], but quiet, that is NV only for a signalling NaN.
#[inline]
pub fn le_quiet<F: Format>(a: u64, b: u64, flags: &mut Flags) -> bool {
    if is_nan::<F>(a) || is_nan::<F>(b) {
        raise_if_signaling::<F>(a, b, flags);
        return false;
    }
    !is_below::<F>(b, a)
}

/// FMIN: the `minimumNumber` of IEEE 754-2019, with −0 below +0 (F extension version 2.2).
#[inline]
pub fn min<F: Format>(a: u64, b: u64, flags: &mut Flags) -> u64 {
    pick::<F>(a, b, order::<F>(a) <= order::<F>(b), flags)
}

/// FMAX: the `maximumNumber` of IEEE 754-2019, with +0 above −0 (F extension version 2.2).
#[inline]
pub fn max<F: Format>(a: u64, b: u64, flags: &mut Flags) -> u64 {
    pick::<F>(a, b, order::<F>(a) >= order::<F>(b), flags)
}

/// FMINM: the `minimum` of IEEE 754-2019. As [`min`], but a NaN wins against a number.
#[inline]
pub fn minimum<F: Format>(a: u64, b: u64, flags: &mut Flags) -> u64 {
    if is_nan::<F>(a) || is_nan::<F>(b) {
        return nan_result::<F>(&[a, b], flags);
    }
    if order::<F>(a) <= order::<F>(b) { a } else { b }
}

/// FMAXM: the `maximum` of IEEE 754-2019. As [`max`], but a NaN wins against a number.
#[inline]
pub fn maximum<F: Format>(a: u64, b: u64, flags: &mut Flags) -> u64 {
    if is_nan::<F>(a) || is_nan::<F>(b) {
        return nan_result::<F>(&[a, b], flags);
    }
    if order::<F>(a) >= order::<F>(b) { a } else { b }
}

/// FCLASS: one bit of ten. Raises nothing, not even for a signalling NaN.
#[inline]
pub fn classify<F: Format>(a: u64) -> u32 {
    let magnitude = a & !F::SIGN;
    if magnitude > F::INFINITY {
        return 1 << (8 + u32::from(a & F::QUIET != 0));
    }
    // Counted from zero outwards: zero, subnormal, normal, infinity.
    let kind = u32::from(magnitude != 0) + u32::from(magnitude >= F::MIN_NORMAL) + u32::from(magnitude == F::INFINITY);
    if a & F::SIGN == 0 { 1 << (4 + kind) } else { 1 << (3 - kind) }
}

/// FSGNJ: `a` with the sign of `b`. NaNs are patterns like any other here.
#[inline]
pub fn sign_inject<F: Format>(a: u64, b: u64) -> u64 {
    (a & !F::SIGN) | (b & F::SIGN)
}

/// FSGNJN: `a` with the opposite of the sign of `b`.
#[inline]
pub fn sign_inject_not<F: Format>(a: u64, b: u64) -> u64 {
    (a & !F::SIGN) | (!b & F::SIGN)
}

/// FSGNJX: `a` with its sign turned if `b` is negative.
#[inline]
pub fn sign_inject_xor<F: Format>(a: u64, b: u64) -> u64 {
    a ^ (b & F::SIGN)
}

/// An integer that orders patterns other than NaNs as their values, with −0 just below +0.
#[inline]
fn order<F: Format>(bits: u64) -> i64 {
    let magnitude = (bits & !F::SIGN) as i64;
    if bits & F::SIGN == 0 { magnitude } else { !magnitude }
}

/// Whether one number is below another; zeros are equal.
#[inline]
fn is_below<F: Format>(a: u64, b: u64) -> bool {
    order::<F>(a) < order::<F>(b) && (a | b) & !F::SIGN != 0
}

/// `a` or `b`: a number wins against a NaN, and between numbers `first` says whether it is `a`.
#[inline]
fn pick<F: Format>(a: u64, b: u64, first: bool, flags: &mut Flags) -> u64 {
    let nans = (is_nan::<F>(a), is_nan::<F>(b));
    if nans == (false, false) {
        return if first { a } else { b };
    }
    raise_if_signaling::<F>(a, b, flags);
    match nans {
        (true, true) => F::CANONICAL_NAN,
        (true, false) => b,
        _ => a,
    }
}

fn raise_if_signaling<F: Format>(a: u64, b: u64, flags: &mut Flags) {
    if is_signaling::<F>(a) || is_signaling::<F>(b) {
        *flags |= Flags::NV;
    }
}
