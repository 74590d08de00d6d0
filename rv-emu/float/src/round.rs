//! Rounding and packing: the one place where precision is lost and NX, UF and OF are raised.

use crate::flags::{Flags, Rounding};
use crate::format::{Finite, Format, sign_bit};

/// Packs a number into the format, rounding it (IEEE 754 section 4.3) and raising what the loss
/// raises. The significand's lowest bit may be sticky.
#[inline]
pub(crate) fn round_pack<F: Format>(x: Finite, rm: Rounding, flags: &mut Flags) -> u64 {
    debug_assert!(x.significand >> 63 == 1);
    let field = x.exponent + F::BIAS;
    if field >= F::EXPONENT_MAX {
        return overflow::<F>(x.sign, rm, flags);
    }
    if field < 1 {
        return round_pack_subnormal::<F>(x, rm, flags);
    }
    let (kept, inexact) = round_off(x.significand, 64 - F::PRECISION, x.sign, rm);
    // The leading one of `kept`, or the carry out of it, adds itself to the exponent field.
    let magnitude = ((field as u64 - 1) << F::FRACTION_BITS) + kept;
    if magnitude >= F::INFINITY {
        return overflow::<F>(x.sign, rm, flags);
    }
    flags.raise_inexact(inexact);
    sign_bit::<F>(x.sign) | magnitude
}

/// The part of [`round_pack`] for numbers below the normal range.
///
/// Tininess is detected *after* rounding ("Floating-Point Control and Status Register" refers to
/// IEEE 754 section 7.5): a number is tiny if it would still be below the normal range when
/// rounded to the full precision with an unbounded exponent. So the number just below the range
/// is rounded twice, the first time only to ask.
fn round_pack_subnormal<F: Format>(x: Finite, rm: Rounding, flags: &mut Flags) -> u64 {
    let drop = 64 - F::PRECISION;
    let shift = (1 - F::BIAS - x.exponent) as u32;
    debug_assert!(shift >= 1);
    let tiny = shift > 1 || round_off(x.significand, drop, x.sign, rm).0 >> F::PRECISION == 0;
    let (kept, inexact) = round_off(shift_right_jam(x.significand, shift), drop, x.sign, rm);
    if inexact {
        *flags |= if tiny { Flags::UF | Flags::NX } else { Flags::NX };
    }
    // A carry into the leading one makes the exponent field 1: the smallest normal number.
    sign_bit::<F>(x.sign) | kept
}

/// The result of a number beyond the format: infinity, or the largest finite number in modes that
/// never round away from zero on this side (IEEE 754 section 7.4).
#[cold]
fn overflow<F: Format>(sign: bool, rm: Rounding, flags: &mut Flags) -> u64 {
    *flags |= Flags::OF | Flags::NX;
    let to_infinity = match rm {
        Rounding::Rne | Rounding::Rmm => true,
        Rounding::Rtz => false,
        Rounding::Rdn => sign,
        Rounding::Rup => !sign,
    };
    sign_bit::<F>(sign) | (F::INFINITY - u64::from(!to_infinity))
}

/// Rounds off the lowest `drop` bits (1..=62): what is left, and whether anything was lost.
#[inline]
pub(crate) fn round_off(significand: u64, drop: u32, sign: bool, rm: Rounding) -> (u64, bool) {
    debug_assert!((1..=62).contains(&drop));
    let kept = significand >> drop;
    let lost = significand & ((1 << drop) - 1);
    let half = 1 << (drop - 1);
    let up = match rm {
        Rounding::Rne => lost > half || (lost == half && kept & 1 == 1),
        Rounding::Rtz => false,
        Rounding::Rdn => sign && lost != 0,
        Rounding::Rup => !sign && lost != 0,
        Rounding::Rmm => lost >= half,
    };
    (kept + u64::from(up), lost != 0)
}

/// Shifts right by any amount; ones that fall out stick to the lowest bit.
#[inline]
pub(crate) fn shift_right_jam(value: u64, shift: u32) -> u64 {
    if shift >= 64 {
        return u64::from(value != 0);
    }
    let kept = value >> shift;
    kept | u64::from(kept << shift != value)
}

/// [`shift_right_jam`] for 128 bits.
#[inline]
pub(crate) fn shift_right_jam_wide(value: u128, shift: u32) -> u128 {
    if shift >= 128 {
        return u128::from(value != 0);
    }
    let kept = value >> shift;
    kept | u128::from(kept << shift != value)
}

/// The number ±`significand` × 2^(`exponent` − 127), normalised to 64 bits with a sticky lowest
/// bit.
#[inline]
pub(crate) fn normalize_wide(sign: bool, exponent: i32, significand: u128) -> Finite {
    debug_assert!(significand != 0);
    let shift = significand.leading_zeros();
    let wide = significand << shift;
    let sticky = u64::from(wide as u64 != 0);
    Finite { sign, exponent: exponent - shift as i32, significand: (wide >> 64) as u64 | sticky }
}
