//! What the suite found, as a table and as JSON.

use rv_hart::Mode;
use serde::Serialize;
use serde_json::{Value, json};

use super::Group;
use super::execute::{Verdict, describe};

/// The outcome of one group.
pub struct Outcome<'a> {
    /// The group.
    pub group: &'a Group,
    /// A verdict for each case, or why there is none.
    pub verdicts: Result<Vec<Verdict>, String>,
    /// Seconds on the clock.
    pub seconds: f64,
}

/// Tests that passed, of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Passed.
    pub passed: usize,
    /// All.
    pub tests: usize,
}

impl Outcome<'_> {
    /// How many passed.
    pub fn tally(&self) -> Tally {
        let passed = |verdicts: &Vec<Verdict>| verdicts.iter().filter(|verdict| **verdict == Verdict::Passed).count();
        Tally { passed: self.verdicts.as_ref().map_or(0, passed), tests: self.group.cases.len() }
    }

    /// The tests that did not pass, in words.
    pub fn failures(&self) -> Vec<String> {
        match &self.verdicts {
            Err(error) => vec![format!("{}: {error}", self.group.name())],
            Ok(verdicts) => {
                verdicts.iter().enumerate().filter_map(|(index, verdict)| self.failure(index, verdict)).collect()
            }
        }
    }

    fn failure(&self, index: usize, verdict: &Verdict) -> Option<String> {
        let case = &self.group.cases[index];
        let what = match verdict {
            Verdict::Passed => return None,
            Verdict::NotRun => "not run: the program hung in it, or before".to_owned(),
            Verdict::Failed { expectation, found } => {
                let expected = case.expect.get(*expectation).map_or_else(|| "?".to_owned(), describe);
                format!("{expected}, is {found:#x}")
            }
        };
        Some(format!("{} #{index}: {} ({}): {what}", self.group.name(), case.name, case.section))
    }
}

/// A table of chapters by modes, and the sum.
pub fn table(outcomes: &[Outcome<'_>]) -> String {
    let mut text = format!("{:<14}", "chapter");
    for mode in Mode::ALL {
        text += &format!("{:>12}", mode.name());
    }
    text += &format!("{:>14}\n", "all");
    let mut chapters: Vec<&str> = outcomes.iter().map(|outcome| outcome.group.chapter).collect();
    chapters.dedup();
    for chapter in chapters {
        let of = |mode: Option<Mode>| {
            let mine = outcomes.iter().filter(|outcome| outcome.group.chapter == chapter);
            sum(mine.filter(|outcome| mode.is_none_or(|mode| outcome.group.mode == mode)))
        };
        text += &format!("{chapter:<14}");
        for mode in Mode::ALL {
            text += &format!("{:>12}", cell(of(Some(mode))));
        }
        text += &format!("{:>14}\n", cell(of(None)));
    }
    let all = sum(outcomes.iter());
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.seconds).sum();
    text + &format!(
        "\n{} tests, {} passed, {} failed ({seconds:.1} s of one CPU)\n",
        all.tests,
        all.passed,
        all.tests - all.passed
    )
}

fn sum<'a>(outcomes: impl Iterator<Item = &'a Outcome<'a>>) -> Tally {
    outcomes
        .map(Outcome::tally)
        .fold(Tally::default(), |a, b| Tally { passed: a.passed + b.passed, tests: a.tests + b.tests })
}

fn cell(tally: Tally) -> String {
    match tally {
        Tally { tests: 0, .. } => "-".to_owned(),
        Tally { passed, tests } if passed == tests => tests.to_string(),
        Tally { passed, tests } => format!("{passed}/{tests}"),
    }
}

/// All tests with their verdicts.
pub fn json(outcomes: &[Outcome<'_>]) -> Value {
    let groups: Vec<Value> = outcomes.iter().map(group).collect();
    let all = sum(outcomes.iter());
    json!({ "tests": all.tests, "passed": all.passed, "failed": all.tests - all.passed, "groups": groups })
}

fn group(outcome: &Outcome<'_>) -> Value {
    let cases: Vec<Value> = outcome
        .group
        .cases
        .iter()
        .enumerate()
        .map(|(index, case)| {
            let failure = match &outcome.verdicts {
                Ok(verdicts) => outcome.failure(index, &verdicts[index]),
                Err(error) => Some(error.clone()),
            };
            json!({ "name": case.name, "section": case.section, "passed": failure.is_none(), "failure": failure })
        })
        .collect();
    json!({
        "chapter": outcome.group.chapter,
        "mode": outcome.group.mode.name(),
        "seconds": outcome.seconds,
        "tally": outcome.tally(),
        "cases": cases,
    })
}
