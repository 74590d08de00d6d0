//! RV64I without memory accesses: arithmetic, shifts, comparisons, jumps and branches.

use super::Outcome;
use crate::engine::{Engine, Flow, Operands};

macro_rules! register_register {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            let (a, b) = (e.x(o.rs1), e.x(o.rs2));
            let value = e.$op(a, b);
            e.set_x(o.rd, value);
            Ok(Flow::Next)
        }
    )* };
}

macro_rules! register_immediate {
    ($($(#[$doc:meta])* $name:ident => $op:ident;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            let a = e.x(o.rs1);
            let b = e.imm(o.imm.into());
            let value = e.$op(a, b);
            e.set_x(o.rd, value);
            Ok(Flow::Next)
        }
    )* };
}

macro_rules! branches {
    ($($(#[$doc:meta])* $name:ident => $compare:ident, $negated:literal;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            let (a, b) = (e.x(o.rs1), e.x(o.rs2));
            let mut cond = e.$compare(a, b);
            if $negated {
                let one = e.imm(1);
                cond = e.xor(cond, one);
            }
            let pc = e.pc();
            let offset = e.imm(o.imm.into());
            let target = e.add(pc, offset);
            Ok(e.branch(cond, target))
        }
    )* };
}

register_register! {
    /// rd = rs1 + rs2.
    add => add;
    /// rd = rs1 - rs2.
    sub => sub;
    /// rd = rs1 & rs2.
    and => and;
    /// rd = rs1 | rs2.
    or => or;
    /// rd = rs1 ^ rs2.
    xor => xor;
    /// rd = rs1 << rs2\[5:0\].
    sll => sll;
    /// rd = rs1 >> rs2\[5:0\], logical.
    srl => srl;
    /// rd = rs1 >> rs2\[5:0\], arithmetic.
    sra => sra;
    /// rd = rs1 < rs2, signed.
    slt => lts;
    /// rd = rs1 < rs2, unsigned.
    sltu => ltu;
}

register_immediate! {
    /// rd = rs1 + imm.
    addi => add;
    /// rd = rs1 & imm.
    andi => and;
    /// rd = rs1 | imm.
    ori => or;
    /// rd = rs1 ^ imm.
    xori => xor;
    /// rd = rs1 << shamt.
    slli => sll;
    /// rd = rs1 >> shamt, logical.
    srli => srl;
    /// rd = rs1 >> shamt, arithmetic.
    srai => sra;
    /// rd = rs1 < imm, signed. With rd = rs1 = x0 a HINT "designated for custom use": see [`crate::marker`].
    slti => lts;
    /// rd = rs1 < imm, unsigned.
    sltiu => ltu;
}

branches! {
    /// Branch if equal.
    beq => eq, false;
    /// Branch if not equal.
    bne => eq, true;
    /// Branch if less, signed.
    blt => lts, false;
    /// Branch if greater or equal, signed.
    bge => lts, true;
    /// Branch if less, unsigned.
    bltu => ltu, false;
    /// Branch if greater or equal, unsigned.
    bgeu => ltu, true;
}

/// rd = imm.
#[inline(always)]
pub fn lui<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let value = e.imm(o.imm.into());
    e.set_x(o.rd, value);
    Ok(Flow::Next)
}

/// rd = pc + imm.
#[inline(always)]
pub fn auipc<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let pc = e.pc();
    let offset = e.imm(o.imm.into());
    let value = e.add(pc, offset);
    e.set_x(o.rd, value);
    Ok(Flow::Next)
}

/// rd = return address; jump to pc + imm.
#[inline(always)]
pub fn jal<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let pc = e.pc();
    let offset = e.imm(o.imm.into());
    let target = e.add(pc, offset);
    let link = e.next_pc();
    e.set_x(o.rd, link);
    Ok(e.jump(target))
}

/// rd = return address; jump to rs1 + imm with bit 0 cleared.
#[inline(always)]
pub fn jalr<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let base = e.x(o.rs1);
    let offset = e.imm(o.imm.into());
    let sum = e.add(base, offset);
    let even = e.imm(!1);
    let target = e.and(sum, even);
    let link = e.next_pc();
    e.set_x(o.rd, link);
    Ok(e.jump(target))
}

/// rd = low 32 bits of rs1 + imm, sign-extended.
#[inline(always)]
pub fn addiw<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let a = e.x(o.rs1);
    let b = e.imm(o.imm.into());
    let sum = e.add(a, b);
    let value = e.sext32(sum);
    e.set_x(o.rd, value);
    Ok(Flow::Next)
}

/// rd = low 32 bits of rs1 + rs2, sign-extended.
#[inline(always)]
pub fn addw<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let (a, b) = (e.x(o.rs1), e.x(o.rs2));
    let sum = e.add(a, b);
    let value = e.sext32(sum);
    e.set_x(o.rd, value);
    Ok(Flow::Next)
}

/// rd = low 32 bits of rs1 - rs2, sign-extended.
#[inline(always)]
pub fn subw<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let (a, b) = (e.x(o.rs1), e.x(o.rs2));
    let difference = e.sub(a, b);
    let value = e.sext32(difference);
    e.set_x(o.rd, value);
    Ok(Flow::Next)
}

/// A 32-bit shift: `prepare` widens the operand, `shift` shifts it by `amount`, the result is sign-extended.
#[inline(always)]
fn shift_word<E: Engine>(
    e: &mut E,
    o: &Operands,
    amount: E::V,
    prepare: fn(&mut E, E::V) -> E::V,
    shift: fn(&mut E, E::V, E::V) -> E::V,
) -> Outcome<E> {
    let a = e.x(o.rs1);
    let a = prepare(e, a);
    let five_bits = e.imm(31);
    let amount = e.and(amount, five_bits);
    let shifted = shift(e, a, amount);
    let value = e.sext32(shifted);
    e.set_x(o.rd, value);
    Ok(Flow::Next)
}

/// rd = rs1\[31:0\] << shamt, sign-extended.
#[inline(always)]
pub fn slliw<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let amount = e.imm(o.imm.into());
    shift_word(e, o, amount, |_, a| a, E::sll)
}

/// rd = rs1\[31:0\] >> shamt, logical, sign-extended.
#[inline(always)]
pub fn srliw<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let amount = e.imm(o.imm.into());
    shift_word(e, o, amount, E::zext32, E::srl)
}

/// rd = rs1\[31:0\] >> shamt, arithmetic.
#[inline(always)]
pub fn sraiw<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let amount = e.imm(o.imm.into());
    shift_word(e, o, amount, E::sext32, E::sra)
}

/// rd = rs1\[31:0\] << rs2\[4:0\], sign-extended.
#[inline(always)]
pub fn sllw<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let amount = e.x(o.rs2);
    shift_word(e, o, amount, |_, a| a, E::sll)
}

/// rd = rs1\[31:0\] >> rs2\[4:0\], logical, sign-extended.
#[inline(always)]
pub fn srlw<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let amount = e.x(o.rs2);
    shift_word(e, o, amount, E::zext32, E::srl)
}

/// rd = rs1\[31:0\] >> rs2\[4:0\], arithmetic.
#[inline(always)]
pub fn sraw<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let amount = e.x(o.rs2);
    shift_word(e, o, amount, E::sext32, E::sra)
}
