//! Exceptions on their way from where they arise to the mode that takes them.

use serde::{Deserialize, Serialize};

/// What an exception or interrupt carries into the trap CSRs of its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trap {
    /// Exception code, or interrupt number if `interrupt`.
    pub code: u64,
    /// An interrupt rather than an exception.
    pub interrupt: bool,
    /// Written to xtval.
    pub tval: u64,
    /// `tval` is a guest virtual address (sets xstatus.GVA).
    pub gva: bool,
    /// Guest physical address of a guest-page fault, written shifted right by 2 to htval/mtval2.
    pub gpa: Option<u64>,
    /// What htinst/mtinst shall hold.
    pub tinst: Tinst,
}

/// The source of an htinst/mtinst value (H extension, "Transformed Instruction or Pseudoinstruction").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tinst {
    /// Zero.
    Zero,
    /// The trapping instruction, transformed; `offset` is xtval less the access's own address (0 unless misaligned).
    Transformed {
        /// The "Addr. Offset" field, 0..8.
        offset: u8,
    },
    /// A value as it stands: a pseudoinstruction for an implicit access, or an instruction transformed already.
    Value(u32),
}

impl Trap {
    /// An exception that carries `tval` and nothing else.
    pub const fn exception(code: u64, tval: u64) -> Trap {
        Trap { code, interrupt: false, tval, gva: false, gpa: None, tinst: Tinst::Zero }
    }

    /// An interrupt.
    pub const fn interrupt(number: u64) -> Trap {
        Trap { code: number, interrupt: true, tval: 0, gva: false, gpa: None, tinst: Tinst::Zero }
    }

    /// The value of xcause.
    pub const fn cause(&self) -> u64 {
        self.code | (self.interrupt as u64) << 63
    }

    /// The value of htinst/mtinst once the trapping instruction is known.
    pub const fn tinst_value(&self) -> u32 {
        match self.tinst {
            Tinst::Value(value) => value,
            Tinst::Zero | Tinst::Transformed { .. } => 0,
        }
    }
}

/// How an instruction that may not execute is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Illegal-instruction exception (2).
    Illegal,
    /// Virtual-instruction exception (22).
    Virtual,
}

impl Refusal {
    /// The exception, with the instruction's bits as its value.
    pub fn trap(self, raw: u32) -> Trap {
        let code = match self {
            Refusal::Illegal => rv_isa::cause::ILLEGAL_INSTRUCTION,
            Refusal::Virtual => rv_isa::cause::VIRTUAL_INSTRUCTION,
        };
        Trap::exception(code, u64::from(raw))
    }
}

/// One memory access as the instruction means it, before translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Fetch, load or store: decides permissions and fault codes.
    pub kind: AccessKind,
    /// Which sort of instruction asks.
    pub source: Source,
    /// Bytes, 1 to 16 (2 or 4 for a fetch).
    pub size: u8,
    /// Virtual address that the instruction computed; a split access keeps the original here.
    pub va: u64,
}

impl Access {
    /// The address is a multiple of the size.
    pub const fn aligned(&self) -> bool {
        self.va & (self.size as u64 - 1) == 0
    }
}

/// The original access type, to which every fault of the access belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// Instruction fetch.
    Fetch,
    /// Explicit load (also LR, and the loads of HLV).
    Load,
    /// Explicit store (also AMO, SC, and HSV).
    Store,
}

/// The sort of instruction behind an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Instruction fetch.
    Fetch,
    /// Integer load or store, compressed ones included.
    Int,
    /// Floating-point load or store.
    Float,
    /// AMO, LR or SC.
    Atomic,
    /// Cache-block management or zeroing.
    CacheBlock,
    /// HLV or HSV.
    Hypervisor,
    /// HLVX: a load that needs execute permission instead of read.
    HypervisorExecute,
}
