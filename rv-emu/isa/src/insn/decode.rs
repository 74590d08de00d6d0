//! From bits to instructions.

use super::{Format, Insn, Op, Row, compressed};

/// How many keys there are: values of the major opcode (bits 6:2) and funct3 (bits 14:12), which tell most instructions apart.
const KEYS: usize = 32 * 8;

/// The bits of a key.
const KEY_MASK: u32 = 7 << 12 | 31 << 2;

const fn key(raw: u32) -> usize {
    ((raw >> 2 & 31) << 3 | raw >> 12 & 7) as usize
}

const fn key_bits(key: usize) -> u32 {
    (key as u32 >> 3) << 2 | (key as u32 & 7) << 12
}

macro_rules! fixed_bits {
    ($($name:ident, $variant:ident, $mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $class:ident, $($isa:ident)+;)*) => {
        [$(($matches, $mask)),*]
    };
}

/// Match and mask of all rows.
const FIXED: &[(u32, u32)] = &crate::instructions!(fixed_bits);

/// Whether the instructions of a row may have this key. A row that leaves funct3 to an operand (a rounding mode, an immediate) is under
/// several.
const fn has_key(row: usize, key: usize) -> bool {
    let (matches, mask) = FIXED[row];
    (matches ^ key_bits(key)) & mask & KEY_MASK == 0
}

/// Entries of the index.
const ENTRIES: usize = {
    let mut entries = 0;
    let mut at = 0;
    while at < KEYS * FIXED.len() {
        entries += has_key(at % FIXED.len(), at / FIXED.len()) as usize;
        at += 1;
    }
    entries
};

/// The rows under each key: those of key `k` are `rows[starts[k]..starts[k + 1]]`.
struct Index {
    starts: [u16; KEYS + 1],
    rows: [u16; ENTRIES],
}

static INDEX: Index = index();

const fn index() -> Index {
    let mut index = Index { starts: [0; KEYS + 1], rows: [0; ENTRIES] };
    let (mut key, mut entries) = (0, 0);
    while key < KEYS {
        let mut row = 0;
        while row < FIXED.len() {
            if has_key(row, key) {
                index.rows[entries] = row as u16;
                entries += 1;
            }
            row += 1;
        }
        key += 1;
        index.starts[key] = entries as u16;
    }
    index
}

/// Decodes an instruction whose first 16 bits are the low ones of `raw`; the rest is ignored if these are a compressed one. `None` for
/// encodings that are illegal or reserved. HINTs decode to the instruction that they are an encoding of.
///
/// Whether a CSR exists and whether a dynamic rounding mode is valid depends on the hart's state, and is no matter of decoding.
pub fn decode(raw: u32) -> Option<Insn> {
    if raw & 3 != 3 {
        return compressed::decode(raw as u16);
    }
    let key = key(raw);
    let candidates = &INDEX.rows[INDEX.starts[key].into()..INDEX.starts[key + 1].into()];
    let row = candidates.iter().map(|row| &Op::rows()[usize::from(*row)]).find(|row| raw & row.mask == row.matches)?;
    operands(raw, row)
}

fn operands(raw: u32, row: &Row) -> Option<Insn> {
    let register = |shift: u32| (raw >> shift & 31) as u8;
    let (rd, rs1, rs2) = (register(7), register(15), register(20));
    let none = Insn { op: row.op, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, imm: 0, len: 4, raw };
    let rm = (raw >> 12 & 7) as u8;
    let insn = match row.format {
        Format::R | Format::Amo | Format::AmoPair => Insn { rd, rs1, rs2, ..none },
        Format::RRm => Insn { rd, rs1, rs2, rm, ..none },
        Format::R4 => Insn { rd, rs1, rs2, rs3: register(27), rm, ..none },
        Format::R2 | Format::Lr | Format::Hlv => Insn { rd, rs1, ..none },
        Format::R2Rm => Insn { rd, rs1, rm, ..none },
        Format::I => Insn { rd, rs1, imm: raw as i32 >> 20, ..none },
        Format::Shift6 => Insn { rd, rs1, imm: (raw >> 20 & 63) as i32, ..none },
        Format::Shift5 => Insn { rd, rs1, imm: (raw >> 20 & 31) as i32, ..none },
        Format::S => Insn { rs1, rs2, imm: (raw as i32 >> 25) << 5 | i32::from(rd), ..none },
        Format::B => Insn { rs1, rs2, imm: branch_offset(raw), ..none },
        Format::U => Insn { rd, imm: (raw & !0xfff) as i32, ..none },
        Format::J => Insn { rd, imm: jump_offset(raw), ..none },
        Format::Csr | Format::CsrImm => Insn { rd, rs1, imm: (raw >> 20) as i32, ..none },
        Format::Fence2 | Format::Hsv => Insn { rs1, rs2, ..none },
        Format::Cbo => Insn { rs1, ..none },
        Format::Fli => Insn { rd, imm: rs1.into(), ..none },
        Format::MopR => Insn { rd, rs1, imm: mop_number(raw) << 2 | (raw >> 20 & 3) as i32, ..none },
        Format::MopRR => Insn { rd, rs1, rs2, imm: mop_number(raw), ..none },
        // fm, and the unused register fields, are reserved for finer-grain fences: base implementations ignore them ("Memory Ordering
        // Instructions").
        Format::Fence => Insn { imm: (raw >> 20) as i32, ..none },
        Format::None => none,
    };
    // A static rounding mode of 5 or 6 is reserved ("Floating-Point Control and Status Register").
    if matches!(insn.rm, 5 | 6) { None } else { Some(insn) }
}

/// Bits 30 and 27:26, the upper part of a may-be-operation's number ("Zimop").
fn mop_number(raw: u32) -> i32 {
    ((raw >> 30 & 1) << 2 | raw >> 26 & 3) as i32
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
        assert_eq!(decode(0xfe55_3c23).unwrap().imm, -8, "sd t0, -8(a0)");
        assert_eq!(decode(0xfe00_0ee3).unwrap().imm, -4, "beqz zero, .-4");
        assert_eq!(decode(0xffdf_f06f).unwrap().imm, -4, "j .-4");
        assert_eq!(decode(0x8000_02b7).unwrap().imm, i32::MIN, "lui t0, 0x80000");
        assert_eq!(decode(0xfff0_1073).unwrap().imm, 4095, "csrw 0xfff, zero: CSR numbers have no sign");
        assert_eq!(decode(0x43f0_5013).unwrap().imm, 63, "srai zero, zero, 63");
    }

    #[test]
    fn reserved_encodings_are_illegal() {
        for (raw, reason) in [
            (0x0200_101b, "slliw with shamt bit 5"),
            (0x0200_501b, "srliw with shamt bit 5"),
            (0x4200_501b, "sraiw with shamt bit 5"),
            (0x0400_1013, "slli with shamt bit 6"),
            (0x0000_2063, "branch with funct3 2"),
            (0x0000_7003, "load with funct3 7"),
            (0x0000_4023, "store with funct3 4"),
            (0x0000_1067, "jalr with funct3 1"),
            (0x0030_200f, "cbo with an unknown function"),
            (0x0000_4073, "SYSTEM with funct3 4 and funct7 0"),
            (0x0015_d553, "fadd.s with rm 5"),
            (0x0000_6043, "fmadd.s with rm 6"),
            (0x0600_0043, "fmadd.q"),
            (0x5810_0053, "fsqrt.s with rs2"),
            (0xc040_0053, "fcvt.w.s with rs2 4"),
            (0x2000_3053, "fsgnj.s with funct3 3"),
            (0xe000_2053, "fclass.s with funct3 2"),
            (0x1015_252f, "lr.w with rs2"),
            (0x0000_502f, "atomic with funct3 5"),
            (0x0000_402f, "amoadd.q"),
            (0x28c5_45af, "amocas.q to an odd pair"),
            (0x28b5_452f, "amocas.q from an odd pair"),
            (0xc285_0553, "fcvtmod.w.d with a rounding mode other than rtz"),
            (0x1200_00f3, "sfence.vma with rd"),
            (0x2200_00f3, "hfence.vvma with rd"),
            (0x6200_00f3, "hfence.gvma with rd"),
            (0x6200_40f3, "hsv.b with rd"),
            (0x6c10_4073, "hlv.d with rs2 1"),
            (0x0000_00f3, "ecall with rd"),
            (0x0020_0073, "uret"),
            (0x3020_8073, "mret with rs1"),
            (0xffff_ffff, "all ones"),
        ] {
            assert_eq!(decode(raw), None, "{raw:#010x}: {reason}");
        }
    }

    #[test]
    fn dynamic_rounding_decodes() {
        assert_eq!(
            decode(0x0015_f553).unwrap().rm,
            7,
            "fadd.s fa0, fa1, ft1, dyn: whether frm is valid is the hart's affair"
        );
    }

    #[test]
    fn fences_ignore_what_is_reserved() {
        assert_eq!(decode(0x0100_000f).unwrap().op, Op::Fence, "pause");
        assert_eq!(decode(0x8330_000f).unwrap().op, Op::Fence, "fence.tso");
        assert_eq!(decode(0xfff9_8f8f).unwrap().op, Op::Fence, "reserved fm, rs1 and rd");
        assert_eq!(decode(0xfff9_9f8f).unwrap().op, Op::FenceI, "reserved immediate, rs1 and rd");
    }

    #[test]
    fn hints_decode_to_what_they_encode() {
        assert_eq!(decode(0x0010_2013).unwrap().op, Op::Slti, "slti zero, zero, 1");
        assert_eq!(decode(0x0020_0033).unwrap().op, Op::Add, "ntl.p1");
        assert_eq!(decode(0x0000_1037).unwrap().op, Op::Lui, "lui zero, 1");
    }
}
