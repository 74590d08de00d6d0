//! The C extension with Zcb and Zcmop: one row per 16-bit instruction, and the 32-bit instruction that each is a short form of (instruction
//! listings of "Zca", "Zcd", "Zcb" and "Zcmop"). On RV64 the places of C.JAL, C.FLW and C.FSW belong to C.ADDIW, C.LD and C.SD.

use super::{Insn, Op};
use crate::extension::{Isa, IsaSet};

/// Operands of a compressed instruction, and those that it implies. Registers with a prime are x8 to x15.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressedFormat {
    /// rd', x2, unsigned multiple of 4.
    StackAddress,
    /// rd', offset(rs1'), a multiple of 4.
    LoadWord,
    /// rd', offset(rs1'), a multiple of 8.
    LoadDouble,
    /// rs2', offset(rs1'), a multiple of 4.
    StoreWord,
    /// rs2', offset(rs1'), a multiple of 8.
    StoreDouble,
    /// rd = rs1, 6-bit immediate.
    Immediate,
    /// rd, x0, 6-bit immediate.
    LoadImmediate,
    /// x2, x2, signed multiple of 16.
    StackAdjust,
    /// rd, 6-bit immediate << 12.
    Upper,
    /// rd' = rs1', shift amount.
    ShortShift,
    /// rd' = rs1', 6-bit immediate.
    ShortImmediate,
    /// rd' = rs1', rs2'.
    ShortRegister,
    /// rd' = rs1'.
    ShortUnary,
    /// rd', offset(rs1').
    LoadByte,
    /// rd', offset(rs1'), a multiple of 2.
    LoadHalf,
    /// rs2', offset(rs1').
    StoreByte,
    /// rs2', offset(rs1'), a multiple of 2.
    StoreHalf,
    /// The number of a may-be-operation, which does nothing.
    Mop,
    /// Jump offset; x0.
    Jump,
    /// rs1', x0, branch offset.
    Branch,
    /// rd = rs1, shift amount.
    Shift,
    /// rd, offset(x2), a multiple of 4.
    LoadWordStack,
    /// rd, offset(x2), a multiple of 8.
    LoadDoubleStack,
    /// rs2, offset(x2), a multiple of 4.
    StoreWordStack,
    /// rs2, offset(x2), a multiple of 8.
    StoreDoubleStack,
    /// rs1; links to x0, or to x1 if bit 12 is set.
    JumpRegister,
    /// rd, x0, rs2.
    Move,
    /// rd = rs1, rs2.
    Register,
    /// No operands.
    None,
}

/// What an operand must be for an encoding to be legal; else it is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// rd or rs1, in bits 11:7, is not x0.
    Register,
    /// The immediate is not 0.
    Immediate,
}

/// A row of the table of compressed instructions.
#[derive(Clone, Copy, Debug)]
pub struct CompressedRow {
    /// Assembly name.
    pub mnemonic: &'static str,
    /// Values of the fixed bits.
    pub matches: u16,
    /// The fixed bits.
    pub mask: u16,
    /// Operands.
    pub format: CompressedFormat,
    /// When the encoding is legal.
    pub needs: Needs,
    /// What it expands to.
    pub op: Op,
    /// The extension of the short form; what it expands to may take another.
    pub isa: IsaSet,
}

macro_rules! rows {
    ($($mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $needs:ident, $op:ident, $isa:ident;)*) => {
        &[$(CompressedRow {
            mnemonic: $mnemonic,
            matches: $matches,
            mask: $mask,
            format: CompressedFormat::$format,
            needs: Needs::$needs,
            op: Op::$op,
            isa: IsaSet::EMPTY.with(Isa::$isa),
        },)*]
    };
}

/// All rows, by quadrant and funct3. Where rows overlap the first holds: its fixed operands make it an instruction of its own. C.NOP is
/// C.ADDI with rd = x0.
static ROWS: &[CompressedRow] = rows! {
    "c.addi4spn", 0x0000, 0xe003, StackAddress, Immediate, Addi, Zca;
    "c.fld", 0x2000, 0xe003, LoadDouble, Nothing, Fld, Zcd;
    "c.lw", 0x4000, 0xe003, LoadWord, Nothing, Lw, Zca;
    "c.ld", 0x6000, 0xe003, LoadDouble, Nothing, Ld, Zca;
    "c.lbu", 0x8000, 0xfc03, LoadByte, Nothing, Lbu, Zcb;
    "c.lhu", 0x8400, 0xfc43, LoadHalf, Nothing, Lhu, Zcb;
    "c.lh", 0x8440, 0xfc43, LoadHalf, Nothing, Lh, Zcb;
    "c.sb", 0x8800, 0xfc03, StoreByte, Nothing, Sb, Zcb;
    "c.sh", 0x8c00, 0xfc43, StoreHalf, Nothing, Sh, Zcb;
    "c.fsd", 0xa000, 0xe003, StoreDouble, Nothing, Fsd, Zcd;
    "c.sw", 0xc000, 0xe003, StoreWord, Nothing, Sw, Zca;
    "c.sd", 0xe000, 0xe003, StoreDouble, Nothing, Sd, Zca;

    "c.addi", 0x0001, 0xe003, Immediate, Nothing, Addi, Zca;
    "c.addiw", 0x2001, 0xe003, Immediate, Register, Addiw, Zca;
    "c.li", 0x4001, 0xe003, LoadImmediate, Nothing, Addi, Zca;
    "c.addi16sp", 0x6101, 0xef83, StackAdjust, Immediate, Addi, Zca;
    "c.mop", 0x6081, 0xf8ff, Mop, Nothing, Addi, Zcmop;
    "c.lui", 0x6001, 0xe003, Upper, Immediate, Lui, Zca;
    "c.srli", 0x8001, 0xec03, ShortShift, Nothing, Srli, Zca;
    "c.srai", 0x8401, 0xec03, ShortShift, Nothing, Srai, Zca;
    "c.andi", 0x8801, 0xec03, ShortImmediate, Nothing, Andi, Zca;
    "c.sub", 0x8c01, 0xfc63, ShortRegister, Nothing, Sub, Zca;
    "c.xor", 0x8c21, 0xfc63, ShortRegister, Nothing, Xor, Zca;
    "c.or", 0x8c41, 0xfc63, ShortRegister, Nothing, Or, Zca;
    "c.and", 0x8c61, 0xfc63, ShortRegister, Nothing, And, Zca;
    "c.subw", 0x9c01, 0xfc63, ShortRegister, Nothing, Subw, Zca;
    "c.addw", 0x9c21, 0xfc63, ShortRegister, Nothing, Addw, Zca;
    "c.mul", 0x9c41, 0xfc63, ShortRegister, Nothing, Mul, Zcb;
    "c.zext.b", 0x9c61, 0xfc7f, ShortUnary, Nothing, Andi, Zcb;
    "c.sext.b", 0x9c65, 0xfc7f, ShortUnary, Nothing, SextB, Zcb;
    "c.zext.h", 0x9c69, 0xfc7f, ShortUnary, Nothing, ZextH, Zcb;
    "c.sext.h", 0x9c6d, 0xfc7f, ShortUnary, Nothing, SextH, Zcb;
    "c.zext.w", 0x9c71, 0xfc7f, ShortUnary, Nothing, AddUw, Zcb;
    "c.not", 0x9c75, 0xfc7f, ShortUnary, Nothing, Xori, Zcb;
    "c.j", 0xa001, 0xe003, Jump, Nothing, Jal, Zca;
    "c.beqz", 0xc001, 0xe003, Branch, Nothing, Beq, Zca;
    "c.bnez", 0xe001, 0xe003, Branch, Nothing, Bne, Zca;

    "c.slli", 0x0002, 0xe003, Shift, Nothing, Slli, Zca;
    "c.fldsp", 0x2002, 0xe003, LoadDoubleStack, Nothing, Fld, Zcd;
    "c.lwsp", 0x4002, 0xe003, LoadWordStack, Register, Lw, Zca;
    "c.ldsp", 0x6002, 0xe003, LoadDoubleStack, Register, Ld, Zca;
    "c.jr", 0x8002, 0xf07f, JumpRegister, Register, Jalr, Zca;
    "c.mv", 0x8002, 0xf003, Move, Nothing, Add, Zca;
    "c.ebreak", 0x9002, 0xffff, None, Nothing, Ebreak, Zca;
    "c.jalr", 0x9002, 0xf07f, JumpRegister, Register, Jalr, Zca;
    "c.add", 0x9002, 0xf003, Register, Nothing, Add, Zca;
    "c.fsdsp", 0xa002, 0xe003, StoreDoubleStack, Nothing, Fsd, Zcd;
    "c.swsp", 0xc002, 0xe003, StoreWordStack, Nothing, Sw, Zca;
    "c.sdsp", 0xe002, 0xe003, StoreDoubleStack, Nothing, Sd, Zca;
};

/// How many groups there are: quadrant and funct3, which every row fixes.
const GROUPS: usize = 32;

const fn group(half: u16) -> usize {
    ((half & 3) << 3 | half >> 13) as usize
}

/// Where each group begins in [`ROWS`], and where the last one ends.
static STARTS: [u8; GROUPS + 1] = {
    let mut starts = [ROWS.len() as u8; GROUPS + 1];
    let mut group = GROUPS;
    let mut row = ROWS.len();
    while group > 0 {
        group -= 1;
        while row > 0 && self::group(ROWS[row - 1].matches) >= group {
            row -= 1;
        }
        starts[group] = row as u8;
    }
    starts
};

/// All compressed instructions.
pub fn compressed_rows() -> &'static [CompressedRow] {
    ROWS
}

/// The row of a compressed instruction; it is legal only if its operands are.
pub(super) fn row(half: u16) -> Option<&'static CompressedRow> {
    let group = group(half);
    let candidates = &ROWS[STARTS[group].into()..STARTS[group + 1].into()];
    candidates.iter().find(|row| half & row.mask == row.matches)
}

/// Expands a compressed instruction, whose low two bits are not 3; `None` for what is illegal or reserved.
pub(super) fn decode(half: u16) -> Option<Insn> {
    let row = row(half)?;
    let insn = expand(row, Bits(half.into()));
    let legal = match row.needs {
        Needs::Nothing => true,
        Needs::Register => half >> 7 & 31 != 0,
        Needs::Immediate => insn.imm != 0,
    };
    if legal { Some(insn) } else { None }
}

const ZERO: u8 = 0;
const SP: u8 = 2;

fn expand(row: &CompressedRow, b: Bits) -> Insn {
    use CompressedFormat as Format;
    let (rd, rs2) = (b.rd(), b.rs2());
    let (rd_short, rs2_short) = (b.rd_short(), b.rs2_short());
    let (rd, rs1, rs2, imm) = match row.format {
        Format::StackAddress => (rs2_short, SP, 0, b.stack_address()),
        Format::LoadWord => (rs2_short, rd_short, 0, b.word_offset()),
        Format::LoadDouble => (rs2_short, rd_short, 0, b.double_offset()),
        Format::StoreWord => (0, rd_short, rs2_short, b.word_offset()),
        Format::StoreDouble => (0, rd_short, rs2_short, b.double_offset()),
        Format::Immediate => (rd, rd, 0, b.imm6()),
        Format::LoadImmediate => (rd, ZERO, 0, b.imm6()),
        Format::StackAdjust => (SP, SP, 0, b.stack_adjust()),
        Format::Upper => (rd, 0, 0, b.imm6() << 12),
        Format::ShortShift => (rd_short, rd_short, 0, b.shamt()),
        Format::ShortImmediate => (rd_short, rd_short, 0, b.imm6()),
        Format::ShortRegister => (rd_short, rd_short, rs2_short, 0),
        Format::ShortUnary => (rd_short, rd_short, ZERO, implied_immediate(row.op)),
        Format::LoadByte => (rs2_short, rd_short, 0, b.byte_offset()),
        Format::LoadHalf => (rs2_short, rd_short, 0, b.half_offset()),
        Format::StoreByte => (0, rd_short, rs2_short, b.byte_offset()),
        Format::StoreHalf => (0, rd_short, rs2_short, b.half_offset()),
        Format::Mop => (ZERO, ZERO, 0, 0),
        Format::Jump => (ZERO, 0, 0, b.jump_offset()),
        Format::Branch => (0, rd_short, ZERO, b.branch_offset()),
        Format::Shift => (rd, rd, 0, b.shamt()),
        Format::LoadWordStack => (rd, SP, 0, b.stack_word_load()),
        Format::LoadDoubleStack => (rd, SP, 0, b.stack_double_load()),
        Format::StoreWordStack => (0, SP, rs2, b.stack_word_store()),
        Format::StoreDoubleStack => (0, SP, rs2, b.stack_double_store()),
        Format::JumpRegister => (b.get(12, 1) as u8, rd, 0, 0),
        Format::Move => (rd, ZERO, rs2, 0),
        Format::Register => (rd, rd, rs2, 0),
        Format::None => (0, 0, 0, 0),
    };
    Insn { op: row.op, rd, rs1, rs2, rs3: 0, rm: 0, imm, len: 2, raw: b.0 }
}

/// The immediate of what a unary instruction expands to: that of `andi` or `xori`.
fn implied_immediate(op: Op) -> i32 {
    match op {
        Op::Andi => 0xff,
        Op::Xori => -1,
        _ => 0,
    }
}

/// The bits of a compressed instruction.
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

    /// The three-bit rd'/rs1' field.
    fn rd_short(self) -> u8 {
        8 + self.get(7, 3) as u8
    }

    /// The three-bit rs2' field, which is rd' of loads.
    fn rs2_short(self) -> u8 {
        8 + self.get(2, 3) as u8
    }

    /// imm[5|4:0], signed.
    fn imm6(self) -> i32 {
        sign_extend(self.get(12, 1) << 5 | self.get(2, 5), 6)
    }

    /// imm[5|4:0], unsigned.
    fn shamt(self) -> i32 {
        (self.get(12, 1) << 5 | self.get(2, 5)) as i32
    }

    /// uimm[0|1].
    fn byte_offset(self) -> i32 {
        (self.get(6, 1) | self.get(5, 1) << 1) as i32
    }

    /// uimm[1].
    fn half_offset(self) -> i32 {
        (self.get(5, 1) << 1) as i32
    }

    /// uimm[5:3] and [2|6].
    fn word_offset(self) -> i32 {
        (self.get(10, 3) << 3 | self.get(6, 1) << 2 | self.get(5, 1) << 6) as i32
    }

    /// uimm[5:3] and [7:6].
    fn double_offset(self) -> i32 {
        (self.get(10, 3) << 3 | self.get(5, 2) << 6) as i32
    }

    /// uimm[5] and [4:2|7:6].
    fn stack_word_load(self) -> i32 {
        (self.get(12, 1) << 5 | self.get(4, 3) << 2 | self.get(2, 2) << 6) as i32
    }

    /// uimm[5] and [4:3|8:6].
    fn stack_double_load(self) -> i32 {
        (self.get(12, 1) << 5 | self.get(5, 2) << 3 | self.get(2, 3) << 6) as i32
    }

    /// uimm[5:2|7:6].
    fn stack_word_store(self) -> i32 {
        (self.get(9, 4) << 2 | self.get(7, 2) << 6) as i32
    }

    /// uimm[5:3|8:6].
    fn stack_double_store(self) -> i32 {
        (self.get(10, 3) << 3 | self.get(7, 3) << 6) as i32
    }

    /// nzuimm[5:4|9:6|2|3].
    fn stack_address(self) -> i32 {
        (self.get(11, 2) << 4 | self.get(7, 4) << 6 | self.get(6, 1) << 2 | self.get(5, 1) << 3) as i32
    }

    /// nzimm[9] and [4|6|8:7|5].
    fn stack_adjust(self) -> i32 {
        let value = self.get(12, 1) << 9
            | self.get(6, 1) << 4
            | self.get(5, 1) << 6
            | self.get(3, 2) << 7
            | self.get(2, 1) << 5;
        sign_extend(value, 10)
    }

    /// imm[11|4|9:8|10|6|7|3:1|5].
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

    /// imm[8|4:3] and [7:6|2:1|5].
    fn branch_offset(self) -> i32 {
        let value = self.get(12, 1) << 8
            | self.get(10, 2) << 3
            | self.get(5, 2) << 6
            | self.get(3, 2) << 1
            | self.get(2, 1) << 5;
        sign_extend(value, 9)
    }
}

fn sign_extend(value: u32, width: u32) -> i32 {
    (value << (32 - width)) as i32 >> (32 - width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_overlap_only_where_the_first_is_a_special_case() {
        for (index, a) in ROWS.iter().enumerate() {
            assert_eq!(a.matches & !a.mask, 0, "{}: match outside of mask", a.mnemonic);
            assert_eq!(a.mask & 0xe003, 0xe003, "{}: in no one group", a.mnemonic);
            for b in &ROWS[index + 1..] {
                let common = a.mask & b.mask;
                let overlap = a.matches & common == b.matches & common;
                assert!(!overlap || common == b.mask, "{} hides a part of {}", a.mnemonic, b.mnemonic);
            }
        }
    }

    #[test]
    fn groups_are_in_order() {
        assert!(ROWS.is_sorted_by_key(|row| group(row.matches)));
        let count = |group: usize| STARTS[group + 1] - STARTS[group];
        assert_eq!(
            (count(group(0x0000)), count(group(0x8000)), count(group(0x8001)), count(group(0x8002))),
            (1, 5, 16, 5)
        );
        assert_eq!(STARTS[group(0x0003)], ROWS.len() as u8, "32-bit encodings have no group");
    }
}
