//! Rounding modes that don't exist, and the register that holds the mode and the flags.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, A2, A3, A4, A5, FA0, FA1, FA2, FA3, ZERO};
use rv_isa::cause::ILLEGAL_INSTRUCTION;
use rv_isa::{Fields, Isa, csr, encode};

use super::arithmetic::{DZ, NX};
use super::subject::Subject;
use crate::suite::case::{Case, Level, case};

const SECTION: &str = "Floating-Point Control and Status Register";

/// An instruction with rm 5 or 6 is illegal, and so is one with a dynamic mode while frm is 5, 6 or 7. Nothing is computed. That holds for
/// conversions which are always exact, too: they "must treat the rm field as usual". (These are reserved encodings now; that they are illegal
/// was required, is still allowed, and is what software relies on.)
pub fn reserved(subject: &Subject) -> Vec<Case> {
    if !subject.rounds {
        return Vec::new();
    }
    let op = subject.op;
    let float = op.float_operands();
    let (rd, rs1) = (if float.rd { FA3 } else { A3 }, if float.rs1 { FA0 } else { A0 });
    let insn = |rm| encode(op, Fields { rd, rs1, rs2: FA1, rs3: FA2, rm, ..Fields::default() });
    let illegal = |what: String, frm: u64, rm: u8| {
        case(format!("{} {what}", op.row().mnemonic), SECTION, Mode::M)
            .set(csr::FCSR, frm << 5)
            .x(A3, 0x1234)
            .run(insn(rm))
            .traps(Level::M, ILLEGAL_INSTRUCTION)
            .tval_one_of(&[insn(rm).into(), 0])
            .csr(csr::FFLAGS, 0)
            .reg(A3, 0x1234)
    };
    let fixed = [5, 6].map(|rm| illegal(format!("with rm={rm} is illegal"), 0, rm));
    let dynamic = [5, 6, 7].map(|frm| illegal(format!("with frm={frm} is illegal"), frm, 7));
    fixed.into_iter().chain(dynamic).collect()
}

fn named(what: &str) -> Case {
    case(what, SECTION, Mode::M).needs(Isa::F)
}

fn read(rd: u8, number: u16) -> u32 {
    asm::csrrs(rd, number, ZERO)
}

fn write(number: u16, rs1: u8) -> u32 {
    asm::csrrw(ZERO, number, rs1)
}

/// fcsr, fflags and frm.
pub fn fcsr() -> Vec<Case> {
    let cases = [fields(), flags(), reserved_dynamic_mode()].concat();
    cases.into_iter().flat_map(|case| case.in_modes(&Mode::ALL)).collect()
}

/// The same bits by three names.
fn fields() -> Vec<Case> {
    let all_three = [read(A1, csr::FCSR), read(A2, csr::FRM), read(A3, csr::FFLAGS)];
    vec![
        named("fcsr holds frm above fflags")
            .x(A0, 0x6a)
            .run(write(csr::FCSR, A0))
            .runs(&all_three)
            .completes()
            .reg(A1, 0x6a)
            .reg(A2, 3)
            .reg(A3, 0xa),
        named("writes of fcsr set frm and fflags")
            .x(A0, 0xff)
            .run(write(csr::FCSR, A0))
            .runs(&all_three)
            .completes()
            .reg(A1, 0xff)
            .reg(A2, 7)
            .reg(A3, 0x1f),
        named("frm has three bits, and leaves fflags alone")
            .x(A0, 0x15)
            .x(A4, u64::MAX - 6)
            .runs(&[write(csr::FFLAGS, A0), write(csr::FRM, A4)])
            .runs(&all_three)
            .completes()
            .reg(A1, 0x35)
            .reg(A2, 1)
            .reg(A3, 0x15),
        named("fflags has five bits, and leaves frm alone")
            .x(A0, u64::MAX - 0xd)
            .x(A4, 4)
            .runs(&[write(csr::FRM, A4), write(csr::FFLAGS, A0)])
            .runs(&all_three)
            .completes()
            .reg(A1, 0x92)
            .reg(A2, 4)
            .reg(A3, 0x12),
        named("frm takes reserved values")
            .runs(&[
                asm::csrrwi(A1, csr::FRM, 5),
                asm::csrrwi(A2, csr::FRM, 6),
                asm::csrrwi(A3, csr::FRM, 7),
                read(A4, csr::FRM),
            ])
            .completes()
            .reg(A1, 0)
            .reg(A2, 5)
            .reg(A3, 6)
            .reg(A4, 7),
        named("csrrs and csrrc of fflags")
            .x(A0, 0x18)
            .runs(&[
                asm::csrrsi(A1, csr::FFLAGS, 0x11),
                asm::csrrs(A2, csr::FFLAGS, A0),
                asm::csrrci(A3, csr::FFLAGS, 0x10),
            ])
            .run(read(A4, csr::FCSR))
            .completes()
            .reg(A1, 0)
            .reg(A2, 0x11)
            .reg(A3, 0x19)
            .reg(A4, 9),
    ]
}

/// Flags accumulate.
fn flags() -> Vec<Case> {
    let one_by_zero = [asm::fmv_w_x(FA0, A0), asm::fmv_w_x(FA1, ZERO), asm::fdiv_s(FA2, FA0, FA1)];
    let inexact = [asm::fmv_w_x(FA3, A5), asm::fadd_s(FA2, FA0, FA3)];
    vec![
        named("flags accumulate")
            .x(A0, 0x3f80_0000)
            .x(A5, 1)
            .runs(&one_by_zero)
            .runs(&[read(A1, csr::FFLAGS)])
            .runs(&inexact)
            .run(read(A2, csr::FFLAGS))
            .run(asm::fadd_s(FA2, FA0, FA0))
            .run(read(A3, csr::FFLAGS))
            .completes()
            .reg(A1, DZ.into())
            .reg(A2, (DZ | NX).into())
            .reg(A3, (DZ | NX).into()),
        named("flags stay until they are written")
            .x(A0, 0x3f80_0000)
            .runs(&one_by_zero)
            .runs(&[asm::csrrw(A1, csr::FFLAGS, ZERO), read(A2, csr::FFLAGS)])
            .completes()
            .reg(A1, DZ.into())
            .reg(A2, 0),
    ]
}

/// frm matters to what is rounded dynamically, and to nothing else.
fn reserved_dynamic_mode() -> Vec<Case> {
    vec![
        named("a static mode works while frm is reserved")
            .x(A0, 0x3f80_0000)
            .runs(&[asm::csrrwi(ZERO, csr::FRM, 5), asm::fmv_w_x(FA0, A0)])
            .run(encode(rv_isa::Op::FaddS, Fields { rd: FA1, rs1: FA0, rs2: FA0, ..Fields::default() }))
            .run(asm::fmv_x_w(A1, FA1))
            .completes()
            .reg(A1, 0x4000_0000)
            .csr(csr::FRM, 5),
        named("instructions that don't round work while frm is reserved")
            .x(A0, 0x3f80_0000)
            .runs(&[
                asm::csrrwi(ZERO, csr::FRM, 6),
                asm::fmv_w_x(FA0, A0),
                asm::fsgnjn_s(FA1, FA0, FA0),
                asm::fmv_x_w(A1, FA1),
            ])
            .runs(&[asm::feq_s(A2, FA0, FA0), asm::fmax_s(FA2, FA0, FA1), asm::fclass_s(A3, FA2)])
            .completes()
            .reg(A1, 0xffff_ffff_bf80_0000)
            .reg(A2, 1)
            .reg(A3, 0x40),
    ]
}
