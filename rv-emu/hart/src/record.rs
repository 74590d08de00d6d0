//! What an instruction did, for observers: traces, lock-step comparison, replay.
//!
//! A recorded run is the same run: [`Hart::run_recorded`] goes through the blocks that [`Hart::run`] would go through, with the fast handlers
//! where that would have taken them, so that every cycle count and with it every interrupt is where it is without recording. What the
//! instructions tell on their way is put into a [`Step`]. While nothing is recorded, only slow paths ask (one test of a pointer).

use rv_isa::csr as number;
use serde::{Deserialize, Serialize};

use crate::bus::Bus;
use crate::ext::Event;
use crate::hart::{Hart, StepEvent};
use crate::mode::Mode;
use crate::trap::Trap;

const MRET: u32 = 0x3020_0073;
const SRET: u32 = 0x1020_0073;

/// A register that was written, and its new value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegWrite {
    /// 0 to 31; never integer register 0.
    pub register: u8,
    /// All 64 bits; of a single-precision number, with its NaN box.
    pub value: u64,
}

/// A CSR that was written, and its value after the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsrWrite {
    /// The register that holds the value: `mstatus` if `sstatus` was written, `fflags` and `frm` if `fcsr` was.
    pub number: u16,
    /// The value as it reads.
    pub value: u64,
}

/// An explicit access to memory or a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemAccess {
    /// The address as the instruction computed it: virtual where translation is on.
    pub addr: u64,
    /// Bytes: 1, 2, 4 or 8.
    pub size: u8,
    /// What was read or written, zero-extended.
    pub value: u64,
}

/// A trap that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What it was.
    pub trap: Trap,
    /// The mode left.
    pub from: Mode,
    /// The mode entered.
    pub to: Mode,
}

/// What one step of a hart did: an instruction that retired, one that raised an exception, or an interrupt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The hart's number.
    pub hart: u64,
    /// The instruction's address; for an interrupt, that of the instruction that has to wait.
    pub pc: u64,
    /// The instruction's bits, 16 of them if it is compressed. `None` if it could not be fetched, and for an interrupt.
    pub raw: Option<u32>,
    /// The mode that it ran in.
    pub mode: Mode,
    /// Where the hart goes on.
    pub next_pc: u64,
    /// Virtual time afterwards.
    pub cycle: u64,
    /// Instructions that the hart has retired, this one included.
    pub instret: u64,
    /// Integer registers written.
    pub x: Vec<RegWrite>,
    /// Floating-point registers written.
    pub f: Vec<RegWrite>,
    /// CSRs written, by the instruction or by a trap, each once, in ascending order. Counters that count are not listed.
    pub csrs: Vec<CsrWrite>,
    /// What was read from memory, in order. Translation's own reads are not listed.
    pub loads: Vec<MemAccess>,
    /// What was written to memory, in order.
    pub stores: Vec<MemAccess>,
    /// The trap that was taken; then no instruction retired.
    pub trap: Option<Taken>,
    /// What the hart's extensions did since the step before, in order.
    #[serde(default)]
    pub events: Vec<Event>,
}

impl Default for Step {
    fn default() -> Self {
        Step {
            hart: 0,
            pc: 0,
            raw: None,
            mode: Mode::M,
            next_pc: 0,
            cycle: 0,
            instret: 0,
            x: Vec::new(),
            f: Vec::new(),
            csrs: Vec::new(),
            loads: Vec::new(),
            stores: Vec::new(),
            trap: None,
            events: Vec::new(),
        }
    }
}

impl Step {
    /// An instruction retired.
    pub fn retired(&self) -> bool {
        self.trap.is_none()
    }

    /// Drops what the instruction is said to have done.
    fn forget(&mut self) {
        self.x.clear();
        self.f.clear();
        self.csrs.clear();
        self.loads.clear();
        self.stores.clear();
        self.trap = None;
        self.events.clear();
    }
}

/// Somebody who is shown each step of a hart, in order.
pub trait Observer {
    /// A step is done. `step` is the observer's to read until it returns.
    fn step(&mut self, step: &Step);
}

/// The step that is being made, and what is needed to tell what it changes. Who tells it something is on a path that should cost nothing
/// without it: hence all the `cold`.
#[derive(Default)]
pub(crate) struct Record {
    step: Step,
    /// mstatus and vsstatus before, which floating point changes on the side.
    status: [u64; 2],
    /// Integer registers before, of an extension's instruction.
    before: Option<[u64; 32]>,
    /// The extensions' CSRs as last seen, in the order of [`Hart::extensions`] and their lists.
    foreign: Vec<u64>,
    /// What extensions have done and no step has told yet.
    events: Vec<Event>,
    /// Interrupts that were taken and not yet shown.
    interrupts: Vec<Step>,
    /// Blocks are run an instruction at a time.
    one_by_one: bool,
    /// See [`Record::pause`].
    paused: bool,
}

impl Record {
    /// Where extensions tell what they do.
    pub(crate) fn events(&mut self) -> &mut Vec<Event> {
        &mut self.events
    }

    /// An integer register was written.
    #[cold]
    pub(crate) fn x(&mut self, register: u8, value: u64) {
        self.step.x.push(RegWrite { register, value });
    }

    /// A floating-point register was written.
    #[cold]
    pub(crate) fn f(&mut self, register: u8, value: u64) {
        self.step.f.push(RegWrite { register, value });
    }

    /// Memory was read.
    #[cold]
    pub(crate) fn load(&mut self, addr: u64, size: u8, value: u64) {
        self.step.loads.push(MemAccess { addr, size, value: low_bytes(value, size) });
    }

    /// Memory was written.
    #[cold]
    pub(crate) fn store(&mut self, addr: u64, size: u8, value: u64) {
        self.step.stores.push(MemAccess { addr, size, value: low_bytes(value, size) });
    }

    /// A CSR was written. Its value is looked up when the step is done.
    #[cold]
    pub(crate) fn csr(&mut self, number: u16) {
        for &number in homes(&number) {
            if let Err(place) = self.step.csrs.binary_search_by_key(&number, |write| write.number) {
                self.step.csrs.insert(place, CsrWrite { number, value: 0 });
            }
        }
    }

    fn has_csr(&self, number: u16) -> bool {
        self.step.csrs.iter().any(|write| write.number == number)
    }

    /// Floating-point exceptions were raised, whether or not they had accrued before.
    #[cold]
    pub(crate) fn flags(&mut self, raised: u8) {
        if raised != 0 {
            self.csr(number::FFLAGS);
        }
    }

    /// The instruction is begun anew by the complete handler.
    pub(crate) fn forget(&mut self) {
        self.step.forget();
    }

    /// A slow instruction is done, and the next one of its block follows. True if that shall be left to the caller.
    #[cold]
    pub(crate) fn pause(&mut self) -> bool {
        self.paused = self.one_by_one;
        self.one_by_one
    }

    /// Whether that was so, since the last time somebody asked.
    pub(crate) fn paused(&mut self) -> bool {
        std::mem::take(&mut self.paused)
    }

    /// A trap is being taken: nothing else has happened.
    pub(crate) fn trap(&mut self, trap: &Trap, from: Mode, to: Mode) {
        self.step.forget();
        self.step.trap = Some(Taken { trap: *trap, from, to });
        let written: &[u16] = match to {
            Mode::M => &[number::MSTATUS, number::MEPC, number::MCAUSE, number::MTVAL, number::MTINST, number::MTVAL2],
            Mode::HS => &[
                number::MSTATUS,
                number::HSTATUS,
                number::SEPC,
                number::SCAUSE,
                number::STVAL,
                number::HTVAL,
                number::HTINST,
            ],
            Mode::VS => &[number::VSSTATUS, number::VSEPC, number::VSCAUSE, number::VSTVAL],
            // An extension's own trap CSRs are found by comparison.
            Mode::U | Mode::VU => &[],
        };
        written.iter().for_each(|number| self.csr(*number));
    }

    /// What a trap return writes, even if nothing changes.
    fn trap_return(&mut self) {
        match (self.step.raw, self.step.mode) {
            (Some(MRET), _) => self.csr(number::MSTATUS),
            (Some(SRET), Mode::VS) => self.csr(number::VSSTATUS),
            (Some(SRET), _) => {
                self.csr(number::MSTATUS);
                self.csr(number::HSTATUS);
            }
            _ => {}
        }
    }
}

/// Where the value of a CSR is kept, if that is not under its own number.
fn homes(number: &u16) -> &[u16] {
    match *number {
        number::SSTATUS => &[number::MSTATUS],
        number::FCSR => &[number::FFLAGS, number::FRM],
        number::SIE => &[number::SIE, number::MIE],
        number::VSIE | number::HIE => &[number::MIE],
        number::SIP | number::VSIP | number::HIP => &[number::MIP],
        number::HVIP => &[number::MIP, number::HVIP],
        _ => std::slice::from_ref(number),
    }
}

fn low_bytes(value: u64, size: u8) -> u64 {
    if size >= 8 { value } else { value & ((1 << (8 * size)) - 1) }
}

impl Hart {
    /// The record, while one is made.
    #[inline(always)]
    pub(crate) fn record(&mut self) -> Option<&mut Record> {
        self.record.as_deref_mut()
    }

    /// Executes one instruction, or takes one interrupt, as [`Hart::step`] does, and writes down what happened. `step` says nothing new if the
    /// hart waits.
    pub fn step_recorded(&mut self, bus: &mut dyn Bus, step: &mut Step) -> StepEvent {
        self.start_recording(false);
        self.begin_step(None, true);
        let event = self.step(bus);
        if let Some(record) = self.record()
            && let StepEvent::Retired { raw, .. } = event
        {
            record.step.raw = Some(raw);
            if rv_isa::decode(raw).is_some() {
                record.before = None;
            }
        }
        match event {
            StepEvent::Waiting => {}
            StepEvent::Interrupted => self.interrupted(),
            StepEvent::Retired { .. } | StepEvent::Trapped { .. } => {
                let state = &self.state;
                self.end_step(state.pc, state.cycles, state.retired);
            }
        }
        if let Some(mut record) = self.record.take() {
            match event {
                StepEvent::Waiting => {}
                StepEvent::Interrupted => *step = record.interrupts.pop().unwrap_or_default(),
                StepEvent::Retired { .. } | StepEvent::Trapped { .. } => std::mem::swap(step, &mut record.step),
            }
        }
        event
    }

    /// From now on, slow paths tell what they do.
    pub(crate) fn start_recording(&mut self, one_by_one: bool) {
        let foreign = self.foreign_csrs().map(|number| self.csr_peek(number).unwrap_or(0)).collect();
        self.record = Some(Box::new(Record { foreign, one_by_one, ..Record::default() }));
    }

    /// No more of it.
    pub(crate) fn stop_recording(&mut self) {
        self.record = None;
    }

    /// The instruction at `state.pc` of mode `state.mode` comes next. `foreign`: it may be an extension's.
    pub(crate) fn begin_step(&mut self, raw: Option<u32>, foreign: bool) {
        let state = &self.state;
        let (pc, mode, hart) = (state.pc, state.mode, state.hart_id);
        let status = [state.csr.mstatus, state.csr.vsstatus];
        let before = foreign.then_some(state.x);
        let Some(record) = self.record() else { return };
        record.step.forget();
        record.step.raw = raw;
        record.step.pc = pc;
        record.step.mode = mode;
        record.step.hart = hart;
        record.status = status;
        record.before = before;
    }

    /// The instruction turned out to be at `pc` (the state's is brought up to date only where a block is left).
    pub(crate) fn begin_at(&mut self, pc: u64, raw: u32, foreign: bool) {
        self.begin_step(Some(raw), foreign);
        if let Some(record) = self.record() {
            record.step.pc = pc;
        }
    }

    /// The step is done, and this is where it has led.
    pub(crate) fn end_step(&mut self, next_pc: u64, cycle: u64, instret: u64) {
        let Some(mut record) = self.record.take() else { return };
        record.step.next_pc = next_pc;
        record.step.cycle = cycle;
        record.step.instret = instret;
        record.step.events.append(&mut record.events);
        let csr = &self.state.csr;
        if record.step.retired() {
            record.trap_return();
        }
        if csr.mstatus != record.status[0] {
            record.csr(number::MSTATUS);
        }
        if csr.vsstatus != record.status[1] && !record.has_csr(number::VSSTATUS) {
            // Floating point in a guest marks both ("vsstatus").
            record.csr(number::VSSTATUS);
            record.csr(number::MSTATUS);
        }
        if !self.extensions.is_empty() && (record.before.is_some() || record.step.trap.is_some()) {
            self.compare_foreign(&mut record);
        }
        for write in &mut record.step.csrs {
            write.value = self.csr_peek(write.number).unwrap_or(0);
        }
        self.record = Some(record);
    }

    /// An interrupt was taken: a step of its own.
    #[cold]
    pub(crate) fn interrupted(&mut self) {
        let (pc, cycle, retired, hart) = (self.state.pc, self.state.cycles, self.state.retired, self.state.hart_id);
        self.end_step(pc, cycle, retired);
        let Some(record) = self.record() else { return };
        let mut step = std::mem::take(&mut record.step);
        step.hart = hart;
        step.raw = None;
        step.mode = step.trap.map_or(step.mode, |taken| taken.from);
        record.interrupts.push(step);
    }

    /// A trap is being taken from `from` to `to`.
    #[cold]
    pub(crate) fn record_trap(&mut self, trap: &Trap, from: Mode, to: Mode) {
        let pc = self.state.pc;
        let status = [self.state.csr.mstatus, self.state.csr.vsstatus];
        let Some(record) = self.record() else { return };
        record.trap(trap, from, to);
        if trap.interrupt {
            record.step.pc = pc;
            record.status = status;
            record.before = None;
        }
    }

    /// What an extension's instruction or trap has changed.
    fn compare_foreign(&self, record: &mut Record) {
        let numbers: Vec<u16> = self.foreign_csrs().collect();
        for (index, number) in numbers.into_iter().enumerate() {
            let value = self.csr_peek(number).unwrap_or(0);
            if record.foreign.get(index).is_some_and(|before| *before != value) {
                record.csr(number);
                record.foreign[index] = value;
            }
        }
        let Some(before) = record.before.filter(|_| record.step.retired()) else { return };
        for (register, (before, after)) in (0..).zip(before.iter().zip(&self.state.x)) {
            if before != after && record.step.x.iter().all(|write| write.register != register) {
                record.x(register, *after);
            }
        }
    }

    fn foreign_csrs(&self) -> impl Iterator<Item = u16> {
        self.extensions().iter().flat_map(|extension| extension.csrs().iter().map(|csr| csr.number))
    }

    /// Shows the step that is done.
    pub(crate) fn show_step(&mut self, observer: &mut dyn Observer) {
        if let Some(record) = self.record() {
            observer.step(&record.step);
        }
    }

    /// Shows the interrupts that were taken.
    pub(crate) fn show_interrupts(&mut self, observer: &mut dyn Observer) {
        if let Some(record) = self.record() {
            record.interrupts.drain(..).for_each(|step| observer.step(&step));
        }
    }

    /// Whether the step that is being made took a trap.
    pub(crate) fn step_trapped(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.step.trap.is_some())
    }
}
