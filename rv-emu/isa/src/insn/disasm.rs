//! From instructions to assembly text, in the notation of GNU objdump without aliases.

use core::fmt;

use super::compressed::{self, CompressedFormat};
use super::{Class, Format, Insn, Op};
use crate::csr;

const X: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2",
    "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];
const F: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];
/// The last operand by rounding mode. A dynamic one goes without saying; 5 and 6 don't decode.
const ROUNDING: [&str; 8] = [",rne", ",rtz", ",rdn", ",rup", ",rmm", ",5", ",6", ""];
/// The same for exact conversions, whose rounding mode goes without saying if 0.
const ROUNDING_EXACT: [&str; 8] = ["", ",rtz", ",rdn", ",rup", ",rmm", ",5", ",6", ",dyn"];

/// The constants of FLI by number ("Zfa"), in the notation of C.
const FLI: [&str; 32] = [
    "-0x1p+0", "min", "0x1p-16", "0x1p-15", "0x1p-8", "0x1p-7", "0x1p-4", "0x1p-3", "0x1p-2", "0x1.4p-2", "0x1.8p-2",
    "0x1.cp-2", "0x1p-1", "0x1.4p-1", "0x1.8p-1", "0x1.cp-1", "0x1p+0", "0x1.4p+0", "0x1.8p+0", "0x1.cp+0", "0x1p+1",
    "0x1.4p+1", "0x1.8p+1", "0x1p+2", "0x1p+3", "0x1p+4", "0x1p+7", "0x1p+8", "0x1p+15", "0x1p+16", "inf", "nan",
];

/// Name of integer register `number` (modulo 32) in the standard calling convention.
pub fn register_name(number: u8) -> &'static str {
    X[usize::from(number & 31)]
}

/// Name of floating-point register `number` (modulo 32) in the standard calling convention.
pub fn float_register_name(number: u8) -> &'static str {
    F[usize::from(number & 31)]
}

/// The text of `insn` at address `pc`. A compressed instruction goes by its own name, not by that of its expansion.
pub fn disassemble(insn: Insn, pc: u64) -> impl fmt::Display {
    let float = insn.op.float_operands();
    let name = |float: bool, number| if float { float_register_name(number) } else { register_name(number) };
    Text {
        insn,
        rd: name(float.rd, insn.rd),
        rs1: name(float.rs1, insn.rs1),
        rs2: name(float.rs2, insn.rs2),
        target: pc.wrapping_add(insn.imm as u64),
    }
}

struct Text {
    insn: Insn,
    rd: &'static str,
    rs1: &'static str,
    rs2: &'static str,
    /// Where a branch or jump leads.
    target: u64,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.insn.len == 2 { self.compressed(f) } else { self.full(f) }
    }
}

impl Text {
    fn full(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Text { insn, rd, rs1, rs2, target } = self;
        let row = insn.op.row();
        let rounding = if is_exact(insn.op) { ROUNDING_EXACT } else { ROUNDING };
        let rm = rounding[usize::from(insn.rm & 7)];
        let imm = insn.imm;
        if let Some(prefetch) = prefetch(insn) {
            return write!(f, "{prefetch}\t{}({rs1})", imm & !31);
        }
        f.write_str(if insn.raw == PAUSE { "pause" } else { row.mnemonic })?;
        match row.format {
            Format::R => write!(f, "\t{rd},{rs1},{rs2}"),
            Format::RRm => write!(f, "\t{rd},{rs1},{rs2}{rm}"),
            Format::R4 => write!(f, "\t{rd},{rs1},{rs2},{}{rm}", float_register_name(insn.rs3)),
            Format::R2 if insn.op == Op::FcvtmodWD => write!(f, "\t{rd},{rs1},rtz"),
            Format::R2 => write!(f, "\t{rd},{rs1}"),
            Format::R2Rm => write!(f, "\t{rd},{rs1}{rm}"),
            Format::I if has_address(insn.op) => write!(f, "\t{rd},{imm}({rs1})"),
            Format::I => write!(f, "\t{rd},{rs1},{imm}"),
            Format::Shift6 | Format::Shift5 => write!(f, "\t{rd},{rs1},{imm:#x}"),
            Format::S => write!(f, "\t{rs2},{imm}({rs1})"),
            Format::B => write!(f, "\t{rs1},{rs2},{target:#x}"),
            Format::U => write!(f, "\t{rd},{:#x}", imm as u32 >> 12),
            Format::J => write!(f, "\t{rd},{target:#x}"),
            Format::Csr => write!(f, "\t{rd},{},{rs1}", CsrText(imm as u16)),
            Format::CsrImm => write!(f, "\t{rd},{},{}", CsrText(imm as u16), insn.rs1),
            Format::Fence2 => write!(f, "\t{rs1},{rs2}"),
            Format::Amo | Format::AmoPair => write!(f, "{}\t{rd},{rs2},({rs1})", ordering(insn.raw)),
            Format::Lr => write!(f, "{}\t{rd},({rs1})", ordering(insn.raw)),
            Format::Hlv => write!(f, "\t{rd},({rs1})"),
            Format::Hsv => write!(f, "\t{rs2},({rs1})"),
            Format::Cbo => write!(f, "\t({rs1})"),
            Format::Fli => write!(f, "\t{rd},{}", FLI[(imm & 31) as usize]),
            Format::MopR => write!(f, ".{imm}\t{rd},{rs1}"),
            Format::MopRR => write!(f, ".{imm}\t{rd},{rs1},{rs2}"),
            Format::Fence if insn.op == Op::Fence && imm == TSO => f.write_str(".tso"),
            Format::Fence if insn.raw == PAUSE => Ok(()),
            Format::Fence if insn.op == Op::Fence => write!(f, "\t{},{}", set(imm >> 4), set(imm)),
            Format::Fence | Format::None => Ok(()),
        }
    }

    fn compressed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CompressedFormat as Format;
        let Text { insn, rd, rs1, rs2, target } = self;
        let Some(row) = compressed::row(insn.raw as u16) else { return Err(fmt::Error) };
        let imm = insn.imm;
        f.write_str(row.mnemonic)?;
        match row.format {
            Format::StackAddress => write!(f, "\t{rd},{rs1},{imm}"),
            Format::LoadByte
            | Format::LoadHalf
            | Format::LoadWord
            | Format::LoadDouble
            | Format::LoadWordStack
            | Format::LoadDoubleStack => {
                write!(f, "\t{rd},{imm}({rs1})")
            }
            Format::StoreByte
            | Format::StoreHalf
            | Format::StoreWord
            | Format::StoreDouble
            | Format::StoreWordStack
            | Format::StoreDoubleStack => {
                write!(f, "\t{rs2},{imm}({rs1})")
            }
            Format::Immediate | Format::LoadImmediate | Format::StackAdjust | Format::ShortImmediate => {
                write!(f, "\t{rd},{imm}")
            }
            Format::Upper => write!(f, "\t{rd},{:#x}", imm as u32 >> 12),
            Format::Shift | Format::ShortShift => write!(f, "\t{rd},{imm:#x}"),
            Format::ShortRegister | Format::Move | Format::Register => write!(f, "\t{rd},{rs2}"),
            Format::Jump => write!(f, "\t{target:#x}"),
            Format::Branch => write!(f, "\t{rs1},{target:#x}"),
            Format::JumpRegister => write!(f, "\t{rs1}"),
            Format::ShortUnary => write!(f, "\t{rd}"),
            Format::Mop => write!(f, ".{}", insn.raw >> 7 & 15),
            Format::None => Ok(()),
        }
    }
}

/// The I format with operands written as an address.
fn has_address(op: Op) -> bool {
    matches!(op.row().class, Class::JumpIndirect | Class::Load | Class::FpLoad)
}

/// Conversions to a format that holds every value of the source: they have a rounding mode to no effect.
fn is_exact(op: Op) -> bool {
    matches!(op, Op::FcvtDW | Op::FcvtDWu | Op::FcvtDS | Op::FcvtSH | Op::FcvtDH)
}

fn ordering(raw: u32) -> &'static str {
    ["", ".rl", ".aq", ".aqrl"][(raw >> 25 & 3) as usize]
}

/// FENCE.TSO: fm = 8, and RW for both sets.
const TSO: i32 = 0x833;

/// A FENCE with predecessor set W and nothing else ("Zihintpause").
const PAUSE: u32 = 0x0100_000f;

/// ORI to x0 is a hint to prefetch if its immediate's low five bits say for what; the others are the low bits of an offset that is a multiple
/// of 32 ("Cache-Block Management Instructions"). Other hints go by the name of what they encode.
fn prefetch(insn: &Insn) -> Option<&'static str> {
    match (insn.op, insn.rd, insn.imm & 31) {
        (Op::Ori, 0, 0) => Some("prefetch.i"),
        (Op::Ori, 0, 1) => Some("prefetch.r"),
        (Op::Ori, 0, 3) => Some("prefetch.w"),
        _ => None,
    }
}

/// A predecessor or successor set of FENCE.
fn set(bits: i32) -> &'static str {
    const SETS: [&str; 16] =
        ["unknown", "w", "r", "rw", "o", "ow", "or", "orw", "i", "iw", "ir", "irw", "io", "iow", "ior", "iorw"];
    SETS[(bits & 15) as usize]
}

/// A CSR by name, or by number if it has none.
struct CsrText(u16);

impl fmt::Display for CsrText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match csr::name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}
