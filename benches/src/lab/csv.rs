//! Rows as CSV (RFC 4180): one line each, for spreadsheets and scripts. Columns keep name and place; new ones go to the end.

use std::collections::BTreeMap;

use super::row::Row;

type Cell = fn(&Row) -> String;

fn option<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(";")
}

fn map(values: &BTreeMap<String, u64>) -> String {
    list(values.iter().map(|(name, value)| format!("{name}={value}")))
}

fn latency(row: &Row, of: fn(&super::stats::Latency) -> u64) -> String {
    option(row.latency.as_ref().map(of))
}

/// All columns.
const COLUMNS: &[(&str, Cell)] = &[
    ("experiment", |row| row.experiment.clone()),
    ("mechanism", |row| row.mechanism.clone()),
    ("workload", |row| row.workload.clone()),
    ("size", |row| row.size.to_string()),
    ("event_idx", |row| option(row.options.event_idx)),
    ("queue_depth", |row| option(row.options.queue_depth)),
    ("sharing", |row| option(row.options.sharing.map(|sharing| sharing.name()))),
    ("bank", |row| option(row.options.bank)),
    ("guests", |row| option(row.options.guests)),
    ("map_cache", |row| option(row.options.map_cache)),
    ("knobs", |row| map(&row.options.knobs)),
    ("cost_model", |row| row.cost_model.clone()),
    ("quantum", |row| row.quantum.to_string()),
    ("seed", |row| row.seed.to_string()),
    ("ok", |row| row.ok.to_string()),
    ("error", |row| row.error.clone().unwrap_or_default()),
    ("ops", |row| row.work.ops.to_string()),
    ("messages", |row| option(row.work.messages)),
    ("bytes", |row| row.work.bytes.to_string()),
    ("cycles", |row| row.cycles.to_string()),
    ("cycles_per_op", |row| option(row.cycles_per_op)),
    ("price", |row| option(row.price)),
    ("ops_per_second", |row| row.throughput.ops_per_second.to_string()),
    ("megabytes_per_second", |row| row.throughput.megabytes_per_second.to_string()),
    ("ratio_vs_classic", |row| option(row.ratio_vs_classic)),
    ("speedup_vs_classic", |row| option(row.speedup_vs_classic)),
    ("latency_p50", |row| latency(row, |l| l.p50)),
    ("latency_p90", |row| latency(row, |l| l.p90)),
    ("latency_p99", |row| latency(row, |l| l.p99)),
    ("latency_p999", |row| latency(row, |l| l.p999)),
    ("latency_max", |row| latency(row, |l| l.max)),
    ("latency_mean", |row| option(row.latency.as_ref().map(|l| l.mean))),
    ("instret_m", |row| row.instret(&["M"]).to_string()),
    ("instret_hs", |row| row.instret(&["HS"]).to_string()),
    ("instret_u", |row| row.instret(&["U"]).to_string()),
    ("instret_vs", |row| row.instret(&["VS"]).to_string()),
    ("instret_vu", |row| row.instret(&["VU"]).to_string()),
    ("instret_by_hart", |row| list(&row.instret_by_hart)),
    ("cycles_guest", |row| row.places.guest.to_string()),
    ("cycles_kernel", |row| row.places.kernel.to_string()),
    ("cycles_firmware", |row| row.places.firmware.to_string()),
    ("cycles_user", |row| row.places.user.to_string()),
    ("cycles_idle", |row| row.places.idle.to_string()),
    ("busy_by_hart", |row| list(row.places_by_hart.iter().map(super::row::Places::busy))),
    ("idle_by_hart", |row| list(row.places_by_hart.iter().map(|places| places.idle))),
    ("exits", |row| row.exit_count().to_string()),
    ("exits_by_reason", |row| map(&row.exits)),
    ("redirections", |row| row.redirections.values().sum::<u64>().to_string()),
    ("guest_interrupts", |row| row.guest_interrupts.values().sum::<u64>().to_string()),
    ("extension", |row| map(&row.extension)),
    ("wall_seconds", |row| row.wall_seconds.to_string()),
    ("suppression", |row| option(row.options.suppression.map(|suppression| suppression.name()))),
];

/// All rows with a heading line.
pub fn csv(rows: &[Row]) -> String {
    let line = |cells: Vec<String>| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\r\n";
    let heading = line(COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect());
    let rows = rows.iter().map(|row| line(COLUMNS.iter().map(|(_, cell)| cell(row)).collect()));
    std::iter::once(heading).chain(rows).collect()
}

fn quoted(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let row = Row { error: Some("a \"b\", c\nd".to_owned()), ..Row::default() };
        let text = csv(&[row]);
        assert!(text.contains(",\"a \"\"b\"\", c\nd\","), "{text}");
        let heading = text.lines().next().unwrap();
        assert_eq!(heading.split(',').count(), COLUMNS.len());
    }

    /// Scripts go by these: a column may be added at the end, and none may go or move.
    #[test]
    fn columns_are_stable() {
        let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let first = "experiment mechanism workload size event_idx queue_depth sharing bank guests map_cache knobs cost_model \
            quantum seed ok error ops messages bytes cycles cycles_per_op price ops_per_second megabytes_per_second \
            ratio_vs_classic speedup_vs_classic latency_p50 latency_p90 latency_p99 latency_p999 latency_max latency_mean \
            instret_m instret_hs instret_u instret_vs instret_vu instret_by_hart cycles_guest cycles_kernel cycles_firmware \
            cycles_user cycles_idle busy_by_hart idle_by_hart exits exits_by_reason redirections guest_interrupts extension \
            wall_seconds";
        assert_eq!(names[..51.min(names.len())].join(" "), first.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}
