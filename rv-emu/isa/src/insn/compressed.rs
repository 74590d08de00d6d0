//! The C extension: each 16-bit instruction is one of the 32-bit ones with fewer choices ("C Extension", instruction set listings).

use super::{Insn, Op};

/// Bits `shift..shift + width` of a compressed instruction.
#[derive(Clone, Copy)]
struct Bits(u32);

impl Bits {
    fn get(self, shift: u32, width: u32) -> u32 {
        self.0 >> shift & ((1 << width) - 1)
    }

    /// The rd/rs1 field.
    fn rd(self) -> u8 {
        self.get(7, 5) as u8
    }

    /// The rs2 field.
    fn rs2(self) -> u8 {
        self.get(2, 5) as u8
    }

    /// The three-bit rd'/rs1' field: x8 to x15.
    fn rd_short(self) -> u8 {
        8 + self.get(7, 3) as u8
    }

    /// The three-bit rs2' field.
    fn rs2_short(self) -> u8 {
        8 + self.get(2, 3) as u8
    }

    /// imm[5|4:0], signed.
    fn imm6(self) -> i32 {
        sign_extend(self.shamt(), 6)
    }

    /// imm[5|4:0], unsigned.
    fn shamt(self) -> u32 {
        self.get(12, 1) << 5 | self.get(2, 5)
    }

    fn word_offset(self) -> i32 {
        (self.get(10, 3) << 3 | self.get(6, 1) << 2 | self.get(5, 1) << 6) as i32
    }

    fn double_offset(self) -> i32 {
        (self.get(10, 3) << 3 | self.get(5, 2) << 6) as i32
    }

    fn stack_word_load(self) -> i32 {
        (self.get(12, 1) << 5 | self.get(4, 3) << 2 | self.get(2, 2) << 6) as i32
    }

    fn stack_double_load(self) -> i32 {
        (self.get(12, 1) << 5 | self.get(5, 2) << 3 | self.get(2, 3) << 6) as i32
    }

    fn stack_word_store(self) -> i32 {
        (self.get(9, 4) << 2 | self.get(7, 2) << 6) as i32
    }

    fn stack_double_store(self) -> i32 {
        (self.get(10, 3) << 3 | self.get(7, 3) << 6) as i32
    }

    /// nzuimm of C.ADDI4SPN.
    fn stack_address(self) -> i32 {
        (self.get(11, 2) << 4 | self.get(7, 4) << 6 | self.get(6, 1) << 2 | self.get(5, 1) << 3) as i32
    }

    /// nzimm of C.ADDI16SP.
    fn stack_adjust(self) -> i32 {
        let value = self.get(12, 1) << 9
            | self.get(6, 1) << 4
            | self.get(5, 1) << 6
            | self.get(3, 2) << 7
            | self.get(2, 1) << 5;
        sign_extend(value, 10)
    }

    fn jump_offset(self) -> i32 {
        let value = self.get(12, 1) << 11
            | self.get(11, 1) << 4
            | self.get(9, 2) << 8
            | self.get(8, 1) << 10
            | self.get(7, 1) << 6
            | self.get(6, 1) << 7
            | self.get(3, 3) << 1
            | self.get(2, 1) << 5;
        sign_extend(value, 12)
    }

    fn branch_offset(self) -> i32 {
        let value = self.get(12, 1) << 8
            | self.get(10, 2) << 3
            | self.get(5, 2) << 6
            | self.get(3, 2) << 1
            | self.get(2, 1) << 5;
        sign_extend(value, 9)
    }

    fn make(self, op: Op, rd: u8, rs1: u8, rs2: u8, imm: i32) -> Option<Insn> {
        Some(Insn { op, rd, rs1, rs2, rs3: 0, rm: 0, imm, len: 2, raw: self.0 })
    }
}

fn sign_extend(value: u32, width: u32) -> i32 {
    (value << (32 - width)) as i32 >> (32 - width)
}

const ZERO: u8 = 0;
const RA: u8 = 1;
const SP: u8 = 2;

/// Expands a compressed instruction; `None` for what is illegal or reserved.
pub(super) fn decode(half: u16) -> Option<Insn> {
    let bits = Bits(half.into());
    match half & 3 {
        0 => quadrant_0(bits),
        1 => quadrant_1(bits),
        _ => quadrant_2(bits),
    }
}

fn quadrant_0(b: Bits) -> Option<Insn> {
    let (rd, rs1, rs2) = (b.rs2_short(), b.rd_short(), b.rs2_short());
    match b.get(13, 3) {
        // A zero immediate is reserved, and all 16 bits zero are illegal by definition.
        0 if b.stack_address() != 0 => b.make(Op::Addi, rd, SP, 0, b.stack_address()),
        1 => b.make(Op::Fld, rd, rs1, 0, b.double_offset()),
        2 => b.make(Op::Lw, rd, rs1, 0, b.word_offset()),
        3 => b.make(Op::Ld, rd, rs1, 0, b.double_offset()),
        5 => b.make(Op::Fsd, 0, rs1, rs2, b.double_offset()),
        6 => b.make(Op::Sw, 0, rs1, rs2, b.word_offset()),
        7 => b.make(Op::Sd, 0, rs1, rs2, b.double_offset()),
        _ => None,
    }
}

fn quadrant_1(b: Bits) -> Option<Insn> {
    let rd = b.rd();
    match b.get(13, 3) {
        0 => b.make(Op::Addi, rd, rd, 0, b.imm6()),
        1 if rd != 0 => b.make(Op::Addiw, rd, rd, 0, b.imm6()),
        2 => b.make(Op::Addi, rd, ZERO, 0, b.imm6()),
        3 if rd == SP && b.stack_adjust() != 0 => b.make(Op::Addi, SP, SP, 0, b.stack_adjust()),
        3 if rd != SP && b.imm6() != 0 => b.make(Op::Lui, rd, 0, 0, b.imm6() << 12),
        4 => arithmetic(b),
        5 => b.make(Op::Jal, ZERO, 0, 0, b.jump_offset()),
        6 => b.make(Op::Beq, 0, b.rd_short(), ZERO, b.branch_offset()),
        7 => b.make(Op::Bne, 0, b.rd_short(), ZERO, b.branch_offset()),
        _ => None,
    }
}

fn arithmetic(b: Bits) -> Option<Insn> {
    let (rd, rs2) = (b.rd_short(), b.rs2_short());
    let shamt = b.shamt() as i32;
    let op = match (b.get(10, 2), b.get(12, 1), b.get(5, 2)) {
        (0, ..) => return b.make(Op::Srli, rd, rd, 0, shamt),
        (1, ..) => return b.make(Op::Srai, rd, rd, 0, shamt),
        (2, ..) => return b.make(Op::Andi, rd, rd, 0, b.imm6()),
        (_, 0, 0) => Op::Sub,
        (_, 0, 1) => Op::Xor,
        (_, 0, 2) => Op::Or,
        (_, 0, _) => Op::And,
        (_, _, 0) => Op::Subw,
        (_, _, 1) => Op::Addw,
        _ => return None,
    };
    b.make(op, rd, rd, rs2, 0)
}

fn quadrant_2(b: Bits) -> Option<Insn> {
    let (rd, rs2) = (b.rd(), b.rs2());
    match b.get(13, 3) {
        0 => b.make(Op::Slli, rd, rd, 0, b.shamt() as i32),
        1 => b.make(Op::Fld, rd, SP, 0, b.stack_double_load()),
        2 if rd != 0 => b.make(Op::Lw, rd, SP, 0, b.stack_word_load()),
        3 if rd != 0 => b.make(Op::Ld, rd, SP, 0, b.stack_double_load()),
        4 => match (b.get(12, 1), rd, rs2) {
            (0, 0, 0) => None,
            (0, _, 0) => b.make(Op::Jalr, ZERO, rd, 0, 0),
            (0, ..) => b.make(Op::Add, rd, ZERO, rs2, 0),
            (_, 0, 0) => b.make(Op::Ebreak, 0, 0, 0, 0),
            (_, _, 0) => b.make(Op::Jalr, RA, rd, 0, 0),
            _ => b.make(Op::Add, rd, rd, rs2, 0),
        },
        5 => b.make(Op::Fsd, 0, SP, rs2, b.stack_double_store()),
        6 => b.make(Op::Sw, 0, SP, rs2, b.stack_word_store()),
        7 => b.make(Op::Sd, 0, SP, rs2, b.stack_double_store()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reserved and illegal encodings, stated from the instruction set listings rather than from the decoder.
    fn reserved(half: u16) -> bool {
        let bits = |shift: u16, width: u16| half >> shift & ((1 << width) - 1);
        let (quadrant, funct3, rd, rs2) = (bits(0, 2), bits(13, 3), bits(7, 5), bits(2, 5));
        match (quadrant, funct3) {
            (0, 0) => bits(5, 8) == 0,
            (0, 4) => true,
            (1, 1) => rd == 0,
            (1, 3) => bits(12, 1) == 0 && rs2 == 0,
            (1, 4) => bits(10, 3) == 7 && bits(6, 1) == 1,
            (2, 2 | 3) => rd == 0,
            (2, 4) => bits(12, 1) == 0 && rd == 0 && rs2 == 0,
            _ => false,
        }
    }

    #[test]
    fn all_halfwords() {
        let mut legal = 0;
        for half in (0..=u16::MAX).filter(|half| half & 3 != 3) {
            assert_eq!(decode(half).is_none(), reserved(half), "{half:#06x}");
            legal += usize::from(!reserved(half));
        }
        assert_eq!(legal, 46_743);
    }

    #[test]
    fn expansions() {
        let check = |half: u16, op: Op, rd: u8, rs1: u8, rs2: u8, imm: i32| {
            let insn = decode(half).unwrap();
            assert_eq!((insn.op, insn.rd, insn.rs1, insn.rs2, insn.imm), (op, rd, rs1, rs2, imm), "{half:#06x}");
        };
        check(0x1101, Op::Addi, 2, 2, 0, -32);
        check(0x7139, Op::Addi, 2, 2, 0, -64);
        check(0x0808, Op::Addi, 10, 2, 0, 16);
        check(0x8082, Op::Jalr, 0, 1, 0, 0);
        check(0xe406, Op::Sd, 0, 2, 1, 8);
        check(0x60a2, Op::Ld, 1, 2, 0, 8);
        check(0xbfe5, Op::Jal, 0, 0, 0, -8);
        check(0xd575, Op::Beq, 0, 10, 0, -20);
    }
}
