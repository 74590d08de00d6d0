//! The seam through which an extension joins a hart without a line changed in this crate.
//!
//! An extension owns its state, brings CSR and instruction rows, and is asked at a few well-defined points: CSR access,
//! a G-stage leaf whose reserved bits are set, trap entry, and interrupt selection. Each of these is on a slow path, so a hart
//! without extensions pays nothing.

use crate::mode::Mode;
use crate::state::HartState;
use crate::trap::{Access, Refusal, Trap};

/// Bits that an extension adds to the writable fields of standard CSRs; all 0 by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StandardBits {
    /// Read-only ones in `misa`.
    pub misa: u64,
    /// Writable in `mstatus`.
    pub mstatus: u64,
    /// Which of them `sstatus` shows too.
    pub sstatus: u64,
    /// Writable in `hstatus`.
    pub hstatus: u64,
    /// Writable in `medeleg`.
    pub medeleg: u64,
    /// Writable in `mideleg`.
    pub mideleg: u64,
    /// Writable in `mie`, and in `sie` where delegated.
    pub mie: u64,
    /// Writable in `mip`.
    pub mip: u64,
    /// Writable in `sip` where delegated.
    pub sip: u64,
}

/// A CSR that an extension adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsrName {
    /// Its number.
    pub number: u16,
    /// Its name in assembly.
    pub name: &'static str,
}

/// An instruction that an extension adds: `raw & mask == matches`. It always ends a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsnRow {
    /// Assembly name.
    pub mnemonic: &'static str,
    /// The fixed bits' values.
    pub matches: u32,
    /// The fixed bits.
    pub mask: u32,
}

/// A leaf entry of the G-stage whose reserved bits 60:54 are not all zero.
#[derive(Clone, Copy, Debug)]
pub struct ReservedLeaf {
    /// The entry as read from memory. It may also be a pointer to the next level: then R=W=X=0.
    pub pte: u64,
    /// The access under translation.
    pub access: Access,
    /// The access is the walk's own (a VS-stage entry), not the instruction's.
    pub implicit: bool,
}

/// Where a trap that an extension takes over goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The mode entered.
    pub mode: Mode,
    /// Its first instruction.
    pub pc: u64,
}

/// An instruction-set extension of one hart.
///
/// Methods that get `&mut HartState` may change any of it, `mode` and `pc` included; the hart refreshes what it derives from the
/// state (translation mode, interrupt candidates) after each of them.
#[allow(unused_variables)]
pub trait Extension: Send {
    /// Name, for reports.
    fn name(&self) -> &'static str;

    /// Puts the extension's state back to its reset value.
    fn reset(&mut self);

    /// Bits added to standard CSRs.
    fn standard_bits(&self) -> StandardBits {
        StandardBits::default()
    }

    /// CSRs that the extension owns. Numbers that the hart has already may not be taken.
    fn csrs(&self) -> &'static [CsrName] {
        &[]
    }

    /// Whether `csr` (one of its own) may be accessed now. Asked before the address check of the privileged specification
    /// (which follows, and can only refuse more).
    ///
    /// # Errors
    /// How the access is refused.
    fn csr_check(&self, state: &HartState, csr: u16, write: bool) -> Result<(), Refusal> {
        Ok(())
    }

    /// Reads `csr` without side effects; access was checked before.
    fn csr_read(&self, state: &HartState, csr: u16) -> u64 {
        0
    }

    /// Writes the legalised `value` to `csr`; access was checked before.
    fn csr_write(&mut self, state: &mut HartState, csr: u16, value: u64) {}

    /// Whether a write to `csr` flushes the pipeline, as one that changes delegation or translation does. For the cost model only.
    fn csr_flushes(&self, csr: u16) -> bool {
        false
    }

    /// Instructions that the extension adds, in encodings that the base leaves illegal.
    fn insns(&self) -> &'static [InsnRow] {
        &[]
    }

    /// Executes row `row` of [`Extension::insns`]. On entry `state.pc` is the instruction's own address; on success it must be the
    /// next one's. `state.mode` may change.
    ///
    /// # Errors
    /// How the instruction is refused.
    fn execute(&mut self, state: &mut HartState, row: usize, raw: u32) -> Result<(), Refusal> {
        Err(Refusal::Illegal)
    }

    /// A G-stage entry has reserved bits set: `Some(code)` raises that exception in place of the guest-page fault of the
    /// privileged specification (with the same tval, GPA and tinst).
    fn reserved_leaf(&self, state: &HartState, leaf: &ReservedLeaf) -> Option<u64> {
        None
    }

    /// An exception would trap to HS (delegated by `medeleg`, not by `hedeleg`): `Some` takes it over. The extension sets its
    /// own CSRs; the hart then enters the mode and pc named. `state.pc` is the trapping instruction's.
    fn route(&mut self, state: &mut HartState, trap: &Trap) -> Option<Entry> {
        None
    }

    /// Interrupts that the extension holds pending itself, as bits of `mip`.
    fn pending(&self, state: &HartState) -> u64 {
        0
    }

    /// Which of the enabled, pending interrupts destined to HS (`candidates`, bits of `mip`) it takes to a less privileged mode.
    fn claims(&self, state: &HartState, candidates: u64) -> u64 {
        0
    }

    /// No interrupt for M or HS is to be taken; `claimed` is what [`Extension::claims`] answered, `state.pc` the next
    /// instruction. `Some` enters the handler now; `None` leaves the interrupts pending. Comes before VS-level interrupts.
    fn interrupt(&mut self, state: &mut HartState, claimed: u64) -> Option<Entry> {
        None
    }

    /// The extension's state, for snapshots.
    fn save(&self) -> Vec<u8>;

    /// Puts back what [`Extension::save`] gave.
    ///
    /// # Errors
    /// A message for the reader if the bytes are not such a state.
    fn restore(&mut self, state: &[u8]) -> Result<(), String>;
}
