//! What a campaign says at its end, and in its file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use rv_hart::Mode;
use rv_isa::{Op, csr};
use serde::Serialize;

use super::allowed::ALLOWED;
use super::coverage::{self, ByMode, Coverage};
use super::lockstep::Run;
use super::peers::Opponent;
use super::regression::Regression;

/// A difference that was investigated.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Who disagrees.
    pub against: String,
    /// Seed of the program.
    pub seed: u64,
    /// Its kind.
    pub signature: String,
    /// In words.
    pub difference: String,
    /// The end of the smallest program.
    pub listing: Vec<String>,
    /// The regression's file.
    pub file: Option<PathBuf>,
}

impl Found {
    /// For a shrunken program.
    pub fn new(opponent: &Opponent, seed: u64, regression: &Regression, file: Option<PathBuf>) -> Found {
        let difference = &regression.difference;
        let words = format!(
            "{} is {:#x} with us, {:#x} with them, after {} steps, at {:#x} in {}",
            difference.item,
            difference.ours,
            difference.theirs,
            difference.step,
            difference.pc,
            difference.mode.name()
        );
        Found {
            against: opponent.version.clone(),
            seed,
            signature: difference.signature(),
            difference: words,
            listing: regression.listing.clone(),
            file,
        }
    }
}

/// Everything that a campaign counts.
#[derive(Clone, Debug)]
pub struct Totals {
    seed: u64,
    opponents: Vec<String>,
    /// Programs done.
    pub programs: u64,
    /// Instructions compared with independent machines.
    pub insns: u64,
    traps: u64,
    /// Wall time so far.
    pub seconds: f64,
    endings: BTreeMap<String, u64>,
    allowed: Vec<u64>,
    coverage: Coverage,
    differences: BTreeMap<String, u64>,
    details: Vec<Found>,
}

impl Totals {
    /// Nothing yet.
    pub fn new(seed: u64, opponents: &[Opponent]) -> Totals {
        Totals {
            seed,
            opponents: opponents.iter().map(|opponent| opponent.version.clone()).collect(),
            programs: 0,
            insns: 0,
            traps: 0,
            seconds: 0.0,
            endings: BTreeMap::new(),
            allowed: vec![0; ALLOWED.len()],
            coverage: Coverage::new(),
            differences: BTreeMap::new(),
            details: Vec::new(),
        }
    }

    /// Books a run; whether it shows a difference of a new kind.
    pub fn add(&mut self, opponent: &Opponent, _seed: u64, run: &Run, coverage: &Coverage) -> bool {
        if opponent.independent() {
            self.insns += run.insns;
            self.traps += run.traps;
            self.coverage.add(coverage);
        }
        self.allowed.iter_mut().zip(&run.allowed).for_each(|(total, count)| *total += count);
        *self.endings.entry(format!("{:?}: {:?}", opponent.peer, run.ending)).or_default() += 1;
        let Some(difference) = run.difference else { return false };
        let count = self.differences.entry(format!("{:?}: {}", opponent.peer, difference.signature())).or_default();
        *count += 1;
        *count == 1
    }

    /// Books a difference that was looked into.
    pub fn found(&mut self, found: Found) {
        self.details.push(found);
    }

    /// Whether anything differed.
    pub fn clean(&self) -> bool {
        self.differences.is_empty()
    }

    fn rate(&self) -> f64 {
        self.insns as f64 / self.seconds.max(0.001)
    }

    /// Progress.
    pub fn line(&self) -> String {
        format!(
            "{} programs, {:.1} million instructions compared, {:.0} thousand per second, {} kinds of difference",
            self.programs,
            self.insns as f64 / 1e6,
            self.rate() / 1e3,
            self.differences.len()
        )
    }

    /// For people.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "seed {:#x}; against {}", self.seed, self.opponents.join(", "));
        let _ = writeln!(text, "{} in {:.0} s; {} traps", self.line(), self.seconds, self.traps);
        self.summarize_coverage(&mut text);
        for (row, count) in ALLOWED.iter().zip(&self.allowed).filter(|(_, count)| **count != 0) {
            let _ = writeln!(text, "  allowed {count:9} {:?}: {}", row.what, row.reason);
        }
        for (ending, count) in &self.endings {
            let _ = writeln!(text, "  ended   {count:9} {ending}");
        }
        for (signature, count) in &self.differences {
            let _ = writeln!(text, "  DIFFERS {count:9} {signature}");
        }
        for found in &self.details {
            let _ = writeln!(
                text,
                "\n{}: {}\n{} (seed {:#x})",
                found.against, found.signature, found.difference, found.seed
            );
            found.listing.iter().for_each(|line| {
                let _ = writeln!(text, "    {line}");
            });
        }
        text
    }

    fn summarize_coverage(&self, text: &mut String) {
        let reached = |rows: &[ByMode], mode: usize| rows.iter().filter(|row| row[mode] != 0).count();
        let rows = Op::rows().len();
        for mode in Mode::ALL {
            let index = mode as usize;
            let csrs = |write: bool, part: fn(&(ByMode, ByMode)) -> &ByMode| {
                let named = self.coverage.csrs.iter().filter(|(key, _)| key.1 == write && csr::name(key.0).is_some());
                named.filter(|(_, counts)| part(counts)[index] != 0).count()
            };
            let causes = self.coverage.causes.keys().filter(|key| key.1 == index).count();
            let _ = writeln!(
                text,
                "  {:2}: {:3} of {rows} instructions retired, {:3} trapped; CSRs read {:3}, refused {:3}, written {:3}, \
                 refused {:3}; {causes} kinds of trap",
                mode.name(),
                reached(&self.coverage.executed, index),
                reached(&self.coverage.trapped, index),
                csrs(false, |counts| &counts.0),
                csrs(false, |counts| &counts.1),
                csrs(true, |counts| &counts.0),
                csrs(true, |counts| &counts.1),
            );
        }
        let never = |row: &&rv_isa::Row| self.coverage.executed[row.op as usize] == [0; 5];
        let names: Vec<&str> = Op::rows().iter().filter(never).map(|row| row.mnemonic).collect();
        if !names.is_empty() {
            let _ = writeln!(text, "  never retired: {}", names.join(" "));
        }
    }

    /// For the file.
    pub fn report(&self) -> Report<'_> {
        let allowed = ALLOWED.iter().zip(&self.allowed);
        Report {
            seed: self.seed,
            against: &self.opponents,
            programs: self.programs,
            instructions: self.insns,
            traps: self.traps,
            seconds: self.seconds,
            instructions_per_second: self.rate(),
            endings: &self.endings,
            allowed: allowed.map(|(row, count)| (format!("{:?}", row.what), row.reason, *count)).collect(),
            differences: &self.differences,
            details: &self.details,
            coverage: self.coverage.report(),
        }
    }
}

/// The file.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    seed: u64,
    against: &'a [String],
    programs: u64,
    instructions: u64,
    traps: u64,
    seconds: f64,
    instructions_per_second: f64,
    endings: &'a BTreeMap<String, u64>,
    allowed: Vec<(String, &'static str, u64)>,
    differences: &'a BTreeMap<String, u64>,
    details: &'a [Found],
    coverage: coverage::Report,
}
