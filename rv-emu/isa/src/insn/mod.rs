//! Instructions: the table's types, and a decoded instruction.

pub(crate) mod compressed;
pub(crate) mod decode;
pub(crate) mod disasm;
pub(crate) mod encode;
mod rows;

use crate::extension::{Isa, IsaSet};

/// Where an instruction's operands stand ("Base Instruction Formats", and the chapters that add to them).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// rd, rs1, rs2.
    R,
    /// rd, rs1, rs2, rounding mode.
    RRm,
    /// rd, rs1, rs2, rs3, rounding mode.
    R4,
    /// rd, rs1.
    R2,
    /// rd, rs1, rounding mode.
    R2Rm,
    /// rd, rs1, 12-bit immediate.
    I,
    /// rd, rs1, 6-bit shift amount.
    Shift6,
    /// rd, rs1, 5-bit shift amount.
    Shift5,
    /// rs1, rs2, 12-bit immediate.
    S,
    /// rs1, rs2, 13-bit branch offset.
    B,
    /// rd, upper 20 bits.
    U,
    /// rd, 21-bit jump offset.
    J,
    /// rd, rs1, CSR number.
    Csr,
    /// rd, 5-bit immediate, CSR number.
    CsrImm,
    /// fm, predecessor and successor sets, as a 12-bit immediate.
    Fence,
    /// rs1, rs2.
    Fence2,
    /// rd, (rs1), rs2, ordering bits.
    Amo,
    /// rd, (rs1), rs2, ordering bits; rd and rs2 are even, and each stands for a pair.
    AmoPair,
    /// rd, (rs1), ordering bits.
    Lr,
    /// rd, (rs1).
    Hlv,
    /// rs2, (rs1).
    Hsv,
    /// (rs1).
    Cbo,
    /// rd, 5-bit index of a constant.
    Fli,
    /// rd, rs1, number of a may-be-operation.
    MopR,
    /// rd, rs1, rs2, number of a may-be-operation.
    MopRR,
    /// No operands.
    None,
}

/// What kind of work an instruction is: for blocks and cost models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Integer arithmetic.
    Int,
    /// Multiplication.
    Mul,
    /// Division and remainder.
    Div,
    /// Integer load.
    Load,
    /// Integer store.
    Store,
    /// Conditional branch.
    Branch,
    /// Direct jump.
    Jump,
    /// Indirect jump.
    JumpIndirect,
    /// Floating-point load.
    FpLoad,
    /// Floating-point store.
    FpStore,
    /// Floating-point arithmetic, moves and comparisons.
    Fp,
    /// Floating-point division and square root.
    FpDiv,
    /// Atomic memory operation.
    Amo,
    /// CSR access.
    Csr,
    /// Memory ordering.
    Fence,
    /// Everything that changes mode, translation or code.
    System,
}

impl Class {
    /// Control may go elsewhere, or what follows may have to be seen anew.
    pub const fn ends_block(self) -> bool {
        matches!(self, Class::Branch | Class::Jump | Class::JumpIndirect | Class::Csr | Class::System)
    }
}

/// A row of the instruction table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The instruction.
    pub op: Op,
    /// Assembly name.
    pub mnemonic: &'static str,
    /// Values of the fixed bits.
    pub matches: u32,
    /// The fixed bits.
    pub mask: u32,
    /// Operands.
    pub format: Format,
    /// Kind of work.
    pub class: Class,
    /// The extensions that it takes, all of them.
    pub isa: IsaSet,
}

macro_rules! table {
    ($($name:ident, $variant:ident, $mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $class:ident, $($isa:ident)+;)*) => {
        /// An instruction, in the order of the rows. Compressed instructions are those that they expand to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Op {
            $(#[doc = concat!("`", $mnemonic, "`.")] $variant,)*
        }

        static ROWS: &[Row] = &[$(Row {
            op: Op::$variant,
            mnemonic: $mnemonic,
            matches: $matches,
            mask: $mask,
            format: Format::$format,
            class: Class::$class,
            isa: IsaSet::EMPTY$(.with(Isa::$isa))+,
        },)*];
    };
}
crate::instructions!(table);

impl Op {
    /// All rows, in order.
    pub fn rows() -> &'static [Row] {
        ROWS
    }

    /// The instruction's row.
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Which of rd, rs1 and rs2 are floating-point registers; rs3 always is.
    pub fn float_operands(self) -> FloatOperands {
        let row = self.row();
        let (rd, rs1, rs2) = match row.class {
            Class::FpLoad => (true, false, false),
            Class::FpStore => (false, false, true),
            Class::FpDiv => (true, true, true),
            // OP-FP by funct5: comparisons, conversions and moves to integers; conversions and moves from them.
            Class::Fp if row.matches & 0x7f == 0x53 => match row.matches >> 27 {
                0b10100 | 0b11000 | 0b11100 => (false, true, true),
                0b11010 | 0b11110 => (true, false, true),
                _ => (true, true, true),
            },
            Class::Fp => (true, true, true),
            _ => (false, false, false),
        };
        FloatOperands { rd, rs1, rs2 }
    }
}

/// Which operands are floating-point registers. Of operands that an instruction lacks nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloatOperands {
    /// The destination.
    pub rd: bool,
    /// The first source.
    pub rs1: bool,
    /// The second source.
    pub rs2: bool,
}

/// A decoded instruction. Fields that its format lacks are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insn {
    /// Which one.
    pub op: Op,
    /// Destination register, 0 to 31.
    pub rd: u8,
    /// First source register, or the 5-bit immediate of a CSR instruction.
    pub rs1: u8,
    /// Second source register.
    pub rs2: u8,
    /// Third source register.
    pub rs3: u8,
    /// Rounding mode field.
    pub rm: u8,
    /// Immediate, sign-extended (of lui and auipc: shifted, too); shift amount; CSR number; fm and sets of a
    /// fence; or the number of a constant or of a may-be-operation.
    pub imm: i32,
    /// Bytes: 2 or 4.
    pub len: u8,
    /// The bits; the upper half is 0 if compressed.
    pub raw: u32,
}

impl Insn {
    /// The name of its compressed form, if it is one.
    pub fn compressed_name(&self) -> Option<&'static str> {
        if self.len == 2 { compressed::row(self.raw as u16).map(|form| form.mnemonic) } else { None }
    }

    /// The extensions that it takes: those of its row, and those of its compressed form.
    pub fn isa(&self) -> IsaSet {
        let form = if self.len == 2 { compressed::row(self.raw as u16) } else { None };
        form.map_or(self.op.row().isa, |form| self.op.row().isa.union(form.isa))
    }
}

/// HLV, HLVX and HSV ("Hypervisor Virtual-Machine Load and Store Instructions").
pub fn is_hypervisor_memory(op: Op) -> bool {
    matches!(op.row().format, Format::Hlv | Format::Hsv)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The idea is that of Spike's check of opcode overlap; there is no exception here.
    #[test]
    fn no_two_rows_overlap() {
        for (index, a) in ROWS.iter().enumerate() {
            assert_eq!(a.matches & !a.mask, 0, "{}: match outside of mask", a.mnemonic);
            assert_eq!(a.matches & a.mask & 3, 3, "{}: not a 32-bit encoding", a.mnemonic);
            for b in &ROWS[index + 1..] {
                let common = a.mask & b.mask;
                assert_ne!(a.matches & common, b.matches & common, "{} and {}", a.mnemonic, b.mnemonic);
                assert_ne!(a.mnemonic, b.mnemonic);
            }
        }
    }

    #[test]
    fn rows_are_in_the_order_of_ops() {
        assert!(ROWS.iter().enumerate().all(|(index, row)| row.op as usize == index));
    }

    #[test]
    fn functions_are_named_after_mnemonics() {
        macro_rules! names {
            ($($name:ident, $variant:ident, $mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $class:ident, $($isa:ident)+;)*) => {
                [$((stringify!($name), $mnemonic)),*]
            };
        }
        for (name, mnemonic) in crate::instructions!(names) {
            assert!(name.split('_').eq(mnemonic.split('.')), "{name}: {mnemonic}");
        }
    }
}
