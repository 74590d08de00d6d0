//! Loads and stores of RV64I.

use super::Outcome;
use crate::engine::{Engine, Flow, MemOp, Operands};
use crate::trap::Source;

macro_rules! loads {
    ($($(#[$doc:meta])* $name:ident => $size:literal, $signed:literal;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            let addr = address(e, o);
            let value = e.load(addr, MemOp { size: $size, signed: $signed, source: Source::Int })?;
            e.set_x(o.rd, value);
            Ok(Flow::Next)
        }
    )* };
}

macro_rules! stores {
    ($($(#[$doc:meta])* $name:ident => $size:literal;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            let addr = address(e, o);
            let value = e.x(o.rs2);
            e.store(addr, value, MemOp { size: $size, signed: false, source: Source::Int })?;
            Ok(Flow::Next)
        }
    )* };
}

/// rs1 + imm.
#[inline(always)]
pub(super) fn address<E: Engine>(e: &mut E, o: &Operands) -> E::V {
    let base = e.x(o.rs1);
    let offset = e.imm(o.imm.into());
    e.add(base, offset)
}

loads! {
    /// Byte, sign-extended.
    lb => 1, true;
    /// Byte, zero-extended.
    lbu => 1, false;
    /// Halfword, sign-extended.
    lh => 2, true;
    /// Halfword, zero-extended.
    lhu => 2, false;
    /// Word, sign-extended.
    lw => 4, true;
    /// Word, zero-extended.
    lwu => 4, false;
    /// Doubleword.
    ld => 8, false;
}

stores! {
    /// Byte.
    sb => 1;
    /// Halfword.
    sh => 2;
    /// Word.
    sw => 4;
    /// Doubleword.
    sd => 8;
}
