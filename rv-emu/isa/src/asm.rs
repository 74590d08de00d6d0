//! A function for every instruction, so that programs can be written in Rust: `addi(A0, A0, 1)`.
//!
//! Functions are made from the rows; their operands are in the order of assembly language, with memory operands as `(base, offset)`.

use crate::insn::Op;
use crate::insn::encode::{Fields, encode};

macro_rules! registers {
    ($($name:ident = $number:literal),*) => { $(
        #[doc = concat!("Integer register x", $number, ".")]
        pub const $name: u8 = $number;
    )* };
}

registers! {
    ZERO = 0, RA = 1, SP = 2, GP = 3, TP = 4, T0 = 5, T1 = 6, T2 = 7, S0 = 8, S1 = 9, A0 = 10, A1 = 11, A2 = 12, A3 = 13, A4 = 14,
    A5 = 15, A6 = 16, A7 = 17, S2 = 18, S3 = 19, S4 = 20, S5 = 21, S6 = 22, S7 = 23, S8 = 24, S9 = 25, S10 = 26, S11 = 27, T3 = 28,
    T4 = 29, T5 = 30, T6 = 31
}

const NONE: Fields = Fields { rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 7, imm: 0, aq: false, rl: false };

/// One function, its parameters chosen by the format.
macro_rules! function {
    ($name:ident, $variant:ident, R) => { function!(@ $name, $variant, rd rs1 rs2); };
    ($name:ident, $variant:ident, RRm) => { function!(@ $name, $variant, rd rs1 rs2); };
    ($name:ident, $variant:ident, R4) => { function!(@ $name, $variant, rd rs1 rs2 rs3); };
    ($name:ident, $variant:ident, R2) => { function!(@ $name, $variant, rd rs1); };
    ($name:ident, $variant:ident, R2Rm) => { function!(@ $name, $variant, rd rs1); };
    ($name:ident, $variant:ident, I) => { function!(@imm $name, $variant, rd rs1); };
    ($name:ident, $variant:ident, Shift6) => { function!(@imm $name, $variant, rd rs1); };
    ($name:ident, $variant:ident, Shift5) => { function!(@imm $name, $variant, rd rs1); };
    ($name:ident, $variant:ident, S) => { function!(@imm $name, $variant, rs2 rs1); };
    ($name:ident, $variant:ident, B) => { function!(@imm $name, $variant, rs1 rs2); };
    ($name:ident, $variant:ident, U) => { function!(@imm $name, $variant, rd); };
    ($name:ident, $variant:ident, J) => { function!(@imm $name, $variant, rd); };
    ($name:ident, $variant:ident, Csr) => { function!(@csr $name, $variant); };
    ($name:ident, $variant:ident, CsrImm) => { function!(@csr $name, $variant); };
    ($name:ident, $variant:ident, Fence) => { function!(@imm $name, $variant,); };
    ($name:ident, $variant:ident, Fence2) => { function!(@ $name, $variant, rs1 rs2); };
    ($name:ident, $variant:ident, Amo) => { function!(@ $name, $variant, rd rs2 rs1); };
    ($name:ident, $variant:ident, Lr) => { function!(@ $name, $variant, rd rs1); };
    ($name:ident, $variant:ident, Hlv) => { function!(@ $name, $variant, rd rs1); };
    ($name:ident, $variant:ident, Hsv) => { function!(@ $name, $variant, rs2 rs1); };
    ($name:ident, $variant:ident, None) => { function!(@ $name, $variant,); };
    (@ $name:ident, $variant:ident, $($field:ident)*) => {
        #[doc = concat!("Encodes `", stringify!($name), "`; a rounding mode is dynamic, an atomic unordered.")]
        pub const fn $name($($field: u8),*) -> u32 {
            encode(Op::$variant, Fields { $($field,)* ..NONE })
        }
    };
    (@imm $name:ident, $variant:ident, $($field:ident)*) => {
        #[doc = concat!("Encodes `", stringify!($name), "`; immediate bits that don't fit are dropped.")]
        pub const fn $name($($field: u8,)* imm: i32) -> u32 {
            encode(Op::$variant, Fields { $($field,)* imm, ..NONE })
        }
    };
    (@csr $name:ident, $variant:ident) => {
        #[doc = concat!("Encodes `", stringify!($name), "`.")]
        pub const fn $name(rd: u8, csr: u16, rs1: u8) -> u32 {
            encode(Op::$variant, Fields { rd, rs1, imm: csr as i32, ..NONE })
        }
    };
}

macro_rules! functions {
    ($($name:ident, $variant:ident, $mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $class:ident, $isa:ident;)*) => {
        $(function!($name, $variant, $format);)*
    };
}
crate::instructions!(functions);

/// Loads the 64-bit constant `value` into `rd` by a fixed sequence of 8 instructions, which uses no other register.
pub const fn li64(rd: u8, value: u64) -> [u32; 8] {
    // lui + addiw give bits 63:32 sign-extended; then three times shift and add of at most 11 bits.
    let high = (value >> 32) as i32;
    let upper = high.wrapping_add(0x800) & !0xfff;
    [
        lui(rd, upper),
        addiw(rd, rd, high.wrapping_sub(upper)),
        slli(rd, rd, 11),
        addi(rd, rd, (value >> 21 & 0x7ff) as i32),
        slli(rd, rd, 11),
        addi(rd, rd, (value >> 10 & 0x7ff) as i32),
        slli(rd, rd, 10),
        addi(rd, rd, (value & 0x3ff) as i32),
    ]
}
