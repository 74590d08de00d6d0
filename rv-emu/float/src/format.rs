//! The formats: what distinguishes binary16, binary32 and binary64, and how a pattern is taken apart.
//!
//! All arithmetic is written once, generic over [`Format`], on patterns held in the low bits of a
//! `u64`. A further format is one more `impl`.

use crate::flags::Flags;
use crate::host::Host;

/// An IEEE 754 binary interchange format of at most 64 bits.
///
/// Sealed: the supertrait, which says what the host computer can do for the format, is private.
pub trait Format: Host {
    /// Width of the exponent field.
    const EXPONENT_BITS: u32;
    /// Width of the trailing significand field.
    const FRACTION_BITS: u32;

    /// Bits of a significand with the leading one.
    const PRECISION: u32 = Self::FRACTION_BITS + 1;
    /// The exponent field of all ones, that of infinities and NaNs.
    const EXPONENT_MAX: i32 = (1 << Self::EXPONENT_BITS) - 1;
    /// What the exponent field of a normal number has been increased by.
    const BIAS: i32 = Self::EXPONENT_MAX >> 1;
    /// The sign bit.
    const SIGN: u64 = 1 << (Self::EXPONENT_BITS + Self::FRACTION_BITS);
    /// Plus infinity.
    const INFINITY: u64 = (Self::EXPONENT_MAX as u64) << Self::FRACTION_BITS;
    /// The fraction bit that tells quiet NaNs from signalling ones.
    const QUIET: u64 = 1 << (Self::FRACTION_BITS - 1);
    /// The one NaN that arithmetic generates ("NaN Generation and Propagation").
    const CANONICAL_NAN: u64 = Self::INFINITY | Self::QUIET;
    /// The smallest positive normal number.
    const MIN_NORMAL: u64 = 1 << Self::FRACTION_BITS;
}

/// Half precision, the format of the Zfh extension.
#[derive(Clone, Copy, Debug)]
pub enum Binary16 {}

/// Single precision, the format of the F extension.
#[derive(Clone, Copy, Debug)]
pub enum Binary32 {}

/// Double precision, the format of the D extension.
#[derive(Clone, Copy, Debug)]
pub enum Binary64 {}

/// The format `F` without any help from the host's floating-point unit.
///
/// The off switch of the fast paths: for hosts that can't be trusted, for bisecting a suspected
/// miscalculation, and for testing the portable arithmetic where a fast path would hide it.
#[derive(Clone, Copy, Debug)]
pub struct Portable<F>(core::marker::PhantomData<F>);

impl Format for Binary16 {
    const EXPONENT_BITS: u32 = 5;
    const FRACTION_BITS: u32 = 10;
}

impl Format for Binary32 {
    const EXPONENT_BITS: u32 = 8;
    const FRACTION_BITS: u32 = 23;
}

impl Format for Binary64 {
    const EXPONENT_BITS: u32 = 11;
    const FRACTION_BITS: u32 = 52;
}

impl<F: Format> Format for Portable<F> {
    const EXPONENT_BITS: u32 = F::EXPONENT_BITS;
    const FRACTION_BITS: u32 = F::FRACTION_BITS;
}

const _: () = assert!(Binary16::SIGN == 1 << 15 && Binary16::CANONICAL_NAN == 0x7e00);
const _: () = assert!(Binary32::SIGN == 1 << 31 && Binary32::CANONICAL_NAN == 0x7fc0_0000);
const _: () = assert!(Binary64::SIGN == 1 << 63 && Binary64::BIAS == 1023);

/// A finite number other than zero: ±`significand` × 2^(`exponent` − 63).
///
/// Everywhere but inside the functions that make one, the top bit of the significand is set, so
/// that the number is ±1.xxx × 2^`exponent` whatever its format. Below the format's precision
/// there are at least eleven bits of room; the lowest of them is *sticky* where a function says
/// so: it stands for any number of ones further down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finite {
    pub sign: bool,
    pub exponent: i32,
    pub significand: u64,
}

/// A pattern taken apart. The booleans are signs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Zero(bool),
    Finite(Finite),
    Infinity(bool),
    Nan,
}

/// Takes a pattern apart; subnormals come out normalised.
#[inline]
pub(crate) fn unpack<F: Format>(bits: u64) -> Value {
    let sign = bits & F::SIGN != 0;
    let magnitude = bits & !F::SIGN;
    let field = (magnitude >> F::FRACTION_BITS) as i32;
    let fraction = magnitude & (F::MIN_NORMAL - 1);
    debug_assert!(magnitude < F::SIGN, "bits above the format");
    if field == F::EXPONENT_MAX {
        return if fraction == 0 { Value::Infinity(sign) } else { Value::Nan };
    }
    if magnitude == 0 {
        return Value::Zero(sign);
    }
    // The field 0 has the same exponent as the field 1, but no leading one.
    let significand = if field == 0 { fraction } else { fraction | F::MIN_NORMAL };
    let exponent = field.max(1) - F::BIAS + (63 - F::FRACTION_BITS as i32);
    Value::Finite(normalize(sign, exponent, significand))
}

/// The number ±`significand` × 2^(`exponent` − 63) with its leading one moved to the top.
#[inline]
pub(crate) fn normalize(sign: bool, exponent: i32, significand: u64) -> Finite {
    debug_assert!(significand != 0);
    let shift = significand.leading_zeros();
    Finite { sign, exponent: exponent - shift as i32, significand: significand << shift }
}

/// The sign bit in place.
#[inline]
pub(crate) fn sign_bit<F: Format>(sign: bool) -> u64 {
    if sign { F::SIGN } else { 0 }
}

/// Whether the pattern is a NaN of either kind.
#[inline]
pub(crate) fn is_nan<F: Format>(bits: u64) -> bool {
    bits & !F::SIGN > F::INFINITY
}

/// Whether the pattern is a signalling NaN.
#[inline]
pub(crate) fn is_signaling<F: Format>(bits: u64) -> bool {
    is_nan::<F>(bits) && bits & F::QUIET == 0
}

/// The result of an invalid operation.
pub(crate) fn invalid<F: Format>(flags: &mut Flags) -> u64 {
    *flags |= Flags::NV;
    F::CANONICAL_NAN
}

/// The result of an operation on a NaN: neither sign nor payload survive, and only a signalling
/// operand is an exception.
pub(crate) fn nan_result<F: Format>(operands: &[u64], flags: &mut Flags) -> u64 {
    debug_assert!(operands.iter().any(|&bits| is_nan::<F>(bits)));
    if operands.iter().any(|&bits| is_signaling::<F>(bits)) {
        *flags |= Flags::NV;
    }
    F::CANONICAL_NAN
}
