//! What the specification says in words or tables: one line of each, checked on the public
//! functions and, where the host could interfere, on the portable ones. Runs on every host.

use rv_float::{Flags, Rounding, box16, box32, f16, f32, f64, portable, unbox16, unbox32};

/// The primitive types, whose names are those of the modules under test.
type Single = core::primitive::f32;
type Double = core::primitive::f64;

const QUIET: u32 = 0x7fc0_0000;
const SIGNALING: u32 = 0x7f80_0001;
const INFINITY: u32 = 0x7f80_0000;
const ONE: u32 = 0x3f80_0000;
const TWO: u32 = 0x4000_0000;
const MINUS: u32 = 0x8000_0000;
const MIN_NORMAL: u32 = 0x0080_0000;

/// The same in half precision, and the largest number.
mod half {
    pub const QUIET: u16 = 0x7e00;
    pub const SIGNALING: u16 = 0x7c01;
    pub const INFINITY: u16 = 0x7c00;
    pub const ONE: u16 = 0x3c00;
    pub const TWO: u16 = 0x4000;
    pub const MINUS: u16 = 0x8000;
    pub const MIN_NORMAL: u16 = 0x0400;
    pub const MAX: u16 = 0x7bff;
}

/// The result and the flags raised from none.
fn with_flags<T>(operation: impl FnOnce(&mut Flags) -> T) -> (T, Flags) {
    let mut flags = Flags::NONE;
    let result = operation(&mut flags);
    (result, flags)
}

#[test]
fn minimum_and_maximum_prefer_numbers_and_order_zeros() {
    // (a, b, minimum, maximum, flags): both orders of the operands are tried.
    let rows = [
        (ONE, TWO, ONE, TWO, Flags::NONE),
        (ONE | MINUS, TWO | MINUS, TWO | MINUS, ONE | MINUS, Flags::NONE),
        (0, MINUS, MINUS, 0, Flags::NONE),
        (MINUS | 1, MINUS, MINUS | 1, MINUS, Flags::NONE),
        (INFINITY | MINUS, INFINITY, INFINITY | MINUS, INFINITY, Flags::NONE),
        (ONE, QUIET, ONE, ONE, Flags::NONE),
        (ONE, QUIET | MINUS | 5, ONE, ONE, Flags::NONE),
        (ONE, SIGNALING, ONE, ONE, Flags::NV),
        (QUIET | 1, QUIET | MINUS, QUIET, QUIET, Flags::NONE),
        (QUIET, SIGNALING, QUIET, QUIET, Flags::NV),
        (SIGNALING | MINUS, SIGNALING, QUIET, QUIET, Flags::NV),
    ];
    for (a, b, minimum, maximum, flags) in rows {
        for (a, b) in [(a, b), (b, a)] {
            assert_eq!(with_flags(|f| f32::min(a, b, f)), (minimum, flags), "min {a:x} {b:x}");
            assert_eq!(with_flags(|f| f32::max(a, b, f)), (maximum, flags), "max {a:x} {b:x}");
        }
    }
}

#[test]
fn minimum_and_maximum_of_zfa_prefer_nans() {
    // (a, b, minimum, maximum, flags): both orders of the operands are tried.
    let rows = [
        (ONE, TWO, ONE, TWO, Flags::NONE),
        (ONE | MINUS, TWO | MINUS, TWO | MINUS, ONE | MINUS, Flags::NONE),
        (0, MINUS, MINUS, 0, Flags::NONE),
        (INFINITY | MINUS, INFINITY, INFINITY | MINUS, INFINITY, Flags::NONE),
        (ONE, QUIET, QUIET, QUIET, Flags::NONE),
        (INFINITY | MINUS, QUIET | MINUS | 5, QUIET, QUIET, Flags::NONE),
        (ONE, SIGNALING, QUIET, QUIET, Flags::NV),
        (QUIET | 1, QUIET | MINUS, QUIET, QUIET, Flags::NONE),
        (QUIET | 1, SIGNALING | MINUS, QUIET, QUIET, Flags::NV),
    ];
    for (a, b, minimum, maximum, flags) in rows {
        for (a, b) in [(a, b), (b, a)] {
            assert_eq!(with_flags(|f| f32::minimum(a, b, f)), (minimum, flags), "minimum {a:x} {b:x}");
            assert_eq!(with_flags(|f| f32::maximum(a, b, f)), (maximum, flags), "maximum {a:x} {b:x}");
        }
    }
    // The other widths once.
    let (nan, one) = (0x7ff8_0000_0000_0000, 0x3ff0_0000_0000_0000);
    assert_eq!(with_flags(|f| f64::minimum(nan | 1, one, f)), (nan, Flags::NONE));
    assert_eq!(with_flags(|f| f64::maximum(one, 1 << 63, f)), (one, Flags::NONE));
    assert_eq!(with_flags(|f| f16::minimum(half::ONE, half::SIGNALING, f)), (half::QUIET, Flags::NV));
    assert_eq!(with_flags(|f| f16::maximum(half::MINUS, 0, f)), (0, Flags::NONE));
}

#[test]
fn classes_are_one_bit_of_ten() {
    let single = [
        (INFINITY | MINUS, 0),
        (ONE | MINUS, 1),
        (MIN_NORMAL | MINUS, 1),
        (MINUS | (MIN_NORMAL - 1), 2),
        (MINUS, 3),
        (0, 4),
        (1, 5),
        (MIN_NORMAL - 1, 5),
        (MIN_NORMAL, 6),
        (INFINITY - 1, 6),
        (INFINITY, 7),
        (SIGNALING, 8),
        (QUIET - 1, 8),
        (QUIET, 9),
        (u32::MAX, 9),
    ];
    for (bits, bit) in single {
        assert_eq!(f32::classify(bits), 1 << bit, "{bits:x}");
    }
    // The other width once per side of zero, and the NaNs.
    let double = [
        (0x8000_0000_0000_0001, 2),
        (0x7fef_ffff_ffff_ffff, 6),
        (0xfff0_0000_0000_0001, 8),
        (0xfff8_0000_0000_0000, 9),
    ];
    for (bits, bit) in double {
        assert_eq!(f64::classify(bits), 1 << bit, "{bits:x}");
    }
}

#[test]
fn halves_have_the_class_and_order_of_the_same_singles() {
    for bits in 0..=u16::MAX {
        let single = with_flags(|f| f16::widen(bits, f)).0;
        let magnitude = bits & !half::MINUS;
        let subnormal = 1 << if bits == magnitude { 5 } else { 2 };
        let expected = match magnitude {
            1..half::MIN_NORMAL => subnormal,
            half::SIGNALING..half::QUIET => 1 << 8,
            _ => f32::classify(single),
        };
        assert_eq!(f16::classify(bits), expected, "{bits:x}");
        for (other, same) in [(0, 0), (half::ONE, ONE), (half::MAX | half::MINUS, 0xc77f_e000), (half::QUIET, QUIET)] {
            let (ours, theirs) = (with_flags(|f| f16::lt(bits, other, f)), with_flags(|f| f32::lt(single, same, f)));
            assert_eq!(ours, theirs, "{bits:x} < {other:x}");
            assert_eq!(f16::sign_inject(bits, other), magnitude | other & half::MINUS);
            assert_eq!(f16::sign_inject_not(bits, other), magnitude | !other & half::MINUS);
            assert_eq!(f16::sign_inject_xor(bits, other), bits ^ other & half::MINUS);
        }
    }
}

#[test]
fn comparisons_differ_in_what_a_quiet_nan_raises() {
    assert_eq!(with_flags(|f| f32::eq(QUIET, ONE, f)), (false, Flags::NONE));
    assert_eq!(with_flags(|f| f32::eq(SIGNALING, ONE, f)), (false, Flags::NV));
    assert_eq!(with_flags(|f| f32::lt(QUIET, ONE, f)), (false, Flags::NV));
    assert_eq!(with_flags(|f| f32::le(ONE, QUIET, f)), (false, Flags::NV));
    assert_eq!(with_flags(|f| f32::eq(0, MINUS, f)), (true, Flags::NONE));
    assert_eq!(with_flags(|f| f32::lt(MINUS, 0, f)), (false, Flags::NONE));
    assert_eq!(with_flags(|f| f32::le(0, MINUS, f)), (true, Flags::NONE));
    assert_eq!(with_flags(|f| f32::lt(INFINITY | MINUS, MINUS | 1, f)), (true, Flags::NONE));
}

#[test]
fn comparisons_of_zfa_are_quiet() {
    for other in [ONE, QUIET, INFINITY | MINUS] {
        for (a, b) in [(QUIET, other), (other, QUIET)] {
            assert_eq!(with_flags(|f| f32::lt_quiet(a, b, f)), (false, Flags::NONE));
            assert_eq!(with_flags(|f| f32::le_quiet(a, b, f)), (false, Flags::NONE));
        }
        for (a, b) in [(SIGNALING, other), (other, SIGNALING)] {
            assert_eq!(with_flags(|f| f32::lt_quiet(a, b, f)), (false, Flags::NV));
            assert_eq!(with_flags(|f| f32::le_quiet(a, b, f)), (false, Flags::NV));
        }
    }
    assert_eq!(with_flags(|f| f32::lt_quiet(MINUS, 0, f)), (false, Flags::NONE));
    assert_eq!(with_flags(|f| f32::le_quiet(0, MINUS, f)), (true, Flags::NONE));
    assert_eq!(with_flags(|f| f32::lt_quiet(ONE, TWO, f)), (true, Flags::NONE));
    assert_eq!(with_flags(|f| f32::le_quiet(TWO, ONE, f)), (false, Flags::NONE));
    assert_eq!(with_flags(|f| f64::lt_quiet(1 << 63 | 1, 1 << 63, f)), (true, Flags::NONE));
    assert_eq!(with_flags(|f| f16::le_quiet(half::SIGNALING, half::ONE, f)), (false, Flags::NV));
    assert_eq!(with_flags(|f| f16::lt_quiet(half::QUIET, half::ONE, f)), (false, Flags::NONE));
}

#[test]
fn generated_nans_are_canonical() {
    let rm = Rounding::Rne;
    let negative = QUIET | MINUS | 0x1234;
    assert_eq!(with_flags(|f| f32::add(negative, ONE, rm, f)), (QUIET, Flags::NONE));
    assert_eq!(with_flags(|f| f32::sqrt(ONE | MINUS, rm, f)), (QUIET, Flags::NV));
    assert_eq!(with_flags(|f| f32::div(0, MINUS, rm, f)), (QUIET, Flags::NV));
    // The payload does not survive a change of format, nor does the sign.
    let canonical = 0x7ff8_0000_0000_0000;
    assert_eq!(with_flags(|f| f32::widen(negative, f)), (canonical, Flags::NONE));
    assert_eq!(with_flags(|f| f32::widen(SIGNALING, f)), (canonical, Flags::NV));
    let double = 0xfff0_0000_0000_0001;
    assert_eq!(with_flags(|f| f64::narrow(double, rm, f)), (QUIET, Flags::NV));
    assert_eq!(with_flags(|f| f64::narrow_to_f16(double, rm, f)), (half::QUIET, Flags::NV));
    assert_eq!(with_flags(|f| f32::narrow(negative, rm, f)), (half::QUIET, Flags::NONE));
    assert_eq!(with_flags(|f| f16::widen(half::SIGNALING | half::MINUS, f)), (QUIET, Flags::NV));
    assert_eq!(with_flags(|f| f16::widen_to_f64(half::QUIET | 1, f)), (canonical, Flags::NONE));
    assert_eq!(with_flags(|f| f16::sqrt(half::ONE | half::MINUS, rm, f)), (half::QUIET, Flags::NV));
    assert_eq!(with_flags(|f| f16::add(half::SIGNALING, half::ONE, rm, f)), (half::QUIET, Flags::NV));
}

#[test]
fn doubles_become_halves_by_one_rounding() {
    // 1 + 2⁻¹¹ + 2⁻⁴⁰, just above halfway between two halves. As a single it would be halfway.
    let (double, rm) = (0x3ff0_0200_0000_1000, Rounding::Rne);
    assert_eq!(with_flags(|f| f64::narrow_to_f16(double, rm, f)), (half::ONE + 1, Flags::NX));
    assert_eq!(with_flags(|f| portable::f64::narrow_to_f16(double, rm, f)), (half::ONE + 1, Flags::NX));
    let single = with_flags(|f| f64::narrow(double, rm, f)).0;
    assert_eq!(with_flags(|f| f32::narrow(single, rm, f)), (half::ONE, Flags::NX));
    // The smallest double is too small, the largest single too large.
    let tiny = (1, Flags::UF | Flags::NX);
    assert_eq!(with_flags(|f| f64::narrow_to_f16(1, Rounding::Rup, f)), tiny);
    let large = (half::INFINITY, Flags::OF | Flags::NX);
    assert_eq!(with_flags(|f| f32::narrow(INFINITY - 1, rm, f)), large);
}

#[test]
fn fused_negations_apply_to_operands() {
    // −(1 × 1) − (−1): an exact zero, negative only when rounding down. Negating the result of
    // 1 × 1 + (−1) would give the opposite in every mode.
    for (rm, zero) in [(Rounding::Rne, 0), (Rounding::Rdn, MINUS), (Rounding::Rup, 0)] {
        assert_eq!(with_flags(|f| f32::nmadd(ONE, ONE, ONE | MINUS, rm, f)), (zero, Flags::NONE));
        assert_eq!(with_flags(|f| f32::nmsub(ONE, ONE, ONE, rm, f)), (zero, Flags::NONE));
    }
    // −(1 × 1) − 2⁻³⁰ rounded up is −1.
    let tiny = 0x3080_0000;
    let minus_one = ONE | MINUS;
    let up = Rounding::Rup;
    assert_eq!(with_flags(|f| f32::nmadd(ONE, ONE, tiny, up, f)), (minus_one, Flags::NX));
    assert_eq!(with_flags(|f| f32::msub(ONE, minus_one, tiny, up, f)), (minus_one, Flags::NX));
    assert_eq!(with_flags(|f| f32::madd(INFINITY, 0, QUIET, up, f)), (QUIET, Flags::NV));
}

#[test]
fn conversions_to_integers_saturate_by_the_table() {
    let rm = Rounding::Rtz;
    let nv = Flags::NV;
    for (bits, expected) in [
        (INFINITY | MINUS, (i32::MIN, 0, i64::MIN, 0)),
        (INFINITY, (i32::MAX, u32::MAX, i64::MAX, u64::MAX)),
        (QUIET | MINUS, (i32::MAX, u32::MAX, i64::MAX, u64::MAX)),
        (SIGNALING, (i32::MAX, u32::MAX, i64::MAX, u64::MAX)),
    ] {
        assert_eq!(with_flags(|f| f32::to_i32(bits, rm, f)), (expected.0, nv), "{bits:x}");
        assert_eq!(with_flags(|f| f32::to_u32(bits, rm, f)), (expected.1, nv), "{bits:x}");
        assert_eq!(with_flags(|f| f32::to_i64(bits, rm, f)), (expected.2, nv), "{bits:x}");
        assert_eq!(with_flags(|f| f32::to_u64(bits, rm, f)), (expected.3, nv), "{bits:x}");
    }
    // −0.9 truncates to zero, which is unsigned; rounded down it is −1, which is not.
    let bits = 0xbf66_6666;
    assert_eq!(with_flags(|f| f32::to_u32(bits, rm, f)), (0, Flags::NX));
    assert_eq!(with_flags(|f| f32::to_u32(bits, Rounding::Rdn, f)), (0, nv));
    // 2³¹ is one too many, inexact or not; −2³¹ just fits.
    assert_eq!(with_flags(|f| f32::to_i32(0x4f00_0000, rm, f)), (i32::MAX, nv));
    assert_eq!(with_flags(|f| f32::to_i32(0xcf00_0000, rm, f)), (i32::MIN, Flags::NONE));
    let above = 0x41df_ffff_ffe0_0000; // 2³¹ − 1/2
    assert_eq!(with_flags(|f| f64::to_i32(above, rm, f)), (i32::MAX, Flags::NX));
    assert_eq!(with_flags(|f| f64::to_i32(above, Rounding::Rmm, f)), (i32::MAX, nv));
}

#[test]
fn halves_convert_to_and_from_integers() {
    let (rm, nv) = (Rounding::Rtz, Flags::NV);
    for (bits, expected) in [
        (half::INFINITY | half::MINUS, (i32::MIN, 0, i64::MIN, 0)),
        (half::INFINITY, (i32::MAX, u32::MAX, i64::MAX, u64::MAX)),
        (half::QUIET | half::MINUS, (i32::MAX, u32::MAX, i64::MAX, u64::MAX)),
    ] {
        assert_eq!(with_flags(|f| f16::to_i32(bits, rm, f)), (expected.0, nv), "{bits:x}");
        assert_eq!(with_flags(|f| f16::to_u32(bits, rm, f)), (expected.1, nv), "{bits:x}");
        assert_eq!(with_flags(|f| f16::to_i64(bits, rm, f)), (expected.2, nv), "{bits:x}");
        assert_eq!(with_flags(|f| f16::to_u64(bits, rm, f)), (expected.3, nv), "{bits:x}");
    }
    assert_eq!(with_flags(|f| f16::to_i32(half::MAX | half::MINUS, rm, f)), (-65504, Flags::NONE));
    // From 65520 on, halfway to 2¹⁶, integers are too large; that is an overflow, not invalid.
    let (nearest, overflow) = (Rounding::Rne, Flags::OF | Flags::NX);
    assert_eq!(with_flags(|f| f16::from_i32(-65519, nearest, f)), (half::MAX | half::MINUS, Flags::NX));
    assert_eq!(with_flags(|f| f16::from_u32(65520, nearest, f)), (half::INFINITY, overflow));
    assert_eq!(with_flags(|f| f16::from_u64(u64::MAX, rm, f)), (half::MAX, overflow));
    assert_eq!(with_flags(|f| f16::from_i64(i64::MIN, rm, f)), (half::MAX | half::MINUS, overflow));
    // 2049 is the first integer that is not a half.
    assert_eq!(with_flags(|f| f16::from_i64(2048, nearest, f)), (0x6800, Flags::NONE));
    assert_eq!(with_flags(|f| f16::from_i64(2049, nearest, f)), (0x6800, Flags::NX));
}

#[test]
fn modular_conversion_wraps_and_raises_as_the_saturating_one() {
    let two_to_the = |exponent| Double::powi(2.0, exponent);
    let rows = [
        (0.0, 0, Flags::NONE),
        (-0.0, 0, Flags::NONE),
        (1.0, 1, Flags::NONE),
        (-1.9, -1, Flags::NX),
        (0.5, 0, Flags::NX),
        (-5e-324, 0, Flags::NX),
        // The ends of the range: what truncates into it fits.
        (2_147_483_647.5, i32::MAX, Flags::NX),
        (-2_147_483_648.5, i32::MIN, Flags::NX),
        (2_147_483_648.0, i32::MIN, Flags::NV),
        (-2_147_483_649.0, i32::MAX, Flags::NV),
        // Beyond it, never inexact.
        (4_294_967_295.5, -1, Flags::NV),
        (4_294_967_296.0, 0, Flags::NV),
        (-4_294_967_297.25, -1, Flags::NV),
        (1e10, 1_410_065_408, Flags::NV),
        // Around the widths of 64-bit arithmetic: 2⁶³, −2⁶³, (2⁵³ − 1) × 2¹¹ and one exponent up.
        (9_223_372_036_854_775_808.0, 0, Flags::NV),
        (-9_223_372_036_854_775_808.0, 0, Flags::NV),
        (18_446_744_073_709_549_568.0, -2048, Flags::NV),
        (-18_446_744_073_709_549_568.0, 2048, Flags::NV),
        (36_893_488_147_419_099_136.0, -4096, Flags::NV),
        // 2⁵² + 1 shifted until its lowest bit leaves the 32: 2³¹ + 2⁸³, then 2³² + 2⁸⁴.
        (two_to_the(31) + two_to_the(83), i32::MIN, Flags::NV),
        (two_to_the(32) + two_to_the(84), 0, Flags::NV),
        (1.797_693_134_862_315_7e308, 0, Flags::NV),
        (Double::INFINITY, 0, Flags::NV),
        (Double::NEG_INFINITY, 0, Flags::NV),
        (Double::NAN, 0, Flags::NV),
    ];
    for (value, expected, flags) in rows {
        let bits = value.to_bits();
        assert_eq!(with_flags(|f| f64::to_i32_modular(bits, f)), (expected, flags), "{value}");
        assert_eq!(with_flags(|f| portable::f64::to_i32_modular(bits, f)), (expected, flags), "{value}");
        assert_eq!(with_flags(|f| f64::to_i32(bits, Rounding::Rtz, f)).1, flags, "{value}");
    }
    assert_eq!(with_flags(|f| f64::to_i32_modular(0x7ff0_0000_0000_0001, f)), (0, Flags::NV));
}

#[test]
fn rounding_to_integral_keeps_signs_and_is_exact_only_if_asked() {
    // −0.5, −0.25 and 2.5 in each mode; the results that are zero are −0.
    let (minus_half, minus_quarter, five_halves) = (0xbf00_0000, 0xbe80_0000, 0x4020_0000);
    let (minus_one, three) = (ONE | MINUS, 0x4040_0000);
    let expected = [
        (Rounding::Rne, MINUS, MINUS, TWO),
        (Rounding::Rtz, MINUS, MINUS, TWO),
        (Rounding::Rdn, minus_one, minus_one, TWO),
        (Rounding::Rup, MINUS, MINUS, three),
        (Rounding::Rmm, minus_one, MINUS, three),
    ];
    for (rm, half, quarter, halves) in expected {
        for (bits, result) in [(minus_half, half), (minus_quarter, quarter), (five_halves, halves)] {
            assert_eq!(with_flags(|f| f32::round_to_integral(bits, rm, f)), (result, Flags::NONE), "{rm:?}");
            assert_eq!(with_flags(|f| f32::round_to_integral_exact(bits, rm, f)), (result, Flags::NX), "{rm:?}");
        }
    }
    // Copied: zeros, infinities, integers and everything too large for a fraction.
    let rm = Rounding::Rup;
    for bits in [0, MINUS, INFINITY, INFINITY | MINUS, ONE | MINUS, 0x4b00_0001, INFINITY - 1] {
        assert_eq!(with_flags(|f| f32::round_to_integral_exact(bits, rm, f)), (bits, Flags::NONE), "{bits:x}");
    }
    for (nan, flags) in [(QUIET | MINUS | 1, Flags::NONE), (SIGNALING | MINUS, Flags::NV)] {
        assert_eq!(with_flags(|f| f32::round_to_integral(nan, rm, f)), (QUIET, flags));
        assert_eq!(with_flags(|f| f32::round_to_integral_exact(nan, rm, f)), (QUIET, flags));
    }
    // The largest fractions of the other widths, 2¹⁰ − 1/2 and 2⁵² − 1/2, and the smallest numbers.
    assert_eq!(with_flags(|f| f16::round_to_integral(0x63ff, rm, f)), (0x6400, Flags::NONE));
    assert_eq!(with_flags(|f| f16::round_to_integral_exact(1, rm, f)), (half::ONE, Flags::NX));
    let (below, power) = (0x432f_ffff_ffff_ffff, 0x4330_0000_0000_0000);
    assert_eq!(with_flags(|f| f64::round_to_integral_exact(below, rm, f)), (power, Flags::NX));
    assert_eq!(with_flags(|f| f64::round_to_integral(1 << 63 | 1, rm, f)), (1 << 63, Flags::NONE));
}

#[test]
fn immediates_are_those_of_the_table() {
    // The value, and its pattern as a half.
    let rows = [
        (-1.0, 0xbc00),
        (0.0, half::MIN_NORMAL), // The smallest normal number of each format: below.
        (1.0 / 65536.0, 0x0100),
        (1.0 / 32768.0, 0x0200),
        (1.0 / 256.0, 0x1c00),
        (1.0 / 128.0, 0x2000),
        (0.0625, 0x2c00),
        (0.125, 0x3000),
        (0.25, 0x3400),
        (0.3125, 0x3500),
        (0.375, 0x3600),
        (0.4375, 0x3700),
        (0.5, 0x3800),
        (0.625, 0x3900),
        (0.75, 0x3a00),
        (0.875, 0x3b00),
        (1.0, half::ONE),
        (1.25, 0x3d00),
        (1.5, 0x3e00),
        (1.75, 0x3f00),
        (2.0, half::TWO),
        (2.5, 0x4100),
        (3.0, 0x4200),
        (4.0, 0x4400),
        (8.0, 0x4800),
        (16.0, 0x4c00),
        (128.0, 0x5800),
        (256.0, 0x5c00),
        (32768.0, 0x7800),
        (65536.0, half::INFINITY), // Not representable, so the same as the next.
        (Double::INFINITY, half::INFINITY),
        (0.0, half::QUIET), // The canonical NaN of each format: below.
    ];
    for (index, (value, pattern)) in (0..).zip(rows) {
        let (single, double) = match index {
            1 => (MIN_NORMAL, 0x0010_0000_0000_0000),
            31 => (QUIET, 0x7ff8_0000_0000_0000),
            _ => ((value as Single).to_bits(), value.to_bits()),
        };
        assert_eq!(f16::load_immediate(index), pattern, "{index}");
        assert_eq!(f32::load_immediate(index), single, "{index}");
        assert_eq!(f64::load_immediate(index), double, "{index}");
        assert_eq!(portable::f16::load_immediate(index), pattern, "{index}");
    }
}

#[test]
fn ties_round_by_the_mode() {
    // 2.5 and −2.5.
    let results = Rounding::ALL.map(|rm| {
        let positive = with_flags(|f| f32::to_i32(0x4020_0000, rm, f));
        let negative = with_flags(|f| portable::f32::to_i32(0xc020_0000, rm, f));
        assert_eq!((positive.1, negative.1), (Flags::NX, Flags::NX));
        (positive.0, negative.0)
    });
    assert_eq!(results, [(2, -2), (2, -2), (2, -3), (3, -2), (3, -3)]);
}

#[test]
fn tininess_is_detected_after_rounding() {
    // (1 − 2⁻²⁴) × the smallest normal number: exactly half an ulp below it, so rounded up to it;
    // but with an unbounded exponent it is representable, so tiny.
    let below_one = ONE - 1;
    let rm = Rounding::Rne;
    let tiny = (MIN_NORMAL, Flags::UF | Flags::NX);
    assert_eq!(with_flags(|f| f32::mul(MIN_NORMAL, below_one, rm, f)), tiny);
    assert_eq!(with_flags(|f| portable::f32::mul(MIN_NORMAL, below_one, rm, f)), tiny);
    // The largest subnormal × (1 + 2⁻²³): nearer to the smallest normal number than half an ulp
    // of the full precision, so not tiny.
    let not_tiny = (MIN_NORMAL, Flags::NX);
    assert_eq!(with_flags(|f| f32::mul(MIN_NORMAL - 1, ONE + 1, rm, f)), not_tiny);
    // An exact subnormal raises nothing.
    assert_eq!(with_flags(|f| f32::div(MIN_NORMAL, TWO, rm, f)), (MIN_NORMAL / 2, Flags::NONE));
    // The same three with halves.
    let (tiny, not_tiny) = ((half::MIN_NORMAL, Flags::UF | Flags::NX), (half::MIN_NORMAL, Flags::NX));
    assert_eq!(with_flags(|f| f16::mul(half::MIN_NORMAL, half::ONE - 1, rm, f)), tiny);
    assert_eq!(with_flags(|f| f16::mul(half::MIN_NORMAL - 1, half::ONE + 1, rm, f)), not_tiny);
    let exact = (half::MIN_NORMAL / 2, Flags::NONE);
    assert_eq!(with_flags(|f| f16::div(half::MIN_NORMAL, half::TWO, rm, f)), exact);
}

#[test]
fn overflow_depends_on_mode_and_sign() {
    let max = INFINITY - 1;
    let raised = Flags::OF | Flags::NX;
    for (rm, plus, minus) in [
        (Rounding::Rne, INFINITY, INFINITY),
        (Rounding::Rtz, max, max),
        (Rounding::Rdn, max, INFINITY),
        (Rounding::Rup, INFINITY, max),
        (Rounding::Rmm, INFINITY, INFINITY),
    ] {
        assert_eq!(with_flags(|f| f32::mul(max, TWO, rm, f)), (plus, raised), "{rm:?}");
        let negative = with_flags(|f| f32::mul(max | MINUS, TWO, rm, f));
        assert_eq!(negative, (minus | MINUS, raised), "{rm:?}");
    }
    let rm = Rounding::Rne;
    assert_eq!(with_flags(|f| f32::div(ONE, MINUS, rm, f)), (INFINITY | MINUS, Flags::DZ));
    assert_eq!(with_flags(|f| f32::div(INFINITY, 0, rm, f)), (INFINITY, Flags::NONE));
}

#[test]
fn flags_accumulate() {
    let mut flags = Flags::DZ;
    f32::div(ONE, 0x4040_0000, Rounding::Rne, &mut flags);
    assert_eq!(flags, Flags::DZ | Flags::NX);
    f32::sqrt(ONE | MINUS, Rounding::Rne, &mut flags);
    assert_eq!(flags.bits(), 0b11001);
    assert_eq!(Flags::from_bits(0xff).bits(), 0x1f);
    assert_eq!(format!("{flags:?} {:?}", Flags::NONE), "NV|DZ|NX none");
}

#[test]
fn rounding_modes_five_to_seven_are_none() {
    for (number, rm) in Rounding::ALL.into_iter().enumerate() {
        assert_eq!(Rounding::from_rm(number as u8), Some(rm));
    }
    assert!((5..=255).all(|rm| Rounding::from_rm(rm).is_none()));
}

#[test]
fn badly_boxed_singles_read_as_canonical_nan() {
    assert_eq!(box32(ONE), 0xffff_ffff_3f80_0000);
    for single in [0, ONE, SIGNALING, u32::MAX] {
        assert_eq!(unbox32(box32(single)), single);
    }
    for register in [0, 0x3f80_0000, 0xffff_fffe_3f80_0000, 0x7fff_ffff_3f80_0000] {
        assert_eq!(unbox32(register), QUIET, "{register:x}");
    }
}

#[test]
fn badly_boxed_halves_read_as_canonical_nan() {
    assert_eq!(box16(half::ONE), 0xffff_ffff_ffff_3c00);
    for bits in [0, half::ONE, half::SIGNALING, u16::MAX] {
        assert_eq!(unbox16(box16(bits)), bits);
        // A half in a single in a double.
        assert_eq!(unbox32(box16(bits)), 0xffff_0000 | u32::from(bits));
    }
    // Not boxed at all, as a single, and with a single bit missing at either end.
    for register in [0x3c00, 0xffff_ffff_3f80_3c00, 0xffff_ffff_fffe_3c00, 0x7fff_ffff_ffff_3c00] {
        assert_eq!(unbox16(register), half::QUIET, "{register:x}");
    }
}

#[test]
fn sign_injection_moves_patterns() {
    assert_eq!(f32::sign_inject(SIGNALING, MINUS), SIGNALING | MINUS);
    assert_eq!(f32::sign_inject_not(SIGNALING, MINUS), SIGNALING);
    assert_eq!(f32::sign_inject_not(ONE, ONE), ONE | MINUS);
    assert_eq!(f32::sign_inject_xor(ONE | MINUS, QUIET | MINUS), ONE);
    assert_eq!(f64::sign_inject_xor(1, 1 << 63), 1 << 63 | 1);
}
