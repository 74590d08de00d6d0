//! Integer loads and stores.

use rv_hart::Mode;
use rv_isa::asm::{A0, A1, A2, A3, A4, A5};
use rv_isa::{Fields, Isa, Op, encode};

use crate::suite::case::{Case, case};
use crate::suite::layout::DATA;

const SECTION: &str = "Load and Store Instructions";
const PATTERN: [u64; 3] = [0x8081_8283_8485_8687, 0x0f1e_2d3c_4b5a_6978, 0xfedc_ba98_7654_3210];

/// Bytes of the pattern from `at` on.
fn bytes(at: usize, size: u8) -> u64 {
    let all: Vec<u8> = PATTERN.iter().flat_map(|word| word.to_le_bytes()).collect();
    all[at..at + usize::from(size)].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn extended(value: u64, size: u8, signed: bool) -> u64 {
    let negative = signed && value >> (8 * u32::from(size) - 1) & 1 == 1;
    if negative && size < 8 { value | u64::MAX << (8 * u32::from(size)) } else { value }
}

/// Aligned places around the base, and misaligned ones where memory takes them.
pub fn load(op: Op, size: u8, signed: bool) -> Vec<Case> {
    let insn = |rd, imm| encode(op, Fields { rd, rs1: A0, imm, ..Fields::default() });
    let at = |offset: i32| extended(bytes((8 + offset) as usize, size), size, signed);
    let step = i32::from(size);
    let prepared = |name: &str| {
        let memory = (DATA - 8..).step_by(8).zip(PATTERN);
        case(format!("{} {name}", op.row().mnemonic), SECTION, Mode::M).stores(memory).x(A0, DATA)
    };
    vec![
        prepared("aligned")
            .runs(&[insn(A1, 0), insn(A2, -step), insn(A3, -8), insn(A4, 8), insn(A5, 16 - step)])
            .completes()
            .reg(A1, at(0))
            .reg(A2, at(-step))
            .reg(A3, at(-8))
            .reg(A4, at(8))
            .reg(A5, at(16 - step)),
        prepared("to its own base").run(insn(A0, 8)).completes().reg(A0, at(8)),
        prepared("misaligned")
            .needs(Isa::Zicclsm)
            .runs(&[insn(A1, 1), insn(A2, -1), insn(A3, 3), insn(A4, 5), insn(A5, 7)])
            .completes()
            .reg(A1, at(1))
            .reg(A2, at(-1))
            .reg(A3, at(3))
            .reg(A4, at(5))
            .reg(A5, at(7)),
    ]
}

/// Stores leave their neighbours alone.
pub fn store(op: Op, size: u8) -> Vec<Case> {
    let insn = |imm| encode(op, Fields { rs1: A0, rs2: A1, imm, ..Fields::default() });
    let value = 0x1122_3344_5566_7788_u64;
    let stored = |offset: usize| {
        let mut memory: Vec<u8> = PATTERN.iter().flat_map(|word| word.to_le_bytes()).collect();
        memory[offset..offset + usize::from(size)].copy_from_slice(&value.to_le_bytes()[..usize::from(size)]);
        let word = |at: usize| u64::from_le_bytes(memory[at..at + 8].try_into().expect("eight bytes"));
        [word(0), word(8), word(16)]
    };
    let at = |name: &str, offset: i32| {
        let memory = (DATA - 8..).step_by(8).zip(PATTERN);
        let [before, here, after] = stored((8 + offset) as usize);
        case(format!("{} {name}", op.row().mnemonic), SECTION, Mode::M)
            .stores(memory)
            .x(A0, DATA)
            .x(A1, value)
            .run(insn(offset))
            .completes()
            .mem(DATA - 8, before)
            .mem(DATA, here)
            .mem(DATA + 8, after)
    };
    vec![
        at("aligned", 0),
        at("below its base", -i32::from(size)),
        at("misaligned", 3).needs(Isa::Zicclsm),
        at("misaligned across a doubleword", 7).needs(Isa::Zicclsm),
    ]
}
