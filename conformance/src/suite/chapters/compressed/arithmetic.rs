//! Compressed arithmetic: results that the chapters' words give, for registers and immediates that differ in every bit of their fields.

use rv_isa::Isa;
use rv_isa::asm::{self, SP};

use super::encoding::{self as c, Half};
use super::{SHORT, named};
use crate::suite::case::Case;

/// Immediates of six bits: each bit alone, and both ends.
const SIGNED: [i32; 8] = [1, 2, 4, 8, 16, -32, 31, -1];
const SHIFTS: [i32; 8] = [1, 2, 4, 8, 16, 32, 63, 31];
/// Registers that need all five bits, other than x0 and sp.
const LONG: [u8; 8] = [1, 3, 4, 8, 15, 16, 17, 31];

/// A value that is different for each register, with both halves negative for some.
fn value(register: u8) -> u64 {
    0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(register) + 5)
}

fn word(value: u64) -> u64 {
    i64::from(value as i32) as u64
}

/// rd = f(rd, imm), for eight registers with an immediate each.
fn with_immediates(
    name: &str,
    registers: impl IntoIterator<Item = u8>,
    immediates: [i32; 8],
    encode: impl Fn(u8, i32) -> Half,
    f: impl Fn(u64, i64) -> u64,
) -> Case {
    let each = registers.into_iter().zip(immediates);
    let done = each.fold(named(name), |case, (rd, imm)| {
        case.x(rd, value(rd)).run(encode(rd, imm)).reg(rd, f(value(rd), imm.into()))
    });
    done.completes()
}

/// rd' = f(rd', rs2'): four pairs, and an instruction with both the same.
fn with_registers(name: &str, word: u32, funct2: u32, f: impl Fn(u64, u64) -> u64) -> Case {
    let pairs = [(8, 15), (9, 14), (10, 13), (11, 11)];
    let set = SHORT.fold(named(name), |case, register| case.x(register, value(register)));
    let done = pairs.into_iter().fold(set, |case, (rd, rs2)| {
        case.run(c::short_register(word, funct2, rd, rs2)).reg(rd, f(value(rd), value(rs2)))
    });
    done.reg(15, value(15)).completes()
}

/// Those of Zca.
pub fn base() -> Vec<Case> {
    let shift = |imm: i64| imm as u32 & 63;
    let mut cases = vec![
        with_immediates("c.addi", LONG, SIGNED, |rd, imm| c::immediate(0, 1, rd, imm), |a, b| a.wrapping_add_signed(b)),
        with_immediates(
            "c.addiw",
            LONG,
            SIGNED,
            |rd, imm| c::immediate(1, 1, rd, imm),
            |a, b| word(a.wrapping_add_signed(b)),
        ),
        with_immediates(
            "c.addiw with 0 sign-extends",
            LONG,
            [0; 8],
            |rd, imm| c::immediate(1, 1, rd, imm),
            |a, _| word(a),
        ),
        with_immediates("c.li", LONG, SIGNED, |rd, imm| c::immediate(2, 1, rd, imm), |_, b| b as u64),
        with_immediates("c.lui", LONG, SIGNED, c::lui, |_, b| (b << 12) as u64),
        with_immediates("c.slli", LONG, SHIFTS, |rd, imm| c::immediate(0, 2, rd, imm), |a, b| a << shift(b)),
        with_immediates("c.srli", SHORT, SHIFTS, |rd, imm| c::short_immediate(0, rd, imm), |a, b| a >> shift(b)),
        with_immediates(
            "c.srai",
            SHORT,
            SHIFTS,
            |rd, imm| c::short_immediate(1, rd, imm),
            |a, b| (a as i64 >> shift(b)) as u64,
        ),
        with_immediates("c.andi", SHORT, SIGNED, |rd, imm| c::short_immediate(2, rd, imm), |a, b| a & b as u64),
        with_registers("c.sub", 0, 0, u64::wrapping_sub),
        with_registers("c.xor", 0, 1, |a, b| a ^ b),
        with_registers("c.or", 0, 2, |a, b| a | b),
        with_registers("c.and", 0, 3, |a, b| a & b),
        with_registers("c.subw", 1, 0, |a, b| word(a.wrapping_sub(b))),
        with_registers("c.addw", 1, 1, |a, b| word(a.wrapping_add(b))),
    ];
    cases.extend(stack_pointer());
    cases.extend(moves());
    cases
}

/// C.ADDI4SPN and C.ADDI16SP, with each bit of their immediates alone; C.LI and C.ADDI of sp are nothing special.
fn stack_pointer() -> Vec<Case> {
    let sp = 0x1234_5678_9abc_def0;
    let bits = SHORT.zip([4, 8, 16, 32, 64, 128, 256, 512]);
    let addi4spn = bits
        .fold(named("c.addi4spn").x(SP, sp), |case, (rd, imm)| case.run(c::addi4spn(rd, imm)).reg(rd, sp + imm as u64));
    let all = named("c.addi4spn of the largest immediate").x(SP, sp).run(c::addi4spn(8, 1020)).reg(8, sp + 1020);
    let adjust = (8..).zip([16, 32, 64, 128, 256, -512, 496, -16]);
    let (addi16sp, _) = adjust.fold((named("c.addi16sp").x(SP, sp), sp), |(case, old), (copy, imm)| {
        let new = old.wrapping_add_signed(imm.into());
        (case.run(c::addi16sp(imm)).run(asm::addi(copy, SP, 0)).reg(copy, new), new)
    });
    let plain = named("c.addi and c.li of sp")
        .x(SP, sp)
        .run(c::immediate(0, 1, SP, -7))
        .run(asm::addi(8, SP, 0))
        .run(c::immediate(2, 1, SP, -7))
        .reg(8, sp - 7)
        .reg(SP, -7i64 as u64);
    [addi4spn, all, addi16sp, plain].map(Case::completes).to_vec()
}

/// C.MV and C.ADD reach all registers.
fn moves() -> Vec<Case> {
    let pairs = [(1, 16), (17, 2), (31, 8), (15, 30)];
    let set = |name: &str| {
        let all = pairs.iter().flat_map(|(rd, rs2)| [*rd, *rs2]);
        all.fold(named(name), |case, register| case.x(register, value(register)))
    };
    let mv = pairs.iter().fold(set("c.mv"), |case, (rd, rs2)| {
        case.run(c::register(0, *rd, *rs2)).reg(*rd, value(*rs2)).reg(*rs2, value(*rs2))
    });
    let add = pairs.iter().fold(set("c.add"), |case, (rd, rs2)| {
        case.run(c::register(1, *rd, *rs2)).reg(*rd, value(*rd).wrapping_add(value(*rs2)))
    });
    let double = named("c.add of a register to itself").x(9, value(9)).run(c::register(1, 9, 9)).reg(9, value(9) << 1);
    [mv, add, double].map(Case::completes).to_vec()
}

/// Those of Zcb: what they expand to may take another extension.
pub fn further() -> Vec<Case> {
    let unary = |name: &str, function: u32, f: fn(u64) -> u64| {
        with_immediates(name, SHORT, [0; 8], |rd, _| c::unary(function, rd), |a, _| f(a))
    };
    vec![
        unary("c.zext.b", 0, |a| a & 0xff),
        unary("c.sext.b", 1, |a| i64::from(a as i8) as u64).needs(Isa::Zbb),
        unary("c.zext.h", 2, |a| a & 0xffff).needs(Isa::Zbb),
        unary("c.sext.h", 3, |a| i64::from(a as i16) as u64).needs(Isa::Zbb),
        unary("c.zext.w", 4, |a| a & 0xffff_ffff).needs(Isa::Zba),
        unary("c.not", 5, |a| !a),
        with_registers("c.mul", 1, 2, u64::wrapping_mul).needs(Isa::Zmmul),
    ]
}
