//! The report: one HTML page with everything in it. It loads nothing, so it can be mailed, archived, and read in ten years.

mod models;

use std::fmt::Write;

use anyhow::Result;

use super::compose::{GUEST_MIB, HARTS, HOST_MEMORY};
use super::experiment::Experiment;
use super::experiments;
use super::path::{Path, svg};
use super::plot::{self, Plot};
use super::row::Row;
use super::stats::geometric_mean;
use super::store::RunInfo;
use super::sweep::{self, Sweep};
use super::table::{Part, parts};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Sizes up to here count as small where sizes are bytes: what the slides' headlines are about.
const SMALL: u64 = 1024;

/// What the reader must know before believing anything.
const CAVEATS: &[&str] = &[
    "Counts (instructions, exits, redirections, interrupts) are facts: the emulator counts them. Cycles are a model: what software does is \
     executed and charged instruction by instruction, hardware events are charged by the cost model below.",
    "Caches always hit. Where software copies data, that is executed, and is part of what the mode in which it runs takes.",
    "The host is small: it has no scheduler classes, no locks worth speaking of, no system-call layer of Linux's size. The model `linux` \
     adds what published measurements say that those take, at marked points only.",
    "Harts take turns of a fixed number of cycles (the quantum); what one does to another is seen with at most that delay.",
    "How the host interrupts the guest is the same in all virtio rows: HA-IOV does not touch it.",
    "The slides' ratios were taken end to end on QEMU with Linux: compare direction and order, not digits.",
    "A row in which the new mechanism loses is shown like any other, and a failed row is shown as FAILED.",
];

/// Text for a page.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page about `rows`.
///
/// # Errors
/// If a plot can't be drawn.
pub fn page(info: &RunInfo, rows: &[Row]) -> Result<String> {
    page_with(info, rows, &[])
}

/// The page about `rows`, with the paths of its mechanisms.
///
/// # Errors
/// If a plot can't be drawn.
pub fn page_with(info: &RunInfo, rows: &[Row], paths: &[Path]) -> Result<String> {
    let plots = plot::all(rows)?;
    let present: Vec<&Experiment> =
        experiments::ALL.iter().copied().filter(|e| rows.iter().any(|row| row.experiment == e.name)).collect();
    let mut html = String::new();
    write!(
        html,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>I/O virtualization lab: report</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\n{STYLE}</style></head><body>\n<h1>I/O virtualization lab: report</h1>\n"
    )?;
    html += "<nav>";
    for experiment in &present {
        write!(html, "<a href=\"#{0}\">{0}</a>", experiment.name)?;
    }
    if !paths.is_empty() {
        html += "<a href=\"#paths\">paths</a>";
    }
    html += "<a href=\"#repeat\">how to repeat it</a><a href=\"#models\">cost models</a></nav>\n";
    overview(&mut html, rows, &present)?;
    for experiment in &present {
        section(&mut html, experiment, rows, &plots)?;
    }
    paths_section(&mut html, paths)?;
    repeat(&mut html, info)?;
    models::section(&mut html, info)?;
    write!(html, "<script>\n{SCRIPT}</script>\n</body></html>\n")?;
    Ok(html)
}

fn overview(html: &mut String, rows: &[Row], present: &[&Experiment]) -> Result<()> {
    let failed = rows.iter().filter(|row| !row.ok).count();
    write!(
        html,
        "<p>{} rows, {failed} failed. Machine: {HARTS} harts (RV64GCH with HA-IOV) at a nominal 1 GHz, host {} MiB, guest {GUEST_MIB} MiB \
         with one vCPU. Everything but wall time is the same at every run, on every machine.</p>\n<ul class=\"note\">\n",
        rows.len(),
        HOST_MEMORY >> 20
    )?;
    for caveat in CAVEATS {
        writeln!(html, "<li>{}</li>", escape(caveat))?;
    }
    *html += "</ul>\n<h2>In short</h2>\n<table><thead><tr><th class=\"text\">experiment</th><th class=\"text\">cost model</th>\
              <th class=\"text\">what</th><th>cases</th><th>least</th><th>mean</th><th>most</th></tr></thead><tbody>\n";
    for experiment in present {
        for line in headlines(experiment, rows) {
            let cells = line.figures.map(|figure| format!("<td>{figure:.3}</td>")).concat();
            writeln!(
                html,
                "<tr><td class=\"text\">{}</td><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td>{cells}</tr>",
                experiment.name,
                escape(&line.model),
                escape(&line.what),
                line.cases
            )?;
        }
    }
    *html += "</tbody></table>\n<p class=\"note\">Work in a second over that of the experiment's classic mechanism in the same case; the mean is \
              geometric.</p>\n";
    Ok(())
}

struct Headline {
    model: String,
    what: String,
    cases: usize,
    figures: [f64; 3],
}

/// For each model: what the experiment's own mechanism gains over the classic one, over all cases and over small sizes.
fn headlines(experiment: &Experiment, rows: &[Row]) -> Vec<Headline> {
    let (Some(subject), Some(classic)) = (experiment.subject, experiment.classic) else { return Vec::new() };
    let of =
        |row: &&Row| row.experiment == experiment.name && row.mechanism == subject.name && row.options.knobs.is_empty();
    let mut groups: Vec<(String, String, Vec<f64>)> = Vec::new();
    for row in rows.iter().filter(of) {
        let Some(speedup) = row.speedup_vs_classic else { continue };
        let sharing = row.options.sharing.map_or(String::new(), |sharing| format!(", {} core", sharing.name()));
        let small = experiment.size_is.starts_with("bytes") && row.size <= SMALL;
        let what = format!("{} over {}{sharing}", row.series(), classic.name);
        let names = std::iter::once(what.clone()).chain(small.then(|| format!("{what}, up to {SMALL} bytes")));
        for name in names {
            match groups.iter_mut().find(|(model, what, _)| (model, what) == (&row.cost_model, &name)) {
                Some((_, _, values)) => values.push(speedup),
                None => groups.push((row.cost_model.clone(), name, vec![speedup])),
            }
        }
    }
    let line = |(model, what, values): (String, String, Vec<f64>)| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        let figures = [least, geometric_mean(&values).unwrap_or(0.0), most];
        Headline { model, what, cases: values.len(), figures }
    };
    groups.into_iter().map(line).collect()
}

fn section(html: &mut String, experiment: &Experiment, rows: &[Row], plots: &[Plot]) -> Result<()> {
    let of: Vec<Row> = rows.iter().filter(|row| row.experiment == experiment.name).cloned().collect();
    writeln!(html, "<h2 id=\"{}\">{}: {}</h2>", experiment.name, experiment.name, escape(experiment.about))?;
    writeln!(html, "<p class=\"note\">The slides: {}.</p>", escape(experiment.headline))?;
    let failures: Vec<&Row> = of.iter().filter(|row| !row.ok).collect();
    for row in failures {
        let error = row.error.as_deref().unwrap_or("no reason given");
        writeln!(html, "<p><b>FAILED</b> {}: {}</p>", escape(&row.key), escape(error))?;
    }
    for summary in [Sweep::TrapCost, Sweep::Costs].map(|sweep| (sweep, sweep::summary(sweep, &of))) {
        let any = match summary.0 {
            Sweep::TrapCost => !summary.1.is_empty(),
            _ => sweep::verdicts(&of).len() > 1,
        };
        if any {
            writeln!(html, "<pre>{}</pre>", escape(&summary.1))?;
        }
    }
    figures(html, experiment, plots)?;
    writeln!(html, "<h3>Tables</h3>")?;
    let tables = parts(&of, true);
    let fold = tables.len() > 1;
    for part in &tables {
        if fold {
            write!(html, "<details><summary>{}</summary>", escape(part.heading.as_deref().unwrap_or(experiment.name)))?;
        }
        table(html, part)?;
        if fold {
            writeln!(html, "</details>")?;
        }
    }
    Ok(())
}

/// Plots of the default model in the open, the others folded away.
fn figures(html: &mut String, experiment: &Experiment, plots: &[Plot]) -> Result<()> {
    let of: Vec<&Plot> = plots.iter().filter(|plot| plot.experiment == experiment.name).collect();
    let shown = if of.iter().any(|plot| plot.cost_model == "default") { "default" } else { "" };
    for plot in of {
        let caption = escape(&format!("{}, cost model {}", plot.title, plot.cost_model));
        let figure = format!("<figure>{}<figcaption>{caption}</figcaption></figure>", plot.svg);
        match shown.is_empty() || plot.cost_model == shown {
            true => writeln!(html, "{figure}")?,
            false => writeln!(html, "<details><summary>{caption}</summary>{figure}</details>")?,
        }
    }
    Ok(())
}

/// What each mechanism does for one request.
fn paths_section(html: &mut String, paths: &[Path]) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    writeln!(
        html,
        "<h2 id=\"paths\">Paths: what a mechanism does for one request</h2>\n<p class=\"note\">Each is made of a trace of the request of \
         median length among several in the middle of a run. Cycles of an arrow are those of the trap or return itself; dashed arrows are \
         what is seen in memory, blue ones messages. docs/PATHS.md says more.</p>"
    )?;
    for path in paths {
        let caption = escape(&format!("{}: {} cycles. {}", path.about, path.cycles, path.note));
        writeln!(html, "<details><summary>{caption}</summary><figure>{}</figure></details>", svg::svg(path)?)?;
    }
    Ok(())
}

fn table(html: &mut String, part: &Part) -> Result<()> {
    *html += "<div class=\"scroll\"><table class=\"sortable\"><thead><tr>";
    let class = |left: bool| if left { " class=\"text\"" } else { "" };
    for (head, left) in &part.heads {
        write!(html, "<th{}>{}</th>", class(*left), escape(head))?;
    }
    *html += "</tr></thead><tbody>\n";
    for cells in &part.cells {
        *html += "<tr>";
        for (cell, (_, left)) in cells.iter().zip(&part.heads) {
            let class = if cell == "FAILED" { " class=\"bad\"" } else { class(*left) };
            write!(html, "<td{class}>{}</td>", escape(cell))?;
        }
        *html += "</tr>\n";
    }
    *html += "</tbody></table></div>\n";
    Ok(())
}

fn repeat(html: &mut String, info: &RunInfo) -> Result<()> {
    writeln!(
        html,
        "<h2 id=\"repeat\">How to repeat it</h2>\n<p>rv-emu {}; the commands that made these rows:</p>",
        escape(&info.version)
    )?;
    writeln!(html, "<pre>{}</pre>", escape(&info.commands.join("\n")))?;
    *html += "<p>The guest images that were used (64-bit FNV-1a of each file):</p>\n<pre>";
    for (name, hash) in &info.images {
        writeln!(html, "{} {}.elf", escape(hash), escape(name))?;
    }
    *html += "</pre>\n<p class=\"note\">rows.json has every counter, rows.csv a line for each row; docs/LAB.md says what each field means.</p>\n";
    Ok(())
}

#[cfg(test)]
mod tests;
