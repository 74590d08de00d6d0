//! Hints, which do nothing; may-be-operations, which do nothing either; and reserved encodings, which are illegal.

use rv_isa::asm::A0;
use rv_isa::cause::ILLEGAL_INSTRUCTION;

use super::encoding::{self as c, Half};
use super::{SHORT, named};
use crate::suite::case::{Case, Level};

/// Runs instructions that must change no register.
fn nothing(name: &str, insns: &[Half]) -> Case {
    let registers = || (1..32).filter(|register| ![5, 6].contains(register));
    let set = registers().fold(named(name), |case, register| case.x(register, u64::from(register) << 40 | 0x8421));
    let done = set.runs(insns).completes();
    registers().fold(done, |case, register| case.reg(register, u64::from(register) << 40 | 0x8421))
}

/// The table "Zca HINT instructions".
pub fn hints() -> Vec<Case> {
    let shorts = |funct2| SHORT.map(move |rd| c::short_immediate(funct2, rd, 0));
    let immediates = [1, 2, 4, 8, 16, -32, -1];
    let all: [(&str, Vec<Half>); 9] = [
        ("c.nop", vec![c::NOP]),
        ("c.nop with an immediate", immediates.map(|imm| c::immediate(0, 1, 0, imm)).to_vec()),
        ("c.addi with 0", (1..32).map(|rd| c::immediate(0, 1, rd, 0)).collect()),
        (
            "c.li to x0",
            immediates.map(|imm| c::immediate(2, 1, 0, imm)).into_iter().chain([c::immediate(2, 1, 0, 0)]).collect(),
        ),
        ("c.lui to x0", immediates.map(|imm| c::lui(0, imm)).to_vec()),
        ("c.mv to x0", (1..32).map(|rs2| c::register(0, 0, rs2)).collect()),
        ("c.add to x0", (1..32).map(|rs2| c::register(1, 0, rs2)).collect()),
        (
            "c.slli to x0 or by 0",
            (0..32)
                .map(|rd| c::immediate(0, 2, rd, 0))
                .chain(immediates.map(|imm| c::immediate(0, 2, 0, imm)))
                .collect(),
        ),
        ("c.srli and c.srai by 0", shorts(0).chain(shorts(1)).collect()),
    ];
    all.into_iter().map(|(name, insns)| nothing(&format!("hint: {name}"), &insns)).collect()
}

/// C.MOP.n.
pub fn may_be() -> Vec<Case> {
    let all: Vec<Half> = (1..16).step_by(2).map(|n| 0x6081 | (n >> 1) << 8).collect();
    vec![nothing("c.mop.1 to c.mop.15 change nothing", &all)]
}

fn illegal(name: &str, insn: Half) -> Case {
    named(format!("{name} is illegal"))
        .x(A0, 7)
        .run(insn)
        .traps(Level::M, ILLEGAL_INSTRUCTION)
        // Upper bits are 0 whatever follows.
        .tval_one_of(&[insn.into(), 0])
        .reg(A0, 7)
}

/// Reserved encodings of Zca.
pub fn base() -> Vec<Case> {
    vec![
        illegal("0x0000", 0),
        illegal("c.addi4spn with 0", c::addi4spn(10, 0)),
        illegal("c.addiw to x0", c::immediate(1, 1, 0, 1)),
        illegal("c.addiw to x0 with 0", c::immediate(1, 1, 0, 0)),
        illegal("c.addi16sp with 0", c::addi16sp(0)),
        illegal("c.lui to x0 with 0", c::lui(0, 0)),
        illegal("c.lui to x4 with 0", c::lui(4, 0)),
        illegal("c.lui to x14 with 0", c::lui(14, 0)),
        illegal("c.lui to x17 with 0", c::lui(17, 0)),
        illegal("c.lui to x31 with 0", c::lui(31, 0)),
        illegal("c.lwsp to x0", c::lwsp(0, 4)),
        illegal("c.ldsp to x0", c::load_double_stack(3, 0, 8)),
        illegal("c.jr to x0", c::register(0, 0, 0)),
        illegal("quadrant 0, funct3 4, bit 12", 0x9000),
        illegal("quadrant 0, funct3 4, bits 12 and 11", 0x9800),
        illegal("quadrant 0, funct3 4, bits 12 to 10", 0x9c00),
    ]
}

/// Encodings that Zcb leaves reserved.
pub fn further() -> Vec<Case> {
    vec![
        illegal("c.sh with bit 6", c::half(3, 1, 8, A0, 0)),
        illegal("unary function 6", c::unary(6, A0)),
        illegal("unary function 7", c::unary(7, A0)),
    ]
}
