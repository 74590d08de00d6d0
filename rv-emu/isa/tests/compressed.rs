//! All 16-bit encodings against the instruction listings of the C extension, Zcb and Zcmop, as the manual draws them ("Zca", "Zcd", "Zcb" and
//! "Zcmop", instruction listings).

mod drawing;

use rv_isa::{Insn, Op, compressed_rows, decode};

/// The listings of RV64, quadrant by quadrant: the expansion, its implied operands, and the 16 bits as drawn.
const LISTING: &[(Op, &str, &str)] = &[
    (Op::Addi, "rs1=2", "000 nzuimm[5:4|9:6|2|3] rd' 00"),
    (Op::Fld, "", "001 uimm[5:3] rs1' uimm[7:6] rd' 00"),
    (Op::Lw, "", "010 uimm[5:3] rs1' uimm[2|6] rd' 00"),
    (Op::Ld, "", "011 uimm[5:3] rs1' uimm[7:6] rd' 00"),
    (Op::Lbu, "", "100 000 rs1' uimm[0|1] rd' 00"),
    (Op::Lhu, "", "100 001 rs1' 0 uimm[1] rd' 00"),
    (Op::Lh, "", "100 001 rs1' 1 uimm[1] rd' 00"),
    (Op::Sb, "", "100 010 rs1' uimm[0|1] rs2' 00"),
    (Op::Sh, "", "100 011 rs1' 0 uimm[1] rs2' 00"),
    (Op::Fsd, "", "101 uimm[5:3] rs1' uimm[7:6] rs2' 00"),
    (Op::Sw, "", "110 uimm[5:3] rs1' uimm[2|6] rs2' 00"),
    (Op::Sd, "", "111 uimm[5:3] rs1' uimm[7:6] rs2' 00"),
    (Op::Addi, "", "000 imm[5] rd/rs1 imm[4:0] 01"),
    (Op::Addiw, "", "001 imm[5] rd/rs1!0 imm[4:0] 01"),
    (Op::Addi, "rs1=0", "010 imm[5] rd imm[4:0] 01"),
    (Op::Addi, "rd=2 rs1=2", "011 nzimm[9] 00010 nzimm[4|6|8:7|5] 01"),
    (Op::Addi, "rd=0 rs1=0", "011 0 0 mop 1 00000 01"),
    (Op::Lui, "", "011 nzimm[17] rd!2 nzimm[16:12] 01"),
    (Op::Srli, "", "100 uimm[5] 00 rd/rs1' uimm[4:0] 01"),
    (Op::Srai, "", "100 uimm[5] 01 rd/rs1' uimm[4:0] 01"),
    (Op::Andi, "", "100 imm[5] 10 rd/rs1' imm[4:0] 01"),
    (Op::Sub, "", "100 0 11 rd/rs1' 00 rs2' 01"),
    (Op::Xor, "", "100 0 11 rd/rs1' 01 rs2' 01"),
    (Op::Or, "", "100 0 11 rd/rs1' 10 rs2' 01"),
    (Op::And, "", "100 0 11 rd/rs1' 11 rs2' 01"),
    (Op::Subw, "", "100 1 11 rd/rs1' 00 rs2' 01"),
    (Op::Addw, "", "100 1 11 rd/rs1' 01 rs2' 01"),
    (Op::Mul, "", "100 1 11 rd/rs1' 10 rs2' 01"),
    (Op::Andi, "imm=255", "100 1 11 rd/rs1' 11 000 01"),
    (Op::SextB, "", "100 1 11 rd/rs1' 11 001 01"),
    (Op::ZextH, "", "100 1 11 rd/rs1' 11 010 01"),
    (Op::SextH, "", "100 1 11 rd/rs1' 11 011 01"),
    (Op::AddUw, "rs2=0", "100 1 11 rd/rs1' 11 100 01"),
    (Op::Xori, "imm=-1", "100 1 11 rd/rs1' 11 101 01"),
    (Op::Jal, "rd=0", "101 imm[11|4|9:8|10|6|7|3:1|5] 01"),
    (Op::Beq, "rs2=0", "110 imm[8|4:3] rs1' imm[7:6|2:1|5] 01"),
    (Op::Bne, "rs2=0", "111 imm[8|4:3] rs1' imm[7:6|2:1|5] 01"),
    (Op::Slli, "", "000 uimm[5] rd/rs1 uimm[4:0] 10"),
    (Op::Fld, "rs1=2", "001 uimm[5] rd uimm[4:3|8:6] 10"),
    (Op::Lw, "rs1=2", "010 uimm[5] rd!0 uimm[4:2|7:6] 10"),
    (Op::Ld, "rs1=2", "011 uimm[5] rd!0 uimm[4:3|8:6] 10"),
    (Op::Jalr, "rd=0", "100 0 rs1!0 00000 10"),
    (Op::Add, "rs1=0", "100 0 rd rs2!0 10"),
    (Op::Ebreak, "", "100 1 00000 00000 10"),
    (Op::Jalr, "rd=1", "100 1 rs1!0 00000 10"),
    (Op::Add, "", "100 1 rd/rs1 rs2!0 10"),
    (Op::Fsd, "rs1=2", "101 uimm[5:3|8:6] rs2 10"),
    (Op::Sw, "rs1=2", "110 uimm[5:2|7:6] rs2 10"),
    (Op::Sd, "rs1=2", "111 uimm[5:3|8:6] rs2 10"),
];

/// Reads `half` as one line of the listing; `None` if it is none of its encodings.
fn read(half: u16, &(op, implied, drawing): &(Op, &str, &str)) -> Option<Insn> {
    let mut insn = Insn { op, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, imm: 0, len: 2, raw: half.into() };
    for (name, value) in implied.split_whitespace().map(|register| register.split_once('=').unwrap()) {
        match name {
            "imm" => insn.imm = value.parse().unwrap(),
            _ => drawing::set_register(&mut insn, name, value.parse().unwrap()),
        }
    }
    drawing::read(insn, drawing)
}

#[test]
fn all_halfwords_are_as_listed() {
    let mut legal = 0;
    for half in (0..=u16::MAX).filter(|half| half & 3 != 3) {
        let readings: Vec<Insn> = LISTING.iter().filter_map(|line| read(half, line)).collect();
        assert!(readings.len() <= 1, "{half:#06x} is listed twice: {readings:?}");
        assert_eq!(decode(half.into()), readings.first().copied(), "{half:#06x}");
        legal += readings.len();
    }
    // 49152 without the reserved: C.ADDI4SPN 8 (one of them all zeros), quadrant 0 funct3 4 beside Zcb 1152, C.ADDIW 64, C.ADDI16SP and C.LUI
    // 32 but 8 for C.MOP, the last two places of the unary instructions beside C.ADDW 16, C.LWSP and C.LDSP 128, C.JR 1.
    assert_eq!(legal, 49_152 - (8 + 1152 + 64 + 24 + 16 + 128 + 1));
}

#[test]
fn the_upper_half_is_ignored() {
    for half in (0..=0xffff).filter(|half| half & 3 != 3) {
        assert_eq!(decode(0xa5a5_0000 | half), decode(half));
    }
}

#[test]
fn hints_decode() {
    for (half, op, hint) in [
        (0x0005, Op::Addi, "c.nop with an immediate"),
        (0x0501, Op::Addi, "c.addi without"),
        (0x4005, Op::Addi, "c.li to x0"),
        (0x6005, Op::Lui, "c.lui to x0"),
        (0x8006, Op::Add, "c.mv to x0"),
        (0x9006, Op::Add, "c.add to x0"),
        (0x0006, Op::Slli, "c.slli of x0"),
        (0x0502, Op::Slli, "c.slli by 0"),
        (0x8101, Op::Srli, "c.srli by 0"),
        (0x8501, Op::Srai, "c.srai by 0"),
    ] {
        assert_eq!(decode(half).map(|insn| insn.op), Some(op), "{hint}");
    }
}

#[test]
fn every_row_is_some_encoding() {
    for row in compressed_rows() {
        let hits = (0..=u16::MAX).filter(|half| half & row.mask == row.matches && half & 3 != 3);
        let legal = hits.filter_map(|half| decode(half.into())).filter(|insn| insn.op == row.op);
        assert!(legal.count() > 0, "{}", row.mnemonic);
    }
}
