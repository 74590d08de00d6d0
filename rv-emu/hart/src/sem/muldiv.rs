//! The M extension. Division never traps: by zero and on overflow the results are those of the table in "Division Operations".

use super::Outcome;
use crate::engine::{Engine, Flow, Operands};

macro_rules! register_register {
    ($($(#[$doc:meta])* $name:ident => $f:expr;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            let (a, b) = (e.x(o.rs1), e.x(o.rs2));
            let value = $f(e, a, b);
            e.set_x(o.rd, value);
            Ok(Flow::Next)
        }
    )* };
}

register_register! {
    /// Low half of rs1 x rs2.
    mul => E::mul;
    /// High half, signed x signed.
    mulh => E::mulhs;
    /// High half, unsigned x unsigned.
    mulhu => E::mulhu;
    /// High half, signed x unsigned.
    mulhsu => high_signed_unsigned;
    /// Signed quotient.
    div => quotient_signed;
    /// Unsigned quotient.
    divu => quotient_unsigned;
    /// Signed remainder.
    rem => remainder_signed;
    /// Unsigned remainder.
    remu => remainder_unsigned;
    /// Low 32 bits of the product, sign-extended.
    mulw => |e: &mut E, a, b| word(e, E::mul, |_, v| v, a, b);
    /// Signed 32-bit quotient.
    divw => |e: &mut E, a, b| word(e, quotient_signed, E::sext32, a, b);
    /// Unsigned 32-bit quotient, sign-extended.
    divuw => |e: &mut E, a, b| word(e, quotient_unsigned, E::zext32, a, b);
    /// Signed 32-bit remainder.
    remw => |e: &mut E, a, b| word(e, remainder_signed, E::sext32, a, b);
    /// Unsigned 32-bit remainder, sign-extended.
    remuw => |e: &mut E, a, b| word(e, remainder_unsigned, E::zext32, a, b);
}

/// Widens both operands, computes, and sign-extends the low 32 bits.
#[inline(always)]
fn word<E: Engine>(
    e: &mut E,
    compute: fn(&mut E, E::V, E::V) -> E::V,
    widen: fn(&mut E, E::V) -> E::V,
    a: E::V,
    b: E::V,
) -> E::V {
    let (a, b) = (widen(e, a), widen(e, b));
    let value = compute(e, a, b);
    e.sext32(value)
}

/// The signed operand counts 2^64 too much when it is negative and read as unsigned.
#[inline(always)]
fn high_signed_unsigned<E: Engine>(e: &mut E, a: E::V, b: E::V) -> E::V {
    let high = e.mulhu(a, b);
    let sign_bit = e.imm(63);
    let negative = e.sra(a, sign_bit);
    let excess = e.and(negative, b);
    e.sub(high, excess)
}

/// A divisor that is safe to divide by: 1 in place of 0.
#[inline(always)]
fn nonzero<E: Engine>(e: &mut E, b: E::V) -> (E::V, E::V) {
    let (zero, one) = (e.imm(0), e.imm(1));
    let is_zero = e.eq(b, zero);
    (e.select(is_zero, one, b), is_zero)
}

#[inline(always)]
fn quotient_unsigned<E: Engine>(e: &mut E, a: E::V, b: E::V) -> E::V {
    let (divisor, is_zero) = nonzero(e, b);
    let quotient = e.divu(a, divisor);
    let ones = e.imm(-1);
    e.select(is_zero, ones, quotient)
}

#[inline(always)]
fn remainder_unsigned<E: Engine>(e: &mut E, a: E::V, b: E::V) -> E::V {
    let (divisor, is_zero) = nonzero(e, b);
    let quotient = e.divu(a, divisor);
    let product = e.mul(quotient, divisor);
    let remainder = e.sub(a, product);
    e.select(is_zero, a, remainder)
}

/// The divisor with 0 and -1 replaced by 1: a / -1 overflows for the least number, and is -a in wrapping arithmetic for all.
#[inline(always)]
fn tame<E: Engine>(e: &mut E, b: E::V) -> (E::V, E::V, E::V) {
    let (divisor, is_zero) = nonzero(e, b);
    let (minus_one, one) = (e.imm(-1), e.imm(1));
    let is_minus_one = e.eq(b, minus_one);
    (e.select(is_minus_one, one, divisor), is_zero, is_minus_one)
}

#[inline(always)]
fn quotient_signed<E: Engine>(e: &mut E, a: E::V, b: E::V) -> E::V {
    let (divisor, is_zero, is_minus_one) = tame(e, b);
    let quotient = e.divs(a, divisor);
    let zero = e.imm(0);
    let negated = e.sub(zero, a);
    let value = e.select(is_minus_one, negated, quotient);
    let ones = e.imm(-1);
    e.select(is_zero, ones, value)
}

#[inline(always)]
fn remainder_signed<E: Engine>(e: &mut E, a: E::V, b: E::V) -> E::V {
    let (divisor, is_zero, _) = tame(e, b);
    let quotient = e.divs(a, divisor);
    let product = e.mul(quotient, divisor);
    let remainder = e.sub(a, product);
    e.select(is_zero, a, remainder)
}
