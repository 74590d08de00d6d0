//! One row per operation: ours, ours without the host, and SoftFloat's.

use crate::operands::Kind;
use rv_float::{Flags, Rounding, f16, f32, f64, portable};
use softfloat_sys as theirs;
use softfloat_sys::{float16_t, float32_t, float64_t};

/// A function of ours on patterns or integers in the low bits.
pub type Ours = fn([u64; 3], Rounding, &mut Flags) -> u64;

/// An operation to compare.
pub struct Operation {
    pub name: &'static str,
    pub kind: Kind,
    pub arity: usize,
    pub host: Ours,
    pub portable: Ours,
    pub oracle: fn([u64; 3], u8) -> u64,
}

/// A row: `f32::add(F32: u32, u32; rm) -> u64 = |x, rm| …`. The types are those that the operands
/// are cut down to and that the result is extended as; the last expression is SoftFloat's.
macro_rules! row {
    ($module:ident::$name:ident($kind:ident: $($Operand:ty),+ $(; $mode:ident)?) -> $Result:ty
     = |$x:ident, $rm:ident| $oracle:expr) => {
        Operation {
            name: concat!(stringify!($module), "::", stringify!($name)),
            kind: Kind::$kind,
            arity: [$(stringify!($Operand)),+].len(),
            host: |operands, _rm, flags| {
                let mut operand = operands.into_iter();
                let mut next = || operand.next().expect("at most three operands");
                $module::$name($(next() as $Operand,)+ $({ let $mode = _rm; $mode },)? flags)
                    as $Result as u64
            },
            portable: |operands, _rm, flags| {
                let mut operand = operands.into_iter();
                let mut next = || operand.next().expect("at most three operands");
                portable::$module::$name(
                    $(next() as $Operand,)+ $({ let $mode = _rm; $mode },)? flags
                ) as $Result as u64
            },
            oracle: |$x, $rm| {
                let _ = $rm;
                // SAFETY: SoftFloat's functions have no effect but on their thread-local flags.
                unsafe { $oracle }
            },
        }
    };
}

/// The rows of a format: `$n` makes an operand of SoftFloat's from a pattern.
macro_rules! format_rows {
    ($m:ident, $kind:ident, $Bits:ident, $n:path, $sign:literal,
     $add:ident $sub:ident $mul:ident $div:ident $sqrt:ident $fma:ident
     $eq:ident $lt:ident $le:ident $lt_quiet:ident $le_quiet:ident $round:ident) => {
        vec![
            row!($m::add($kind: $Bits, $Bits; rm) -> $Bits
                = |x, rm| theirs::$add($n(x[0]), $n(x[1])).v.into()),
            row!($m::sub($kind: $Bits, $Bits; rm) -> $Bits
                = |x, rm| theirs::$sub($n(x[0]), $n(x[1])).v.into()),
            row!($m::mul($kind: $Bits, $Bits; rm) -> $Bits
                = |x, rm| theirs::$mul($n(x[0]), $n(x[1])).v.into()),
            row!($m::div($kind: $Bits, $Bits; rm) -> $Bits
                = |x, rm| theirs::$div($n(x[0]), $n(x[1])).v.into()),
            row!($m::sqrt($kind: $Bits; rm) -> $Bits
                = |x, rm| theirs::$sqrt($n(x[0])).v.into()),
            row!($m::madd($kind: $Bits, $Bits, $Bits; rm) -> $Bits
                = |x, rm| theirs::$fma($n(x[0]), $n(x[1]), $n(x[2])).v.into()),
            row!($m::msub($kind: $Bits, $Bits, $Bits; rm) -> $Bits
                = |x, rm| theirs::$fma($n(x[0]), $n(x[1]), $n(x[2] ^ $sign)).v.into()),
            row!($m::nmsub($kind: $Bits, $Bits, $Bits; rm) -> $Bits
                = |x, rm| theirs::$fma($n(x[0] ^ $sign), $n(x[1]), $n(x[2])).v.into()),
            row!($m::nmadd($kind: $Bits, $Bits, $Bits; rm) -> $Bits
                = |x, rm| theirs::$fma($n(x[0] ^ $sign), $n(x[1]), $n(x[2] ^ $sign)).v.into()),
            row!($m::eq($kind: $Bits, $Bits) -> $Bits
                = |x, rm| theirs::$eq($n(x[0]), $n(x[1])).into()),
            row!($m::lt($kind: $Bits, $Bits) -> $Bits
                = |x, rm| theirs::$lt($n(x[0]), $n(x[1])).into()),
            row!($m::le($kind: $Bits, $Bits) -> $Bits
                = |x, rm| theirs::$le($n(x[0]), $n(x[1])).into()),
            row!($m::lt_quiet($kind: $Bits, $Bits) -> $Bits
                = |x, rm| theirs::$lt_quiet($n(x[0]), $n(x[1])).into()),
            row!($m::le_quiet($kind: $Bits, $Bits) -> $Bits
                = |x, rm| theirs::$le_quiet($n(x[0]), $n(x[1])).into()),
            row!($m::round_to_integral($kind: $Bits; rm) -> $Bits
                = |x, rm| theirs::$round($n(x[0]), rm, false).v.into()),
            row!($m::round_to_integral_exact($kind: $Bits; rm) -> $Bits
                = |x, rm| theirs::$round($n(x[0]), rm, true).v.into()),
            // SoftFloat has no minimum; its quiet comparison raises the same NV.
            row!($m::min($kind: $Bits, $Bits) -> $Bits = |x, rm| {
                let less = theirs::$lt_quiet($n(x[0]), $n(x[1]));
                extreme(x, less, $sign, x[0] | x[1])
            }),
            row!($m::max($kind: $Bits, $Bits) -> $Bits = |x, rm| {
                let greater = theirs::$lt_quiet($n(x[1]), $n(x[0]));
                extreme(x, greater, $sign, x[0] & x[1])
            }),
            row!($m::minimum($kind: $Bits, $Bits) -> $Bits = |x, rm| {
                let less = theirs::$lt_quiet($n(x[0]), $n(x[1]));
                nan_or_extreme(x, less, $sign, x[0] | x[1])
            }),
            row!($m::maximum($kind: $Bits, $Bits) -> $Bits = |x, rm| {
                let greater = theirs::$lt_quiet($n(x[1]), $n(x[0]));
                nan_or_extreme(x, greater, $sign, x[0] & x[1])
            }),
        ]
    };
}

/// The rows of a format's conversions to and from integers.
macro_rules! integer_rows {
    ($m:ident, $kind:ident, $Bits:ident, $n:path,
     $to_i32:ident $to_u32:ident $to_i64:ident $to_u64:ident
     $from_i32:ident $from_u32:ident $from_i64:ident $from_u64:ident) => {
        [
            row!($m::to_i32($kind: $Bits; rm) -> i64
                = |x, rm| theirs::$to_i32($n(x[0]), rm, true) as i32 as u64),
            row!($m::to_u32($kind: $Bits; rm) -> u64
                = |x, rm| theirs::$to_u32($n(x[0]), rm, true) as u32 as u64),
            row!($m::to_i64($kind: $Bits; rm) -> i64
                = |x, rm| theirs::$to_i64($n(x[0]), rm, true) as u64),
            row!($m::to_u64($kind: $Bits; rm) -> u64
                = |x, rm| theirs::$to_u64($n(x[0]), rm, true) as u64),
            row!($m::from_i32(Integer: i32; rm) -> $Bits
                = |x, rm| theirs::$from_i32(x[0] as i32).v.into()),
            row!($m::from_u32(Integer: u32; rm) -> $Bits
                = |x, rm| theirs::$from_u32(x[0] as u32).v.into()),
            row!($m::from_i64(Integer: i64; rm) -> $Bits
                = |x, rm| theirs::$from_i64(x[0] as i64).v.into()),
            row!($m::from_u64(Integer: u64; rm) -> $Bits
                = |x, rm| theirs::$from_u64(x[0]).v.into()),
        ]
    };
}

/// The arithmetic of the Zfh extension.
pub fn half() -> Vec<Operation> {
    format_rows!(f16, Half, u16, f16_of, 0x8000,
        f16_add f16_sub f16_mul f16_div f16_sqrt f16_mulAdd
        f16_eq f16_lt f16_le f16_lt_quiet f16_le_quiet f16_roundToInt)
}

/// The arithmetic of the F extension.
pub fn single() -> Vec<Operation> {
    format_rows!(f32, Single, u32, f32_of, 0x8000_0000,
        f32_add f32_sub f32_mul f32_div f32_sqrt f32_mulAdd
        f32_eq f32_lt f32_le f32_lt_quiet f32_le_quiet f32_roundToInt)
}

/// The arithmetic of the D extension.
pub fn double() -> Vec<Operation> {
    format_rows!(f64, Double, u64, f64_of, 0x8000_0000_0000_0000,
        f64_add f64_sub f64_mul f64_div f64_sqrt f64_mulAdd
        f64_eq f64_lt f64_le f64_lt_quiet f64_le_quiet f64_roundToInt)
}

/// The conversions of all.
pub fn conversions() -> Vec<Operation> {
    let mut rows = vec![
        row!(f32::widen(Single: u32) -> u64 = |x, rm| theirs::f32_to_f64(f32_of(x[0])).v),
        row!(f64::narrow(Double: u64; rm) -> u32
            = |x, rm| theirs::f64_to_f32(f64_of(x[0])).v.into()),
        row!(f16::widen(Half: u16) -> u32 = |x, rm| theirs::f16_to_f32(f16_of(x[0])).v.into()),
        row!(f16::widen_to_f64(Half: u16) -> u64 = |x, rm| theirs::f16_to_f64(f16_of(x[0])).v),
        row!(f32::narrow(Single: u32; rm) -> u16
            = |x, rm| theirs::f32_to_f16(f32_of(x[0])).v.into()),
        row!(f64::narrow_to_f16(Double: u64; rm) -> u16
            = |x, rm| theirs::f64_to_f16(f64_of(x[0])).v.into()),
        row!(f64::to_i32_modular(Double: u64) -> i64
            = |x, rm| f64_to_i32_modular(f64_of(x[0])) as u64),
    ];
    rows.extend(integer_rows!(f16, Half, u16, f16_of,
        f16_to_i32 f16_to_ui32 f16_to_i64 f16_to_ui64
        i32_to_f16 ui32_to_f16 i64_to_f16 ui64_to_f16));
    rows.extend(integer_rows!(f32, Single, u32, f32_of,
        f32_to_i32 f32_to_ui32 f32_to_i64 f32_to_ui64
        i32_to_f32 ui32_to_f32 i64_to_f32 ui64_to_f32));
    rows.extend(integer_rows!(f64, Double, u64, f64_of,
        f64_to_i32 f64_to_ui32 f64_to_i64 f64_to_ui64
        i32_to_f64 ui32_to_f64 i64_to_f64 ui64_to_f64));
    rows
}

fn f16_of(bits: u64) -> float16_t {
    float16_t { v: bits as u16 }
}

fn f32_of(bits: u64) -> float32_t {
    float32_t { v: bits as u32 }
}

fn f64_of(bits: u64) -> float64_t {
    float64_t { v: bits }
}

/// SoftFloat has no modular conversion. It has the truncated number's remainder by 2^32, which is
/// exact and in the range of −2^31..=2^31; the flags are defined as those of FCVT.W.D.
///
/// # Safety
///
/// As all of SoftFloat: it has no effect but on its thread-local flags.
unsafe fn f64_to_i32_modular(a: float64_t) -> i32 {
    const TOWARDS_ZERO: u8 = 1;
    let two_to_the_32 = float64_t { v: 0x41f0_0000_0000_0000 };
    // SAFETY: as the caller's.
    unsafe {
        theirs::f64_to_i32(a, TOWARDS_ZERO, true);
        if a.v & 0x7ff0_0000_0000_0000 == 0x7ff0_0000_0000_0000 {
            return 0;
        }
        let integer = theirs::f64_roundToInt(a, TOWARDS_ZERO, false);
        let remainder = theirs::f64_rem(integer, two_to_the_32);
        theirs::f64_to_i64(remainder, TOWARDS_ZERO, false) as i32
    }
}

/// The infinity and the canonical NaN of the format with this sign bit.
fn specials(sign: u64) -> (u64, u64) {
    match sign.ilog2() {
        15 => (0x7c00, 0x7e00),
        31 => (0x7f80_0000, 0x7fc0_0000),
        63 => (0x7ff0_0000_0000_0000, 0x7ff8_0000_0000_0000),
        _ => unreachable!("three formats"),
    }
}

/// The minimum or maximum, if `first` tells that the first operand is strictly it; `zero` is the
/// result for two zeros.
fn extreme([a, b, _]: [u64; 3], first: bool, sign: u64, zero: u64) -> u64 {
    let (infinity, canonical) = specials(sign);
    let is_nan = |bits: u64| bits & (sign - 1) > infinity;
    match (is_nan(a), is_nan(b)) {
        (true, true) => canonical,
        (true, false) => b,
        (false, true) => a,
        (false, false) if (a | b) & (sign - 1) == 0 => zero,
        (false, false) => {
            if first {
                a
            } else {
                b
            }
        }
    }
}

/// The same, but any NaN wins.
fn nan_or_extreme([a, b, c]: [u64; 3], first: bool, sign: u64, zero: u64) -> u64 {
    let (infinity, canonical) = specials(sign);
    let is_nan = |bits: u64| bits & (sign - 1) > infinity;
    if is_nan(a) || is_nan(b) { canonical } else { extreme([a, b, c], first, sign, zero) }
}
