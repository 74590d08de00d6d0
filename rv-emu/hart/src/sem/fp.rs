//! The F, D, Zfh and Zfa extensions. Arithmetic is `rv-float`'s; here are registers, NaN boxing, rounding modes and the FS check.

use rv_float::{Binary16, Binary32, Binary64, Flags, Format, Rounding, generic};

use super::Outcome;
use super::mem::address;
use crate::engine::{Engine, Flow, FpFn, FpWidth, MemOp, Operands};
use crate::trap::Source;

/// Operations without rounding run under a valid mode that they ignore: their rm field is part of the opcode.
const EXACT: u8 = 0;

/// Reads a register as an operand of width `width`. A narrower value that is not properly boxed is the canonical NaN.
#[inline(always)]
fn read<E: Engine>(e: &mut E, r: u8, width: FpWidth) -> E::V {
    match width {
        FpWidth::X => e.x(r),
        FpWidth::D => e.f(r),
        FpWidth::S => unboxed(e, r, 32, 0x7fc0_0000),
        FpWidth::H => unboxed(e, r, 16, 0x7e00),
    }
}

/// The low `bits` of a register if all above are ones, else `nan`.
#[inline(always)]
fn unboxed<E: Engine>(e: &mut E, r: u8, bits: i64, nan: i64) -> E::V {
    let raw = e.f(r);
    let (upper, ones, mask, nan) = (e.imm(bits), e.imm(-1), e.imm((1 << bits) - 1), e.imm(nan));
    let high = e.sra(raw, upper);
    let boxed = e.eq(high, ones);
    let low = e.and(raw, mask);
    e.select(boxed, low, nan)
}

/// Writes a result of width `width`; a narrower one is boxed.
#[inline(always)]
fn write<E: Engine>(e: &mut E, r: u8, width: FpWidth, value: E::V) {
    match width {
        FpWidth::X => e.set_x(r, value),
        FpWidth::D => e.set_f(r, value),
        FpWidth::S => set_boxed(e, r, value, !0xffff_ffff),
        FpWidth::H => set_boxed(e, r, value, !0xffff),
    }
}

#[inline(always)]
fn set_boxed<E: Engine>(e: &mut E, r: u8, value: E::V, upper: i64) {
    let upper = e.imm(upper);
    let boxed = e.or(value, upper);
    e.set_f(r, boxed);
}

/// rd = f(rs1, rs2, rs3) with operands of width `from` and a result of width `to`.
#[inline(always)]
fn compute<E: Engine>(e: &mut E, o: &Operands, from: FpWidth, to: FpWidth, rm: u8, count: u8, f: FpFn) -> Outcome<E> {
    e.fp_begin()?;
    let zero = e.imm(0);
    let a = read(e, o.rs1, from);
    let b = if count > 1 { read(e, o.rs2, from) } else { zero };
    let c = if count > 2 { read(e, o.rs3, from) } else { zero };
    let value = e.fp(f, [a, b, c], rm)?;
    write(e, o.rd, to, value);
    Ok(Flow::Next)
}

/// Arithmetic under the instruction's rounding mode, in all widths.
macro_rules! arithmetic {
    ($($half:ident, $single:ident, $double:ident, $count:literal => $f:ident;)*) => { $(
        #[doc = concat!("`", stringify!($half), "`.")]
        #[inline(always)]
        pub fn $half<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            compute(e, o, FpWidth::H, FpWidth::H, o.rm(), $count, $f::<Binary16>)
        }

        #[doc = concat!("`", stringify!($single), "`.")]
        #[inline(always)]
        pub fn $single<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            compute(e, o, FpWidth::S, FpWidth::S, o.rm(), $count, $f::<Binary32>)
        }

        #[doc = concat!("`", stringify!($double), "`.")]
        #[inline(always)]
        pub fn $double<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            compute(e, o, FpWidth::D, FpWidth::D, o.rm(), $count, $f::<Binary64>)
        }
    )* };
}

/// Operations that do not round, in all widths; the result is of width `$to` (`same` or X).
macro_rules! exact {
    ($($half:ident, $single:ident, $double:ident, $count:literal, $to:ident => $f:ident;)*) => { $(
        #[doc = concat!("`", stringify!($half), "`.")]
        #[inline(always)]
        pub fn $half<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            compute(e, o, FpWidth::H, exact!(@to $to, H), EXACT, $count, $f::<Binary16>)
        }

        #[doc = concat!("`", stringify!($single), "`.")]
        #[inline(always)]
        pub fn $single<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            compute(e, o, FpWidth::S, exact!(@to $to, S), EXACT, $count, $f::<Binary32>)
        }

        #[doc = concat!("`", stringify!($double), "`.")]
        #[inline(always)]
        pub fn $double<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            compute(e, o, FpWidth::D, exact!(@to $to, D), EXACT, $count, $f::<Binary64>)
        }
    )* };
    (@to same, $width:ident) => { FpWidth::$width };
    (@to integer, $width:ident) => { FpWidth::X };
}

/// Conversions between widths: name, from, to, function.
macro_rules! conversions {
    ($($name:ident: $from:ident => $to:ident, $f:expr;)*) => { $(
        #[doc = concat!("`", stringify!($name), "`.")]
        #[inline(always)]
        pub fn $name<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            compute(e, o, FpWidth::$from, FpWidth::$to, o.rm(), 1, $f)
        }
    )* };
}

arithmetic! {
    fadd_h, fadd_s, fadd_d, 2 => add;
    fsub_h, fsub_s, fsub_d, 2 => sub;
    fmul_h, fmul_s, fmul_d, 2 => mul;
    fdiv_h, fdiv_s, fdiv_d, 2 => div;
    fsqrt_h, fsqrt_s, fsqrt_d, 1 => sqrt;
    fmadd_h, fmadd_s, fmadd_d, 3 => madd;
    fmsub_h, fmsub_s, fmsub_d, 3 => msub;
    fnmsub_h, fnmsub_s, fnmsub_d, 3 => nmsub;
    fnmadd_h, fnmadd_s, fnmadd_d, 3 => nmadd;
    fround_h, fround_s, fround_d, 1 => round_to_integral;
    froundnx_h, froundnx_s, froundnx_d, 1 => round_to_integral_exact;
}

exact! {
    fmin_h, fmin_s, fmin_d, 2, same => min;
    fmax_h, fmax_s, fmax_d, 2, same => max;
    fminm_h, fminm_s, fminm_d, 2, same => minimum;
    fmaxm_h, fmaxm_s, fmaxm_d, 2, same => maximum;
    fsgnj_h, fsgnj_s, fsgnj_d, 2, same => sign_inject;
    fsgnjn_h, fsgnjn_s, fsgnjn_d, 2, same => sign_inject_not;
    fsgnjx_h, fsgnjx_s, fsgnjx_d, 2, same => sign_inject_xor;
    feq_h, feq_s, feq_d, 2, integer => eq;
    flt_h, flt_s, flt_d, 2, integer => lt;
    fle_h, fle_s, fle_d, 2, integer => le;
    fltq_h, fltq_s, fltq_d, 2, integer => lt_quiet;
    fleq_h, fleq_s, fleq_d, 2, integer => le_quiet;
    fclass_h, fclass_s, fclass_d, 1, integer => classify;
}

conversions! {
    fcvt_w_s: S => X, |a, _, _, rm, flags| rv_float::f32::to_i32(a as u32, rm, flags) as u64;
    fcvt_wu_s: S => X, |a, _, _, rm, flags| rv_float::f32::to_u32(a as u32, rm, flags) as i32 as u64;
    fcvt_l_s: S => X, |a, _, _, rm, flags| rv_float::f32::to_i64(a as u32, rm, flags) as u64;
    fcvt_lu_s: S => X, |a, _, _, rm, flags| rv_float::f32::to_u64(a as u32, rm, flags);
    fcvt_s_w: X => S, |a, _, _, rm, flags| rv_float::f32::from_i32(a as i32, rm, flags).into();
    fcvt_s_wu: X => S, |a, _, _, rm, flags| rv_float::f32::from_u32(a as u32, rm, flags).into();
    fcvt_s_l: X => S, |a, _, _, rm, flags| rv_float::f32::from_i64(a as i64, rm, flags).into();
    fcvt_s_lu: X => S, |a, _, _, rm, flags| rv_float::f32::from_u64(a, rm, flags).into();
    fcvt_w_d: D => X, |a, _, _, rm, flags| rv_float::f64::to_i32(a, rm, flags) as u64;
    fcvt_wu_d: D => X, |a, _, _, rm, flags| rv_float::f64::to_u32(a, rm, flags) as i32 as u64;
    fcvt_l_d: D => X, |a, _, _, rm, flags| rv_float::f64::to_i64(a, rm, flags) as u64;
    fcvt_lu_d: D => X, |a, _, _, rm, flags| rv_float::f64::to_u64(a, rm, flags);
    fcvt_d_w: X => D, |a, _, _, rm, flags| rv_float::f64::from_i32(a as i32, rm, flags);
    fcvt_d_wu: X => D, |a, _, _, rm, flags| rv_float::f64::from_u32(a as u32, rm, flags);
    fcvt_d_l: X => D, |a, _, _, rm, flags| rv_float::f64::from_i64(a as i64, rm, flags);
    fcvt_d_lu: X => D, |a, _, _, rm, flags| rv_float::f64::from_u64(a, rm, flags);
    fcvt_w_h: H => X, |a, _, _, rm, flags| rv_float::f16::to_i32(a as u16, rm, flags) as u64;
    fcvt_wu_h: H => X, |a, _, _, rm, flags| rv_float::f16::to_u32(a as u16, rm, flags) as i32 as u64;
    fcvt_l_h: H => X, |a, _, _, rm, flags| rv_float::f16::to_i64(a as u16, rm, flags) as u64;
    fcvt_lu_h: H => X, |a, _, _, rm, flags| rv_float::f16::to_u64(a as u16, rm, flags);
    fcvt_h_w: X => H, |a, _, _, rm, flags| rv_float::f16::from_i32(a as i32, rm, flags).into();
    fcvt_h_wu: X => H, |a, _, _, rm, flags| rv_float::f16::from_u32(a as u32, rm, flags).into();
    fcvt_h_l: X => H, |a, _, _, rm, flags| rv_float::f16::from_i64(a as i64, rm, flags).into();
    fcvt_h_lu: X => H, |a, _, _, rm, flags| rv_float::f16::from_u64(a, rm, flags).into();
    fcvt_s_h: H => S, |a, _, _, _, flags| generic::widen::<Binary16, Binary32>(a, flags);
    fcvt_d_h: H => D, |a, _, _, _, flags| generic::widen::<Binary16, Binary64>(a, flags);
    fcvt_h_s: S => H, |a, _, _, rm, flags| generic::narrow::<Binary32, Binary16>(a, rm, flags);
    fcvt_h_d: D => H, |a, _, _, rm, flags| generic::narrow::<Binary64, Binary16>(a, rm, flags);
    fcvt_s_d: D => S, |a, _, _, rm, flags| generic::narrow::<Binary64, Binary32>(a, rm, flags);
    fcvt_d_s: S => D, |a, _, _, _, flags| generic::widen::<Binary32, Binary64>(a, flags);
}

/// Gives two-operand functions of `rv-float` the shape of [`FpFn`].
macro_rules! shapes {
    ($($name:ident = |$a:ident, $b:ident, $c:ident, $rm:ident, $flags:ident| ($($arg:ident),*);)*) => { $(
        #[inline(always)]
        fn $name<F: Format>($a: u64, $b: u64, $c: u64, $rm: Rounding, $flags: &mut Flags) -> u64 {
            u64::from(generic::$name::<F>($($arg),*))
        }
    )* };
}

shapes! {
    add = |a, b, _c, rm, flags| (a, b, rm, flags);
    sub = |a, b, _c, rm, flags| (a, b, rm, flags);
    mul = |a, b, _c, rm, flags| (a, b, rm, flags);
    div = |a, b, _c, rm, flags| (a, b, rm, flags);
    sqrt = |a, _b, _c, rm, flags| (a, rm, flags);
    madd = |a, b, c, rm, flags| (a, b, c, rm, flags);
    msub = |a, b, c, rm, flags| (a, b, c, rm, flags);
    nmsub = |a, b, c, rm, flags| (a, b, c, rm, flags);
    nmadd = |a, b, c, rm, flags| (a, b, c, rm, flags);
    round_to_integral = |a, _b, _c, rm, flags| (a, rm, flags);
    round_to_integral_exact = |a, _b, _c, rm, flags| (a, rm, flags);
    minimum = |a, b, _c, _rm, flags| (a, b, flags);
    maximum = |a, b, _c, _rm, flags| (a, b, flags);
    lt_quiet = |a, b, _c, _rm, flags| (a, b, flags);
    le_quiet = |a, b, _c, _rm, flags| (a, b, flags);
    min = |a, b, _c, _rm, flags| (a, b, flags);
    max = |a, b, _c, _rm, flags| (a, b, flags);
    sign_inject = |a, b, _c, _rm, _flags| (a, b);
    sign_inject_not = |a, b, _c, _rm, _flags| (a, b);
    sign_inject_xor = |a, b, _c, _rm, _flags| (a, b);
    eq = |a, b, _c, _rm, flags| (a, b, flags);
    lt = |a, b, _c, _rm, flags| (a, b, flags);
    le = |a, b, _c, _rm, flags| (a, b, flags);
    classify = |a, _b, _c, _rm, _flags| (a);
}

macro_rules! loads_and_stores {
    ($($load:ident, $store:ident, $size:literal, $width:ident;)*) => { $(
        #[doc = concat!("`", stringify!($load), "`: a narrower value is boxed.")]
        #[inline(always)]
        pub fn $load<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            e.fp_begin()?;
            let addr = address(e, o);
            let value = e.load(addr, MemOp { size: $size, signed: false, source: Source::Float })?;
            write(e, o.rd, FpWidth::$width, value);
            Ok(Flow::Next)
        }

        #[doc = concat!("`", stringify!($store), "`: raw bits, boxed or not.")]
        #[inline(always)]
        pub fn $store<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            e.fp_begin()?;
            let addr = address(e, o);
            let value = e.f(o.rs2);
            e.store(addr, value, MemOp { size: $size, signed: false, source: Source::Float })?;
            Ok(Flow::Next)
        }
    )* };
}

loads_and_stores! {
    flh, fsh, 2, H;
    flw, fsw, 4, S;
    fld, fsd, 8, D;
}

/// Moves between register files: raw bits, no boxing check on the way out.
macro_rules! moves {
    ($($name:ident => |$e:ident, $o:ident| $body:block)*) => { $(
        #[doc = concat!("`", stringify!($name), "`.")]
        #[inline(always)]
        pub fn $name<E: Engine>($e: &mut E, $o: &Operands) -> Outcome<E> {
            $e.fp_begin()?;
            $body
            Ok(Flow::Next)
        }
    )* };
}

moves! {
    fmv_x_w => |e, o| { let raw = e.f(o.rs1); let value = e.sext32(raw); e.set_x(o.rd, value); }
    fmv_x_h => |e, o| {
        let raw = e.f(o.rs1);
        let unused = e.imm(48);
        let high = e.sll(raw, unused);
        let value = e.sra(high, unused);
        e.set_x(o.rd, value);
    }
    fmv_h_x => |e, o| { let raw = e.x(o.rs1); write(e, o.rd, FpWidth::H, raw); }
    fmv_x_d => |e, o| { let raw = e.f(o.rs1); e.set_x(o.rd, raw); }
    fmv_w_x => |e, o| { let raw = e.x(o.rs1); write(e, o.rd, FpWidth::S, raw); }
    fmv_d_x => |e, o| { let raw = e.x(o.rs1); e.set_f(o.rd, raw); }
}

/// Constants of Zfa, by the number in the rs1 field.
macro_rules! constants {
    ($($name:ident: $width:ident, $format:ident;)*) => { $(
        #[doc = concat!("`", stringify!($name), "`.")]
        #[inline(always)]
        pub fn $name<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            e.fp_begin()?;
            let value = e.imm(generic::load_immediate::<$format>(o.imm as u8) as i64);
            write(e, o.rd, FpWidth::$width, value);
            Ok(Flow::Next)
        }
    )* };
}

constants! {
    fli_h: H, Binary16;
    fli_s: S, Binary32;
    fli_d: D, Binary64;
}

/// `fcvtmod.w.d`: rounds to zero, whatever the field, which is fixed.
#[inline(always)]
pub fn fcvtmod_w_d<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    compute(e, o, FpWidth::D, FpWidth::X, EXACT, 1, |a, _, _, _, flags| {
        generic::to_i32_modular::<Binary64>(a, flags) as u64
    })
}
