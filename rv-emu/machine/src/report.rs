//! What was counted, in a form for readers: JSON and tables are made from it.

use std::collections::BTreeMap;

use rv_hart::{Counters, Mode};
use rv_isa::cause;
use serde::Serialize;

/// Counters of a whole machine between two moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Virtual time that passed, in cycles.
    pub elapsed_cycles: u64,
    /// Retired instructions by mode.
    pub instret_by_mode: BTreeMap<&'static str, u64>,
    /// Cycles that were not idle, by mode.
    pub cycles_by_mode: BTreeMap<&'static str, u64>,
    /// Retired instructions by hart.
    pub instret_by_hart: Vec<u64>,
    /// Cycles not idle, by hart.
    pub busy_by_hart: Vec<u64>,
    /// Cycles idle, by hart.
    pub idle_by_hart: Vec<u64>,
    /// Traps taken.
    pub traps: Vec<TrapRow>,
    /// Page-table entries read or updated by hardware.
    pub pte_reads: u64,
    /// Device reads.
    pub mmio_reads: u64,
    /// Device writes.
    pub mmio_writes: u64,
    /// How often each padding point was passed.
    pub padding_points: BTreeMap<u16, u64>,
    /// What extensions counted, on all harts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extension: BTreeMap<String, u64>,
    /// The same by hart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extension_by_hart: Vec<BTreeMap<String, u64>>,
}

/// One kind of trap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrapRow {
    /// Mode left.
    pub from: &'static str,
    /// Mode entered.
    pub to: &'static str,
    /// An interrupt rather than an exception.
    pub interrupt: bool,
    /// Code.
    pub code: u64,
    /// In words.
    pub name: &'static str,
    /// How often.
    pub count: u64,
}

/// A copy of all counters at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Virtual time of the machine, in cycles.
    pub cycles: u64,
    /// Counters of each hart.
    pub harts: Vec<Counters>,
    /// Padding points passed.
    pub padding_points: BTreeMap<u16, u64>,
}

impl Snapshot {
    /// What happened from `earlier` to `self`.
    pub fn since(&self, earlier: &Snapshot) -> Report {
        let harts: Vec<Counters> = self.harts.iter().zip(&earlier.harts).map(|(now, then)| now.since(then)).collect();
        let points = self
            .padding_points
            .iter()
            .map(|(point, count)| (*point, count - earlier.padding_points.get(point).copied().unwrap_or(0)));
        let by_mode = |of: fn(&Counters) -> &[u64]| {
            Mode::ALL.into_iter().map(|mode| (mode.name(), harts.iter().map(|h| of(h)[mode as usize]).sum())).collect()
        };
        Report {
            elapsed_cycles: self.cycles - earlier.cycles,
            instret_by_mode: by_mode(|h| &h.instret),
            cycles_by_mode: by_mode(|h| &h.cycles),
            instret_by_hart: harts.iter().map(|h| h.instret.iter().sum()).collect(),
            busy_by_hart: harts.iter().map(|h| h.cycles.iter().sum()).collect(),
            idle_by_hart: harts.iter().map(|h| h.idle).collect(),
            traps: traps(&harts),
            pte_reads: harts.iter().map(|h| h.pte_reads).sum(),
            mmio_reads: harts.iter().map(|h| h.mmio[0]).sum(),
            mmio_writes: harts.iter().map(|h| h.mmio[1]).sum(),
            padding_points: points.filter(|(_, count)| *count != 0).collect(),
            extension: named(&harts),
            extension_by_hart: named_by_hart(&harts),
        }
    }
}

fn named(harts: &[Counters]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (name, count) in harts.iter().flat_map(|hart| &hart.named) {
        *sums.entry(name.clone()).or_insert(0) += count;
    }
    sums
}

/// Nothing at all if no hart counts anything.
fn named_by_hart(harts: &[Counters]) -> Vec<BTreeMap<String, u64>> {
    match harts.iter().all(|hart| hart.named.is_empty()) {
        true => Vec::new(),
        false => harts.iter().map(|hart| hart.named.clone()).collect(),
    }
}

fn traps(harts: &[Counters]) -> Vec<TrapRow> {
    let mut sums = BTreeMap::new();
    for trap in harts.iter().flat_map(Counters::traps) {
        *sums.entry((trap.from, trap.to, trap.interrupt, trap.code)).or_insert(0) += trap.count;
    }
    let row = |((from, to, interrupt, code), count): ((Mode, Mode, bool, u64), u64)| TrapRow {
        from: from.name(),
        to: to.name(),
        interrupt,
        code,
        name: if interrupt { cause::interrupt_name(code) } else { cause::exception_name(code) },
        count,
    };
    sums.into_iter().map(row).collect()
}

impl Report {
    /// Traps from a guest (VS, VU) to the modes in `to`, by name of the cause.
    pub fn guest_traps_to(&self, to: &[&str]) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for trap in self.traps.iter().filter(|trap| trap.from.starts_with('V') && to.contains(&trap.to)) {
            let kind = if trap.interrupt { "interrupt" } else { "exception" };
            *sums.entry(format!("{kind} {} ({})", trap.code, trap.name)).or_insert(0) += trap.count;
        }
        sums
    }

    /// All cycles that were not idle.
    pub fn busy_cycles(&self) -> u64 {
        self.busy_by_hart.iter().sum()
    }
}
