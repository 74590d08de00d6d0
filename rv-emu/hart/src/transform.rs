//! Transformed instructions for htinst and mtinst (H extension, "Transformed Instruction or Pseudoinstruction").

use rv_isa::{Class, Format, Insn};

const OPCODE: u32 = 0x7f;
const RD: u32 = 0x1f << 7;
const FUNCT3: u32 = 7 << 12;
const RS2: u32 = 0x1f << 20;
/// The bit that tells a 32-bit instruction from one that was compressed.
const WIDE: u32 = 2;

/// The value for a fault of `raw` whose reported address is `offset` above the access's own; 0 if it is not a load or store (or one of a cache
/// block, for which there is no transformation).
///
/// Immediates become zero, the rs1 field holds `offset`, and a compressed instruction is expanded first, with bit 1 cleared.
pub(crate) fn transformed(raw: u32, offset: u8) -> u32 {
    let Some(insn) = rv_isa::decode(raw) else { return 0 };
    let wide = if insn.len == 2 { expanded(&insn) & !WIDE } else { raw };
    let kept = match insn.op.row().class {
        Class::Load | Class::FpLoad => OPCODE | RD | FUNCT3,
        _ if insn.op.row().format == Format::Cbo => return 0,
        Class::Store | Class::FpStore => OPCODE | FUNCT3 | RS2,
        Class::Amo => !(0x1f << 15),
        _ if rv_isa::is_hypervisor_memory(insn.op) => !(0x1f << 15),
        _ => return 0,
    };
    wide & kept | u32::from(offset & 0x1f) << 15
}

/// The 32-bit form of a compressed load or store; only the fields that survive transformation matter.
fn expanded(insn: &Insn) -> u32 {
    let fixed = insn.op.row().matches;
    let registers = match insn.op.row().class {
        Class::Store | Class::FpStore => u32::from(insn.rs2) << 20,
        _ => u32::from(insn.rd) << 7,
    };
    fixed | registers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immediates_vanish_and_registers_stay() {
        assert_eq!(transformed(0xff45_3283, 0), 0x0000_3283, "ld t0, -12(a0)");
        assert_eq!(transformed(0x00b5_3823, 0), 0x00b0_3023, "sd a1, 16(a0)");
        assert_eq!(transformed(0x00b5_3823, 4), 0x00b2_3023, "the offset stands in rs1's field");
    }

    #[test]
    fn compressed_ones_are_expanded() {
        assert_eq!(transformed(0x4510, 0), 0x0000_2601, "c.lw a2, 8(a0)");
        assert_eq!(transformed(0xe510, 0), 0x00c0_3021, "c.sd a2, 8(a0)");
    }

    #[test]
    fn atomics_keep_everything_but_rs1() {
        assert_eq!(transformed(0x06b5_262f, 0), 0x06b0_262f, "amoadd.w.aqrl a2, a1, (a0)");
    }

    #[test]
    fn other_instructions_give_zero() {
        assert_eq!(transformed(0x0000_0073, 0), 0);
        assert_eq!(transformed(0, 0), 0);
    }
}
