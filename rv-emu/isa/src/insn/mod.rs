//! Instructions: the table's types, and a decoded instruction.

pub(crate) mod compressed;
pub(crate) mod decode;
pub(crate) mod disasm;
pub(crate) mod encode;
mod rows;

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
    /// rd, (rs1), ordering bits.
    Lr,
    /// rd, (rs1).
    Hlv,
    /// rs2, (rs1).
    Hsv,
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

/// The extension that an instruction belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// RV64I, the base.
    I,
    /// Instruction-fetch fence.
    Zifencei,
    /// Environment calls and breakpoints of the base; machine-level trap returns and waiting.
    System,
    /// CSR access.
    Zicsr,
    /// Multiplication and division.
    M,
    /// Atomics.
    A,
    /// Single-precision floating point.
    F,
    /// Double-precision floating point.
    D,
    /// Supervisor-level memory management.
    S,
    /// Hypervisor.
    H,
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
    /// Extension.
    pub isa: Isa,
}

macro_rules! table {
    ($($name:ident, $variant:ident, $mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $class:ident, $isa:ident;)*) => {
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
            isa: Isa::$isa,
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
        use Op::{FclassD, FclassS, FeqD, FeqS, FleD, FleS, FltD, FltS};
        use Op::{FcvtDL, FcvtDLu, FcvtDW, FcvtDWu, FcvtSL, FcvtSLu, FcvtSW, FcvtSWu, FmvDX, FmvWX};
        use Op::{FcvtLD, FcvtLS, FcvtLuD, FcvtLuS, FcvtWD, FcvtWS, FcvtWuD, FcvtWuS, FmvXD, FmvXW};
        let (rd, rs1, rs2) = match (self.row().class, self) {
            (Class::FpLoad, _) => (true, false, false),
            (Class::FpStore, _) => (false, false, true),
            (Class::FpDiv, _) => (true, true, true),
            (Class::Fp, FeqS | FltS | FleS | FeqD | FltD | FleD | FclassS | FclassD) => (false, true, true),
            (Class::Fp, FcvtWS | FcvtWuS | FcvtLS | FcvtLuS | FmvXW) => (false, true, true),
            (Class::Fp, FcvtWD | FcvtWuD | FcvtLD | FcvtLuD | FmvXD) => (false, true, true),
            (Class::Fp, FcvtSW | FcvtSWu | FcvtSL | FcvtSLu | FmvWX) => (true, false, true),
            (Class::Fp, FcvtDW | FcvtDWu | FcvtDL | FcvtDLu | FmvDX) => (true, false, true),
            (Class::Fp, _) => (true, true, true),
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
    /// Immediate, sign-extended (of lui and auipc: shifted, too); shift amount; CSR number; or fm and sets of a fence.
    pub imm: i32,
    /// Bytes: 2 or 4.
    pub len: u8,
    /// The bits; the upper half is 0 if compressed.
    pub raw: u32,
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
            ($($name:ident, $variant:ident, $mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $class:ident, $isa:ident;)*) => {
                [$((stringify!($name), $mnemonic)),*]
            };
        }
        for (name, mnemonic) in crate::instructions!(names) {
            assert!(name.split('_').eq(mnemonic.split('.')), "{name}: {mnemonic}");
        }
    }
}
