//! What floating-point arithmetic must give, by an implementation that has nothing in common with the emulator's: LLVM's APFloat, and
//! integer arithmetic for square roots.
//!
//! APFloat's values are used as they are, its status only in part. Overflow and underflow are decided by their definitions ("tininess is
//! detected after rounding", IEEE 754 7.4 and 7.5): what would the result be if the exponent had no limits? That is computed in a format of
//! the same precision with many more exponents.

use rustc_apfloat::ieee::{DoubleS, HalfS, IeeeFloat, Quad, Semantics, SingleS};
use rustc_apfloat::{Float, FloatConvert, Round, Status, StatusAnd};

/// Invalid operation.
pub const NV: u8 = 16;
/// Division by zero.
pub const DZ: u8 = 8;
/// Overflow.
pub const OF: u8 = 4;
/// Underflow.
pub const UF: u8 = 2;
/// Inexact.
pub const NX: u8 = 1;

/// The bits of a result, and the flags it raises.
pub type Answer = (u64, u8);
/// What an instruction gives for the bits of its operands, of which it may have fewer than three.
pub type Reference = fn([u64; 3], Round) -> Answer;

/// A format of floating-point numbers.
pub trait Format {
    /// As APFloat knows it.
    type Narrow: Semantics;
    /// With the same precision, and exponents that no single operation exceeds.
    type Wide: Semantics;
}

/// Half precision.
pub struct H;
/// Single precision.
pub struct S;
/// Double precision.
pub struct D;
/// A semantics of a precision and 15 bits of exponent.
pub struct Wide<const PRECISION: usize>;

impl<const PRECISION: usize> Semantics for Wide<PRECISION> {
    const BITS: usize = PRECISION + 15;
    const EXP_BITS: usize = 15;
}

impl Format for H {
    type Narrow = HalfS;
    type Wide = Wide<11>;
}

impl Format for S {
    type Narrow = SingleS;
    type Wide = Wide<24>;
}

impl Format for D {
    type Narrow = DoubleS;
    type Wide = Wide<53>;
}

type Narrow<F> = IeeeFloat<<F as Format>::Narrow>;

/// The value of these bits.
pub fn value<F: Format>(bits: u64) -> Narrow<F> {
    Narrow::<F>::from_bits(bits.into())
}

/// The bits of a value; NaNs are canonical.
pub fn bits<F: Format>(value: Narrow<F>) -> u64 {
    let value = if value.is_nan() { Narrow::<F>::qnan(None) } else { value };
    value.to_bits() as u64
}

/// The same value in a format that has it.
fn widened<A: Semantics, B: Semantics>(value: IeeeFloat<A>) -> IeeeFloat<B> {
    let converted: StatusAnd<IeeeFloat<B>> = value.convert(&mut false);
    assert!(value.is_nan() || converted.status == Status::OK, "an exact conversion");
    converted.value
}

/// An answer from a result as rounded to the format, and as rounded with no limits to the exponent.
fn answer<F: Format>(narrow: StatusAnd<Narrow<F>>, wide: StatusAnd<IeeeFloat<F::Wide>>) -> Answer {
    let mut flags = 0;
    for (status, flag) in [(Status::INVALID_OP, NV), (Status::DIV_BY_ZERO, DZ)] {
        flags |= if narrow.status.intersects(status) { flag } else { 0 };
    }
    let inexact = narrow.status.intersects(Status::INEXACT | Status::OVERFLOW | Status::UNDERFLOW);
    if inexact {
        let magnitude = wide.value.abs();
        assert!(flags == 0 && magnitude.is_finite_non_zero(), "only numbers are inexact");
        let largest: IeeeFloat<F::Wide> = widened(Narrow::<F>::largest());
        let smallest: IeeeFloat<F::Wide> = widened(Narrow::<F>::smallest_normalized());
        flags |= NX;
        flags |= if magnitude > largest { OF } else { 0 };
        flags |= if magnitude < smallest { UF } else { 0 };
    }
    (bits::<F>(narrow.value), flags)
}

/// Defines references of operations that APFloat has: of names for three operands, each a method on the first.
macro_rules! operations {
    ([$a:ident, $b:ident, $c:ident] $($name:ident: $doc:literal, $receiver:expr, $method:ident($($argument:expr),*);)*) => { $(
        #[doc = $doc]
        #[allow(unused_variables, reason = "not all have three operands")]
        pub fn $name<F: Format>(operands: [u64; 3], round: Round) -> Answer {
            let [$a, $b, $c] = operands.map(value::<F>);
            let narrow = $receiver.$method($($argument,)* round);
            let [$a, $b, $c] = [$a, $b, $c].map(widened::<F::Narrow, F::Wide>);
            let wide = $receiver.$method($($argument,)* round);
            answer::<F>(narrow, wide)
        }
    )* };
}

operations! {
    [a, b, c]
    add: "a + b", a, add_r(b);
    sub: "a - b", a, sub_r(b);
    mul: "a * b", a, mul_r(b);
    div: "a / b", a, div_r(b);
    madd: "a * b + c", a, mul_add_r(b, c);
    msub: "a * b - c", a, mul_add_r(b, -c);
    nmsub: "-(a * b) + c", (-a), mul_add_r(b, c);
    nmadd: "-(a * b) - c", (-a), mul_add_r(b, -c);
}

/// The answer for a NaN: canonical, and invalid if it signals.
fn of_nan<F: Format>(signals: bool) -> Answer {
    (bits::<F>(Narrow::<F>::qnan(None)), if signals { NV } else { 0 })
}

/// The square root: an integer root with enough bits, whose last bit says whether there are more.
pub fn sqrt<F: Format>(operands: [u64; 3], round: Round) -> Answer {
    let a = value::<F>(operands[0]);
    if a.is_nan() || a.is_negative() && !a.is_zero() {
        return of_nan::<F>(a.is_signaling() || !a.is_nan());
    }
    if a.is_zero() || a.is_infinite() {
        return (operands[0], 0);
    }
    let a: Quad = widened(a);
    let mut exponent = a.ilogb() - 60;
    exponent -= exponent & 1;
    // At least 111 bits, at most 112: the root has 56.
    let square = a.scalbn(-exponent).to_u128(64).value << 50;
    exponent -= 50;
    let root = square.isqrt();
    let sticky = u128::from(root * root != square);
    let exact: Quad = Quad::from_u128(root << 1 | sticky).value.scalbn(exponent / 2 - 1);
    let rounded: StatusAnd<Narrow<F>> = exact.convert_r(round, &mut false);
    (bits::<F>(rounded.value), if rounded.status == Status::OK { 0 } else { NX })
}

/// To an integer in the same format.
fn integral<F: Format>(bits_of: u64, round: Round) -> (Answer, bool) {
    let a = value::<F>(bits_of);
    if a.is_nan() {
        return (of_nan::<F>(a.is_signaling()), true);
    }
    let rounded = a.round_to_integral(round).value;
    ((bits::<F>(rounded), 0), rounded == a)
}

/// FROUND.
pub fn round<F: Format>(operands: [u64; 3], round: Round) -> Answer {
    integral::<F>(operands[0], round).0
}

/// FROUNDNX.
pub fn round_exact<F: Format>(operands: [u64; 3], round: Round) -> Answer {
    let ((bits, flags), exact) = integral::<F>(operands[0], round);
    (bits, if exact { flags } else { flags | NX })
}

/// From one format to another.
pub fn convert<From: Format, To: Format>(operands: [u64; 3], round: Round) -> Answer {
    let a = value::<From>(operands[0]);
    if a.is_nan() {
        return of_nan::<To>(a.is_signaling());
    }
    answer::<To>(a.convert_r(round, &mut false), a.convert_r(round, &mut false))
}

/// From an integer of so many bits.
pub fn from_integer<F: Format, const BITS: u32, const SIGNED: bool>(operands: [u64; 3], round: Round) -> Answer {
    let integer = match (BITS, SIGNED) {
        (32, true) => i128::from(operands[0] as i32),
        (32, false) => i128::from(operands[0] as u32),
        (_, true) => i128::from(operands[0] as i64),
        (_, false) => i128::from(operands[0]),
    };
    answer::<F>(IeeeFloat::from_i128_r(integer, round), IeeeFloat::from_i128_r(integer, round))
}

/// To an integer of so many bits. What doesn't fit is invalid and gives the nearest number that does; NaN is as the largest.
pub fn to_integer<F: Format, const BITS: u32, const SIGNED: bool>(operands: [u64; 3], round: Round) -> Answer {
    let a: Quad = widened(value::<F>(operands[0]));
    let (least, most) =
        if SIGNED { (-(1i128 << (BITS - 1)), (1i128 << (BITS - 1)) - 1) } else { (0, (1i128 << BITS) - 1) };
    let rounded = a.round_to_integral(round).value;
    let integer = rounded.to_i128(127);
    let exact = if rounded == a { 0 } else { NX };
    let (integer, flags) = match integer.value {
        _ if a.is_nan() => (most, NV),
        small if small < least => (least, NV),
        large if large > most => (most, NV),
        fits => (fits, exact),
    };
    // Also unsigned words are sign-extended.
    (if BITS == 32 { i64::from(integer as i32) as u64 } else { integer as u64 }, flags)
}

/// FCVTMOD.W.D: the low 32 bits of the number without its fraction; flags as of FCVT.W.D.
pub fn to_word_modulo(operands: [u64; 3], _: Round) -> Answer {
    let (_, flags) = to_integer::<D, 32, true>(operands, Round::TowardZero);
    let (biased, fraction) = (operands[0] >> 52 & 0x7ff, operands[0] & ((1 << 52) - 1) | 1 << 52);
    let word = match biased as i32 - 1075 {
        // NaN and infinity; and numbers whose last bit is above the word.
        32.. => 0,
        left @ 0.. => (fraction << left) as u32,
        right @ -63.. => (fraction >> -right) as u32,
        _ => 0,
    };
    let word = if operands[0] >> 63 == 1 { word.wrapping_neg() } else { word };
    (i64::from(word as i32) as u64, flags)
}

/// The bits of `number` in the format, towards zero.
pub fn near<F: Format>(number: f64) -> u64 {
    let rounded: StatusAnd<Narrow<F>> = value::<D>(number.to_bits()).convert_r(Round::TowardZero, &mut false);
    bits::<F>(rounded.value)
}
