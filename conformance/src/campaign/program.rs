//! A program as data: all that its memory image follows from. Shrinking works on it, regression files hold it.

use serde::{Deserialize, Serialize};

/// The register state and CSRs with which M-mode's handler starts a part of the program.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct Context {
    /// Values of [`CONTEXT_CSRS`], in their order.
    pub csrs: Vec<u64>,
    /// Values of x1 to x31.
    pub x: Vec<u64>,
    /// Where it starts.
    pub pc: u64,
    /// mstatus, with MPP and MPV of the mode to start in.
    pub mstatus: u64,
}

/// A random program.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct Program {
    /// What it was made from.
    pub seed: u64,
    /// CSRs set once, first of all: number and value.
    pub setup: Vec<(u16, u64)>,
    /// Writes of M-mode to CSRs whose values all models must legalise alike: number and value.
    pub probes: Vec<(u16, u64)>,
    /// One after the other.
    pub contexts: Vec<Context>,
    /// Random code: units of 16-bit parcels that are kept or dropped together.
    pub code: Vec<Vec<u16>>,
    /// Page-table entries: address and value.
    pub entries: Vec<(u64, u64)>,
    /// Initial floating-point registers.
    pub floats: Vec<u64>,
    /// Data, 64 bits each; missing ones are 0.
    pub data: Vec<u64>,
    /// HS-mode asks M-mode by EBREAK, not by ECALL.
    pub by_ebreak: bool,
    /// M-mode starts the next context at every trap whose number has no bit in common with this.
    pub patience: u64,
}

/// CSRs of a context, in the order in which they are written; mstatus comes last.
pub const CONTEXT_CSRS: &[u16] = {
    use rv_isa::csr as n;
    &[
        n::MEDELEG,
        n::MIDELEG,
        n::HEDELEG,
        n::HIDELEG,
        n::MENVCFG,
        n::HENVCFG,
        n::SENVCFG,
        n::MCOUNTEREN,
        n::HCOUNTEREN,
        n::SCOUNTEREN,
        n::STVEC,
        n::VSTVEC,
        n::SATP,
        n::VSATP,
        n::HGATP,
        n::HSTATUS,
        n::VSSTATUS,
        n::MIP,
        n::HVIP,
        n::VSTIMECMP,
        n::STIMECMP,
        n::MIE,
        n::SSCRATCH,
        n::VSSCRATCH,
        n::SEPC,
        n::VSEPC,
    ]
};

/// An instruction that does nothing, in 16 bits.
pub const NOP: u16 = 0x0001;

impl Program {
    /// Byte offset of each unit of code.
    pub fn offsets(&self) -> Vec<u64> {
        let mut at = 0;
        let offsets = self.code.iter().map(|unit| {
            let offset = at;
            at += 2 * unit.len() as u64;
            offset
        });
        offsets.collect()
    }
}
