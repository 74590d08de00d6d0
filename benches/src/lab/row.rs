//! A row: what one run gave. The JSON of the lab is rows as they stand here; `docs/LAB.md` describes each field.

use std::collections::BTreeMap;

use rv_hart::{Counters, Mode};
use rv_machine::Report;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::case::{Case, Options};
use super::mechanism::Mechanism;
use super::stats::{Latency, ratio};

/// Version of the row's shape: raised when a field changes its meaning or goes, not when one is added.
pub const SCHEMA: u32 = 1;
/// Cycles of a modelled second: the cost models' nominal clock of 1 GHz.
pub const HERTZ: f64 = 1e9;

/// Work that was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Operations that the guest completed: lines, sends, transactions, block requests, calls.
    pub ops: u64,
    /// Messages that arrived at the other side, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Bytes of payload that arrived.
    pub bytes: u64,
}

/// Work in a modelled second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Operations.
    pub ops_per_second: f64,
    /// Megabytes, of a million bytes.
    pub megabytes_per_second: f64,
}

/// Where cycles went. `bare` has no host below it: its supervisor and user modes count as the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// VS and VU.
    pub guest: u64,
    /// HS.
    pub kernel: u64,
    /// M.
    pub firmware: u64,
    /// U: the VMM, backend and peer processes.
    pub user: u64,
    /// Waiting for an interrupt.
    pub idle: u64,
}

impl Places {
    fn new(counters: &Counters, bare: bool) -> Places {
        let [firmware, kernel, user, vs, vu] =
            [Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU].map(|mode| counters.cycles[mode as usize]);
        let idle = counters.idle;
        match bare {
            true => Places { guest: vs + vu + kernel + user, kernel: 0, firmware, user: 0, idle },
            false => Places { guest: vs + vu, kernel, firmware, user, idle },
        }
    }

    /// Name and value of each, in the order of stacks and legends.
    pub fn named(&self) -> [(&'static str, u64); 5] {
        [
            ("guest", self.guest),
            ("kernel", self.kernel),
            ("firmware", self.firmware),
            ("user", self.user),
            ("idle", self.idle),
        ]
    }

    /// All that were not idle.
    pub fn busy(&self) -> u64 {
        self.guest + self.kernel + self.firmware + self.user
    }

    /// The share of time that was not idle.
    pub fn utilisation(&self) -> f64 {
        ratio(self.busy() as f64, (self.busy() + self.idle) as f64).unwrap_or(0.0)
    }

    fn add(self, other: Places) -> Places {
        Places {
            guest: self.guest + other.guest,
            kernel: self.kernel + other.kernel,
            firmware: self.firmware + other.firmware,
            user: self.user + other.user,
            idle: self.idle + other.idle,
        }
    }
}

/// One run. Everything but `wall_seconds` is the same in every run on every machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The case's name, which no other row has.
    pub key: String,
    /// The experiment's name.
    pub experiment: String,
    /// The mechanism's name.
    pub mechanism: String,
    /// The workload's name.
    pub workload: String,
    /// Units of work, or bytes of one unit: of the experiment's own kind.
    pub size: u64,
    /// What else was chosen.
    pub options: Options,
    /// The cost model's name.
    pub cost_model: String,
    /// Cycles of a hart's turn.
    pub quantum: u64,
    /// Seed of what is random in the guest.
    pub seed: u64,
    /// The work was done, and what arrived is what was sent.
    pub ok: bool,
    /// Why not, if it was not.
    pub error: Option<String>,
    /// What was done.
    pub work: Work,
    /// Modelled cycles of the measured part, by the clock that all harts share.
    pub cycles: u64,
    /// Cycles for each operation.
    pub cycles_per_op: Option<f64>,
    /// The price of one operation: cycles for each without what the loop around it takes. In experiment `price` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<f64>,
    /// Work in a modelled second.
    pub throughput: Throughput,
    /// Latencies that the guest measured, in cycles.
    pub latency: Option<Latency>,
    /// Cycles over those of the experiment's classic mechanism in the same case: below 1 is faster.
    pub ratio_vs_classic: Option<f64>,
    /// Work in a second over that of the classic mechanism: above 1 is faster.
    pub speedup_vs_classic: Option<f64>,
    /// Cycles not idle, by mode, of all harts.
    pub cycles_by_mode: BTreeMap<String, u64>,
    /// Retired instructions by mode, of all harts.
    pub instret_by_mode: BTreeMap<String, u64>,
    /// Retired instructions by hart.
    pub instret_by_hart: Vec<u64>,
    /// Where the cycles of all harts went.
    pub places: Places,
    /// Where the cycles of each hart went.
    pub places_by_hart: Vec<Places>,
    /// The share of each hart's time that was not idle.
    pub utilisation_by_hart: Vec<f64>,
    /// Traps from the guest to the host's kernel or firmware, by cause.
    pub exits: BTreeMap<String, u64>,
    /// Traps from the guest to the host's user mode, by cause.
    pub redirections: BTreeMap<String, u64>,
    /// Interrupts that the guest took.
    pub guest_interrupts: BTreeMap<String, u64>,
    /// Counters of the hart's extensions, under names of their own.
    pub extension: BTreeMap<String, u64>,
    /// What guest, peer, backend and other work report of themselves, without histograms.
    pub results: Vec<Value>,
    /// All counters of the measured part.
    pub counters: Option<Value>,
    /// Time of the emulation on the host, start-up included.
    pub wall_seconds: f64,
}

/// What a run leaves behind.
#[derive(Clone, Debug)]
pub struct Measured {
    /// All that was printed on the machine's console.
    pub output: Vec<u8>,
    /// Counters of the measured part.
    pub report: Report,
    /// The same, hart by hart.
    pub harts: Vec<Counters>,
}

impl Row {
    /// A row that nothing has been measured for.
    pub fn of(case: &Case) -> Row {
        Row {
            schema: SCHEMA,
            key: case.key(),
            experiment: case.experiment.name.to_owned(),
            mechanism: case.mechanism.name.to_owned(),
            workload: case.workload.name.to_owned(),
            size: case.size,
            options: case.options.clone(),
            cost_model: case.model.name().to_owned(),
            quantum: case.quantum,
            seed: case.seed,
            ..Row::default()
        }
    }

    /// Fills in what the counters say.
    pub fn fill(&mut self, measured: &Measured) {
        let report = &measured.report;
        let bare = Mechanism::find(&self.mechanism).is_some_and(Mechanism::is_bare);
        let named = |modes: &BTreeMap<&'static str, u64>| modes.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect();
        self.cycles = report.elapsed_cycles;
        self.cycles_by_mode = named(&report.cycles_by_mode);
        self.instret_by_mode = named(&report.instret_by_mode);
        self.instret_by_hart = report.instret_by_hart.clone();
        self.places_by_hart = measured.harts.iter().map(|hart| Places::new(hart, bare)).collect();
        self.places = self.places_by_hart.iter().fold(Places::default(), |sum, hart| sum.add(*hart));
        self.utilisation_by_hart = self.places_by_hart.iter().map(Places::utilisation).collect();
        self.exits = report.guest_traps_to(&["M", "HS"]);
        self.redirections = report.guest_traps_to(&["U"]);
        self.guest_interrupts = interrupts(report, if bare { "HS" } else { "VS" });
        self.extension = report.extension.clone();
        self.counters = serde_json::to_value(report).ok();
    }

    /// Fills in what was done, and what follows from it.
    pub fn done(&mut self, work: Work, latency: Option<Latency>) {
        let seconds = self.cycles as f64 / HERTZ;
        self.work = work;
        self.cycles_per_op = ratio(self.cycles as f64, work.ops as f64);
        self.throughput = Throughput {
            ops_per_second: ratio(work.ops as f64, seconds).unwrap_or(0.0),
            megabytes_per_second: ratio(work.bytes as f64 / 1e6, seconds).unwrap_or(0.0),
        };
        self.latency = latency;
    }

    /// Cycles that the software says it has spent on copying data. They are part of its mode's.
    pub fn copy_cycles(&self) -> u64 {
        self.results.iter().filter_map(|result| result["copy_cycles"].as_u64()).sum()
    }

    /// All exits.
    pub fn exit_count(&self) -> u64 {
        self.exits.values().sum()
    }

    /// Retired instructions in these modes.
    pub fn instret(&self, modes: &[&str]) -> u64 {
        modes.iter().filter_map(|mode| self.instret_by_mode.get(*mode)).sum()
    }

    /// The mechanism, and its profile where it has several: the name of a line in a plot.
    pub fn series(&self) -> String {
        match self.options.bank {
            Some(bank) => format!("{} BANK={bank}", self.mechanism),
            None => self.mechanism.clone(),
        }
    }

    /// What must be equal for two rows to be compared.
    pub fn comparison(&self) -> (String, String, u64, Options, String, u64, u64) {
        let options = self.options.common();
        let name = |text: &String| text.clone();
        (
            name(&self.experiment),
            name(&self.workload),
            self.size,
            options,
            name(&self.cost_model),
            self.quantum,
            self.seed,
        )
    }
}

/// Interrupts taken into `mode` from itself or below, by name.
fn interrupts(report: &Report, mode: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for trap in report.traps.iter().filter(|trap| trap.interrupt && trap.to == mode) {
        *sums.entry(format!("interrupt {} ({})", trap.code, trap.name)).or_insert(0) += trap.count;
    }
    sums
}

/// Sets each row's ratios to the row of its experiment's classic mechanism in the same case.
pub fn compare(rows: &mut [Row], classic: &dyn Fn(&str) -> Option<&'static str>) {
    let is_classic = |row: &&Row| row.ok && row.cycles != 0 && classic(&row.experiment) == Some(&row.mechanism);
    let base: BTreeMap<_, (u64, Throughput)> =
        rows.iter().filter(is_classic).map(|row| (row.comparison(), (row.cycles, row.throughput))).collect();
    for row in rows.iter_mut() {
        let found = base.get(&row.comparison()).filter(|_| row.ok);
        row.ratio_vs_classic = found.and_then(|(cycles, _)| ratio(row.cycles as f64, *cycles as f64));
        row.speedup_vs_classic = found.and_then(|(_, base)| ratio(row.throughput.ops_per_second, base.ops_per_second));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(mechanism: &str, size: u64, cycles: u64) -> Row {
        let mut row = Row { mechanism: mechanism.to_owned(), size, cycles, ok: true, ..Row::default() };
        row.done(Work { ops: 100, messages: None, bytes: 1000 }, None);
        row
    }

    #[test]
    fn rows_are_compared_with_the_classic_one_of_their_case() {
        let mut rows = [row("a", 1, 100), row("b", 1, 50), row("b", 2, 50), row("a", 3, 0), row("b", 3, 7)];
        compare(&mut rows, &|_| Some("a"));
        assert_eq!(rows[0].ratio_vs_classic, Some(1.0));
        assert_eq!((rows[1].ratio_vs_classic, rows[1].speedup_vs_classic), (Some(0.5), Some(2.0)));
        assert!(rows[2..].iter().all(|row| row.ratio_vs_classic.is_none()));
        // A failed row is no measure, and has none.
        rows[0].ok = false;
        compare(&mut rows, &|_| Some("a"));
        assert!(rows.iter().all(|row| row.ratio_vs_classic.is_none()));
    }

    #[test]
    fn the_profile_does_not_hinder_the_comparison() {
        let mut rows = [row("poll", 1, 100), row("hcs", 1, 80)];
        rows[1].options.bank = Some(0);
        compare(&mut rows, &|_| Some("poll"));
        assert_eq!(rows[1].ratio_vs_classic, Some(0.8));
        rows[1].options.queue_depth = Some(4);
        compare(&mut rows, &|_| Some("poll"));
        assert_eq!(rows[1].ratio_vs_classic, None);
    }

    #[test]
    fn without_a_host_everything_is_the_guest() {
        let mut counters = Counters::default();
        (counters.cycles, counters.idle) = ([1, 2, 3, 4, 5], 6);
        let hosted = Places::new(&counters, false);
        assert_eq!(hosted, Places { guest: 9, kernel: 2, firmware: 1, user: 3, idle: 6 });
        let bare = Places::new(&counters, true);
        assert_eq!(bare, Places { guest: 14, kernel: 0, firmware: 1, user: 0, idle: 6 });
        assert_eq!(bare.busy(), hosted.busy());
        assert!((hosted.utilisation() - 15.0 / 21.0).abs() < 1e-12);
    }

    #[test]
    fn throughput_is_at_the_nominal_clock() {
        let row = row("a", 1, 2_000);
        assert_eq!(row.cycles_per_op, Some(20.0));
        assert!((row.throughput.ops_per_second - 5e7).abs() < 1.0);
        assert!((row.throughput.megabytes_per_second - 500.0).abs() < 1e-6);
    }
}
