//! The seam through which an extension joins a hart without a line changed in this crate.
//!
//! An extension owns its state, brings CSR and instruction rows, and is asked at a few well-defined points: CSR access,
//! a G-stage leaf whose reserved bits are set, trap entry, and interrupt selection. Each of these is on a slow path, so a hart
//! without extensions pays nothing. Memory and time reach it as an [`Outside`], or as a [`View`] where it may only look.

use serde::{Deserialize, Serialize};

use crate::cost::Costs;
use crate::mmu::PHYS_BITS;
use crate::mmu::pmp::{self, PmpAccess};
use crate::mode::Mode;
use crate::ram::Ram;
use crate::state::HartState;
use crate::trap::{Access, Refusal, Trap};

/// Physical memory to look at, perhaps none: observers of registers have none to show.
#[derive(Clone, Copy, Default)]
pub struct View<'a>(pub(crate) Option<&'a Ram>);

impl View<'_> {
    /// The doubleword at the physical address `addr`, if it is memory and PMP lets S-mode read it.
    pub fn read(&self, state: &HartState, addr: u64) -> Option<u64> {
        let ram = self.0.filter(|_| reachable(state, addr, 8, PmpAccess::Load))?;
        ram.load(addr, 8)
    }
}

/// PMP lets S-mode at `len` bytes from the physical address `addr` on.
fn reachable(state: &HartState, addr: u64, len: u64, access: PmpAccess) -> bool {
    addr >> PHYS_BITS == 0 && pmp::allows(&state.csr, false, addr, len, access)
}

/// What lies outside of the hart's state, as an extension may use it: physical memory, time, and the trace.
pub struct Outside<'a> {
    pub(crate) ram: Option<&'a mut Ram>,
    pub(crate) costs: Costs,
    pub(crate) cycles: u64,
    pub(crate) events: Option<&'a mut Vec<Event>>,
}

impl Outside<'_> {
    /// The cost model.
    pub fn costs(&self) -> &Costs {
        &self.costs
    }

    /// Charges the hart cycles on top of what it is charged for anyway.
    pub fn charge(&mut self, cycles: u32) {
        self.cycles += u64::from(cycles);
    }

    /// Memory to look at.
    pub fn view(&self) -> View<'_> {
        View(self.ram.as_deref())
    }

    /// The doubleword at the physical address `addr`, if it is memory and PMP lets S-mode read it.
    pub fn read(&self, state: &HartState, addr: u64) -> Option<u64> {
        self.view().read(state, addr)
    }

    /// All of `len` bytes from the physical address `addr` on are memory that S-mode may write.
    pub fn writable(&self, state: &HartState, addr: u64, len: u64) -> bool {
        let memory = self.ram.as_ref().is_some_and(|ram| ram.contains(addr, len) && ram.writable(addr));
        memory && reachable(state, addr, len, PmpAccess::Store)
    }

    /// Writes the doubleword at the physical address `addr`; false, and nothing is written, if S-mode may not.
    #[must_use]
    pub fn write(&mut self, state: &HartState, addr: u64, value: u64) -> bool {
        self.writable(state, addr, 8) && self.ram.as_mut().is_some_and(|ram| ram.store(addr, 8, value))
    }

    /// Replaces the doubleword at `addr` by what `change` makes of it, in one piece; gives what it was. `None`, and nothing is
    /// written, if S-mode may not both read and write it.
    pub fn amo(&mut self, state: &HartState, addr: u64, change: impl FnOnce(u64) -> u64) -> Option<u64> {
        let old = self.read(state, addr)?;
        self.write(state, addr, change(old)).then_some(old)
    }

    /// Shows the trace that something has happened.
    pub fn tell(&mut self, name: &str, args: &[(&str, u64)]) {
        if let Some(events) = &mut self.events {
            let args = args.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            events.push(Event { name: name.to_owned(), args });
        }
    }
}

/// Something that an extension did, for traces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What.
    pub name: String,
    /// With what, by name.
    pub args: Vec<(String, u64)>,
}

/// What an extension forbids at the moment, beyond what the base does; asked whenever mode or status may have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forbidden {
    /// Floating-point state, as if FS were off.
    pub float: bool,
    /// HLV, HLVX and HSV in U-mode, as if `hstatus.HU` were 0.
    pub guest_access: bool,
}

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
    /// Writable in `mstateen0`, `hstateen0` and `sstateen0`, where these exist. What the bits guard is for the extension to check.
    pub stateen: u64,
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

/// An interrupt that an extension takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// Its number, for counters and traces.
    pub number: u64,
    /// Where it goes.
    pub entry: Entry,
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
/// state (translation mode, interrupt candidates) after each of them. A change of satp, vsatp or hgatp acts as a CSR write would.
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

    /// Reads `csr` without side effects; access was checked before. A register whose value is in memory that `view` doesn't show reads 0.
    fn csr_read(&self, state: &HartState, view: View<'_>, csr: u16) -> u64 {
        0
    }

    /// Writes the legalised `value` to `csr`; access was checked before.
    ///
    /// # Errors
    /// The exception that the accessing instruction raises in place of its effect.
    fn csr_write(
        &mut self,
        state: &mut HartState,
        outside: &mut Outside<'_>,
        csr: u16,
        value: u64,
    ) -> Result<(), Trap> {
        Ok(())
    }

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
    /// The exception that it raises instead; [`Refusal::trap`] makes those of instructions that may not execute.
    fn execute(&mut self, state: &mut HartState, outside: &mut Outside<'_>, row: usize, raw: u32) -> Result<(), Trap> {
        Err(Refusal::Illegal.trap(raw))
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

    /// The first cycle after now at which [`Extension::pending`], or what [`Extension::interrupt`] would take, changes by itself: something
    /// from another hart is on its way. `u64::MAX` if nothing is.
    fn next_event(&self, state: &HartState) -> u64 {
        u64::MAX
    }

    /// Counts what others (the extension's part on another hart) have done to this one, so that a hart that waits need not be asked.
    fn changes(&self) -> u64 {
        0
    }

    /// Interrupts that rank right behind a standard one: `(number, that one's number)`. All others come last, lowest number first.
    fn ranks(&self) -> &'static [(u64, u64)] {
        &[]
    }

    /// Catches up with what has come from outside, before interrupts are looked at. It may change memory and the extension's own state, and
    /// charge cycles, but neither mode nor pc.
    fn settle(&mut self, state: &mut HartState, outside: &mut Outside<'_>) {}

    /// What it forbids in this state.
    fn forbids(&self, state: &HartState) -> Forbidden {
        Forbidden::default()
    }

    /// Which of the enabled, pending interrupts destined to HS (`candidates`, bits of `mip`) it takes to a less privileged mode.
    fn claims(&self, state: &HartState, candidates: u64) -> u64 {
        0
    }

    /// No interrupt for M or HS is to be taken; `claimed` is what [`Extension::claims`] answered (perhaps nothing), `state.pc` the next
    /// instruction. `Some` enters the handler now; `None` leaves the interrupts pending. Comes before VS-level interrupts.
    ///
    /// # Errors
    /// An exception that is taken in place of the interrupt, at the next instruction; nothing of the interrupt has happened then. It goes to
    /// M or HS, as `medeleg` says, never to a guest.
    fn interrupt(
        &mut self,
        state: &mut HartState,
        outside: &mut Outside<'_>,
        claimed: u64,
    ) -> Result<Option<Interrupt>, Trap> {
        Ok(None)
    }

    /// What it has counted since the machine was made, by name. The names are the same at all times.
    fn counters(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Its registers and hidden state as a debugger would show them, by name.
    fn registers(&self, state: &HartState) -> Vec<(&'static str, u64)> {
        self.csrs().iter().map(|csr| (csr.name, self.csr_read(state, View::default(), csr.number))).collect()
    }

    /// The extension's state, for snapshots.
    fn save(&self) -> Vec<u8>;

    /// Puts back what [`Extension::save`] gave.
    ///
    /// # Errors
    /// A message for the reader if the bytes are not such a state.
    fn restore(&mut self, state: &[u8]) -> Result<(), String>;
}
