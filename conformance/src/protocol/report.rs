//! Outcomes of searches, and counterexamples in words.

use std::time::{Duration, Instant};

use super::mutation::Row;
use super::rules::Protocol;
use super::scenario::Scenario;
use super::search::{Found, Verdict, search};
use super::state::{State, activity, mode};

/// One search.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was searched.
    pub protocol: Protocol,
    /// What was found.
    pub found: Found,
    /// What should have been found.
    pub expected: Verdict,
    /// How long it took.
    pub time: Duration,
}

impl Outcome {
    /// Searches a scenario of the protocol as specified.
    pub fn of_scenario(scenario: &'static Scenario, limit: usize, progress: &mut dyn FnMut(usize, usize)) -> Outcome {
        Outcome::of(Protocol { scenario, mutation: None, stepwise: false }, Verdict::Holds, limit, progress)
    }

    /// Searches the scenario of a mutation.
    ///
    /// # Panics
    /// If the row names a scenario that there isn't.
    pub fn of_mutation(row: &Row, limit: usize, progress: &mut dyn FnMut(usize, usize)) -> Outcome {
        let scenario = Scenario::named(row.scenario).expect("a row names a scenario");
        Outcome::of(Protocol { scenario, mutation: Some(row.mutation), stepwise: false }, row.expected, limit, progress)
    }

    /// Searches.
    pub fn of(protocol: Protocol, expected: Verdict, limit: usize, progress: &mut dyn FnMut(usize, usize)) -> Outcome {
        let start = Instant::now();
        let found = search(&protocol, limit, progress);
        Outcome { protocol, found, expected, time: start.elapsed() }
    }

    /// What was found is what was expected.
    pub fn as_expected(&self) -> bool {
        self.found.verdict == self.expected
    }
}

/// The counterexample, step by step; empty if there is none.
pub fn story(outcome: &Outcome) -> String {
    let found = &outcome.found;
    if found.trace.is_empty() {
        return String::new();
    }
    let mut text = format!("start: {}\n", describe(&outcome.protocol, &found.start));
    for (number, (label, _)) in found.trace.iter().enumerate() {
        text += &format!("{:3}. {}\n", number + 1, label.words());
    }
    let end = found.trace.last().map_or(found.start, |(_, state)| *state);
    text += &format!("end: {}\n", describe(&outcome.protocol, &end));
    text += &format!("verdict: {}\n", explain(found.verdict));
    text
}

fn explain(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "every property holds",
        Verdict::Lost => "a wake-up is lost: work is left, and neither hardware nor kernel has anything more to do",
        Verdict::Livelock => "from here on no order of steps leads to all work being done",
        Verdict::Twice => "the last step activates a context whose handler is under way",
        Verdict::Stale => "the last step goes through a mapping or a context whose teardown is complete",
        Verdict::WrongContext => "the last step posts to a context that this guest was never mapped to",
        Verdict::FreedPage => "the last step reads memory that was given back",
        Verdict::Unfinished => "the search stopped at its limit",
    }
}

/// A state, in words.
pub fn describe(protocol: &Protocol, state: &State) -> String {
    let mut parts = Vec::new();
    for hart in 0..protocol.scenario.harts {
        let entry = &state.harts[hart as usize];
        let mut words = format!("hart {hart} runs {}", doing(entry.mode, entry.thread));
        if entry.slot != 0 {
            words += &format!(", slot has context {}", entry.slot - 1);
        }
        if entry.pending != 0 {
            words += &format!(", hucpend {:#b}", entry.pending);
        }
        parts.push(words);
    }
    for (index, context) in state.contexts.iter().enumerate().take(protocol.scenario.contexts.len()) {
        parts.push(format!("context {index}: PIR {:#04b}, ON {}, SN {}", context.pir, context.on, context.sn));
    }
    for (index, thread) in state.threads.iter().enumerate().take(protocol.scenario.threads.into()) {
        let queued = if thread.queued == 1 { "runnable" } else { "not queued" };
        let handler = match thread.activity {
            activity::PLAIN => ", in its handler",
            activity::HCS => ", its handler in a guest's place",
            activity::EVICTED => ", its handler evicted",
            _ => "",
        };
        parts.push(format!("thread {index}: {queued}{handler}"));
    }
    if state.fresh != 0 {
        parts.push(format!("rings not served {:#06b}", state.fresh));
    }
    parts.join("; ")
}

fn doing(of: u8, thread: u8) -> String {
    match of {
        mode::GUEST => "a guest".into(),
        mode::FOREIGN => "a foreign thread".into(),
        mode::OWN => format!("thread {thread}"),
        mode::HCS => format!("thread {thread}'s handler in a guest's place"),
        mode::SYSCALL => format!("the kernel for thread {thread}"),
        mode::EVICTED => format!("thread {thread}'s evicted handler"),
        _ => "the kernel".into(),
    }
}
