//! How a program ended, and what that means.

use serde::Serialize;

/// What is known of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It says, or shows, that all is well.
    Passed,
    /// It says, or shows, that something is wrong; or the emulator panicked.
    Failed,
    /// It took too long on the host's clock.
    TimedOut,
    /// It ended, or went on without end, and said nothing.
    NoVerdict,
    /// It couldn't be started.
    NotLoadable,
}

impl Verdict {
    /// All verdicts, in the order of the table's columns.
    pub const ALL: [Verdict; 5] =
        [Verdict::Passed, Verdict::Failed, Verdict::TimedOut, Verdict::NoVerdict, Verdict::NotLoadable];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::TimedOut => "timed out",
            Verdict::NoVerdict => "no verdict",
            Verdict::NotLoadable => "not loadable",
        }
    }
}

/// The result of one program.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// What is known now.
    pub verdict: Verdict,
    /// Why; of a program that passed, how.
    pub reason: String,
    /// Lines that explain more: where the harts are, which words differ.
    pub details: Vec<String>,
    /// Instructions that all harts have retired.
    pub instructions: u64,
    /// Time on the host's clock.
    pub seconds: f64,
    /// The newest part of what it printed.
    pub console: String,
}

impl Outcome {
    /// An outcome of which the rest is filled in by who ran the program.
    pub(super) fn new(verdict: Verdict, reason: impl Into<String>) -> Outcome {
        Outcome {
            verdict,
            reason: reason.into(),
            details: Vec::new(),
            instructions: 0,
            seconds: 0.0,
            console: String::new(),
        }
    }

    /// The same with lines that explain it.
    pub(super) fn with(self, details: Vec<String>) -> Outcome {
        Outcome { details, ..self }
    }
}
