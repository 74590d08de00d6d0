//! Decoding and encoding against the rows themselves, over random operands.

use rv_isa::{Fields, Format, Insn, Op, Row, decode, encode};

/// A small generator, seeded: failures repeat.
struct Random(u64);

impl Random {
    fn word(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) as u32
    }

    /// An encoding of a row, with any operands.
    fn encoding(&mut self, row: &Row) -> u32 {
        self.word() & !row.mask | row.matches
    }
}

/// Bits that an instruction has and that mean nothing.
fn ignored(format: Format) -> u32 {
    match format {
        Format::Fence => 0x000f_8f80,
        _ => 0,
    }
}

fn has_rounding_mode(format: Format) -> bool {
    matches!(format, Format::RRm | Format::R2Rm | Format::R4)
}

fn fields(insn: &Insn) -> Fields {
    let Insn { rd, rs1, rs2, rs3, rm, imm, raw, .. } = *insn;
    Fields { rd, rs1, rs2, rs3, rm, imm, aq: raw >> 26 & 1 == 1, rl: raw >> 25 & 1 == 1 }
}

#[test]
fn what_is_decoded_encodes_to_the_same_bits() {
    let mut random = Random(1);
    for row in Op::rows() {
        for _ in 0..1000 {
            let raw = random.encoding(row);
            let Some(insn) = decode(raw) else {
                assert!(has_rounding_mode(row.format), "{raw:#010x} is {}", row.mnemonic);
                assert!(matches!(raw >> 12 & 7, 5 | 6), "{raw:#010x} is {}", row.mnemonic);
                continue;
            };
            assert_eq!((insn.op, insn.len, insn.raw), (row.op, 4, raw), "{raw:#010x}");
            assert_eq!(encode(row.op, fields(&insn)), raw & !ignored(row.format), "{}: {raw:#010x}", row.mnemonic);
        }
    }
}

#[test]
fn what_is_encoded_decodes_to_the_same_operands() {
    let mut random = Random(2);
    for row in Op::rows() {
        for _ in 0..1000 {
            let Some(insn) = decode(random.encoding(row)) else { continue };
            let again = decode(encode(row.op, fields(&insn))).unwrap();
            assert_eq!(Insn { raw: insn.raw, ..again }, insn, "{}", row.mnemonic);
        }
    }
}

/// The decoder's index against looking through all rows.
#[test]
fn the_index_misses_no_row() {
    let mut random = Random(3);
    for _ in 0..200_000 {
        let raw = random.word() | 3;
        let row = Op::rows().iter().find(|row| raw & row.mask == row.matches);
        let legal = row.filter(|row| !has_rounding_mode(row.format) || !matches!(raw >> 12 & 7, 5 | 6));
        assert_eq!(decode(raw).map(|insn| insn.op), legal.map(|row| row.op), "{raw:#010x}");
    }
}

#[test]
fn prefixes_of_longer_instructions_are_illegal() {
    let mut random = Random(4);
    for _ in 0..10_000 {
        assert_eq!(decode(random.word() | 0x1f), None, "48 bits and more");
    }
}

#[test]
fn flipping_a_fixed_bit_makes_another_instruction() {
    for row in Op::rows() {
        for bit in (2..32).filter(|bit| row.mask >> bit & 1 == 1) {
            let neighbour = decode(row.matches ^ 1 << bit);
            assert_ne!(neighbour.map(|insn| insn.op), Some(row.op), "{} bit {bit}", row.mnemonic);
        }
    }
}
