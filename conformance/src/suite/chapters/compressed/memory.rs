//! Compressed loads and stores: offsets with each bit alone and with all of them.

use rv_isa::asm::{self, A0, SP};
use rv_isa::cause::ILLEGAL_INSTRUCTION;
use rv_isa::fields::mstatus;
use rv_isa::{Isa, csr};

use super::encoding::{self as c, Half};
use super::named;
use crate::suite::case::{Case, Level};
use crate::suite::layout::DATA;

/// Bytes that the largest offset reaches.
const AREA: usize = 520;
/// Registers for data: base registers are sp and a0, and t0 and t1 are not kept.
const SHORT_DATA: [u8; 7] = [8, 9, 11, 12, 13, 14, 15];
const LONG_DATA: [u8; 8] = [1, 3, 8, 15, 16, 17, 30, 31];

/// Offsets of accesses to `size` bytes: each bit of `bits` of them alone, none, and all.
fn offsets(size: i32, bits: u32) -> Vec<i32> {
    let single = (0..bits).map(|bit| size << bit);
    std::iter::once(0).chain(single).chain([((1 << bits) - 1) * size]).collect()
}

/// What stands in memory: no two bytes in a row are equal, and many are negative.
fn area() -> Vec<u8> {
    (0..AREA).map(|at| (at * 37 + at / 256 * 11 + 0x91) as u8).collect()
}

fn words(bytes: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let word = |chunk: &[u8]| u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
    (DATA..).step_by(8).zip(bytes.chunks(8).map(word))
}

fn prepared(name: &str) -> Case {
    named(name).stores(words(&area())).x(A0, DATA).x(SP, DATA)
}

/// The bytes at `offset`, extended.
fn loaded(offset: i32, size: usize, signed: bool) -> u64 {
    let bytes = &area()[offset as usize..offset as usize + size];
    let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
    let unused = 64 - 8 * size as u32;
    if signed { ((value << unused) as i64 >> unused) as u64 } else { value }
}

/// Loads to each register of `registers` from an offset of its own; floating-point registers are moved to the same integer registers.
fn load(
    name: &str,
    registers: &[u8],
    (size, bits, signed): (usize, u32, bool),
    float: bool,
    encode: impl Fn(u8, i32) -> Half,
) -> Case {
    let offsets = offsets(size as i32, bits);
    assert!(offsets.len() <= registers.len(), "a register for each offset");
    let each = registers.iter().zip(offsets);
    let done = each.fold(prepared(name), |case, (register, offset)| {
        let case = case.run(encode(*register, offset)).reg(*register, loaded(offset, size, signed));
        if float { case.run(asm::fmv_x_d(*register, *register)) } else { case }
    });
    done.completes()
}

/// Stores registers to an offset each; everything around stays.
fn store(
    name: &str,
    registers: &[u8],
    (size, bits): (usize, u32),
    float: bool,
    encode: impl Fn(u8, i32) -> Half,
) -> Case {
    let offsets = offsets(size as i32, bits);
    assert!(offsets.len() <= registers.len(), "a register for each offset");
    let mut memory = area();
    let mut case = prepared(name);
    for (register, offset) in registers.iter().zip(offsets) {
        let value = 0xc3a5_9e37_79b9_7f4a_u64.wrapping_mul(u64::from(*register));
        let at = offset as usize;
        memory[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
        case = case.x(*register, value);
        case = if float { case.run(asm::fmv_d_x(*register, *register)) } else { case };
        case = case.run(encode(*register, offset));
    }
    words(&memory).fold(case.completes(), |case, (addr, value)| case.mem(addr, value))
}

/// Those of Zca.
pub fn base() -> Vec<Case> {
    vec![
        load("c.lw", &SHORT_DATA, (4, 5, true), false, |rd, offset| c::word(2, rd, A0, offset)),
        load("c.ld", &SHORT_DATA, (8, 5, true), false, |rd, offset| c::double(3, rd, A0, offset)),
        load("c.lwsp", &LONG_DATA, (4, 6, true), false, c::lwsp),
        load("c.ldsp", &LONG_DATA, (8, 6, true), false, |rd, offset| c::load_double_stack(3, rd, offset)),
        store("c.sw", &SHORT_DATA, (4, 5), false, |rs2, offset| c::word(6, rs2, A0, offset)),
        store("c.sd", &SHORT_DATA, (8, 5), false, |rs2, offset| c::double(7, rs2, A0, offset)),
        store("c.swsp", &LONG_DATA, (4, 6), false, c::swsp),
        store("c.sdsp", &LONG_DATA, (8, 6), false, |rs2, offset| c::store_double_stack(7, rs2, offset)),
        prepared("c.ld to its own base").run(c::double(3, A0, A0, 8)).completes().reg(A0, loaded(8, 8, true)),
        prepared("c.ldsp to sp").run(c::load_double_stack(3, SP, 8)).completes().reg(SP, loaded(8, 8, true)),
        prepared("c.swsp of x0").run(c::swsp(0, 4)).completes().mem(DATA, loaded(0, 4, false)),
        prepared("c.lw misaligned")
            .needs(Isa::Zicclsm)
            .x(A0, DATA + 3)
            .run(c::word(2, 8, A0, 8))
            .completes()
            .reg(8, loaded(11, 4, true)),
    ]
}

/// Those of Zcb.
pub fn further() -> Vec<Case> {
    vec![
        load("c.lbu", &SHORT_DATA, (1, 2, false), false, |rd, offset| c::byte(0, rd, A0, offset)),
        load("c.lhu", &SHORT_DATA, (2, 1, false), false, |rd, offset| c::half(1, 0, rd, A0, offset)),
        load("c.lh", &SHORT_DATA, (2, 1, true), false, |rd, offset| c::half(1, 1, rd, A0, offset)),
        store("c.sb", &SHORT_DATA, (1, 2), false, |rs2, offset| c::byte(2, rs2, A0, offset)),
        store("c.sh", &SHORT_DATA, (2, 1), false, |rs2, offset| c::half(3, 0, rs2, A0, offset)),
    ]
}

/// Those of Zcd.
pub fn doubles() -> Vec<Case> {
    vec![
        load("c.fld", &SHORT_DATA, (8, 5, true), true, |rd, offset| c::double(1, rd, A0, offset)),
        load("c.fldsp", &LONG_DATA, (8, 6, true), true, |rd, offset| c::load_double_stack(1, rd, offset)),
        store("c.fsd", &SHORT_DATA, (8, 5), true, |rs2, offset| c::double(5, rs2, A0, offset)),
        store("c.fsdsp", &LONG_DATA, (8, 6), true, |rs2, offset| c::store_double_stack(5, rs2, offset)),
        prepared("c.fldsp to f0")
            .run(c::load_double_stack(1, 0, 8))
            .run(asm::fmv_x_d(A0, 0))
            .completes()
            .reg(A0, loaded(8, 8, true)),
    ]
}

/// While FS is off they are illegal, as what they expand to.
pub fn off() -> Vec<Case> {
    let xlen = 2 << mstatus::UXL_SHIFT | 2 << mstatus::SXL_SHIFT;
    let all = [
        ("c.fld", c::double(1, 8, A0, 0)),
        ("c.fldsp", c::load_double_stack(1, 8, 0)),
        ("c.fsd", c::double(5, 8, A0, 0)),
        ("c.fsdsp", c::store_double_stack(5, 8, 0)),
    ];
    let illegal = |(name, insn): (&str, Half)| {
        named(format!("{name} with mstatus.FS off is illegal"))
            .set(csr::MSTATUS, xlen)
            .x(A0, DATA)
            .x(SP, DATA)
            .run(insn)
            .traps(Level::M, ILLEGAL_INSTRUCTION)
            .tval_one_of(&[insn.into(), 0])
    };
    all.into_iter().map(illegal).collect()
}
