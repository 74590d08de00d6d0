//! The run loop: events and interrupts between blocks, blocks in between.

use super::{Core, Hart};
use crate::bus::Bus;
use crate::interp::block::{Block, BlockOp, Translator, close};
use crate::interp::handlers;
use crate::mmu::Regime;
use crate::mode::Mode;
use crate::ram::{CodeEvent, PAGE_SIZE};
use crate::trap::{Access, AccessKind, Source, Trap};
use rv_isa::Class;
use rv_isa::fields::mip;

/// Why [`Hart::run`] came back. In every case the state is exact, between two instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The cycle that was asked for is reached.
    Until,
    /// WFI with nothing pending, and no timer or wire of its own before the cycle that was asked for. Time has not been advanced to that.
    Waiting,
    /// A watched page of memory was stored to, or a device asks for the machine's attention.
    Attention,
}

/// What one [`Hart::step`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEvent {
    /// An instruction retired.
    Retired {
        /// Its address.
        pc: u64,
        /// Its bits.
        raw: u32,
    },
    /// An instruction raised an exception, which was taken.
    Trapped {
        /// Its address.
        pc: u64,
        /// xcause of the mode that took it, as it arose.
        cause: u64,
    },
    /// An interrupt was taken; no instruction ran.
    Interrupted,
    /// The hart waits for an interrupt.
    Waiting,
}

impl Hart {
    /// Runs until virtual time reaches `until` (a cycle), or there is a reason to stop before. Stops at the first instruction boundary at or
    /// after `until`.
    pub fn run(&mut self, bus: &mut dyn Bus, until: u64) -> Stop {
        self.limit = 0;
        let stop = loop {
            if self.must_stop()
                && let Some(stop) = self.look_around(bus, until)
            {
                break stop;
            }
            self.run_block(bus);
        };
        self.account();
        stop
    }

    /// Executes one instruction, or takes one interrupt, with the complete handlers only.
    pub fn step(&mut self, bus: &mut dyn Bus) -> StepEvent {
        self.limit = 0;
        self.see_wires(bus);
        if self.pmu.overflows {
            self.look_for_overflows();
        }
        if !self.extensions.is_empty() {
            self.settle(bus);
        }
        if self.take_interrupt(bus) {
            return StepEvent::Interrupted;
        }
        if self.still_waiting() {
            return StepEvent::Waiting;
        }
        let pc = self.state.pc;
        let retired = self.state.retired;
        match self.fetch(bus) {
            Ok(raw) => {
                self.run_alone(raw, bus);
                match self.state.retired == retired {
                    true => StepEvent::Trapped { pc, cause: self.newest_cause() },
                    false => StepEvent::Retired { pc, raw },
                }
            }
            Err(trap) => {
                self.charge(self.costs.of(Class::System));
                self.trap(trap, 0);
                StepEvent::Trapped { pc, cause: trap.cause() }
            }
        }
    }

    fn newest_cause(&self) -> u64 {
        let csr = &self.state.csr;
        match self.state.mode {
            Mode::M => csr.mcause,
            Mode::HS | Mode::U => csr.scause,
            Mode::VS | Mode::VU => csr.vscause,
        }
    }

    /// Between blocks, when something may have happened: devices, code changes, interrupts, time.
    #[inline(always)]
    pub(super) fn look_around(&mut self, bus: &mut dyn Bus, until: u64) -> Option<Stop> {
        loop {
            self.see_wires(bus);
            if bus.ram().watch_hit() || bus.attention() {
                return Some(Stop::Attention);
            }
            if self.state.cycles >= until {
                return Some(Stop::Until);
            }
            if self.pmu.overflows {
                self.look_for_overflows();
            }
            if !self.extensions.is_empty() {
                self.settle(bus);
            }
            if self.take_interrupt(bus) {
                if self.record.is_some() {
                    self.interrupted();
                }
                continue;
            }
            let timer = self.next_event();
            if !self.still_waiting() {
                self.limit = until.min(timer);
                return None;
            }
            if timer > until || timer == u64::MAX {
                return Some(Stop::Waiting);
            }
            self.idle_until(timer);
        }
    }

    /// Looks at the wires. An edge sets its pending bit, which stays until software clears it.
    fn see_wires(&mut self, bus: &mut dyn Bus) {
        self.state.wires = bus.wires(self.state.hart_id as usize, self.state.cycles);
        // A device may have written to memory just then: to code, or to what is reserved.
        self.follow_code(bus);
        let foreign_writes = bus.ram().foreign_writes();
        if std::mem::replace(&mut self.foreign_writes, foreign_writes) != foreign_writes {
            self.state.reservation = None;
        }
        if self.state.has_aia() {
            let vgein = self.state.vgein();
            self.state.external = bus.external(self.state.hart_id as usize, vgein, self.state.cycles);
        }
        if std::mem::take(&mut self.state.wires.ssip) {
            self.state.csr.mip |= mip::SSIP;
        }
    }

    /// When something may happen without anybody's doing.
    fn next_event(&self) -> u64 {
        let event = self.wakes_at();
        if self.pmu.overflows { event.min(self.next_overflow()) } else { event }
    }

    /// WFI ends when an interrupt is pending and enabled in `mie`, whether or not it is taken.
    fn still_waiting(&mut self) -> bool {
        if self.state.waiting && self.is_interrupted() {
            self.state.waiting = false;
            self.charge(self.costs.wfi_wake);
        }
        self.state.waiting
    }

    /// An interrupt is pending and enabled at some level, which may have it disabled globally.
    fn is_interrupted(&self) -> bool {
        if self.state.has_aia() { self.top_pending() } else { self.mip() & self.state.csr.mie != 0 }
    }

    /// Catches up with changes to code that this or another hart, or a device, has made.
    fn follow_code(&mut self, bus: &mut dyn Bus) {
        let ram = bus.ram();
        let cursor = ram.code_cursor();
        if cursor == self.code_cursor {
            return;
        }
        match ram.code_events(self.code_cursor) {
            None => {
                self.cache.drop_all();
                self.mmu.flush_all();
            }
            Some(events) => {
                for event in events {
                    match *event {
                        CodeEvent::Marked(page) => self.mmu.end_writes(page),
                        CodeEvent::Dirtied(page) => self.cache.drop_page(page),
                    }
                }
            }
        }
        self.code_cursor = cursor;
        self.context = self.cache.context(self.state.mode as u8);
    }

    fn run_block(&mut self, bus: &mut dyn Bus) {
        let Some(ops) = self.next_ops(bus) else { return };
        // SAFETY: every block, and every part that `cut` makes, ends with an instruction that ends it.
        unsafe { ((*ops).handler)(self, ops, bus) }
    }

    /// The entries to run next: a block, or the beginning of one. `None` if the run loop must have a look first.
    #[inline(always)]
    pub(super) fn next_ops(&mut self, bus: &mut dyn Bus) -> Option<*const BlockOp> {
        let pc = self.state.pc;
        let block = match self.cache.jump(pc, self.context) {
            Some(block) => block,
            None => match self.find_block(bus) {
                Ok(block) => block,
                Err(trap) => {
                    // An instruction that can't be fetched takes its time all the same, or a loop of such traps would take none.
                    self.charge(self.costs.of(Class::System));
                    self.trap(trap, 0);
                    return None;
                }
            },
        };
        // Finding it may have taken a walk, and time.
        if self.must_stop() {
            return None;
        }
        // SAFETY: blocks are dropped between runs of blocks only.
        let block = unsafe { &*block };
        self.page = pc & !(PAGE_SIZE - 1);
        Some(if self.state.cycles + block.cost <= self.limit { block.ops.as_ptr() } else { self.cut(block) })
    }

    /// A copy of the block's beginning that ends at the first instruction boundary at or past the limit.
    #[cold]
    fn cut(&mut self, block: &Block) -> *const BlockOp {
        let budget = self.limit - self.state.cycles;
        let whole = block.ops.partition_point(|op| u64::from(op.cost) < budget);
        let kept = &block.ops[..block.ops.len().min(whole + 1)];
        self.scratch.clear();
        self.scratch.extend_from_slice(kept);
        close(&mut self.scratch);
        self.scratch.as_ptr()
    }

    /// The block at `pc` when it isn't known by virtual address.
    #[cold]
    fn find_block(&mut self, bus: &mut dyn Bus) -> Result<*const Block, Trap> {
        // Decoding may mark code pages; the hart's own TLB must see that before any store.
        let found = self.find_or_decode(bus);
        self.follow_code(bus);
        found
    }

    fn find_or_decode(&mut self, bus: &mut dyn Bus) -> Result<*const Block, Trap> {
        let pc = self.state.pc;
        let Some(phys) = self.code_address(bus)? else { return self.lone_block(bus) };
        let block = match self.cache.block(phys) {
            Some(block) => block,
            None => {
                let translator = Translator { costs: &self.costs, isa: self.state.isa, extensions: &self.extensions };
                match translator.block(bus.ram(), phys) {
                    Some(block) => self.cache.insert(phys, block),
                    None => return self.lone_block(bus),
                }
            }
        };
        self.context = self.cache.context(self.state.mode as u8);
        self.cache.set_jump(pc, self.context, block);
        Ok(block)
    }

    /// Physical address of `pc` if the whole page may be executed; `None` if each instruction must be checked by itself.
    fn code_address(&mut self, bus: &mut dyn Bus) -> Result<Option<u64>, Trap> {
        let pc = self.state.pc;
        let regime = Regime::fetch(&self.state);
        let space = regime.space(&self.state);
        if self.mmu.tlb(space).executable(pc).is_none() {
            let access = Access { kind: AccessKind::Fetch, source: Source::Fetch, size: 2, va: pc };
            Core { hart: self, bus }.resolve(access, pc, 2, regime)?;
        }
        Ok(self.mmu.tlb(space).executable(pc))
    }

    /// A block of the one instruction at `pc`, fetched and checked parcel by parcel, and used once: it may cross a page, or lie where PMP
    /// changes within a page.
    fn lone_block(&mut self, bus: &mut dyn Bus) -> Result<*const Block, Trap> {
        let raw = self.fetch(bus)?;
        let translator = Translator { costs: &self.costs, isa: self.state.isa, extensions: &self.extensions };
        let block = translator.lone(raw, self.state.pc % PAGE_SIZE);
        Ok(&raw const **self.lone.insert(Box::new(block)))
    }

    fn fetch(&mut self, bus: &mut dyn Bus) -> Result<u32, Trap> {
        let pc = self.state.pc;
        let mut core = Core { hart: self, bus };
        let low = core.parcel(pc, pc)?;
        if low & 3 != 3 {
            return Ok(low);
        }
        Ok(low | core.parcel(pc, pc.wrapping_add(2))? << 16)
    }

    fn run_alone(&mut self, raw: u32, bus: &mut dyn Bus) {
        let translator = Translator { costs: &self.costs, isa: self.state.isa, extensions: &self.extensions };
        let mut block = translator.lone(raw, self.state.pc % PAGE_SIZE);
        if let Some(insn) = translator.known(raw) {
            block.ops[0].handler = handlers::select_slow(insn.op, &block.ops[0].operands);
        }
        self.page = self.state.pc & !(PAGE_SIZE - 1);
        // SAFETY: the block ends with an instruction that ends it.
        unsafe { (block.ops[0].handler)(self, block.ops.as_ptr(), bus) }
    }
}
