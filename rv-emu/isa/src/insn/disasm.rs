//! From instructions to assembly text, in the notation of GNU objdump without aliases.

use core::fmt;

use super::{Format, Insn, Op};
use crate::csr;

const X: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2",
    "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];
const F: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];
const ROUNDING: [&str; 8] = [",rne", ",rtz", ",rdn", ",rup", ",rmm", ",5", ",6", ""];

/// Name of integer register `number` (modulo 32) in the standard calling convention.
pub fn register_name(number: u8) -> &'static str {
    X[usize::from(number & 31)]
}

/// The text of `insn` at address `pc`.
pub fn disassemble(insn: Insn, pc: u64) -> impl fmt::Display {
    Text { insn, pc }
}

struct Text {
    insn: Insn,
    pc: u64,
}

/// Which operands of an instruction are floating-point registers: rd, rs1, rs2.
fn float_operands(op: Op) -> (bool, bool, bool) {
    let mnemonic = op.row().mnemonic;
    let is = |prefix: &str| mnemonic.starts_with(prefix);
    match op {
        Op::Flw | Op::Fld => (true, false, false),
        Op::Fsw | Op::Fsd => (false, false, true),
        _ if op.row().format == Format::R4 => (true, true, true),
        _ if is("fmv.x") || is("fclass") || is("fcvt.w") || is("fcvt.l") => (false, true, false),
        _ if is("feq") || is("flt") || is("fle") => (false, true, true),
        Op::FmvWX | Op::FmvDX => (true, false, false),
        _ if is("fcvt") => {
            let from_integer = mnemonic.rsplit('.').next().is_some_and(|from| from != "s" && from != "d");
            (true, !from_integer, true)
        }
        _ if is("f") && !is("fence") => (true, true, true),
        _ => (false, false, false),
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Text { insn, pc } = self;
        let row = insn.op.row();
        let name = |float: bool, r: u8| {
            if float { F[usize::from(r & 31)] } else { X[usize::from(r & 31)] }
        };
        let (fd, f1, f2) = float_operands(insn.op);
        let (rd, rs1, rs2) = (name(fd, insn.rd), name(f1, insn.rs1), name(f2, insn.rs2));
        let rm = ROUNDING[usize::from(insn.rm & 7)];
        let imm = insn.imm;
        let target = pc.wrapping_add(imm as u64);
        f.write_str(row.mnemonic)?;
        match row.format {
            Format::R => write!(f, "\t{rd},{rs1},{rs2}"),
            Format::RRm => write!(f, "\t{rd},{rs1},{rs2}{rm}"),
            Format::R4 => write!(f, "\t{rd},{rs1},{rs2},{}{rm}", name(true, insn.rs3)),
            Format::R2 => write!(f, "\t{rd},{rs1}"),
            Format::R2Rm => write!(f, "\t{rd},{rs1}{rm}"),
            Format::I if is_load(insn.op) => write!(f, "\t{rd},{imm}({rs1})"),
            Format::I => write!(f, "\t{rd},{rs1},{imm}"),
            Format::Shift6 | Format::Shift5 => write!(f, "\t{rd},{rs1},{imm:#x}"),
            Format::S => write!(f, "\t{rs2},{imm}({rs1})"),
            Format::B => write!(f, "\t{rs1},{rs2},{target:x}"),
            Format::U => write!(f, "\t{rd},{:#x}", imm as u32 >> 12),
            Format::J => write!(f, "\t{rd},{target:x}"),
            Format::Csr => write!(f, "\t{rd},{},{rs1}", CsrText(imm as u16)),
            Format::CsrImm => write!(f, "\t{rd},{},{}", CsrText(imm as u16), insn.rs1),
            Format::Fence2 => write!(f, "\t{rs1},{rs2}"),
            Format::Amo => write!(f, "{}\t{rd},{rs2},({rs1})", ordering(insn.raw)),
            Format::Lr => write!(f, "{}\t{rd},({rs1})", ordering(insn.raw)),
            Format::Hlv => write!(f, "\t{rd},({rs1})"),
            Format::Hsv => write!(f, "\t{rs2},({rs1})"),
            Format::Fence if insn.op == Op::Fence => {
                write!(f, "\t{},{}", set(insn.raw >> 24), set(insn.raw >> 20))
            }
            Format::Fence | Format::None => Ok(()),
        }
    }
}

fn is_load(op: Op) -> bool {
    op == Op::Jalr || matches!(op.row().class, super::Class::Load | super::Class::FpLoad)
}

fn ordering(raw: u32) -> &'static str {
    ["", ".rl", ".aq", ".aqrl"][(raw >> 25 & 3) as usize]
}

/// A predecessor or successor set of FENCE.
fn set(bits: u32) -> &'static str {
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

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;
    use crate::decode;

    fn text(raw: u32) -> std::string::String {
        disassemble(decode(raw).unwrap(), 0x8000_0000).to_string()
    }

    /// What `riscv64-unknown-elf-objdump -M no-aliases` (binutils 2.40) prints.
    #[test]
    fn notation() {
        for (raw, expected) in [
            (0xff45_3283, "ld\tt0,-12(a0)"),
            (0x00b5_3823, "sd\ta1,16(a0)"),
            (0x0015_8593, "addi\ta1,a1,1"),
            (0x0000_8067, "jalr\tzero,0(ra)"),
            (0xfe00_0ee3, "beq\tzero,zero,7ffffffc"),
            (0x0ff0_000f, "fence\tiorw,iorw"),
            (0x3000_2573, "csrrs\ta0,mstatus,zero"),
            (0x06b5_262f, "amoadd.w.aqrl\ta2,a1,(a0)"),
            (0x02c5_f543, "fmadd.d\tfa0,fa1,fa2,ft0"),
            (0xd225_7553, "fcvt.d.l\tfa0,a0"),
            (0xc225_1553, "fcvt.l.d\ta0,fa0,rtz"),
            (0x6c05_c573, "hlv.d\ta0,(a1)"),
        ] {
            assert_eq!(text(raw), expected);
        }
    }
}
