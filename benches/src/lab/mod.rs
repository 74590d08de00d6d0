//! Experiments, their rows, and how rows are shown.

mod table;
pub mod uer;

use std::collections::BTreeMap;

use rv_machine::Report;
use serde::Serialize;

pub use table::table;

/// One run: a mechanism at one size under one cost model. Everything but `wall_seconds` is the same in every run on every machine.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The experiment's name.
    pub experiment: &'static str,
    /// The mechanism's name.
    pub mechanism: &'static str,
    /// Units of work, of the experiment's own kind.
    pub size: u64,
    /// The work was done, and what arrived is what was sent.
    pub ok: bool,
    /// Why not, if it was not.
    pub error: Option<String>,
    /// The cost model's name.
    pub cost_model: String,
    /// Modelled cycles from the guest's first instruction to its last, by the clock all harts share.
    pub cycles: u64,
    /// Cycles of the mechanism over those of the experiment's classic mechanism at the same size.
    pub ratio_vs_classic: Option<f64>,
    /// Cycles not idle, by mode, of all harts.
    pub cycles_by_mode: BTreeMap<&'static str, u64>,
    /// Retired instructions by mode, of all harts.
    pub instret_by_mode: BTreeMap<&'static str, u64>,
    /// Traps from the guest to the host's kernel or firmware, by cause.
    pub exits: BTreeMap<String, u64>,
    /// Traps from the guest to the host's user mode, by cause.
    pub redirections: BTreeMap<String, u64>,
    /// All other counters of the measured part.
    pub counters: Option<Report>,
    /// Time of the emulation on the host, start-up included.
    pub wall_seconds: f64,
}

impl Row {
    /// Fills in what the counters say.
    fn measured(mut self, report: Report) -> Row {
        self.cycles = report.elapsed_cycles;
        self.cycles_by_mode = report.cycles_by_mode.clone();
        self.instret_by_mode = report.instret_by_mode.clone();
        self.exits = report.guest_traps_to(&["M", "HS"]);
        self.redirections = report.guest_traps_to(&["U"]);
        self.counters = Some(report);
        self
    }
}

/// Sets every row's ratio to the row of mechanism `classic` with the same size and cost model.
fn compare(rows: &mut [Row], classic: &str) {
    let base: BTreeMap<(u64, String), u64> = rows
        .iter()
        .filter(|row| row.mechanism == classic && row.ok && row.cycles != 0)
        .map(|row| ((row.size, row.cost_model.clone()), row.cycles))
        .collect();
    for row in rows.iter_mut().filter(|row| row.ok) {
        let cycles = base.get(&(row.size, row.cost_model.clone()));
        row.ratio_vs_classic = cycles.map(|cycles| row.cycles as f64 / *cycles as f64);
    }
}
