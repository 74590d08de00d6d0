//! Traces: what each instruction did, as text, to files.
//!
//! A [`Trace`] watches a machine ([`Machine::run_watched`](crate::Machine::run_watched)). Triggers say when it is on, a filter what it shows,
//! and each output has a format. Where it is off, and no trigger needs to see instructions, the machine runs at full speed. How a hart finds
//! out what an instruction does is told in [`rv_hart::record`].

mod commit;
pub mod filter;
mod jsonl;
pub mod names;
pub mod symbols;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use rv_hart::{Observer, Step};

use crate::machine::Watch;
pub use filter::{CATEGORIES, Category, Filter, Trigger};
pub use names::Names;
pub use symbols::Symbols;

/// Bytes collected before they are written.
const CHUNK: usize = 64 << 10;

/// What is wrong with a description of a trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// A format that there isn't.
    #[error("there is no trace format `{0}`: use commit or jsonl")]
    Format(String),
    /// A category that there isn't.
    #[error("there is no trace category `{name}`: use {known}")]
    Category {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A key that there isn't.
    #[error("`{key}` can't be traced by: use one of {known}, with a value as in pc=0x80000000")]
    Key {
        /// What was asked for.
        key: String,
        /// What there is.
        known: &'static str,
    },
    /// A list with nothing in it.
    #[error("`{0}`: a value is missing")]
    Nothing(String),
    /// No number.
    #[error("`{0}` is not a number")]
    Number(String),
    /// A marker number that no marker has.
    #[error("marker {0}: markers have numbers from 1 to 2047")]
    Marker(String),
    /// An empty range.
    #[error("the range {0} is empty: its end must lie behind its start")]
    Range(String),
    /// A mode that there isn't.
    #[error("there is no privilege mode `{0}`: use M, S, U, VS or VU")]
    Mode(String),
    /// A symbol that there isn't.
    #[error("no function or label `{0}` in the files that are loaded")]
    Symbol(String),
    /// A symbol, where there are none.
    #[error("`{0}` can't be found: the files that are loaded have no symbols")]
    NoSymbols(String),
}

/// How a step is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Spike's commit log.
    Commit,
    /// A JSON object per line.
    Jsonl,
}

impl std::str::FromStr for Format {
    type Err = TraceError;

    fn from_str(name: &str) -> Result<Format, TraceError> {
        match name {
            "commit" => Ok(Format::Commit),
            "jsonl" => Ok(Format::Jsonl),
            _ => Err(TraceError::Format(name.to_owned())),
        }
    }
}

/// Where a trace goes: a file, perhaps a compressed one.
pub trait Sink: Write {
    /// Writes what is left, and an end mark if the format has one.
    ///
    /// # Errors
    /// The host's answer.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Sink for Vec<u8> {}

struct Output {
    format: Format,
    sink: Box<dyn Sink>,
    pending: Vec<u8>,
}

impl Output {
    fn write_out(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

/// When a trace is on, and what it shows.
#[derive(Clone, Debug, Default)]
pub struct TraceConfig {
    /// What is shown.
    pub filter: Filter,
    /// What switches it on; from the beginning if there is nothing.
    pub start: Vec<Trigger>,
    /// What switches it off. The instruction that does so isn't shown.
    pub stop: Vec<Trigger>,
    /// Lines in each output at most; then the trace is over.
    pub limit: Option<u64>,
    /// Names for addresses.
    pub symbols: Symbols,
    /// Names for the CSRs and instructions of extensions.
    pub names: Names,
}

/// A trace of a machine's run.
pub struct Trace {
    config: TraceConfig,
    outputs: Vec<Output>,
    on: bool,
    /// Instructions retired by all harts before the next step.
    retired: u64,
    lines: u64,
    /// Nothing will come any more.
    over: bool,
    error: Option<io::Error>,
}

impl Trace {
    /// A trace to `outputs`.
    pub fn new(config: TraceConfig, outputs: Vec<(Format, Box<dyn Sink>)>) -> Trace {
        let output = |(format, sink)| Output { format, sink, pending: Vec::new() };
        Trace {
            on: config.start.is_empty(),
            over: config.limit == Some(0),
            config,
            outputs: outputs.into_iter().map(output).collect(),
            retired: 0,
            lines: 0,
            error: None,
        }
    }

    /// Hands over what has come so far.
    ///
    /// # Errors
    /// The host's answer to this or an earlier writing; the trace is over then.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.outputs.iter_mut().try_for_each(|output| {
            output.write_out()?;
            output.sink.flush()
        })
    }

    /// Completes the outputs.
    ///
    /// # Errors
    /// The host's answer to this or an earlier writing.
    pub fn finish(mut self) -> io::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        self.outputs.iter_mut().try_for_each(|output| {
            output.write_out()?;
            output.sink.finish()
        })
    }

    /// Lines written to the output that has most.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Lets triggers see the step.
    fn switch(&mut self, step: &Step) {
        let triggers = if self.on { &mut self.config.stop } else { &mut self.config.start };
        let Some(index) = triggers.iter().position(|trigger| trigger.fires(step, self.retired)) else { return };
        // A count is passed only once.
        if matches!(triggers[index], Trigger::Insn(_)) {
            triggers.swap_remove(index);
        }
        self.on = !self.on;
        self.over = !self.on && self.config.start.is_empty();
    }

    fn show(&mut self, step: &Step) {
        let shown = self.config.filter.shown();
        let context = jsonl::Context { names: &self.config.names, symbols: &self.config.symbols };
        let mut written = false;
        for output in &mut self.outputs {
            written |= match output.format {
                Format::Commit => commit::line(&mut output.pending, step, shown, &self.config.names),
                Format::Jsonl => jsonl::line(&mut output.pending, step, shown, &context),
            };
            if output.pending.len() >= CHUNK
                && let Err(error) = output.write_out()
            {
                self.error = Some(error);
                self.over = true;
            }
        }
        self.lines += u64::from(written);
        if self.config.limit.is_some_and(|limit| self.lines >= limit) {
            self.over = true;
        }
    }
}

impl Observer for Trace {
    fn step(&mut self, step: &Step) {
        if self.over {
            return;
        }
        self.switch(step);
        self.retired += u64::from(step.retired());
        if self.on && self.config.filter.admits(step) {
            self.show(step);
        }
    }
}

impl Watch for Trace {
    fn wanted(&mut self, retired: u64, most: u64) -> bool {
        self.retired = retired;
        let soon = |trigger: &Trigger| match trigger {
            Trigger::Insn(count) => retired.saturating_add(most) >= *count,
            Trigger::Pc(_) | Trigger::Marker(_) | Trigger::Mode(_) => true,
        };
        !self.over && (self.on || self.config.start.iter().any(soon))
    }
}
