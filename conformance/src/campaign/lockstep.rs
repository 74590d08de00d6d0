//! Two machines, one program, one instruction at a time.

use std::collections::VecDeque;
use std::fmt;

use anyhow::Result;
use rv_hart::{Mode, StepEvent};
use serde::{Deserialize, Serialize};

use super::allowed::untouchable;
use super::coverage::{Coverage, csr_access};
use super::elf::Image;
use super::layout::{PAGE, USER_ALIAS};
use super::ours::Ours;

/// What two machines don't agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// The next instruction's address.
    Pc,
    /// The bits of the instruction.
    Instruction,
    /// Nominal privilege.
    Privilege,
    /// An integer register.
    X(u8),
    /// A floating-point register.
    F(u8),
    /// A CSR.
    Csr(u16),
    /// A doubleword of memory.
    Memory(u64),
    /// Something that the specification leaves open, and that can't be followed.
    Choice,
    /// The other machine has stopped.
    Silence,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Pc => write!(f, "pc"),
            Item::Instruction => write!(f, "instruction"),
            Item::Privilege => write!(f, "privilege"),
            Item::X(register) => write!(f, "x{register}"),
            Item::F(register) => write!(f, "f{register}"),
            Item::Csr(number) => write!(f, "{}", rv_isa::csr::name(*number).unwrap_or("a csr")),
            Item::Memory(address) => write!(f, "memory at {address:#x}"),
            Item::Choice => write!(f, "a choice"),
            Item::Silence => write!(f, "silence"),
        }
    }
}

/// The first difference of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// What.
    pub item: Item,
    /// Our value.
    pub ours: u64,
    /// The other's.
    pub theirs: u64,
    /// Steps of ours so far, this one included.
    pub step: u64,
    /// Address of the instruction of this step.
    pub pc: u64,
    /// Its bits.
    pub raw: u32,
    /// Our mode before it.
    pub mode: Mode,
    /// The last step of ours outside of handlers that trapped or changed what handlers show: address, bits and mode.
    pub suspect: (u64, u32, Mode),
}

impl Difference {
    /// Differences of one signature are most likely one: what differs, and which instruction came last.
    pub fn signature(&self) -> String {
        let kind = match self.item {
            Item::X(_) => "x".to_owned(),
            Item::F(_) => "f".to_owned(),
            Item::Memory(_) => "memory".to_owned(),
            item => item.to_string(),
        };
        let (_, bits, mode) = self.suspect;
        let name = rv_isa::decode(bits).map_or("nothing", |insn| insn.op.row().mnemonic);
        let in_handler = if self.raw == 0 { "in a handler after" } else { "at" };
        format!("{kind} {in_handler} {name} in {}", mode.name())
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The program came to its end.
    Finished,
    /// It was long enough.
    Budget,
    /// Traps only, or a loop.
    Livelock,
    /// It waits for an interrupt that doesn't come.
    Waiting,
    /// An instruction about which nothing can be said.
    Untouchable,
    /// A difference was found.
    Differs,
}

/// A finished comparison.
#[derive(Clone, Debug)]
pub struct Run {
    /// Instructions compared.
    pub insns: u64,
    /// Traps taken.
    pub traps: u64,
    /// Differences that are allowed, by their row in the table.
    pub allowed: Vec<u64>,
    /// Why it ended.
    pub ending: Ending,
    /// What was found.
    pub difference: Option<Difference>,
    /// The last steps in random code.
    pub code: VecDeque<Step>,
    /// The last steps of all.
    pub tail: VecDeque<Step>,
}

/// A step of ours.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Before it.
    pub before: Before,
    /// The instruction, if it is in random code.
    pub bits: u32,
    /// What it did.
    pub event: StepEvent,
}

/// Steps that a run keeps.
const TAIL: usize = 16;

fn keep(steps: &mut VecDeque<Step>, step: Step) {
    if steps.len() == TAIL {
        steps.pop_front();
    }
    steps.push_back(step);
}

/// Another machine that executes the same program.
pub trait Follower {
    /// Called before our step: may see to it that a choice which the specification leaves open falls as theirs.
    ///
    /// # Errors
    /// If the other can't be read.
    fn before(&mut self, ours: &mut Ours, allowed: &mut [u64]) -> Result<Option<Finding>>;

    /// Called after it: compares.
    ///
    /// # Errors
    /// If the other can't be read.
    fn after(
        &mut self,
        ours: &mut Ours,
        before: Before,
        event: StepEvent,
        allowed: &mut [u64],
    ) -> Result<Option<Finding>>;
}

/// Our machine before a step.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// Mode.
    pub mode: Mode,
    /// Program counter.
    pub pc: u64,
}

/// What differs, and both values: ours and theirs.
pub type Finding = (Item, u64, u64);

/// Limits of a run.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Steps.
    pub steps: u64,
    /// Traps without an instruction in between.
    pub traps: u32,
    /// Instructions of random code without a trap in between.
    pub straight: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { steps: 400_000, traps: 64, straight: 1_000 }
    }
}

/// Runs a program on both machines until its end or the first difference.
///
/// # Errors
/// If the other machine can't be read.
pub fn run(image: &Image, follower: &mut dyn Follower, limits: Limits, coverage: &mut Coverage) -> Result<Run> {
    let mut ours = Ours::new(image);
    let mut run = Run {
        insns: 0,
        traps: 0,
        allowed: vec![0; super::allowed::ALLOWED.len()],
        ending: Ending::Budget,
        difference: None,
        code: VecDeque::new(),
        tail: VecDeque::new(),
    };
    let mut watch = Watch::new(limits);
    for step in 1..=limits.steps {
        if ours.pc() == image.exit {
            run.ending = Ending::Finished;
            break;
        }
        let before = Before { mode: ours.mode(), pc: ours.pc() };
        let bits = ours.code_at(before.pc).unwrap_or_default();
        if bits != 0 {
            watch.suspect = (before.pc, bits, before.mode);
        }
        if csr_access(bits).is_some_and(|(number, _)| untouchable(number)) || long_encoding(&ours) {
            run.ending = Ending::Untouchable;
            break;
        }
        let mut finding = follower.before(&mut ours, &mut run.allowed)?;
        if finding.is_none() {
            let event = ours.step();
            count(&mut run, coverage, &ours, before, bits, event);
            if let Some(ending) = watch.look(event, bits) {
                run.ending = ending;
                break;
            }
            finding = follower.after(&mut ours, before, event, &mut run.allowed)?;
        }
        if let Some((Item::Choice, ..)) = finding {
            run.ending = Ending::Untouchable;
            break;
        }
        if let Some((item, mine, theirs)) = finding {
            run.ending = Ending::Differs;
            let Before { mode, pc } = before;
            let suspect = watch.suspect;
            run.difference = Some(Difference { item, ours: mine, theirs, step, pc, raw: bits, mode, suspect });
            break;
        }
    }
    Ok(run)
}

/// An encoding of more than 32 bits at the end of a page: whether its other parcels are fetched before it is found illegal is not said.
fn long_encoding(ours: &Ours) -> bool {
    let pc = ours.pc();
    let low = if pc % PAGE >= PAGE - 8 { ours.board.0.load(pc & 0xffff_fffe & !USER_ALIAS, 2) } else { None };
    low.is_some_and(|low| low & 0x1f == 0x1f)
}

/// Sees when a program gets nowhere.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    limits: Limits,
    suspect: (u64, u32, Mode),
    silent: u32,
    straight: u64,
}

impl Watch {
    /// A watch for a run with these limits.
    pub fn new(limits: Limits) -> Watch {
        Watch { limits, suspect: (0, 0, Mode::M), silent: 0, straight: 0 }
    }

    /// After a step; `bits` are those of random code.
    pub fn look(&mut self, event: StepEvent, bits: u32) -> Option<Ending> {
        match event {
            StepEvent::Waiting => return Some(Ending::Waiting),
            StepEvent::Retired { .. } => {
                self.silent = 0;
                self.straight = if bits == 0 { 0 } else { self.straight + 1 };
            }
            StepEvent::Trapped { .. } | StepEvent::Interrupted => {
                self.silent += 1;
                self.straight = 0;
            }
        }
        let stuck = self.silent > self.limits.traps || self.straight > self.limits.straight;
        stuck.then_some(Ending::Livelock)
    }
}

fn count(run: &mut Run, coverage: &mut Coverage, ours: &Ours, before: Before, bits: u32, event: StepEvent) {
    keep(&mut run.tail, Step { before, bits, event });
    if bits != 0 {
        keep(&mut run.code, Step { before, bits, event });
    }
    match event {
        StepEvent::Retired { raw, .. } => {
            run.insns += 1;
            coverage.retired(before.mode, raw);
        }
        StepEvent::Trapped { .. } | StepEvent::Interrupted => {
            run.traps += 1;
            let raw = if event == StepEvent::Interrupted { 0 } else { bits };
            coverage.trapped(before.mode, ours.mode(), raw, ours.newest_cause());
        }
        StepEvent::Waiting => {}
    }
}
