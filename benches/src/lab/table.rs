//! Rows as tables for people: one for each experiment, split by workload and options where there are many.

use super::experiments;
use super::row::Row;

/// A column: heading, and what it shows of a row.
struct Column {
    head: &'static str,
    left: bool,
    cell: fn(&Row) -> String,
}

const fn left(head: &'static str, cell: fn(&Row) -> String) -> Column {
    Column { head, left: true, cell }
}

const fn right(head: &'static str, cell: fn(&Row) -> String) -> Column {
    Column { head, left: false, cell }
}

/// A figure, or a dash where there is none.
fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

fn sum(counts: &std::collections::BTreeMap<String, u64>) -> String {
    counts.values().sum::<u64>().to_string()
}

fn per_op(row: &Row, count: u64) -> String {
    figure(super::stats::ratio(count as f64, row.work.ops as f64), 2)
}

fn latency(row: &Row, of: fn(&super::stats::Latency) -> u64) -> String {
    row.latency.as_ref().map_or_else(|| "-".to_owned(), |latency| of(latency).to_string())
}

fn busy(row: &Row, hart: usize) -> String {
    row.utilisation_by_hart.get(hart).map_or_else(|| "-".to_owned(), |share| format!("{:.0}%", share * 100.0))
}

fn other_work(row: &Row) -> String {
    let iterations =
        row.results.iter().filter(|result| result["who"] == "work").filter_map(|r| r["iterations"].as_u64());
    iterations.reduce(|a, b| a + b).map_or_else(|| "-".to_owned(), |sum| sum.to_string())
}

/// What a guest retires: `bare` has no host, so supervisor and user mode are the guest's there.
fn guest_insns(row: &Row) -> u64 {
    let bare = row.mechanism == super::mechanism::BARE.name;
    row.instret(if bare { &["HS", "U", "VS", "VU"] } else { &["VS", "VU"] })
}

fn host_insns(row: &Row, mode: &str) -> u64 {
    if row.mechanism == super::mechanism::BARE.name { 0 } else { row.instret(&[mode]) }
}

fn verdict(row: &Row) -> String {
    if row.ok { "ok" } else { "FAILED" }.to_owned()
}

/// Experiments that print: all in one table.
const TIME: &[Column] = &[
    left("cost model", |row| row.cost_model.clone()),
    left("mechanism", Row::series),
    right("size", |row| row.size.to_string()),
    right("ok", verdict),
    right("exits", |row| sum(&row.exits)),
    right("redirections", |row| sum(&row.redirections)),
    right("HS insns", |row| host_insns(row, "HS").to_string()),
    right("U insns", |row| host_insns(row, "U").to_string()),
    right("guest insns", |row| guest_insns(row).to_string()),
    right("cycles", |row| row.cycles.to_string()),
    right("vs classic", |row| figure(row.ratio_vs_classic, 3)),
];

/// Experiments with throughput and latency: workload, options and model are in the heading of each part.
const THROUGHPUT: &[Column] = &[
    left("mechanism", Row::series),
    right("size", |row| row.size.to_string()),
    right("ok", verdict),
    right("MB/s", |row| figure(row.ok.then_some(row.throughput.megabytes_per_second), 2)),
    right("kop/s", |row| figure(row.ok.then_some(row.throughput.ops_per_second / 1e3), 2)),
    right("p50", |row| latency(row, |l| l.p50)),
    right("p99", |row| latency(row, |l| l.p99)),
    right("exits/op", |row| per_op(row, row.exit_count())),
    right("irqs/op", |row| per_op(row, row.guest_interrupts.values().sum())),
    right("hart0", |row| busy(row, 0)),
    right("1", |row| busy(row, 1)),
    right("2", |row| busy(row, 2)),
    right("work", other_work),
    right("speedup", |row| figure(row.speedup_vs_classic, 3)),
];

const PRICE: &[Column] = &[
    left("cost model", |row| row.cost_model.clone()),
    left("operation", |row| row.workload.clone()),
    left("mechanism", Row::series),
    right("times", |row| row.size.to_string()),
    right("ok", verdict),
    right("price", |row| figure(row.price, 1)),
    right("cycles/op", |row| figure(row.cycles_per_op, 1)),
    right("exits/op", |row| per_op(row, row.exit_count())),
    right("HS insns/op", |row| per_op(row, host_insns(row, "HS"))),
    right("U insns/op", |row| per_op(row, host_insns(row, "U"))),
];

/// What `--wide` adds.
const WIDE: &[Column] = &[
    right("ms", |row| format!("{:.3}", row.cycles as f64 / super::row::HERTZ * 1e3)),
    right("bytes", |row| row.work.bytes.to_string()),
    right("cycles/op", |row| figure(row.cycles_per_op, 1)),
    right("M insns", |row| row.instret(&["M"]).to_string()),
    right("redirections", |row| sum(&row.redirections)),
    right("p90", |row| latency(row, |l| l.p90)),
    right("p99.9", |row| latency(row, |l| l.p999)),
    right("max", |row| latency(row, |l| l.max)),
    right("guest", |row| row.places.guest.to_string()),
    right("kernel", |row| row.places.kernel.to_string()),
    right("firmware", |row| row.places.firmware.to_string()),
    right("user", |row| row.places.user.to_string()),
    right("idle", |row| row.places.idle.to_string()),
    right("hart3", |row| busy(row, 3)),
    right("vs classic", |row| figure(row.ratio_vs_classic, 3)),
    left("extension", |row| {
        row.extension
            .iter()
            .filter(|(_, n)| **n != 0)
            .map(|(name, n)| format!("{name}={n}"))
            .collect::<Vec<_>>()
            .join(" ")
    }),
    right("wall s", |row| format!("{:.2}", row.wall_seconds)),
];

/// Tables of all rows. `wide` shows everything; else a table fits 120 columns.
pub fn table(rows: &[Row], wide: bool) -> String {
    parts(rows, wide).iter().map(Part::text).collect::<Vec<_>>().join("\n")
}

/// A table with what its rows have in common.
pub struct Part {
    /// The experiment's name.
    pub experiment: String,
    /// What is in no column, if anything.
    pub heading: Option<String>,
    /// The heads of the columns; whether they hold text.
    pub heads: Vec<(&'static str, bool)>,
    /// The cells of each row.
    pub cells: Vec<Vec<String>>,
}

/// The tables that rows fall into, in the order of their first rows.
pub fn parts(rows: &[Row], wide: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for row in rows {
        let base = columns(&row.experiment);
        let shown = |column: &&Column| wide && !base.iter().any(|known| known.head == column.head);
        let columns: Vec<&Column> = base.iter().chain(WIDE.iter().filter(shown)).collect();
        let heading = heading(row, std::ptr::eq(base, THROUGHPUT));
        let same = |part: &&mut Part| part.experiment == row.experiment && part.heading == heading;
        let cells = columns.iter().map(|column| (column.cell)(row)).collect();
        match parts.iter_mut().find(same) {
            Some(part) => part.cells.push(cells),
            None => parts.push(Part {
                experiment: row.experiment.clone(),
                heading,
                heads: columns.iter().map(|column| (column.head, column.left)).collect(),
                cells: vec![cells],
            }),
        }
    }
    parts
}

fn columns(experiment: &str) -> &'static [Column] {
    use super::experiment::Metric;
    let metric = experiments::find(experiment).and_then(|experiment| experiment.workloads.first()).map(|w| w.metric);
    match metric {
        _ if experiment == experiments::price::PRICE.name => PRICE,
        Some(Metric::Bytes | Metric::Operations) => THROUGHPUT,
        Some(Metric::Time) | None => TIME,
    }
}

/// What the columns don't show.
fn heading(row: &Row, split: bool) -> Option<String> {
    let common = row.options.common();
    let options = common.to_string();
    match (split, options.is_empty()) {
        (true, _) => Some(format!("{}: {} under {} {options}", row.experiment, row.workload, row.cost_model)),
        (false, false) => Some(format!("{}: {options}", row.experiment)),
        (false, true) => None,
    }
    .map(|heading| heading.trim_end().to_owned())
}

impl Part {
    /// The part as text; columns are as wide as they must be.
    pub fn text(&self) -> String {
        let heads: Vec<String> = self.heads.iter().map(|(head, _)| (*head).to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&heads).chain(&self.cells).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        let mut text = self.heading.iter().map(|heading| format!("{heading}\n")).collect::<String>();
        for line in &lines {
            for ((cell, width), (_, left)) in line.iter().zip(&widths).zip(&self.heads) {
                text.push_str(&if *left { format!("{cell:<width$}  ") } else { format!("{cell:>width$}  ") });
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }
}
