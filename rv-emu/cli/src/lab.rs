//! `rv-emu lab`: runs an experiment, prints its table, writes its rows.

use std::process::ExitCode;

use anyhow::{Context, Result};
use benches::lab::{Row, table, uer};

use crate::args::{Experiment, LabArgs};
use crate::run::cost_model;

const BUILT_IN: [&str; 3] = ["flat", "default", "linux"];

/// Runs an experiment. The exit code is 1 if a row failed.
pub fn lab(args: &LabArgs) -> Result<ExitCode> {
    let names: Vec<&str> = match args.cost_model.is_empty() {
        true => BUILT_IN.to_vec(),
        false => args.cost_model.iter().map(String::as_str).collect(),
    };
    let models = names.into_iter().map(cost_model).collect::<Result<Vec<_>>>()?;
    let rows = match args.experiment {
        Experiment::Uer => {
            let sizes = if args.quick { &uer::SIZES[..1] } else { &uer::SIZES[..] };
            uer::run(sizes, &models, &progress)
        }
    };
    print!("{}", table(&rows));
    for row in &rows {
        if let Some(error) = &row.error {
            eprintln!("{} with {} at {}: {error}", row.experiment, row.mechanism, row.size);
        }
    }
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&rows)? + "\n";
        std::fs::write(file, text).with_context(|| format!("can't write {}", file.display()))?;
    }
    Ok(ExitCode::from(u8::from(rows.iter().any(|row| !row.ok))))
}

fn progress(row: &Row) {
    let verdict = if row.ok { "ok" } else { "FAILED" };
    eprintln!(
        "{} {:>8} {:>7}  {:8} {verdict}  {:.1} s",
        row.experiment, row.mechanism, row.size, row.cost_model, row.wall_seconds
    );
}
