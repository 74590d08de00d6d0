//! Rows as a table for people.

use super::Row;

const HEADINGS: [&str; 11] = [
    "cost model",
    "mechanism",
    "size",
    "ok",
    "exits",
    "redirections",
    "HS insns",
    "U insns",
    "guest insns",
    "cycles",
    "vs classic",
];

/// A table of all rows; columns are as wide as they must be.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            let cell = if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
            text.push_str(&cell);
            text.push_str("  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn cells(row: &Row) -> [String; HEADINGS.len()] {
    let insns = |modes: &[&str]| modes.iter().filter_map(|mode| row.instret_by_mode.get(mode)).sum::<u64>();
    let sum = |counts: &std::collections::BTreeMap<String, u64>| counts.values().sum::<u64>().to_string();
    [
        row.cost_model.clone(),
        row.mechanism.to_owned(),
        row.size.to_string(),
        if row.ok { "ok" } else { "FAILED" }.to_owned(),
        sum(&row.exits),
        sum(&row.redirections),
        insns(&["HS"]).to_string(),
        insns(&["U"]).to_string(),
        insns(&["VS", "VU"]).to_string(),
        row.cycles.to_string(),
        row.ratio_vs_classic.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}")),
    ]
}
