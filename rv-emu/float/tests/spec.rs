//! What the specification says in words or tables: one line of each, checked on the public
//! functions and, where the host could interfere, on the portable ones. Runs on every host.

use rv_float::{Flags, Rounding, box32, f32, f64, portable, unbox32};

const QUIET: u32 = 0x7fc0_0000;
const SIGNALING: u32 = 0x7f80_0001;
const INFINITY: u32 = 0x7f80_0000;
const ONE: u32 = 0x3f80_0000;
const TWO: u32 = 0x4000_0000;
const MINUS: u32 = 0x8000_0000;
const MIN_NORMAL: u32 = 0x0080_0000;

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
fn halves_round_by_the_mode() {
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
fn sign_injection_moves_patterns() {
    assert_eq!(f32::sign_inject(SIGNALING, MINUS), SIGNALING | MINUS);
    assert_eq!(f32::sign_inject_not(SIGNALING, MINUS), SIGNALING);
    assert_eq!(f32::sign_inject_not(ONE, ONE), ONE | MINUS);
    assert_eq!(f32::sign_inject_xor(ONE | MINUS, QUIET | MINUS), ONE);
    assert_eq!(f64::sign_inject_xor(1, 1 << 63), 1 << 63 | 1);
}
