//! Compressed jumps and branches, c.ebreak, and instructions at addresses that are no multiple of their length.

use rv_isa::asm::{self, A0, A1, A2, A3, RA, ZERO};
use rv_isa::cause::{BREAKPOINT, ILLEGAL_INSTRUCTION};

use super::encoding::{self as c, EBREAK, Half, NOP};
use super::named;
use crate::suite::case::{Case, Level, What};
use crate::suite::layout::record;

/// A snippet that starts with `insn` and goes on `offset` bytes from there, over instructions that trap.
fn forward(case: Case, insn: Half, offset: i32) -> Case {
    let traps = (2..offset).step_by(2);
    traps.fold(case.run(insn), |case, _| case.run(EBREAK)).completes()
}

/// A snippet that jumps to `insn`, which goes back by `offset` to a jump to the end.
fn backward(case: Case, insn: Half, offset: i32) -> Case {
    let back = -offset;
    assert!(back >= 4, "the place of a jump");
    let case = case.run(asm::jal(ZERO, 4 + back)).run(asm::jal(ZERO, back + 2));
    let traps = (4..back).step_by(2);
    traps.fold(case, |case, _| case.run(EBREAK)).run(insn).completes()
}

fn to_offset(case: Case, insn: Half, offset: i32) -> Case {
    if offset > 0 { forward(case, insn, offset) } else { backward(case, insn, offset) }
}

/// All of them.
pub fn all() -> Vec<Case> {
    [jumps(), branches(), indirect(), places()].concat()
}

fn jumps() -> Vec<Case> {
    let offsets = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2046, 0x2aa, -4, -2048, -0x556, -6];
    offsets.map(|offset| to_offset(named(format!("c.j by {offset}")), c::jump(offset), offset)).to_vec()
}

fn branches() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, funct3, taken, not) in [("c.beqz", 6, 0, 1 << 63), ("c.bnez", 7, 1 << 32, 0)] {
        for (register, offset) in (8..).zip([2, 4, 8, 16, 32, 64, 128, 254]).chain((8..).zip([-4, -256, -0x56, -0xaa]))
        {
            let insn = c::branch(funct3, register, offset);
            cases.push(to_offset(named(format!("{name} by {offset}")).x(register, taken), insn, offset));
        }
        let name = format!("{name} is not taken");
        cases.push(
            named(name).x(8, not).run(c::branch(funct3, 8, 4)).run(c::immediate(2, 1, A1, 9)).completes().reg(A1, 9),
        );
    }
    cases
}

/// C.JR and C.JALR.
fn indirect() -> Vec<Case> {
    let here = [asm::auipc(A0, 0), asm::addi(A2, A0, 17)];
    // To offset 16, the bit 0 of an address being ignored: 8, 2 + 2 + 2 + 2 bytes.
    let over = |case: Case| case.run(EBREAK).run(EBREAK).run(EBREAK);
    let again = named("c.jalr of ra jumps to its old value").runs(&[asm::auipc(A0, 0), asm::addi(RA, A0, 16)]);
    vec![
        over(named("c.jr").runs(&here).x(RA, 77).run(c::register(0, A2, 0))).completes().reg(RA, 77),
        over(named("c.jalr links to what follows it").runs(&here).run(c::register(1, A2, 0)))
            .run(asm::sub(A3, RA, A0))
            .completes()
            .reg(A3, 10),
        over(again.run(c::register(1, RA, 0))).run(asm::sub(A3, RA, A0)).completes().reg(A3, 10),
        named("jal and jalr link and jump to addresses between words")
            .run(NOP)
            .runs(&[asm::auipc(A0, 0), asm::jal(RA, 6)])
            .run(EBREAK)
            .runs(&[asm::sub(A1, RA, A0), asm::jalr(RA, A0, 20)])
            .run(EBREAK)
            .run(asm::sub(A2, RA, A0))
            .completes()
            .reg(A1, 8)
            .reg(A2, 18),
    ]
}

/// C.EBREAK, and 32-bit instructions between words, across lines and pages.
fn places() -> Vec<Case> {
    let many = 1100;
    let ones = vec![asm::addi(A0, A0, 1); many];
    let line =
        (0..31).fold(named("a 32-bit instruction across the end of a cache line").x(A0, 5), |case, _| case.run(NOP));
    vec![
        named("c.ebreak").run(NOP).run(EBREAK).traps(Level::M, BREAKPOINT).expect(What::Place, 2),
        named("tval of c.ebreak is its address or 0")
            .runs(&[asm::auipc(A0, 0), asm::addi(A1, A0, 8)])
            .run(EBREAK)
            .traps(Level::M, BREAKPOINT)
            // Snippets start at multiples of 64.
            .expect_masked(What::Record(record::TVAL), 63, &[8, 0]),
        line.run(asm::addi(A0, A0, 7)).run(c::immediate(0, 1, A0, 1)).completes().reg(A0, 13),
        named("a long run of 32-bit instructions between words, across lines and pages")
            .x(A0, 0)
            .run(NOP)
            .runs(&ones)
            .completes()
            .reg(A0, many as u64),
        named("an illegal 32-bit instruction between words")
            .run(NOP)
            .run(0xffff_ffff)
            .traps(Level::M, ILLEGAL_INSTRUCTION)
            .tval_one_of(&[0xffff_ffff, 0]),
    ]
}
