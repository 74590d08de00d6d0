//! What each architectural event costs in modelled cycles.
//!
//! The hart charges these; it does not know where the figures come from (a board reads them from a cost-model file).
//! What software does is executed and charged instruction by instruction, never as a lump.

use rv_isa::Class;
use serde::{Deserialize, Serialize};

/// Costs in cycles. Per-instruction costs are totals and must be at least 1, so that time always advances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Costs {
    /// An instruction without a class of its own.
    pub insn: u32,
    /// A load that hits the first-level cache.
    pub load_hit: u32,
    /// A store that hits the first-level cache.
    pub store_hit: u32,
    /// An atomic memory operation, LR or SC.
    pub amo: u32,
    /// An integer multiplication.
    pub mul: u32,
    /// An integer division or remainder.
    pub div: u32,
    /// A floating-point arithmetic instruction other than division and square root.
    pub fp: u32,
    /// A floating-point division or square root.
    pub fdiv: u32,
    /// A CSR access.
    pub csr_rw: u32,
    /// Added to a branch that static prediction (backward taken, forward not taken) gets wrong.
    pub branch_miss: u32,
    /// Added to an indirect jump.
    pub jump_indirect: u32,
    /// Added to a CSR write that flushes the pipeline (address translation, status, delegation).
    pub csr_flush: u32,
    /// Added for each page-table entry that a hardware walk reads or updates, unless the walker still has it.
    pub pte_read: u32,
    /// Added for an entry that the walker still has: see [`crate::mmu::WalkCache`].
    pub pte_cached: u32,
    /// Added by a trap into any mode.
    pub trap_entry: u32,
    /// Added by a return from a trap.
    pub xret: u32,
    /// Added by SFENCE.VMA and HFENCE.VVMA on the own hart.
    pub fence_vma_local: u32,
    /// Added by HFENCE.GVMA on the own hart.
    pub fence_gvma_local: u32,
    /// Added by an uncached device read.
    pub mmio_device_read: u32,
    /// Added by a posted device write.
    pub mmio_device_write: u32,
    /// From an interrupt's send to its being pending at another hart.
    pub ipi_wire: u32,
    /// Added when a waiting hart wakes.
    pub wfi_wake: u32,
}

impl Costs {
    /// One cycle an instruction and nothing else.
    pub const FLAT: Costs = Costs {
        insn: 1,
        load_hit: 1,
        store_hit: 1,
        amo: 1,
        mul: 1,
        div: 1,
        fp: 1,
        fdiv: 1,
        csr_rw: 1,
        branch_miss: 0,
        jump_indirect: 0,
        csr_flush: 0,
        pte_read: 0,
        pte_cached: 0,
        trap_entry: 0,
        xret: 0,
        fence_vma_local: 0,
        fence_gvma_local: 0,
        mmio_device_read: 0,
        mmio_device_write: 0,
        ipi_wire: 0,
        wfi_wake: 0,
    };

    /// The static cost of one instruction of `class`, at least 1.
    pub fn of(&self, class: Class) -> u32 {
        let cost = match class {
            Class::Load | Class::FpLoad => self.load_hit,
            Class::Store | Class::FpStore => self.store_hit,
            Class::Mul => self.mul,
            Class::Div => self.div,
            Class::Fp => self.fp,
            Class::FpDiv => self.fdiv,
            Class::Amo => self.amo,
            Class::Csr => self.csr_rw,
            Class::JumpIndirect => self.insn + self.jump_indirect,
            Class::Int | Class::Branch | Class::Jump | Class::Fence | Class::System => self.insn,
        };
        cost.max(1)
    }
}
