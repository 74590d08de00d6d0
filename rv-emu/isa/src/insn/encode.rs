//! From operands to bits.

use super::{Format, Op};

/// Operands of an instruction to encode. Those that its format lacks are ignored; registers are taken modulo 32, pairs by their even one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Destination register.
    pub rd: u8,
    /// First source register, or the 5-bit immediate of a CSR instruction.
    pub rs1: u8,
    /// Second source register.
    pub rs2: u8,
    /// Third source register.
    pub rs3: u8,
    /// Rounding mode.
    pub rm: u8,
    /// Immediate; shift amount; CSR number; fm, predecessor and successor sets of a fence; number of a constant or of a
    /// may-be-operation. Bits that don't fit are dropped.
    pub imm: i32,
    /// Acquire bit of an atomic.
    pub aq: bool,
    /// Release bit of an atomic.
    pub rl: bool,
}

/// The 32-bit encoding of `op`.
pub const fn encode(op: Op, fields: Fields) -> u32 {
    encode_as(matches_of(op), format_of(op), fields)
}

const fn encode_as(matches: u32, format: Format, fields: Fields) -> u32 {
    let imm = fields.imm as u32;
    let (rd, rs1, rs2) = (at(fields.rd, 7), at(fields.rs1, 15), at(fields.rs2, 20));
    let rm = ((fields.rm & 7) as u32) << 12;
    let order = (fields.aq as u32) << 26 | (fields.rl as u32) << 25;
    matches
        | match format {
            Format::R => rd | rs1 | rs2,
            Format::RRm => rd | rs1 | rs2 | rm,
            Format::R4 => rd | rs1 | rs2 | at(fields.rs3, 27) | rm,
            Format::R2 | Format::Hlv => rd | rs1,
            Format::R2Rm => rd | rs1 | rm,
            Format::I => rd | rs1 | imm << 20,
            Format::Shift6 => rd | rs1 | (imm & 63) << 20,
            Format::Shift5 => rd | rs1 | (imm & 31) << 20,
            Format::S => rs1 | rs2 | (imm >> 5 & 127) << 25 | (imm & 31) << 7,
            Format::B => rs1 | rs2 | branch_offset(imm),
            Format::U => rd | imm & !0xfff,
            Format::J => rd | jump_offset(imm),
            Format::Csr | Format::CsrImm => rd | rs1 | (imm & 0xfff) << 20,
            Format::Fence2 | Format::Hsv => rs1 | rs2,
            Format::Cbo => rs1,
            Format::Fli => rd | (imm & 31) << 15,
            Format::MopR => rd | rs1 | mop_number(imm >> 2) | (imm & 3) << 20,
            Format::MopRR => rd | rs1 | rs2 | mop_number(imm),
            Format::Amo => rd | rs1 | rs2 | order,
            Format::AmoPair => at(fields.rd & !1, 7) | rs1 | at(fields.rs2 & !1, 20) | order,
            Format::Lr => rd | rs1 | order,
            Format::Fence => (imm & 0xfff) << 20,
            Format::None => 0,
        }
}

const fn at(register: u8, shift: u32) -> u32 {
    ((register & 31) as u32) << shift
}

const fn mop_number(number: u32) -> u32 {
    (number >> 2 & 1) << 30 | (number & 3) << 26
}

const fn branch_offset(imm: u32) -> u32 {
    (imm >> 12 & 1) << 31 | (imm >> 5 & 63) << 25 | (imm >> 1 & 15) << 8 | (imm >> 11 & 1) << 7
}

const fn jump_offset(imm: u32) -> u32 {
    (imm >> 20 & 1) << 31 | (imm >> 1 & 0x3ff) << 21 | (imm >> 11 & 1) << 20 | imm & 0xf_f000
}

macro_rules! tables {
    ($($name:ident, $variant:ident, $mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $class:ident, $($isa:ident)+;)*) => {
        const fn matches_of(op: Op) -> u32 {
            match op { $(Op::$variant => $matches,)* }
        }
        const fn format_of(op: Op) -> Format {
            match op { $(Op::$variant => Format::$format,)* }
        }
    };
}
crate::instructions!(tables);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_are_cut_to_their_fields() {
        let all = Fields { rd: 255, rs1: 255, rs2: 255, rs3: 255, rm: 255, imm: -1, aq: true, rl: true };
        for row in Op::rows() {
            let raw = encode(row.op, all);
            assert_eq!(raw & row.mask, row.matches, "{}: an operand in a fixed bit", row.mnemonic);
            let unused = !row.mask & !raw;
            let ignored = if row.format == Format::Fence { 0x000f_8f80 } else { 0 };
            assert_eq!(unused, ignored, "{}: bits that no operand reaches", row.mnemonic);
        }
    }
}
