//! Encodings, from the figures of the chapters: where each bit of an immediate stands.

/// A compressed instruction, for [`crate::suite::case::Case::run`].
pub type Half = u32;

/// Bits of `imm` in the order in which they stand in the instruction, from bit `top` downwards.
fn put(imm: i32, top: u32, bits: &[u32]) -> Half {
    (0..).zip(bits).fold(0, |all, (index, bit)| all | (imm as u32 >> bit & 1) << (top - index))
}

/// funct3 and quadrant.
fn base(funct3: u32, quadrant: u32) -> Half {
    funct3 << 13 | quadrant
}

/// The field rd/rs1.
fn full(register: u8) -> Half {
    u32::from(register) << 7
}

/// The field rs2.
fn second(register: u8) -> Half {
    u32::from(register) << 2
}

/// The field rs1', or rd'/rs1'.
fn short(register: u8) -> Half {
    u32::from(register - 8) << 7
}

/// The field rs2', or rd' of loads.
fn short_second(register: u8) -> Half {
    u32::from(register - 8) << 2
}

/// imm[5] and imm[4:0].
fn six(imm: i32) -> Half {
    put(imm, 12, &[5]) | put(imm, 6, &[4, 3, 2, 1, 0])
}

/// C.ADDI, C.ADDIW, C.LI (quadrant 1) and C.SLLI (quadrant 2), by funct3.
pub fn immediate(funct3: u32, quadrant: u32, rd: u8, imm: i32) -> Half {
    base(funct3, quadrant) | full(rd) | six(imm)
}

/// C.LUI of `imm` << 12.
pub fn lui(rd: u8, imm: i32) -> Half {
    base(3, 1) | full(rd) | six(imm)
}

/// C.ADDI16SP.
pub fn addi16sp(imm: i32) -> Half {
    base(3, 1) | full(2) | put(imm, 12, &[9]) | put(imm, 6, &[4, 6, 8, 7, 5])
}

/// C.ADDI4SPN.
pub fn addi4spn(rd: u8, imm: i32) -> Half {
    base(0, 0) | put(imm, 12, &[5, 4, 9, 8, 7, 6, 2, 3]) | short_second(rd)
}

/// C.SRLI (0), C.SRAI (1) and C.ANDI (2).
pub fn short_immediate(funct2: u32, rd: u8, imm: i32) -> Half {
    base(4, 1) | funct2 << 10 | short(rd) | six(imm)
}

/// C.SUB, C.XOR, C.OR, C.AND, C.SUBW, C.ADDW, C.MUL: bit 12 and bits 6:5.
pub fn short_register(word: u32, funct2: u32, rd: u8, rs2: u8) -> Half {
    base(4, 1) | word << 12 | 3 << 10 | short(rd) | funct2 << 5 | short_second(rs2)
}

/// Instructions of Zcb on one register, by bits 4:2.
pub fn unary(function: u32, rd: u8) -> Half {
    base(4, 1) | 7 << 10 | short(rd) | 3 << 5 | function << 2
}

/// C.MV (0) and C.ADD (1), C.JR and C.JALR (rs2 = 0).
pub fn register(bit12: u32, rd: u8, rs2: u8) -> Half {
    base(4, 2) | bit12 << 12 | full(rd) | second(rs2)
}

/// Access to a word: C.LW (2) and C.SW (6).
pub fn word(funct3: u32, data: u8, rs1: u8, offset: i32) -> Half {
    base(funct3, 0) | put(offset, 12, &[5, 4, 3]) | short(rs1) | put(offset, 6, &[2, 6]) | short_second(data)
}

/// Access to a doubleword: C.FLD (1), C.LD (3), C.FSD (5) and C.SD (7).
pub fn double(funct3: u32, data: u8, rs1: u8, offset: i32) -> Half {
    base(funct3, 0) | put(offset, 12, &[5, 4, 3]) | short(rs1) | put(offset, 6, &[7, 6]) | short_second(data)
}

/// C.LBU (0) and C.SB (2), by bits 12:10.
pub fn byte(function: u32, data: u8, rs1: u8, offset: i32) -> Half {
    base(4, 0) | function << 10 | short(rs1) | put(offset, 6, &[0, 1]) | short_second(data)
}

/// C.LHU (1, 0), C.LH (1, 1) and C.SH (3, 0), by bits 12:10 and 6.
pub fn half(function: u32, bit6: u32, data: u8, rs1: u8, offset: i32) -> Half {
    base(4, 0) | function << 10 | short(rs1) | bit6 << 6 | put(offset, 5, &[1]) | short_second(data)
}

/// C.LWSP.
pub fn lwsp(rd: u8, offset: i32) -> Half {
    base(2, 2) | full(rd) | put(offset, 12, &[5]) | put(offset, 6, &[4, 3, 2, 7, 6])
}

/// C.FLDSP (1) and C.LDSP (3).
pub fn load_double_stack(funct3: u32, rd: u8, offset: i32) -> Half {
    base(funct3, 2) | full(rd) | put(offset, 12, &[5]) | put(offset, 6, &[4, 3, 8, 7, 6])
}

/// C.SWSP.
pub fn swsp(rs2: u8, offset: i32) -> Half {
    base(6, 2) | put(offset, 12, &[5, 4, 3, 2, 7, 6]) | second(rs2)
}

/// C.FSDSP (5) and C.SDSP (7).
pub fn store_double_stack(funct3: u32, rs2: u8, offset: i32) -> Half {
    base(funct3, 2) | put(offset, 12, &[5, 4, 3, 8, 7, 6]) | second(rs2)
}

/// C.J.
pub fn jump(offset: i32) -> Half {
    base(5, 1) | put(offset, 12, &[11, 4, 9, 8, 10, 6, 7, 3, 2, 1, 5])
}

/// C.BEQZ (6) and C.BNEZ (7).
pub fn branch(funct3: u32, rs1: u8, offset: i32) -> Half {
    base(funct3, 1) | put(offset, 12, &[8, 4, 3]) | short(rs1) | put(offset, 6, &[7, 6, 2, 1, 5])
}

/// C.EBREAK.
pub const EBREAK: Half = 0x9002;
/// C.NOP.
pub const NOP: Half = 0x0001;
