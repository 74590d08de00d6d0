//! A function for every instruction, so that programs can be written in Rust: `addi(A0, A0, 1)`.
//!
//! Functions are made from the rows. Their operands are in the order of assembly language, and an address is its base and then its offset:
//! `lw a0, 8(sp)` is `lw(A0, SP, 8)`, `sd a0, 8(sp)` is `sd(A0, SP, 8)`, `amoadd.w a0, a1, (a2)` is `amoadd_w(A0, A1, A2)`. Offsets of
//! branches and jumps count from the instruction itself; lui and auipc take the whole value, of which the low 12 bits are dropped. Whoever
//! wants a rounding mode or ordering bits uses [`encode`].

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

macro_rules! float_registers {
    ($($name:ident = $number:literal),*) => { $(
        #[doc = concat!("Floating-point register f", $number, ".")]
        pub const $name: u8 = $number;
    )* };
}

float_registers! {
    FT0 = 0, FT1 = 1, FT2 = 2, FT3 = 3, FT4 = 4, FT5 = 5, FT6 = 6, FT7 = 7, FS0 = 8, FS1 = 9, FA0 = 10, FA1 = 11, FA2 = 12, FA3 = 13,
    FA4 = 14, FA5 = 15, FA6 = 16, FA7 = 17, FS2 = 18, FS3 = 19, FS4 = 20, FS5 = 21, FS6 = 22, FS7 = 23, FS8 = 24, FS9 = 25, FS10 = 26,
    FS11 = 27, FT8 = 28, FT9 = 29, FT10 = 30, FT11 = 31
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
    ($name:ident, $variant:ident, AmoPair) => { function!(@ $name, $variant, rd rs2 rs1); };
    ($name:ident, $variant:ident, Lr) => { function!(@ $name, $variant, rd rs1); };
    ($name:ident, $variant:ident, Hlv) => { function!(@ $name, $variant, rd rs1); };
    ($name:ident, $variant:ident, Hsv) => { function!(@ $name, $variant, rs2 rs1); };
    ($name:ident, $variant:ident, Cbo) => { function!(@ $name, $variant, rs1); };
    ($name:ident, $variant:ident, Fli) => { function!(@imm $name, $variant, rd); };
    ($name:ident, $variant:ident, MopR) => { function!(@imm $name, $variant, rd rs1); };
    ($name:ident, $variant:ident, MopRR) => { function!(@imm $name, $variant, rd rs1 rs2); };
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
    ($($name:ident, $variant:ident, $mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $class:ident, $($isa:ident)+;)*) => {
        $(function!($name, $variant, $format);)*
    };
}
crate::instructions!(functions);

/// Loads the 64-bit constant `value` into `rd` by a fixed sequence of 8 instructions, which uses no other register: for places whose length
/// must not depend on the value.
pub const fn li64(rd: u8, value: u64) -> [u32; LI_MAX] {
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

/// The most instructions that a constant needs.
pub const LI_MAX: usize = 8;

/// Loads the 64-bit constant `value` into `rd` as an assembler's `li` does: from 1 to 8 instructions, which are written to `out` and
/// returned.
pub fn li(rd: u8, value: u64, out: &mut [u32; LI_MAX]) -> &[u32] {
    let length = li_into(rd, value as i64, out);
    &out[..length]
}

/// Writes the sequence to the beginning of `out`; its length.
fn li_into(rd: u8, value: i64, out: &mut [u32]) -> usize {
    let low = (value << 52 >> 52) as i32;
    if let Ok(word) = i32::try_from(value) {
        let upper = word.wrapping_sub(low);
        if upper == 0 {
            out[0] = addi(rd, ZERO, low);
            return 1;
        }
        out[0] = lui(rd, upper);
        if low == 0 {
            return 1;
        }
        // addiw and not addi: the sum of 0x7fff_f800 and up wraps.
        out[1] = addiw(rd, rd, low);
        return 2;
    }
    // The bits above the low 12, without their trailing zeros: at most 52 bits, so every step has 12 fewer.
    let high = value.wrapping_sub(low.into()) >> 12;
    let zeros = high.trailing_zeros() as i32;
    let mut length = li_into(rd, high >> zeros, out);
    out[length] = slli(rd, rd, 12 + zeros);
    length += 1;
    if low != 0 {
        out[length] = addi(rd, rd, low);
        length += 1;
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Insn, decode};

    /// Runs a sequence that writes only `rd`.
    fn run(rd: u8, sequence: &[u32]) -> u64 {
        sequence.iter().fold(0xdead_beef_dead_beef, |value, raw| {
            let Insn { op, rd: to, rs1, imm, .. } = decode(*raw).unwrap();
            let source = if rs1 == 0 { 0 } else { value };
            assert!(to == rd && (rs1 == 0 || rs1 == rd), "another register");
            match op {
                Op::Lui => imm as u64,
                Op::Addi => source.wrapping_add(imm as u64),
                Op::Addiw => (source as i32).wrapping_add(imm) as u64,
                Op::Slli => source << imm,
                _ => panic!("{op:?} in a constant"),
            }
        })
    }

    #[test]
    fn constants_are_loaded() {
        let edges =
            [0u64, 1, 0x7ff, 0x800, 0xfff, 0x7fff_f7ff, 0x7fff_f800, 0x7fff_ffff, 0x8000_0000, 0x1234_5678_9abc_def0];
        for edge in edges {
            for value in (0..64).flat_map(|shift| [edge << shift, !(edge << shift), edge.rotate_right(shift)]) {
                assert_eq!(run(A0, &li64(A0, value)), value, "li64 {value:#x}");
                assert_eq!(run(T6, li(T6, value, &mut [0; LI_MAX])), value, "li {value:#x}");
            }
        }
    }

    #[test]
    fn constants_are_short_where_they_can_be() {
        let length = |value: u64| li(A0, value, &mut [0; LI_MAX]).len();
        assert_eq!([length(0), length(!0), length(0x7ff), length(0xffff_ffff_8000_0000)], [1; 4]);
        assert_eq!([length(0x800), length(0x7fff_ffff), length(1 << 63), length(0x8020_0000)], [2; 4]);
        assert_eq!(length(0x8000_0000 + 0x7ff), 3);
        assert_eq!(length(0x1234_5678_9abc_def0), LI_MAX);
    }

    #[test]
    fn operands_are_in_the_order_of_assembly() {
        // As GNU as encodes them.
        for (ours, theirs) in [
            (lw(A0, SP, 8), 0x0081_2503),
            (sd(A0, SP, -8), 0xfea1_3c23),
            (beq(A0, A1, 16), 0x00b5_0863),
            (jal(RA, -4), 0xffdf_f0ef),
            (lui(A0, 0x1234_5000), 0x1234_5537),
            (amoadd_w(A0, A1, A2), 0x00b6_252f),
            (sc_d(A0, A1, A2), 0x18b6_352f),
            (fmadd_d(FA0, FA1, FA2, FA3), 0x6ac5_f543),
            (fsd(FS0, SP, 16), 0x0081_3827),
            (csrrw(A0, 0x300, A1), 0x3005_9573),
            (csrrsi(ZERO, 0x300, 8), 0x3004_6073),
            (sfence_vma(A0, A1), 0x12b5_0073),
            (hlv_d(A0, A1), 0x6c05_c573),
            (hsv_w(A0, A1), 0x6aa5_c073),
            (fence(0xff), 0x0ff0_000f),
            (srai(A0, A1, 63), 0x43f5_d513),
            (mret(), 0x3020_0073),
        ] {
            assert_eq!(ours, theirs, "{ours:#010x} for {theirs:#010x}");
        }
    }
}
