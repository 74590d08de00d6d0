//! A hart: architectural state, the extensions it has, and everything derived that makes it fast.

mod aia;
mod enter;
mod memory;
mod recorded;
mod run;

use crate::bus::Bus;
use crate::cost::Costs;
use crate::counters::Counters;
use crate::csr::{self, Pmu};
use crate::engine::{Flow, Operands};
use crate::ext::{Extension, Forbidden, Outside, StandardBits};
use crate::interp::block::{Block, BlockOp};
use crate::interp::cache::Cache;
use crate::mmu::tlb::Entry;
use crate::mmu::{Mmu, Regime, Space};
use crate::record::Record;
use crate::state::HartState;
use crate::trap::Trap;
pub use run::{StepEvent, Stop};
use rv_float::Rounding;
use rv_isa::IsaSet;
use rv_isa::fields::mstatus;

/// Why a hart can't be made.
#[derive(Debug, thiserror::Error)]
pub enum HartError {
    /// Two owners of one CSR.
    #[error("extension {extension}: CSR {number:#x} exists already")]
    CsrTaken {
        /// The extension that came second.
        extension: &'static str,
        /// The CSR's number.
        number: u16,
    },
    /// An extension's instruction overlaps one of the base.
    #[error("extension {extension}: the encoding of {mnemonic} is taken")]
    EncodingTaken {
        /// The extension.
        extension: &'static str,
        /// Its instruction.
        mnemonic: &'static str,
    },
}

/// One hart.
#[repr(C)]
pub struct Hart {
    /// What software can see. After changing it from outside, call [`Hart::refresh`].
    pub state: HartState,
    /// The TLB that explicit accesses look into.
    pub(crate) data_tlb: *const Entry,
    /// Virtual address of the page of the block that runs.
    pub(crate) page: u64,
    /// The cycle at which the run loop must have a look; 0 to make it look at once.
    limit: u64,
    /// Floating-point state is dirty already and `frm` is valid: nothing is left to check or to mark.
    pub(crate) fp_ready: bool,
    mmu: Mmu,
    cache: Cache,
    /// Look-up context of the current mode.
    context: u64,
    scratch: Vec<BlockOp>,
    lone: Option<Box<Block>>,
    code_cursor: u64,
    /// What devices had written when the hart last looked.
    foreign_writes: u64,
    pub(crate) extensions: Vec<Box<dyn Extension>>,
    pub(crate) bits: StandardBits,
    /// Interrupts in the order of priority, those of extensions included.
    priority: Box<[u64]>,
    /// The CSRs of `state.isa`.
    pub(crate) rows: Box<csr::Rows>,
    pub(crate) pmu: Pmu,
    costs: Costs,
    counters: Counters,
    /// Cycles and instructions that `counters` has not got yet start here.
    accounted: (u64, u64),
    /// What the current step does, while somebody wants to know.
    pub(crate) record: Option<Box<Record>>,
}

// SAFETY: the raw pointers point into boxes that the hart owns, and none is shared.
unsafe impl Send for Hart {}

/// A hart together with the machine around it: what instructions and helpers work on.
pub struct Core<'a> {
    /// The hart.
    pub hart: &'a mut Hart,
    /// The machine.
    pub bus: &'a mut dyn Bus,
}

impl Core<'_> {
    /// Sets an integer register; x0 stays 0.
    pub(crate) fn set_x(&mut self, r: u8, value: u64) {
        if r != 0 {
            self.hart.state.x[usize::from(r)] = value;
            if let Some(record) = self.hart.record() {
                record.x(r, value);
            }
        }
    }
}

impl Hart {
    /// A hart after reset with its first instruction at `pc`, and the extensions `isa` of those that `rv_isa` knows.
    ///
    /// # Errors
    /// [`HartError`] if extensions clash with the base or with one another.
    pub fn new(
        hart_id: u64,
        pc: u64,
        isa: IsaSet,
        costs: Costs,
        extensions: Vec<Box<dyn Extension>>,
    ) -> Result<Hart, HartError> {
        check_extensions(&extensions)?;
        let bits = merged_bits(&extensions);
        let priority = enter::priority(isa, &extensions);
        let mmu = Mmu::new();
        let mut hart = Hart {
            state: HartState::new(hart_id, pc, isa),
            data_tlb: mmu.entries(Space::Machine),
            page: 0,
            limit: 0,
            fp_ready: false,
            mmu,
            cache: Cache::new(),
            context: 0,
            scratch: Vec::new(),
            lone: None,
            code_cursor: 0,
            foreign_writes: 0,
            extensions,
            bits,
            priority,
            rows: csr::rows(isa),
            pmu: Pmu::default(),
            costs,
            counters: Counters::default(),
            accounted: (0, 0),
            record: None,
        };
        hart.refresh();
        Ok(hart)
    }

    /// Gives the hart an IMSIC with `guests` guest interrupt files (at most 63), which the bus answers for.
    pub fn attach_imsic(&mut self, guests: u8) {
        self.state = self.state.clone().with_imsic(Some(guests.min(63)));
        self.refresh();
    }

    /// Back to reset with the first instruction at `pc`. Virtual time and counters go on.
    pub fn reset(&mut self, pc: u64) {
        self.account();
        let HartState { cycles, retired, hart_id, isa, imsic, .. } = self.state;
        self.state = HartState { cycles, retired, ..HartState::new(hart_id, pc, isa).with_imsic(imsic) };
        self.extensions.iter_mut().for_each(|extension| extension.reset());
        self.refresh();
    }

    /// Brings everything derived from `state` up to date after it was changed from outside.
    pub fn refresh(&mut self) {
        self.mmu.flush_all();
        self.cache.drop_all();
        self.pmu = Pmu::of(&self.state.csr);
        self.refresh_mode();
    }

    /// The mode or a status bit changed: look through the right TLB, at the right blocks.
    pub(crate) fn refresh_mode(&mut self) {
        if !self.extensions.is_empty() {
            self.refresh_forbidden();
        }
        let regime = Regime::data(&self.state);
        self.data_tlb = match self.state.masks_pointers() && regime.pointer_mask(&self.state) != 0 {
            false => self.mmu.entries(regime.space(&self.state)),
            true => self.mmu.no_entries(),
        };
        self.context = self.cache.context(self.state.mode as u8);
        self.refresh_fp();
        self.attend();
    }

    fn refresh_forbidden(&mut self) {
        let merge = |a: Forbidden, b: Forbidden| Forbidden {
            float: a.float || b.float,
            guest_access: a.guest_access || b.guest_access,
        };
        let all = self.extensions.iter().map(|extension| extension.forbids(&self.state));
        self.state.forbidden = all.fold(Forbidden::default(), merge);
    }

    /// FS or frm may have changed.
    pub(crate) fn refresh_fp(&mut self) {
        let csr = &self.state.csr;
        let allowed = !self.state.forbidden.float;
        let dirty = |status: u64| status & mstatus::FS == mstatus::FS;
        let guest = !self.state.mode.virt() || dirty(csr.vsstatus);
        self.fp_ready = allowed && dirty(csr.mstatus) && guest && csr.frm <= 4;
    }

    /// Marks floating-point state dirty.
    pub(crate) fn dirty_fp(&mut self) {
        self.state.dirty_fp();
        self.refresh_fp();
    }

    /// Makes the run loop look at interrupts and events before the next instruction.
    pub(crate) fn attend(&mut self) {
        self.limit = 0;
    }

    /// The run loop must have a look before the next instruction.
    pub(crate) fn must_stop(&self) -> bool {
        self.state.cycles >= self.limit
    }

    /// The cost model.
    pub(crate) fn costs(&self) -> Costs {
        self.costs
    }

    /// Charges cycles on top of an instruction's own.
    pub(crate) fn charge(&mut self, cycles: u32) {
        self.state.cycles += u64::from(cycles);
    }

    /// Charges many cycles.
    pub(crate) fn charge_long(&mut self, cycles: u64) {
        self.state.cycles = self.state.cycles.saturating_add(cycles);
    }

    /// WFI: stall until an interrupt is pending.
    pub(crate) fn wait(&mut self) {
        self.state.waiting = true;
        self.attend();
    }

    /// A trap return has set mode and pc.
    pub(crate) fn returned(&mut self) {
        self.charge(self.costs.xret);
        self.switched(1);
    }

    /// The mode has changed: account for the old one, and look at the world as the new one does. `retiring` is 1 if an instruction did it,
    /// which is about to retire, and 0 for a trap.
    fn switched(&mut self, retiring: u64) {
        self.account();
        if self.pmu.filters {
            self.update_counters(retiring);
        }
        self.refresh_mode();
    }

    /// Forgets the translations of `spaces`, as a fence has it.
    pub(crate) fn fence(&mut self, spaces: &[Space]) {
        self.mmu.walker.flush();
        self.flush(spaces);
    }

    /// Forgets the translations of `spaces`, because they look at something else now. That is work of this program: hardware, whose
    /// entries have ASIDs and VMIDs, has nothing to do, so the walker's cache stays as it is and what follows costs little.
    pub(crate) fn flush(&mut self, spaces: &[Space]) {
        self.mmu.flush(spaces);
        self.cache.new_epoch();
        self.refresh_mode();
    }

    /// Forgets all translations.
    pub(crate) fn flush_all(&mut self) {
        self.mmu.flush_all();
        self.cache.new_epoch();
        self.refresh_mode();
    }

    /// What was counted so far, up to the last event that made the hart account.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Books cycles and instructions since the last call on the mode that they were spent in. Mode changes do so by themselves, with
    /// the trap or return booked on the mode left.
    pub fn account(&mut self) {
        let mode = self.accounted_mode();
        let (cycles, retired) = self.accounted;
        self.counters.cycles[mode] += self.state.cycles - cycles;
        self.counters.instret[mode] += self.state.retired - retired;
        self.accounted = (self.state.cycles, self.state.retired);
        if self.pmu.overflows {
            self.look_for_overflows();
        }
    }

    /// The mode whose look-up context is in force: that of the instructions not yet booked.
    fn accounted_mode(&self) -> usize {
        (self.context & 7) as usize
    }

    /// Passes the time until `cycle` without executing anything.
    pub fn idle_until(&mut self, cycle: u64) {
        if cycle > self.state.cycles {
            self.account();
            self.counters.idle += cycle - self.state.cycles;
            self.state.cycles = cycle;
            self.accounted.0 = cycle;
            self.attend();
        }
    }

    /// Another hart has run: what LR reserved may have been written.
    pub fn drop_reservation(&mut self) {
        self.state.reservation = None;
    }

    /// The extensions that the hart has.
    pub fn extensions(&self) -> &[Box<dyn Extension>] {
        &self.extensions
    }

    /// The same, to put back a snapshot's state. Call [`Hart::refresh`] afterwards.
    pub fn extensions_mut(&mut self) -> &mut [Box<dyn Extension>] {
        &mut self.extensions
    }

    /// Registers and hidden state of the extensions, by name.
    pub fn extension_registers(&self) -> Vec<(&'static str, u64)> {
        self.extensions.iter().flat_map(|extension| extension.registers(&self.state)).collect()
    }

    /// What the extensions have counted, by name.
    pub fn extension_counters(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.extensions.iter().flat_map(|extension| extension.counters())
    }

    /// Counts what other harts' extensions have done to this hart.
    pub fn changes(&self) -> u64 {
        self.extensions.iter().map(|extension| extension.changes()).sum()
    }

    /// The first cycle after now at which a timer, a wire or an extension changes what is pending; `u64::MAX` if none will.
    pub fn wakes_at(&self) -> u64 {
        let state = &self.state;
        self.extensions.iter().map(|extension| extension.next_event(state)).fold(state.next_event(), u64::min)
    }

    /// Lets extension `index` act on the state and beyond it.
    pub(crate) fn extend<T>(
        &mut self,
        index: usize,
        bus: Option<&mut dyn Bus>,
        act: impl FnOnce(&mut dyn Extension, &mut HartState, &mut Outside<'_>) -> T,
    ) -> T {
        let roots = |state: &HartState| (state.csr.satp, [state.csr.vsatp, state.csr.hgatp]);
        let (host, guest) = roots(&self.state);
        let mut outside = Outside {
            ram: bus.map(|bus| bus.ram()),
            costs: self.costs,
            cycles: 0,
            events: self.record.as_deref_mut().map(Record::events),
        };
        let done = act(&mut *self.extensions[index], &mut self.state, &mut outside);
        let cycles = outside.cycles;
        self.charge_long(cycles);
        let (new_host, new_guest) = roots(&self.state);
        if (new_host, new_guest) != (host, guest) {
            // A return that also swaps a root: what comes below looks at the world as the new mode does already.
            self.account();
        }
        if new_host != host {
            self.flush(&Space::HOST);
        }
        if new_guest != guest {
            self.flush(&Space::GUEST);
        }
        done
    }

    /// Runs an extension's instruction.
    pub(crate) fn execute_extension(&mut self, o: &Operands, bus: &mut dyn Bus) -> Result<Flow, Trap> {
        let done = self.extend(o.imm as usize, Some(bus), |extension, state, outside| {
            extension.execute(state, outside, usize::from(o.rs1), o.raw)
        });
        self.switched(1);
        done.map(|()| Flow::Jump)
    }

    /// Lets the extensions catch up with what came from outside.
    #[cold]
    fn settle(&mut self, bus: &mut dyn Bus) {
        for index in 0..self.extensions.len() {
            self.extend(index, Some(&mut *bus), |extension, state, outside| extension.settle(state, outside));
        }
    }
}

/// The rounding mode that the field `rm` stands for; `None` if it is reserved.
#[inline(always)]
pub(crate) fn rounding(rm: u8, frm: u8) -> Option<Rounding> {
    Rounding::from_rm(if rm == 7 { frm } else { rm })
}

fn check_extensions(extensions: &[Box<dyn Extension>]) -> Result<(), HartError> {
    let mut seen = Vec::new();
    for extension in extensions {
        for csr in extension.csrs() {
            if crate::csr::is_standard(csr.number) || seen.contains(&csr.number) {
                return Err(HartError::CsrTaken { extension: extension.name(), number: csr.number });
            }
            seen.push(csr.number);
        }
        for row in extension.insns() {
            if rv_isa::decode(row.matches).is_some() {
                return Err(HartError::EncodingTaken { extension: extension.name(), mnemonic: row.mnemonic });
            }
        }
    }
    Ok(())
}

fn merged_bits(extensions: &[Box<dyn Extension>]) -> StandardBits {
    extensions.iter().map(|extension| extension.standard_bits()).fold(StandardBits::default(), |a, b| StandardBits {
        misa: a.misa | b.misa,
        mstatus: a.mstatus | b.mstatus,
        sstatus: a.sstatus | b.sstatus,
        hstatus: a.hstatus | b.hstatus,
        medeleg: a.medeleg | b.medeleg,
        mideleg: a.mideleg | b.mideleg,
        mie: a.mie | b.mie,
        mip: a.mip | b.mip,
        stateen: a.stateen | b.stateen,
        sip: a.sip | b.sip,
    })
}
