//! From bits to instructions.

use super::{Format, Insn, Op, Row, compressed};

/// The most rows that share a major opcode (bits 6:2): OP-FP.
const BUCKET: usize = 64;

/// Rows by major opcode: how many, and their positions in the table.
static BUCKETS: [(usize, [u16; BUCKET]); 32] = buckets();

const fn buckets() -> [(usize, [u16; BUCKET]); 32] {
    macro_rules! matches {
        ($($name:ident, $variant:ident, $mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $class:ident, $isa:ident;)*) => {
            [$($matches as u32),*]
        };
    }
    let rows = crate::instructions!(matches);
    let mut buckets = [(0, [0; BUCKET]); 32];
    let mut row = 0;
    while row < rows.len() {
        let bucket = &mut buckets[(rows[row] >> 2 & 31) as usize];
        bucket.1[bucket.0] = row as u16;
        bucket.0 += 1;
        row += 1;
    }
    buckets
}

/// Decodes an instruction whose first 16 bits are the low ones of `raw`; the rest is ignored if these are a compressed one. `None` for
/// encodings that are illegal or reserved. HINTs decode to the instruction that they are an encoding of.
pub fn decode(raw: u32) -> Option<Insn> {
    if raw & 3 != 3 {
        return compressed::decode(raw as u16);
    }
    let (count, positions) = &BUCKETS[(raw >> 2 & 31) as usize];
    let row = positions[..*count]
        .iter()
        .map(|position| &Op::rows()[usize::from(*position)])
        .find(|row| raw & row.mask == row.matches)?;
    operands(raw, row)
}

fn operands(raw: u32, row: &Row) -> Option<Insn> {
    let register = |shift: u32| (raw >> shift & 31) as u8;
    let (rd, rs1, rs2) = (register(7), register(15), register(20));
    let none = Insn { op: row.op, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, imm: 0, len: 4, raw };
    let rm = (raw >> 12 & 7) as u8;
    let insn = match row.format {
        Format::R => Insn { rd, rs1, rs2, ..none },
        Format::RRm => Insn { rd, rs1, rs2, rm, ..none },
        Format::R4 => Insn { rd, rs1, rs2, rs3: register(27), rm, ..none },
        Format::R2 | Format::Lr | Format::Hlv => Insn { rd, rs1, ..none },
        Format::R2Rm => Insn { rd, rs1, rm, ..none },
        Format::I => Insn { rd, rs1, imm: raw as i32 >> 20, ..none },
        Format::Shift6 => Insn { rd, rs1, imm: (raw >> 20 & 63) as i32, ..none },
        Format::Shift5 => Insn { rd, rs1, imm: (raw >> 20 & 31) as i32, ..none },
        Format::S => Insn { rs1, rs2, imm: (raw as i32 >> 25) << 5 | rd as i32, ..none },
        Format::B => Insn { rs1, rs2, imm: branch_offset(raw), ..none },
        Format::U => Insn { rd, imm: (raw & !0xfff) as i32, ..none },
        Format::J => Insn { rd, imm: jump_offset(raw), ..none },
        Format::Csr | Format::CsrImm => Insn { rd, rs1, imm: (raw >> 20) as i32, ..none },
        Format::Fence2 | Format::Hsv => Insn { rs1, rs2, ..none },
        Format::Amo => Insn { rd, rs1, rs2, ..none },
        Format::Fence | Format::None => none,
    };
    // A static rounding mode of 5 or 6 is reserved ("Floating-Point Control and Status Register").
    if matches!(insn.rm, 5 | 6) { None } else { Some(insn) }
}

fn branch_offset(raw: u32) -> i32 {
    let sign = (raw as i32 >> 31) << 12;
    sign | ((raw >> 7 & 1) << 11 | (raw >> 25 & 63) << 5 | (raw >> 8 & 15) << 1) as i32
}

fn jump_offset(raw: u32) -> i32 {
    let sign = (raw as i32 >> 31) << 20;
    sign | (raw & 0xf_f000 | (raw >> 20 & 1) << 11 | (raw >> 21 & 0x3ff) << 1) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immediates() {
        assert_eq!(decode(0xff45_3283).unwrap().imm, -12, "ld t0, -12(a0)");
        assert_eq!(decode(0xfe5_53c23).unwrap().imm, -8, "sd t0, -8(a0)");
        assert_eq!(decode(0xfe00_0ee3).unwrap().imm, -4, "beqz zero, .-4");
        assert_eq!(decode(0xffdf_f06f).unwrap().imm, -4, "j .-4");
        assert_eq!(decode(0x8000_02b7).unwrap().imm, i32::MIN, "lui t0, 0x80000");
    }

    #[test]
    fn reserved_encodings_are_illegal() {
        assert!(decode(0x0200_101b).is_none(), "slliw with shamt bit 5");
        assert!(decode(0x0015_d553).is_none(), "fadd.s with rm 5");
        assert!(decode(0x1015_252f).is_none(), "lr.w with rs2");
        assert!(decode(0x1200_00f3).is_none(), "sfence.vma with rd");
        assert!(decode(0xffff_ffff).is_none());
    }

    #[test]
    fn fences_ignore_what_is_reserved() {
        assert_eq!(decode(0x0100_000f).unwrap().op, Op::Fence, "pause");
        assert_eq!(decode(0x8330_808f).unwrap().op, Op::Fence, "reserved fm, rs1 and rd");
    }

    #[test]
    fn every_row_decodes_to_itself() {
        for row in Op::rows() {
            assert_eq!(decode(row.matches).map(|insn| insn.op), Some(row.op), "{}", row.mnemonic);
        }
    }
}
