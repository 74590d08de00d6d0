//! The report for programs: JSON Lines. The first record says what is run, then there is one for each test in the order in which they
//! ended, then a summary. A file without a summary is of a run that was interrupted.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Options;
use super::find::Program;
use super::outcome::{Outcome, Verdict};

/// The first record. `machine` describes the machine, as the caller likes.
pub fn start_record(programs: usize, options: &Options, machine: Value) -> Value {
    json!({
        "record": "start",
        "format": 1,
        "emulator": env!("CARGO_PKG_VERSION"),
        "programs": programs,
        "machine": machine,
        "timeout_seconds": options.timeout.as_secs_f64(),
        "max_insns": options.max_insns,
    })
}

/// The record of one test. Of those that passed, it leaves the console out.
pub fn test_record(program: &Program, outcome: &Outcome) -> Value {
    let mut record = json!({
        "record": "test",
        "path": program.path.to_string_lossy(),
        "name": program.name,
        "group": program.group,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "details": outcome.details,
        "instructions": outcome.instructions,
        "seconds": outcome.seconds,
    });
    if outcome.verdict != Verdict::Passed {
        record["console"] = json!(outcome.console);
    }
    record
}

/// The last record.
pub fn summary_record(outcomes: &[Outcome], seconds: f64) -> Value {
    let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
    let counts: BTreeMap<Verdict, usize> = Verdict::ALL.map(|verdict| (verdict, count(verdict))).into();
    json!({ "record": "summary", "tests": outcomes.len(), "verdicts": counts, "seconds": seconds })
}
