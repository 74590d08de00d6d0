//! A path as a sequence: who works how long, and what passes between whom. This is what all forms of a diagram are drawn from.

use serde::Serialize;

use super::label::KICKS;
use super::programs::Role;

/// Somebody who works: a program on a hart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// What it is.
    pub name: String,
    /// The hart.
    pub hart: usize,
    /// The mode, as most specifications call it.
    pub mode: &'static str,
    /// What it is, for programs.
    #[serde(skip)]
    pub role: Role,
}

/// A function and its instructions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The name.
    pub function: String,
    /// Instructions in it, without those that it calls.
    pub insns: u64,
}

/// What an arrow stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A trap from the guest to kernel or firmware.
    Exit,
    /// A trap from the guest to a handler in user mode, by UER.
    Redirect,
    /// A system call of a process.
    SystemCall,
    /// Another exception of a process or the kernel.
    Exception,
    /// An interrupt that is taken by kernel or firmware.
    Interrupt,
    /// An interrupt that the guest takes.
    GuestInterrupt,
    /// The guest's return from it.
    GuestReturn,
    /// A return to user mode.
    ToUser,
    /// A return to a guest.
    ToGuest,
    /// URET to the guest, after UER.
    Uret,
    /// A user VEI that the own thread takes.
    PlainUserVei,
    /// The return from it.
    PlainReturn,
    /// A user VEI taken by a hardware context switch.
    HcsTake,
    /// The return by a hardware context switch.
    HcsReturn,
    /// A virtual event interrupt is sent.
    Send,
    /// An interrupt is sent to another hart's kernel.
    Ipi,
    /// The kernel gives the guest an interrupt.
    Inject,
    /// What one has written to memory is seen by another.
    Seen,
    /// Another return from a trap.
    Return,
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Somebody works.
    Work {
        /// Who.
        lane: usize,
        /// Instructions retired.
        insns: u64,
        /// In which functions, those with most instructions, in the order in which they came.
        functions: Vec<Part>,
        /// What it ends with, if that is a thing of its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        ends: Option<String>,
    },
    /// A hart waits for an interrupt.
    Wait {
        /// Who waits.
        lane: usize,
    },
    /// Something passes from one to another.
    Arrow {
        /// From whom.
        from: usize,
        /// To whom.
        to: usize,
        /// What it is.
        what: What,
        /// In words.
        label: String,
    },
}

/// A step with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timed {
    /// Cycles from the beginning of the path to that of the step, by the clock of the step's hart.
    pub at: i64,
    /// Cycles that it takes.
    pub cycles: u64,
    /// The guest has seen the end of its request already.
    pub after: bool,
    /// The step.
    #[serde(flatten)]
    pub step: Step,
}

/// A path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Path {
    /// A name that suits a file.
    pub name: String,
    /// The experiment.
    pub experiment: &'static str,
    /// The mechanism.
    pub mechanism: &'static str,
    /// What it is, in a line.
    pub about: String,
    /// What is to be seen.
    pub note: &'static str,
    /// The case that was traced.
    pub case: String,
    /// The cost model.
    pub cost_model: String,
    /// Cycles from the guest's request to its seeing that it is done.
    pub cycles: u64,
    /// Shortest and longest among the requests that were looked at.
    pub range: (u64, u64),
    /// How many these were.
    pub requests: usize,
    /// Who takes part.
    pub lanes: Vec<Lane>,
    /// What happens, in the order in which it did.
    pub steps: Vec<Timed>,
}

/// What a lane did in all, up to the guest's seeing the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Cycles of work, with those of traps and returns that it began.
    pub cycles: u64,
    /// Instructions.
    pub insns: u64,
    /// Cycles in which its hart waited.
    pub waited: u64,
}

impl Path {
    /// Arrows of a kind, up to the guest's seeing the end.
    pub fn count(&self, wanted: What) -> usize {
        let is = |timed: &&Timed| matches!(timed.step, Step::Arrow { what, .. } if what == wanted);
        self.steps.iter().filter(|timed| !timed.after).filter(is).count()
    }

    /// Exits by the access that makes the request, rather than because the guest waits.
    pub fn kicks(&self) -> usize {
        let kick = |timed: &&Timed| match &timed.step {
            Step::Arrow { what: What::Exit, label, .. } => KICKS.iter().any(|kick| label.ends_with(kick)),
            _ => false,
        };
        self.steps.iter().filter(|timed| !timed.after).filter(kick).count()
    }

    /// When the request is noticed by who serves it, and when it is served: the cycles at which these see and write the rings' indices.
    pub fn phases(&self) -> Option<(i64, i64)> {
        let seen = self.steps.iter().find(|timed| matches!(timed.step, Step::Arrow { what: What::Seen, .. }))?;
        let served = |timed: &&Timed| match &timed.step {
            Step::Work { ends: Some(ends), .. } => ends.starts_with("used.idx"),
            _ => false,
        };
        let served = self.steps.iter().find(served)?;
        Some((seen.at, served.at + served.cycles as i64))
    }

    /// What each lane did, in their order.
    pub fn sums(&self) -> Vec<Sum> {
        let mut sums = vec![Sum::default(); self.lanes.len()];
        for timed in self.steps.iter().filter(|timed| !timed.after) {
            match &timed.step {
                Step::Work { lane, insns, .. } => {
                    sums[*lane].cycles += timed.cycles;
                    sums[*lane].insns += insns;
                }
                Step::Wait { lane } => sums[*lane].waited += timed.cycles,
                Step::Arrow { from, .. } => sums[*from].cycles += timed.cycles,
            }
        }
        sums
    }
}

impl Step {
    /// The lane at which it begins.
    pub fn lane(&self) -> usize {
        match self {
            Step::Work { lane, .. } | Step::Wait { lane } | Step::Arrow { from: lane, .. } => *lane,
        }
    }
}

impl Lane {
    /// Name and place.
    pub fn title(&self) -> String {
        format!("{} ({}, hart {})", self.name, self.mode, self.hart)
    }

    /// A name that differs from those of other lanes.
    pub fn short(&self) -> String {
        format!("{}@{}", self.name, self.hart)
    }
}
