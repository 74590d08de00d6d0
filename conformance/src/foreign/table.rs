//! The report for people: a table of groups, then what went wrong.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::console::printable;
use super::find::Program;
use super::outcome::{Outcome, Verdict};

#[derive(Clone, Copy, Default)]
struct Row {
    counts: [usize; Verdict::ALL.len()],
    seconds: f64,
}

impl Row {
    fn add(&mut self, outcome: &Outcome) {
        self.counts[outcome.verdict as usize] += 1;
        self.seconds += outcome.seconds;
    }

    fn line(&self, name: &str, width: usize) -> String {
        let mut line = format!("{name:width$} {:>7}", self.counts.iter().sum::<usize>());
        for (verdict, count) in Verdict::ALL.iter().zip(self.counts) {
            let cell = if count == 0 { "-".to_owned() } else { count.to_string() };
            let _ = write!(line, "  {cell:>len$}", len = verdict.name().len());
        }
        let _ = write!(line, "  {:>9.2}", self.seconds);
        line
    }
}

/// A row for each group in alphabetical order, and one for all. Times are those of the programs, not of the run.
pub fn table(programs: &[Program], outcomes: &[Outcome]) -> String {
    let mut groups: BTreeMap<&str, Row> = BTreeMap::new();
    let mut all = Row::default();
    for (program, outcome) in programs.iter().zip(outcomes) {
        groups.entry(&program.group).or_default().add(outcome);
        all.add(outcome);
    }
    let width = groups.keys().map(|name| name.chars().count()).max().unwrap_or(0).max("group".len());
    let verdicts: String = Verdict::ALL.iter().map(|verdict| format!("  {}", verdict.name())).collect();
    let mut text = format!("{:width$} {:>7}{verdicts}  {:>9}\n", "group", "tests", "seconds");
    for (name, row) in &groups {
        text += &row.line(name, width);
        text.push('\n');
    }
    if groups.len() > 1 {
        text += &all.line("all", width);
        text.push('\n');
    }
    text
}

/// What went wrong with each program that didn't pass, with the last `lines` lines of its console.
pub fn failures(programs: &[Program], outcomes: &[Outcome], lines: usize) -> String {
    let mut text = String::new();
    for (program, outcome) in programs.iter().zip(outcomes) {
        if outcome.verdict == Verdict::Passed {
            continue;
        }
        let _ = writeln!(text, "{}: {}: {}", program.path.display(), outcome.verdict.name(), outcome.reason);
        for line in &outcome.details {
            let _ = writeln!(text, "    {line}");
        }
        for line in printable(&outcome.console, lines) {
            let _ = writeln!(text, "    | {line}");
        }
    }
    text
}

// A verdict is the index of its column.
const _: () = {
    let mut index = 0;
    while index < Verdict::ALL.len() {
        assert!(Verdict::ALL[index] as usize == index);
        index += 1;
    }
};
