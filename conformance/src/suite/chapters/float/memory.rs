//! Loads and stores of floating-point registers: bits go through unchanged, whatever they mean.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, A3, A4, A5, FA1, FA2, FA3, FA4, ZERO};
use rv_isa::{Fields, Isa, Op, csr, encode};

use crate::suite::case::{Case, case};
use crate::suite::layout::DATA;

const SECTION: &str = "Single-Precision Load and Store Instructions; D: NaN Boxing of Narrower Values";
/// Two signalling NaNs of each width among other bits.
const PATTERN: [u64; 3] = [0x7ff0_0000_7f80_7c01, 0xfff4_3c2d_ffa5_fd01, 0x0123_4567_89ab_cdef];

fn size(op: Op) -> usize {
    match op.row().mnemonic {
        "flh" | "fsh" => 2,
        "flw" | "fsw" => 4,
        _ => 8,
    }
}

/// Moves the bits of `fs` to `rd`, sign-extended, by the instruction of that size.
fn moved(size: usize, rd: u8, fs: u8) -> u32 {
    match size {
        2 => asm::fmv_x_h(rd, fs),
        4 => asm::fmv_x_w(rd, fs),
        _ => asm::fmv_x_d(rd, fs),
    }
}

fn pattern() -> Vec<u8> {
    PATTERN.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Bytes of the pattern at `offset` from DATA, which is its second doubleword.
fn at(offset: i32, size: usize) -> u64 {
    let start = (8 + offset) as usize;
    pattern()[start..start + size].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn prepared(op: Op, what: &str) -> Case {
    let memory = (DATA - 8..).step_by(8).zip(PATTERN);
    case(format!("{} {what}", op.row().mnemonic), SECTION, Mode::M).stores(memory).x(A0, DATA)
}

/// Aligned and misaligned places; boxes; no flags from signalling NaNs.
pub fn load(op: Op) -> Vec<Case> {
    let size = size(op);
    let insn = |rd, imm| encode(op, Fields { rd, rs1: A0, imm, ..Fields::default() });
    let unused = 64 - 8 * size as u32;
    let extended = |offset| ((at(offset, size) << unused) as i64 >> unused) as u64;
    let loads = |what: &str, offsets: [i32; 4]| {
        let registers = (FA1..).zip(A1..).zip(offsets);
        registers.fold(prepared(op, what), |case, ((float, integer), offset)| {
            case.runs(&[insn(float, offset), moved(size, integer, float)]).reg(integer, extended(offset))
        })
    };
    let step = size as i32;
    let boxed = |offset| if size == 8 { at(offset, 8) } else { at(offset, size) | u64::MAX << (8 * size) };
    vec![
        loads("aligned", [0, -step, -8, 16 - step]).completes().csr(csr::FFLAGS, 0),
        loads("misaligned", [1, -1, 3, 7]).completes().needs(Isa::Zicclsm),
        prepared(op, "boxes what it loads")
            .needs(Isa::D)
            .runs(&[
                asm::fmv_d_x(FA1, ZERO),
                insn(FA1, 0),
                insn(FA2, step),
                asm::fmv_x_d(A1, FA1),
                asm::fmv_x_d(A2, FA2),
            ])
            .completes()
            .reg(A1, boxed(0))
            .reg(A2, boxed(step)),
    ]
}

/// Stores leave their neighbours alone, and don't look at the register's upper bits.
pub fn store(op: Op) -> Vec<Case> {
    let size = size(op);
    let insn = |imm| encode(op, Fields { rs1: A0, rs2: FA1, imm, ..Fields::default() });
    let value = 0x7ff0_0001_7fa5_7c03_u64;
    let own = match size {
        2 => asm::fmv_h_x(FA1, A1),
        4 => asm::fmv_w_x(FA1, A1),
        _ => asm::fmv_d_x(FA1, A1),
    };
    let stored = |what: &str, to_float: u32, offset: i32| {
        let mut memory = pattern();
        let start = (8 + offset) as usize;
        memory[start..start + size].copy_from_slice(&value.to_le_bytes()[..size]);
        let word = |at: usize| u64::from_le_bytes(memory[at..at + 8].try_into().expect("eight bytes"));
        prepared(op, what)
            .x(A1, value)
            .runs(&[to_float, insn(offset)])
            .completes()
            .mem(DATA - 8, word(0))
            .mem(DATA, word(8))
            .mem(DATA + 8, word(16))
            .csr(csr::FFLAGS, 0)
    };
    vec![
        stored("aligned", own, 0),
        stored("below its base", own, -(size as i32)),
        stored("misaligned", own, 3).needs(Isa::Zicclsm),
        stored("misaligned across a doubleword", own, 7).needs(Isa::Zicclsm),
        stored("of a register without a box", asm::fmv_d_x(FA1, A1), 0).needs(Isa::D),
    ]
}

/// Moves of bits through registers that are wider than they are.
pub fn raw() -> Vec<Case> {
    let named = |what: &str| case(what, "D: NaN Boxing of Narrower Values", Mode::M).x(A0, DATA).needs(Isa::D);
    let cases = [
        named("a double goes through memory and back, signalling NaN or not")
            .store(DATA, 0xfff0_0000_0000_0001)
            .runs(&[asm::fld(FA1, A0, 0), asm::fsd(FA1, A0, 8), asm::fld(FA2, A0, 8), asm::fmv_x_d(A1, FA2)])
            .completes()
            .reg(A1, 0xfff0_0000_0000_0001)
            .mem(DATA + 8, 0xfff0_0000_0000_0001)
            .csr(csr::FFLAGS, 0),
        named("a single read as a double is a quiet NaN")
            .store(DATA, 0x3f80_0000)
            .runs(&[asm::flw(FA1, A0, 0), asm::fclass_d(A1, FA1), asm::fadd_d(FA2, FA1, FA1), asm::fmv_x_d(A2, FA2)])
            .runs(&[asm::fmv_x_d(A3, FA1), asm::fmv_x_w(A4, FA1)])
            .completes()
            .reg(A1, 0x200)
            .reg(A2, 0x7ff8_0000_0000_0000)
            .reg(A3, 0xffff_ffff_3f80_0000)
            .reg(A4, 0x3f80_0000)
            .csr(csr::FFLAGS, 0),
        named("FSD stores the box too")
            .x(A1, 0x4048_f5c3)
            .runs(&[asm::fmv_w_x(FA3, A1), asm::fsd(FA3, A0, 0)])
            .completes()
            .mem(DATA, 0xffff_ffff_4048_f5c3),
        named("FMV.X.W of a double gives its low word, sign-extended")
            .x(A1, 0x3ff0_0000_8000_0001)
            .runs(&[asm::fmv_d_x(FA4, A1), asm::fmv_x_w(A5, FA4)])
            .completes()
            .reg(A5, 0xffff_ffff_8000_0001),
    ];
    cases.into_iter().flat_map(|case| case.in_modes(&Mode::ALL)).collect()
}
