//! Bit manipulation (Zba, Zbb, Zbc, Zbs) and conditional zeroing (Zicond).

use super::Outcome;
use crate::engine::{Engine, Flow, Operands};

/// Instructions on rs1 and rs2.
macro_rules! binary {
    ($($(#[$doc:meta])* $name:ident => |$e:ident, $a:ident, $b:ident| $value:expr;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<E: Engine>($e: &mut E, o: &Operands) -> Outcome<E> {
            let ($a, $b) = ($e.x(o.rs1), $e.x(o.rs2));
            let value = $value;
            $e.set_x(o.rd, value);
            Ok(Flow::Next)
        }
    )* };
}

/// Instructions on rs1 and a shift amount.
macro_rules! immediate {
    ($($(#[$doc:meta])* $name:ident => |$e:ident, $a:ident, $b:ident| $value:expr;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<E: Engine>($e: &mut E, o: &Operands) -> Outcome<E> {
            let $a = $e.x(o.rs1);
            let $b = $e.imm(o.imm.into());
            let value = $value;
            $e.set_x(o.rd, value);
            Ok(Flow::Next)
        }
    )* };
}

/// Instructions on rs1 alone, as functions of its value.
macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident => |$a:ident| $value:expr;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            let (a, zero) = (e.x(o.rs1), e.imm(0));
            let value = e.pure(|$a, _| $value, a, zero);
            e.set_x(o.rd, value);
            Ok(Flow::Next)
        }
    )* };
}

binary! {
    /// rd = rs2 + zero-extended word of rs1.
    add_uw => |e, a, b| { let word = e.zext32(a); e.add(word, b) };
    /// rd = rs2 + (rs1 << 1).
    sh1add => |e, a, b| shifted_add(e, a, b, 1);
    /// rd = rs2 + (rs1 << 2).
    sh2add => |e, a, b| shifted_add(e, a, b, 2);
    /// rd = rs2 + (rs1 << 3).
    sh3add => |e, a, b| shifted_add(e, a, b, 3);
    /// rd = rs2 + (zero-extended word of rs1 << 1).
    sh1add_uw => |e, a, b| { let word = e.zext32(a); shifted_add(e, word, b, 1) };
    /// rd = rs2 + (zero-extended word of rs1 << 2).
    sh2add_uw => |e, a, b| { let word = e.zext32(a); shifted_add(e, word, b, 2) };
    /// rd = rs2 + (zero-extended word of rs1 << 3).
    sh3add_uw => |e, a, b| { let word = e.zext32(a); shifted_add(e, word, b, 3) };
    /// rd = rs1 & ~rs2.
    andn => |e, a, b| { let inverted = not(e, b); e.and(a, inverted) };
    /// rd = rs1 | ~rs2.
    orn => |e, a, b| { let inverted = not(e, b); e.or(a, inverted) };
    /// rd = ~(rs1 ^ rs2).
    xnor => |e, a, b| { let inverted = not(e, b); e.xor(a, inverted) };
    /// rd = the larger, signed.
    max => |e, a, b| { let less = e.lts(a, b); e.select(less, b, a) };
    /// rd = the larger, unsigned.
    maxu => |e, a, b| { let less = e.ltu(a, b); e.select(less, b, a) };
    /// rd = the smaller, signed.
    min => |e, a, b| { let less = e.lts(a, b); e.select(less, a, b) };
    /// rd = the smaller, unsigned.
    minu => |e, a, b| { let less = e.ltu(a, b); e.select(less, a, b) };
    /// rd = rs1 rotated left by rs2\[5:0\].
    rol => |e, a, b| { let back = negated(e, b); rotate_right(e, a, back) };
    /// rd = rs1 rotated right by rs2\[5:0\].
    ror => |e, a, b| rotate_right(e, a, b);
    /// rd = word of rs1 rotated left by rs2\[4:0\], sign-extended.
    rolw => |e, a, b| { let back = negated(e, b); rotate_word_right(e, a, back) };
    /// rd = word of rs1 rotated right by rs2\[4:0\], sign-extended.
    rorw => |e, a, b| rotate_word_right(e, a, b);
    /// rd = low half of the carry-less product.
    clmul => |e, a, b| e.pure(carry_less_product_low, a, b);
    /// rd = high half of the carry-less product.
    clmulh => |e, a, b| e.pure(carry_less_product_high, a, b);
    /// rd = bits 126:63 of the carry-less product.
    clmulr => |e, a, b| e.pure(carry_less_product_reversed, a, b);
    /// rd = rs1 with bit rs2\[5:0\] cleared.
    bclr => |e, a, b| { let bit = bit(e, b); let others = not(e, bit); e.and(a, others) };
    /// rd = bit rs2\[5:0\] of rs1.
    bext => |e, a, b| extract(e, a, b);
    /// rd = rs1 with bit rs2\[5:0\] inverted.
    binv => |e, a, b| { let bit = bit(e, b); e.xor(a, bit) };
    /// rd = rs1 with bit rs2\[5:0\] set.
    bset => |e, a, b| { let bit = bit(e, b); e.or(a, bit) };
    /// rd = 0 if rs2 is 0, else rs1.
    czero_eqz => |e, a, b| { let zero = e.imm(0); let cond = e.eq(b, zero); e.select(cond, zero, a) };
    /// rd = 0 if rs2 is not 0, else rs1.
    czero_nez => |e, a, b| { let zero = e.imm(0); let cond = e.eq(b, zero); e.select(cond, a, zero) };
}

immediate! {
    /// rd = zero-extended word of rs1 << shamt.
    slli_uw => |e, a, b| { let word = e.zext32(a); e.sll(word, b) };
    /// rd = rs1 rotated right by shamt.
    rori => |e, a, b| rotate_right(e, a, b);
    /// rd = word of rs1 rotated right by shamt, sign-extended.
    roriw => |e, a, b| rotate_word_right(e, a, b);
    /// rd = rs1 with bit shamt cleared.
    bclri => |e, a, b| { let bit = bit(e, b); let others = not(e, bit); e.and(a, others) };
    /// rd = bit shamt of rs1.
    bexti => |e, a, b| extract(e, a, b);
    /// rd = rs1 with bit shamt inverted.
    binvi => |e, a, b| { let bit = bit(e, b); e.xor(a, bit) };
    /// rd = rs1 with bit shamt set.
    bseti => |e, a, b| { let bit = bit(e, b); e.or(a, bit) };
}

unary! {
    /// rd = leading zeros.
    clz => |a| a.leading_zeros().into();
    /// rd = leading zeros of the word.
    clzw => |a| (a as u32).leading_zeros().into();
    /// rd = trailing zeros.
    ctz => |a| a.trailing_zeros().into();
    /// rd = trailing zeros of the word.
    ctzw => |a| (a as u32).trailing_zeros().into();
    /// rd = number of ones.
    cpop => |a| a.count_ones().into();
    /// rd = number of ones in the word.
    cpopw => |a| (a as u32).count_ones().into();
    /// rd = byte, sign-extended.
    sext_b => |a| a as i8 as u64;
    /// rd = halfword, sign-extended.
    sext_h => |a| a as i16 as u64;
    /// rd = halfword, zero-extended.
    zext_h => |a| (a as u16).into();
    /// rd = each byte all ones unless it is 0.
    orc_b => |a| u64::from_le_bytes(a.to_le_bytes().map(|byte| if byte == 0 { 0 } else { 0xff }));
    /// rd = bytes in reverse order.
    rev8 => |a| a.swap_bytes();
}

#[inline(always)]
fn shifted_add<E: Engine>(e: &mut E, a: E::V, b: E::V, shift: i64) -> E::V {
    let amount = e.imm(shift);
    let shifted = e.sll(a, amount);
    e.add(shifted, b)
}

#[inline(always)]
fn not<E: Engine>(e: &mut E, a: E::V) -> E::V {
    let ones = e.imm(-1);
    e.xor(a, ones)
}

#[inline(always)]
fn negated<E: Engine>(e: &mut E, a: E::V) -> E::V {
    let zero = e.imm(0);
    e.sub(zero, a)
}

/// 1 << (number mod 64).
#[inline(always)]
fn bit<E: Engine>(e: &mut E, number: E::V) -> E::V {
    let one = e.imm(1);
    e.sll(one, number)
}

#[inline(always)]
fn extract<E: Engine>(e: &mut E, a: E::V, number: E::V) -> E::V {
    let shifted = e.srl(a, number);
    let one = e.imm(1);
    e.and(shifted, one)
}

/// Shifts take amounts modulo 64, so that an amount of 0 works out too.
#[inline(always)]
fn rotate_right<E: Engine>(e: &mut E, a: E::V, amount: E::V) -> E::V {
    let low = e.srl(a, amount);
    let back = negated(e, amount);
    let high = e.sll(a, back);
    e.or(low, high)
}

/// A word twice over, shifted right by an amount modulo 32, has the rotated word at its bottom.
#[inline(always)]
fn rotate_word_right<E: Engine>(e: &mut E, a: E::V, amount: E::V) -> E::V {
    let (width, mask) = (e.imm(32), e.imm(31));
    let low = e.zext32(a);
    let high = e.sll(a, width);
    let twice = e.or(low, high);
    let amount = e.and(amount, mask);
    let rotated = e.srl(twice, amount);
    e.sext32(rotated)
}

/// The product of two polynomials over GF(2): 127 bits.
fn carry_less_product(a: u64, b: u64) -> u128 {
    (0..64).filter(|bit| b >> bit & 1 != 0).fold(0, |product, bit| product ^ u128::from(a) << bit)
}

fn carry_less_product_low(a: u64, b: u64) -> u64 {
    carry_less_product(a, b) as u64
}

fn carry_less_product_high(a: u64, b: u64) -> u64 {
    (carry_less_product(a, b) >> 64) as u64
}

fn carry_less_product_reversed(a: u64, b: u64) -> u64 {
    (carry_less_product(a, b) >> 63) as u64
}
