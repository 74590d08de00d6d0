//! `rv-emu lab path`: what mechanisms do for one request, in whichever form.

use std::path::Path as Folder;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use benches::lab::path::{self, Path, Subject, markdown, mermaid, svg, text};
use benches::lab::store::{RunInfo, replace};
use benches::lab::{Row, Selection};

use crate::args::{PathArgs, PathFormat, SharingArg};
use crate::run::cost_model;

/// Traces what was asked for, and shows it.
pub fn path(args: &PathArgs) -> Result<ExitCode> {
    let selection = Selection {
        mechanisms: args.mechanisms.clone(),
        sharing: args.sharing.map(SharingArg::values).unwrap_or_default(),
        ..Selection::default()
    };
    let subjects = path::subjects(args.experiment.as_deref(), &selection).map_err(anyhow::Error::msg)?;
    if let Some(subject) = subjects.iter().find(|subject| !path::available(subject)) {
        bail!("{}: this build has not all images that it needs", subject.name());
    }
    let traced = path::trace_all(&subjects, &Arc::new(cost_model(&args.model)?));
    let paths = traced.into_iter().collect::<Result<Vec<_>, _>>().map_err(anyhow::Error::msg)?;
    if args.format == PathFormat::Markdown {
        let document = markdown::markdown(&paths);
        return match &args.out {
            Some(folder) => keep(folder, &[("PATHS.md".to_owned(), document)]),
            None => print(&[document], ""),
        };
    }
    let shown = paths.iter().map(|path| form(path, args.format)).collect::<Result<Vec<_>>>()?;
    match (&args.out, args.format) {
        (Some(folder), format) => {
            let name = |path: &Path| format!("{}.{}", path.name, extension(format));
            let files: Vec<(String, String)> = paths.iter().map(name).zip(shown).collect();
            keep(folder, &files)
        }
        (None, PathFormat::Svg) if shown.len() > 1 => bail!("several pictures need a folder: --out DIR"),
        (None, PathFormat::Json) => print(&[format!("[\n{}\n]\n", shown.join(",\n"))], ""),
        (None, _) => print(&shown, "\n"),
    }
}

fn form(path: &Path, format: PathFormat) -> Result<String> {
    Ok(match format {
        PathFormat::Text | PathFormat::Markdown => text::text(path),
        PathFormat::Mermaid => mermaid::mermaid(path),
        PathFormat::Svg => svg::svg(path)?,
        PathFormat::Json => serde_json::to_string_pretty(path)?,
    })
}

fn extension(format: PathFormat) -> &'static str {
    match format {
        PathFormat::Text => "txt",
        PathFormat::Mermaid => "mmd",
        PathFormat::Svg => "svg",
        PathFormat::Json => "json",
        PathFormat::Markdown => "md",
    }
}

fn print(texts: &[String], between: &str) -> Result<ExitCode> {
    print!("{}", texts.join(between));
    Ok(ExitCode::SUCCESS)
}

fn keep(folder: &Folder, files: &[(String, String)]) -> Result<ExitCode> {
    std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    for (name, text) in files {
        replace(&folder.join(name), text)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The paths of the mechanisms that `rows` are about, for their report, drawn into `folder`. A report about runs of other images has none.
pub fn of_rows(folder: &Folder, rows: &[Row], info: &RunInfo) -> Result<Vec<Path>> {
    let has = |subject: &&Subject| {
        let of = |row: &&Row| row.experiment == subject.experiment.name && row.mechanism == subject.mechanism.name;
        rows.iter().filter(of).any(|row| row.ok) && path::available(subject)
    };
    let subjects: Vec<Subject> = path::ALL.iter().filter(has).copied().collect();
    if subjects.is_empty() || info.images != RunInfo::new("", &[]).images {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for traced in path::trace_all(&subjects, &Arc::new(cost_model("default")?)) {
        match traced {
            Ok(path) => paths.push(path),
            Err(error) => eprintln!("rv-emu: no path of {error}"),
        }
    }
    let pictures = paths.iter().map(|path| Ok((format!("{}.svg", path.name), svg::svg(path)?)));
    keep(folder, &pictures.collect::<Result<Vec<_>>>()?)?;
    Ok(paths)
}
