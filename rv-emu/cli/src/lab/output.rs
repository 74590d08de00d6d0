//! Where rows go: standard output, files, a folder of results.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use benches::lab::store::{self, replace};
use benches::lab::{Row, csv, plot, report as html, table};

use crate::args::OutputArgs;

/// Prints and writes what was asked for; `summary` goes below the table.
pub fn show(rows: &[Row], output: &OutputArgs, summary: &str) -> Result<()> {
    let mut to_stdout = false;
    let mut write = |file: &Path, text: String| {
        if file.as_os_str() == "-" {
            to_stdout = true;
            print!("{text}");
            return Ok(());
        }
        std::fs::write(file, text).with_context(|| format!("can't write {}", file.display()))
    };
    if let Some(file) = &output.json {
        write(file, json(rows)?)?;
    }
    if let Some(file) = &output.csv {
        write(file, csv::csv(rows))?;
    }
    if let Some(folder) = &output.plot {
        plots(folder, rows)?;
    }
    if !to_stdout {
        print!("{}", table(rows, output.wide));
        if !summary.is_empty() {
            print!("\n{summary}");
        }
    }
    Ok(())
}

fn json(rows: &[Row]) -> Result<String> {
    Ok(serde_json::to_string_pretty(rows)? + "\n")
}

fn plots(folder: &Path, rows: &[Row]) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    for plot in plot::all(rows)? {
        replace(&folder.join(format!("{}.svg", plot.name)), &plot.svg)?;
    }
    Ok(())
}

/// Writes everything that is made of rows into a folder of results.
pub fn keep(folder: &Path, rows: &[Row]) -> Result<()> {
    replace(&folder.join("rows.json"), &json(rows)?)?;
    replace(&folder.join("rows.csv"), &csv::csv(rows))?;
    replace(&folder.join("table.txt"), &table(rows, true))?;
    plots(&folder.join("plots"), rows)?;
    let info = store::read_info(folder)?;
    let paths = super::path::of_rows(&folder.join("paths"), rows, &info)?;
    let page = html::page_with(&info, rows, &paths)?;
    replace(&folder.join("report.html"), &page)?;
    eprintln!("{} rows, plots and report.html are in {}", rows.len(), folder.display());
    Ok(())
}

/// Makes everything in a folder of results anew. The exit code is 1 if a row failed.
pub fn report(folder: &Path) -> Result<ExitCode> {
    let rows = store::read(folder)?;
    keep(folder, &rows)?;
    Ok(super::verdict(&rows))
}
