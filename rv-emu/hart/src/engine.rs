//! The machine on which instruction semantics are written: values, registers, memory and control, without saying how.
//!
//! The functions in [`crate::sem`] are generic over [`Engine`]. The interpreter's engines compute with `u64`; a translator's engine would
//! emit code for the same calls. Rare and large operations are plain functions that every engine calls ([`Engine::helper`]).

use rv_float::{Flags, Rounding};

use crate::hart::Core;
use crate::trap::{Source, Trap};

/// The fields of one instruction that its semantics use.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Operands {
    /// Immediate, shift amount or CSR number.
    pub imm: i32,
    /// Destination register.
    pub rd: u8,
    /// First source register, or zimm.
    pub rs1: u8,
    /// Second source register.
    pub rs2: u8,
    /// Third source register.
    pub rs3: u8,
    /// The instruction's bits; 16 of them if compressed.
    pub raw: u32,
}

impl Operands {
    /// Static rounding mode field.
    pub fn rm(&self) -> u8 {
        (self.raw >> 12 & 7) as u8
    }

    /// Length in bytes, from the encoding.
    pub fn length(&self) -> u64 {
        if self.raw & 3 == 3 { 4 } else { 2 }
    }
}

/// What a load or store moves.
#[derive(Clone, Copy, Debug)]
pub struct MemOp {
    /// 1, 2, 4 or 8.
    pub size: u8,
    /// Sign-extend what is loaded.
    pub signed: bool,
    /// The sort of instruction.
    pub source: Source,
}

/// Where control goes after an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// To the next one.
    Next,
    /// To where the engine was told.
    Jump,
}

/// A read-modify-write on memory, from the old value and the register to the new value. Both come sign-extended from `size` bytes.
pub type AmoFn = fn(old: u64, operand: u64) -> u64;
/// A function of two values that depends on nothing else.
pub type PureFn = fn(a: u64, b: u64) -> u64;
/// A floating-point operation on up to three operands, unused ones 0.
pub type FpFn = fn(a: u64, b: u64, c: u64, rounding: Rounding, flags: &mut Flags) -> u64;
/// A rare or large operation. It gets the architectural pc of the instruction in `state.pc`; if it leaves [`Flow::Jump`] it has set
/// `state.pc` to the target.
pub type HelperFn = fn(&mut Core<'_>, &Operands) -> Result<Flow, Trap>;

/// Width of a floating-point operand or result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FpWidth {
    /// Half precision, NaN-boxed in the register.
    H,
    /// Single precision, NaN-boxed in the register.
    S,
    /// Double precision.
    D,
    /// An integer register.
    X,
}

/// An execution engine. Arithmetic is on 64-bit values, wrapping; a `Cond` is 0 or 1.
pub trait Engine {
    /// A 64-bit value.
    type V: Copy;
    /// Why an instruction could not complete.
    type Stop;

    /// A constant.
    fn imm(&mut self, value: i64) -> Self::V;
    /// Integer register `r`.
    fn x(&mut self, r: u8) -> Self::V;
    /// Sets integer register `r`; ignored for x0.
    fn set_x(&mut self, r: u8, value: Self::V);
    /// The address of this instruction.
    fn pc(&mut self) -> Self::V;
    /// The address of the next instruction in memory.
    fn next_pc(&mut self) -> Self::V;

    /// Addition.
    fn add(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// Subtraction.
    fn sub(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// Bitwise and.
    fn and(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// Bitwise or.
    fn or(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// Bitwise exclusive or.
    fn xor(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// Left shift by the low 6 bits of `b`.
    fn sll(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// Logical right shift by the low 6 bits of `b`.
    fn srl(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// Arithmetic right shift by the low 6 bits of `b`.
    fn sra(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// Low half of the product.
    fn mul(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// High half of the unsigned product.
    fn mulhu(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// High half of the signed product.
    fn mulhs(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// Unsigned quotient; `b` is not 0.
    fn divu(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// Signed quotient; `b` is not 0, and the quotient is representable.
    fn divs(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// 1 if equal.
    fn eq(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// 1 if less, signed.
    fn lts(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// 1 if less, unsigned.
    fn ltu(&mut self, a: Self::V, b: Self::V) -> Self::V;
    /// `a` if `cond` is 1, `b` if 0.
    fn select(&mut self, cond: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// Sign extension of the low 32 bits.
    fn sext32(&mut self, a: Self::V) -> Self::V;
    /// Zero extension of the low 32 bits.
    fn zext32(&mut self, a: Self::V) -> Self::V;
    /// `f(a, b)`, for what has no operation of its own.
    fn pure(&mut self, f: PureFn, a: Self::V, b: Self::V) -> Self::V;

    /// Loads from memory.
    ///
    /// # Errors
    /// Whatever stops the instruction; nothing has changed then.
    fn load(&mut self, addr: Self::V, op: MemOp) -> Result<Self::V, Self::Stop>;
    /// Stores the low bytes of `value`.
    ///
    /// # Errors
    /// As [`Engine::load`].
    fn store(&mut self, addr: Self::V, value: Self::V, op: MemOp) -> Result<(), Self::Stop>;
    /// Atomic read-modify-write of `size` bytes; the old value, sign-extended.
    ///
    /// # Errors
    /// As [`Engine::load`], with the codes of a store.
    fn amo(&mut self, addr: Self::V, operand: Self::V, size: u8, f: AmoFn) -> Result<Self::V, Self::Stop>;

    /// Jumps to `target`.
    fn jump(&mut self, target: Self::V) -> Flow;
    /// Jumps to `target` if `cond` is 1.
    fn branch(&mut self, cond: Self::V, target: Self::V) -> Flow;

    /// Makes sure that floating-point state may be used and changed.
    ///
    /// # Errors
    /// Illegal instruction if it is off.
    fn fp_begin(&mut self) -> Result<(), Self::Stop>;
    /// Floating-point register `r` as raw bits.
    fn f(&mut self, r: u8) -> Self::V;
    /// Sets floating-point register `r` to raw bits.
    fn set_f(&mut self, r: u8, value: Self::V);
    /// Computes `f` under the rounding mode field `rm` (7 = dynamic) and accrues its flags.
    ///
    /// # Errors
    /// Illegal instruction if the mode is reserved.
    fn fp(&mut self, f: FpFn, args: [Self::V; 3], rm: u8) -> Result<Self::V, Self::Stop>;

    /// Runs a rare or large operation.
    ///
    /// # Errors
    /// Whatever it raises.
    fn helper(&mut self, f: HelperFn, o: &Operands) -> Result<Flow, Self::Stop>;
}
