//! The machine: a board, its harts, and the order in which they take turns.
//!
//! Harts run one after another for a quantum of virtual time each, on one thread. What one hart does to another (memory, interrupts) is seen
//! at the other's next turn. A hart that waits is skipped until something may wake it; when all wait, time jumps.

use std::collections::BTreeMap;

use rv_devices::finisher::Finish;
use rv_devices::virtio::SLOTS;
use rv_devices::{GoldfishRtc, VirtioSlot};
use rv_hart::ext::Extension;
use rv_hart::{Hart, HartError, Observer, RamError};
use rv_isa::{Isa, IsaSet};

use crate::board::{Board, CYCLES_PER_SECOND};
use crate::boot::tree::{Chosen, Tree};
use crate::boot::{Contents, Part, Software, place, reset_vector};
use crate::cost::CostModel;
use crate::htif::Htif;
use crate::image::ImageError;
use crate::interrupts::{Aia, GUESTS_MAX};
use crate::map::{AddressMap, MapError, RAM_BASE, ROM, Range, devices};
use crate::report::Snapshot;

/// Most harts a machine can have.
pub const HARTS_MAX: usize = 64;
/// Virtual time between two looks at the host when nothing else limits a run.
const SLICE_CYCLES: u64 = 20_000_000;
/// The shortest turn. A reservation does not outlive its hart's turn, so an LR/SC loop must fit into one to make progress.
const QUANTUM_MIN: u64 = 100;
/// A timer set later than this (a century and more) never comes: sums of times must not overflow.
const TIME_MAX: u64 = 1 << 62;
/// No state of the board: the hart must look.
const UNSEEN: u64 = u64::MAX;
/// Snapshots kept; software that asks for more is not served, as each takes memory of the host.
const SNAPSHOTS_MAX: usize = 1000;

/// Makes the extensions of one hart.
pub type ExtensionFactory = Box<dyn FnMut(u64) -> Vec<Box<dyn Extension>>>;

/// What to build.
pub struct MachineConfig {
    /// Harts, 1 to 64.
    pub harts: usize,
    /// Bytes of memory, a multiple of 4 KiB. Reserved, not touched.
    pub memory: u64,
    /// Cycles that a hart runs before the next one's turn, at least 100, when there are several.
    pub quantum: u64,
    /// The harts' extensions, of those that `rv_isa` knows.
    pub isa: IsaSet,
    /// The interrupt controllers. With IMSICs the harts have Smaia and Ssaia too.
    pub aia: Aia,
    /// What events cost.
    pub costs: CostModel,
    /// The harts' other extensions, and the names that they add to the ISA string.
    pub extensions: ExtensionFactory,
    /// What is in the virtio slots, from the first on; at most 8.
    pub virtio: Vec<VirtioSlot>,
    /// The time at which virtual time begins, in seconds since 1970, if there is a real-time clock.
    pub rtc_base: Option<u64>,
}

impl Default for MachineConfig {
    /// One hart, 128 MiB, the standard ISA, the default cost model, no other extensions, nothing in the virtio slots, no real-time
    /// clock.
    fn default() -> Self {
        MachineConfig {
            harts: 1,
            memory: 128 << 20,
            quantum: 1000,
            isa: IsaSet::standard(),
            aia: Aia::None,
            costs: CostModel::built_in("default").expect("the built-in models are valid"),
            extensions: Box::new(|_| Vec::new()),
            virtio: Vec::new(),
            rtc_base: None,
        }
    }
}

/// Why a machine can't be built or loaded.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// The number of harts is out of range.
    #[error("{0} harts: a machine has 1 to {HARTS_MAX}")]
    Harts(usize),
    /// The memory size is not usable.
    #[error("memory of {0:#x} bytes: it must be a multiple of 4 KiB, and not nothing")]
    Memory(u64),
    /// A quantum in which an LR/SC loop could not be completed.
    #[error("a quantum of {0} cycles is too short: it must be at least {QUANTUM_MIN}")]
    Quantum(u64),
    /// More devices than there are slots.
    #[error("{0} virtio devices: a machine has room for {SLOTS}")]
    Virtio(usize),
    /// More guest interrupt files than there are numbers for.
    #[error("{0} guest interrupt files: a hart has {GUESTS_MAX} at most")]
    Guests(u8),
    /// The kernel command line can't be handed over.
    #[error("the kernel command line has a NUL character in it")]
    CommandLine,
    /// The address map has no room.
    #[error(transparent)]
    Map(#[from] MapError),
    /// The host has no memory.
    #[error(transparent)]
    Ram(#[from] RamError),
    /// The extensions clash.
    #[error(transparent)]
    Hart(#[from] HartError),
    /// A program file can't be used.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// How far to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Stop when all harts together have retired this many instructions since reset.
    pub max_insns: Option<u64>,
    /// Come back after about this many cycles of virtual time, to serve the host.
    pub slice: Option<u64>,
}

/// Why a run came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Software ended the run with this exit code.
    Exit(u64),
    /// The instruction limit is reached.
    InsnLimit,
    /// The slice is over.
    Slice,
    /// All harts wait, and only input from outside can wake them.
    Idle,
}

/// How software ended a run: an exit code alone doesn't tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitBy {
    /// Through `tohost`, with this exit code.
    Htif(u64),
    /// The test finisher was told of success.
    FinisherPass,
    /// The test finisher was told of a failure with this code, which may be 0.
    FinisherFail(u16),
}

/// An observer of a run that need not see all of it.
pub trait Watch: Observer {
    /// Before a hart's turn: whether its steps shall be shown. `retired` instructions have been retired by all harts together, and this turn
    /// retires `most` at most.
    fn wanted(&mut self, retired: u64, most: u64) -> bool;
}

/// A machine.
pub struct Machine {
    /// Memory and devices.
    pub board: Board,
    harts: Vec<Hart>,
    /// `Machine::changes` when each hart last found nothing that would end its waiting.
    seen: Vec<u64>,
    /// Idle time of each hart in the newest snapshot.
    idle_shown: Vec<u64>,
    /// Virtual time that all harts have reached, but for a nap.
    now: u64,
    /// How far slices have got in the time that all harts wait; of no meaning if it is not beyond `now`.
    napped: u64,
    quantum: u64,
    tree: Tree,
    htif: Option<Htif>,
    exit_by: Option<ExitBy>,
    output: Vec<u8>,
    symbols: BTreeMap<String, u64>,
    layout: Vec<Part>,
    snapshots: Vec<(u16, Snapshot)>,
    /// The hart whose turn it is, when a round was interrupted.
    turn: usize,
    /// What was loaded, for a reset.
    software: Software,
    loaded: bool,
}

impl Machine {
    /// Builds a machine with nothing in its memory.
    ///
    /// # Errors
    /// [`MachineError`] says what of the configuration can't be had.
    pub fn new(config: MachineConfig) -> Result<Machine, MachineError> {
        let MachineConfig { harts: count, memory, quantum, mut isa, aia, costs, mut extensions, virtio, rtc_base } =
            config;
        if !(1..=HARTS_MAX).contains(&count) {
            return Err(MachineError::Harts(count));
        }
        if memory == 0 || !memory.is_multiple_of(4096) {
            return Err(MachineError::Memory(memory));
        }
        if quantum < QUANTUM_MIN {
            return Err(MachineError::Quantum(quantum));
        }
        if virtio.len() > SLOTS {
            return Err(MachineError::Virtio(virtio.len()));
        }
        if let Aia::AplicImsic { guests } = aia {
            if guests > GUESTS_MAX {
                return Err(MachineError::Guests(guests));
            }
            isa = isa.with(Isa::Smaia).closed();
        }
        let map = AddressMap::of(&devices(aia, count, rtc_base.is_some()), memory)?;
        let rtc = rtc_base.and_then(|base| GoldfishRtc::new(base.saturating_mul(1_000_000_000), CYCLES_PER_SECOND));
        let hart_costs = costs.costs();
        let board = Board::new(map, memory, count, aia, costs, rtc, virtio).ok_or(MachineError::Harts(count))??;
        let mut harts = (0..count as u64)
            .map(|id| Hart::new(id, ROM.base, isa, hart_costs, extensions(id)))
            .collect::<Result<Vec<_>, _>>()?;
        if let Aia::AplicImsic { guests } = aia {
            harts.iter_mut().for_each(|hart| hart.attach_imsic(guests));
        }
        let further = harts[0].extensions().iter().map(|extension| extension.name().to_lowercase()).collect();
        Ok(Machine {
            board,
            harts,
            seen: vec![UNSEEN; count],
            idle_shown: vec![0; count],
            now: 0,
            napped: 0,
            quantum,
            tree: Tree { harts: count as u32, memory, isa, further, aia, rtc: rtc_base.is_some() },
            htif: None,
            exit_by: None,
            output: Vec::new(),
            symbols: BTreeMap::new(),
            layout: Vec::new(),
            snapshots: Vec::new(),
            turn: 0,
            software: Software::default(),
            loaded: false,
        })
    }

    /// Loads software and puts all harts at the reset vector.
    ///
    /// # Errors
    /// Which file does not fit, where, and why.
    pub fn load(&mut self, software: &Software) -> Result<(), MachineError> {
        if software.append.as_ref().is_some_and(|append| append.contains('\0')) {
            return Err(MachineError::CommandLine);
        }
        let contents = if self.loaded { Contents::Used } else { Contents::Fresh };
        let memory = self.memory();
        let placed = place(&mut self.board.ram, contents, memory, software, &self.tree)?;
        self.board.ram.write_bytes(ROM.base, &reset_vector(&placed))?;
        let symbol = |name: &str| placed.symbols.get(name).copied();
        self.htif = symbol("tohost").map(|tohost| Htif::new(tohost, symbol("fromhost")));
        if let Some(htif) = self.htif {
            self.board.ram.watch(htif.tohost, 8);
        }
        self.symbols = placed.symbols;
        self.layout = placed.layout;
        self.software = software.clone();
        self.exit_by = None;
        self.loaded = true;
        self.reset_harts();
        Ok(())
    }

    /// Where memory is.
    pub fn memory(&self) -> Range {
        Range::new(RAM_BASE, self.tree.memory).expect("checked when the machine was built")
    }

    /// What was loaded where; the last is the device tree. Nothing before anything was loaded.
    pub fn layout(&self) -> &[Part] {
        &self.layout
    }

    /// The device tree as it is in memory, where it was loaded; `None` before anything was.
    pub fn loaded_tree(&self) -> Option<Vec<u8>> {
        let range = self.layout.last()?.range;
        let mut tree = vec![0; range.len() as usize];
        self.board.ram.read_bytes(range.base(), &mut tree).ok()?;
        Some(tree)
    }

    /// The board's own device tree, without software.
    pub fn device_tree(&self, append: Option<&str>) -> Vec<u8> {
        self.tree.build(&Chosen { append: append.map(str::to_owned), initrd: None })
    }

    /// The harts.
    pub fn harts(&self) -> &[Hart] {
        &self.harts
    }

    /// Virtual time in cycles that all harts have reached.
    pub fn now(&self) -> u64 {
        self.now.max(self.napped)
    }

    /// Instructions retired by all harts.
    pub fn retired(&self) -> u64 {
        self.harts.iter().map(|hart| hart.state.retired).sum()
    }

    /// How software ended the run, if it did.
    pub fn exit_by(&self) -> Option<ExitBy> {
        self.exit_by
    }

    /// The address of a symbol of the loaded ELF files.
    pub fn symbol(&self, name: &str) -> Option<u64> {
        self.symbols.get(name).copied()
    }

    /// Moves what software has printed since the last call to the end of `sink`.
    pub fn drain_output(&mut self, sink: &mut Vec<u8>) {
        sink.append(&mut self.output);
        self.board.drain_output(sink);
    }

    /// Counters of all harts now. Looking changes nothing for software: a hart that waits is credited with the idle time up to now, although
    /// it may turn out to have woken within the quantum.
    pub fn snapshot(&mut self) -> Snapshot {
        self.harts.iter_mut().for_each(Hart::account);
        let now = self.harts.iter().map(|hart| hart.state.cycles).max().unwrap_or(self.now).max(self.now());
        let counters = |(hart, shown): (&Hart, &mut u64)| {
            let mut counters = hart.counters().clone();
            counters.named = hart.extension_counters().map(|(name, count)| (name.to_owned(), count)).collect();
            if hart.state.waiting {
                counters.idle += now.saturating_sub(hart.state.cycles);
            }
            // A counter never goes back, not even by what was credited too early.
            *shown = counters.idle.max(*shown);
            counters.idle = *shown;
            counters
        };
        Snapshot {
            cycles: now,
            harts: self.harts.iter().zip(&mut self.idle_shown).map(counters).collect(),
            padding_points: self.board.marked().clone(),
        }
    }

    /// The snapshots that software asked for by markers, in order; the first thousand of them.
    pub fn snapshots(&self) -> &[(u16, Snapshot)] {
        &self.snapshots
    }

    /// The bytes between two symbols, as lines of hexadecimal words of `granularity` bytes: the signature of an architectural test.
    ///
    /// # Errors
    /// What is missing.
    pub fn signature(&self, granularity: usize) -> Result<String, String> {
        let symbol = |name: &str| self.symbol(name).ok_or_else(|| format!("the program has no symbol {name}"));
        let (from, to) = (symbol("begin_signature")?, symbol("end_signature")?);
        let len = to.checked_sub(from).ok_or("end_signature lies before begin_signature")?;
        if !self.board.ram.contains(from, len.max(1)) {
            return Err(format!("the signature at {from:#x} with {len:#x} bytes is outside of memory"));
        }
        let mut bytes = vec![0; len as usize];
        self.board.ram.read_bytes(from, &mut bytes).map_err(|error| error.to_string())?;
        // The last line is a whole word too.
        bytes.resize(bytes.len().next_multiple_of(granularity.max(1)), 0);
        let line = |word: &[u8]| word.iter().rev().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
        Ok(bytes.chunks(granularity.max(1)).map(line).collect())
    }

    /// Runs until something ends the run, or a limit is reached. Where a run is cut into slices makes no difference to software.
    pub fn run(&mut self, limits: &Limits) -> Stop {
        self.run_watched(limits, None)
    }

    /// As [`Machine::run`], and shows what `watch` wants to see. Software can't tell: everything happens in the same order, at the same times.
    pub fn run_watched(&mut self, limits: &Limits, mut watch: Option<&mut dyn Watch>) -> Stop {
        self.give_character();
        let end = limits.slice.map_or(u64::MAX, |slice| self.now().saturating_add(slice.max(1)));
        if self.napped > self.now
            && let Some(stop) = self.sleep(end)
        {
            return stop;
        }
        loop {
            if let Some(stop) = self.round(end, limits.max_insns, &mut watch) {
                return stop;
            }
            if self.now >= end && limits.slice.is_some() {
                return Stop::Slice;
            }
        }
    }

    /// A program that waits for a character through HTIF gets it, if one was typed.
    fn give_character(&mut self) {
        if let Some(htif) = self.htif.as_mut().filter(|htif| htif.reading)
            && let Some(character) = self.board.take_input()
        {
            htif.give(&mut self.board.ram, character);
        }
    }

    /// The end of the current round. Several harts always have whole quanta, so that their interleaving hangs on no slice.
    fn horizon(&self, end: u64) -> u64 {
        if self.harts.len() > 1 {
            return self.now.saturating_add(self.quantum);
        }
        let next = self.now.saturating_add(SLICE_CYCLES);
        if end > self.now { next.min(end) } else { next }
    }

    /// Gives every hart its turn up to a common horizon. Interrupted rounds go on at the hart where they were.
    fn round(&mut self, end: u64, max_insns: Option<u64>, watch: &mut Option<&mut dyn Watch>) -> Option<Stop> {
        let horizon = self.horizon(end);
        while self.turn < self.harts.len() {
            if let Some(stop) = self.turn_of(self.turn, horizon, max_insns, watch) {
                return Some(stop);
            }
            // The others run now, and may write what this hart has reserved.
            if self.harts.len() > 1 {
                self.harts[self.turn].drop_reservation();
            }
            self.turn += 1;
        }
        self.turn = 0;
        self.now = horizon;
        if self.harts.iter().all(|hart| hart.state.waiting) { self.sleep(end) } else { None }
    }

    /// Runs hart `index` up to `horizon`.
    fn turn_of(
        &mut self,
        index: usize,
        horizon: u64,
        max_insns: Option<u64>,
        watch: &mut Option<&mut dyn Watch>,
    ) -> Option<Stop> {
        loop {
            if self.sleeps_through(index, horizon) {
                return None;
            }
            let retired = self.retired();
            let budget = max_insns.map_or(u64::MAX, |max| max.saturating_sub(retired));
            if budget == 0 {
                return Some(Stop::InsnLimit);
            }
            let hart = &mut self.harts[index];
            if hart.state.waiting {
                hart.idle_until(self.now);
            }
            // An instruction takes at least a cycle, so this many cycles never exceed the budget.
            let until = horizon.min(hart.state.cycles.saturating_add(budget));
            let most = until.saturating_sub(hart.state.cycles);
            let wanted = watch.as_deref_mut().and_then(|watch| watch.wanted(retired, most).then_some(watch));
            let stop = match wanted {
                Some(watch) => hart.run_recorded(&mut self.board, until, watch),
                None => hart.run(&mut self.board, until),
            };
            // A hart that was stopped by its time may have become ready in the last cycle, without having looked.
            self.seen[index] = if stop == rv_hart::Stop::Waiting { self.changes(index) } else { UNSEEN };
            match stop {
                rv_hart::Stop::Until if self.harts[index].state.cycles >= horizon => return None,
                rv_hart::Stop::Until => {}
                rv_hart::Stop::Waiting => return None,
                rv_hart::Stop::Attention => {
                    if let Some(stop) = self.attend() {
                        return Some(stop);
                    }
                }
            }
        }
    }

    /// The hart waits, and nothing can wake it before `horizon`.
    fn sleeps_through(&self, index: usize, horizon: u64) -> bool {
        let hart = &self.harts[index];
        hart.state.waiting && self.seen[index] == self.changes(index) && hart.wakes_at() > horizon
    }

    /// Counts what may have woken a hart: what devices did, and what other harts' extensions did to it. Neither ever goes back.
    fn changes(&self, index: usize) -> u64 {
        self.board.changes() + self.harts[index].changes()
    }

    /// All harts wait: jump to the first event, if there is one. Not beyond the end of the slice: the host may have something for them before
    /// that. Such a nap leaves `now` where it is, so that turns begin at the event, however long the slices are.
    fn sleep(&mut self, end: u64) -> Option<Stop> {
        let asleep = (0..self.harts.len()).all(|index| self.sleeps_through(index, self.now));
        if !asleep {
            // Whatever it was that woke them came after the nap.
            self.now = self.now();
            return None;
        }
        match self.harts.iter().map(Hart::wakes_at).min() {
            Some(event) if event > end && event < TIME_MAX => {
                self.napped = end;
                Some(Stop::Slice)
            }
            Some(event) if event < TIME_MAX => {
                self.now = event.max(self.now);
                None
            }
            _ => Some(Stop::Idle),
        }
    }

    /// A device or a watched store wants to be looked at.
    fn attend(&mut self) -> Option<Stop> {
        if let Some(number) = self.board.take_marker() {
            let snapshot = self.snapshot();
            if self.snapshots.len() < SNAPSHOTS_MAX {
                self.snapshots.push((number, snapshot));
            }
        }
        if let Some(finish) = self.board.take_finish() {
            match finish {
                Finish::Pass => return Some(self.exit(ExitBy::FinisherPass)),
                Finish::Fail(code) => return Some(self.exit(ExitBy::FinisherFail(code))),
                Finish::Reset => self.reset(),
            }
        }
        if self.board.ram.take_watch_hit() {
            let exit = self.htif.as_mut()?.serve(&mut self.board.ram, &mut self.output);
            self.give_character();
            return exit.map(|code| self.exit(ExitBy::Htif(code)));
        }
        None
    }

    /// Software ends the run.
    fn exit(&mut self, by: ExitBy) -> Stop {
        self.exit_by = Some(by);
        Stop::Exit(match by {
            ExitBy::Htif(code) => code,
            ExitBy::FinisherPass => 0,
            ExitBy::FinisherFail(code) => code.into(),
        })
    }

    /// Resets harts and devices, and loads the files anew: software has written to its data. Virtual time and other memory stay.
    fn reset(&mut self) {
        self.board.reset();
        let memory = self.memory();
        let placed = place(&mut self.board.ram, Contents::Used, memory, &self.software, &self.tree);
        debug_assert!(placed.is_ok(), "the same files were placed before");
        if let Some(htif) = &mut self.htif {
            htif.reading = false;
        }
        self.reset_harts();
    }

    /// Puts all harts at the reset vector.
    fn reset_harts(&mut self) {
        self.harts.iter_mut().for_each(|hart| hart.reset(ROM.base));
        self.seen.fill(UNSEEN);
    }
}
