//! `rv-emu lab`: chooses cases, runs them, and hands rows to whoever shows or keeps them.

mod output;
mod path;
mod progress;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use benches::lab::experiments::{self, price};
use benches::lab::store::{RunInfo, Store};
use benches::lab::sweep::summary;
use benches::lab::{Case, Emulator, Experiment, Row, Selection, mechanism, runner};
use rv_machine::CostModel;

use crate::args::{LabArgs, LabCommand, OutputArgs, SelectArgs, SweepArgs};
use crate::run::cost_model;
use progress::Bar;

/// Runs what was asked for. The exit code is 1 if a row failed.
pub fn lab(args: &LabArgs) -> Result<ExitCode> {
    match &args.command {
        LabCommand::Uer(run) => experiment(&["uer"], &run.select, &run.output),
        LabCommand::Vei(run) => experiment(&["vei"], &run.select, &run.output),
        LabCommand::Hcs(run) => experiment(&["hcs"], &run.select, &run.output),
        LabCommand::Price(run) => experiment(&["price"], &run.select, &run.output),
        LabCommand::Linux(run) => experiment(&["linux"], &run.select, &run.output),
        LabCommand::All(run) => {
            let names: Vec<&str> = experiments::ALL.iter().map(|experiment| experiment.name).collect();
            experiment(&names, &run.select, &run.output)
        }
        LabCommand::Sweep(args) => sweep(args),
        LabCommand::Path(args) => path::path(args),
        LabCommand::Report(args) => output::report(&args.dir),
        LabCommand::List => {
            print!("{}", list());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What there is.
fn list() -> String {
    let mut text = "Mechanisms:\n".to_owned();
    for mechanism in mechanism::ALL {
        text += &format!("  {:16} {}\n", mechanism.name, mechanism.about);
    }
    for experiment in experiments::ALL {
        let names: Vec<&str> = experiment.mechanisms.iter().map(|mechanism| mechanism.name).collect();
        text +=
            &format!("\nExperiment {}: {}\n  mechanisms: {}\n", experiment.name, experiment.about, names.join(", "));
        for workload in experiment.workloads {
            text += &format!("  {:16} {}\n", workload.name, workload.about);
        }
        if let Some(why) = unavailable(experiment) {
            text += &format!("  {why}\n");
        }
    }
    text
}

/// Why the experiment can't be run, if it can't.
fn unavailable(experiment: &Experiment) -> Option<String> {
    let missing = experiments::missing_images(experiment);
    let reason = match missing.is_empty() {
        true => (experiment.needs)().err()?,
        false => format!("this build has no image {}", missing.join(", ")),
    };
    Some(format!("experiment {} can't be run: {reason}", experiment.name))
}

/// The models by name or file; `otherwise` if none is named.
fn models(args: &SelectArgs, otherwise: &[&str]) -> Result<Vec<Arc<CostModel>>> {
    let given: Vec<&str> = args.models.iter().map(String::as_str).collect();
    let names = if given.is_empty() { otherwise } else { &given };
    let models = names.iter().map(|name| cost_model(name).map(Arc::new)).collect::<Result<Vec<_>>>()?;
    for (index, model) in models.iter().enumerate() {
        // Rows tell models apart by their names.
        if models[..index].iter().any(|other| other.name() == model.name()) {
            bail!("two cost models are called `{}`", model.name());
        }
    }
    Ok(models)
}

fn selection(args: &SelectArgs, models: Vec<Arc<CostModel>>) -> Selection {
    Selection {
        mechanisms: args.mechanisms.clone(),
        workloads: args.workloads.clone(),
        sizes: args.sizes.clone(),
        models,
        suppression: args.suppression.iter().map(|suppression| suppression.value()).collect(),
        queue_depth: args.qd.clone(),
        sharing: args.sharing.map(crate::args::SharingArg::values).unwrap_or_default(),
        banks: args.bank.clone(),
        quick: args.quick,
        quantum: args.quantum,
        seed: args.seed,
    }
}

/// Leaves out, of what only some experiments have, what this one hasn't.
fn narrowed(selection: &Selection, experiment: &Experiment) -> Option<Selection> {
    let mechanisms = |name: &String| experiment.mechanisms.iter().any(|mechanism| mechanism.name == name);
    let workloads = |name: &String| experiment.workload(name).is_some();
    let keep = |list: &[String], has: &dyn Fn(&String) -> bool| -> Option<Vec<String>> {
        let kept: Vec<String> = list.iter().filter(|name| has(name)).cloned().collect();
        (list.is_empty() || !kept.is_empty()).then_some(kept)
    };
    let mechanisms = keep(&selection.mechanisms, &mechanisms)?;
    let workloads = keep(&selection.workloads, &workloads)?;
    Some(Selection { mechanisms, workloads, ..selection.clone() })
}

fn experiment(names: &[&str], select: &SelectArgs, output: &OutputArgs) -> Result<ExitCode> {
    if let Some(folder) = &select.linux {
        experiments::linux::use_folder(folder.clone());
    }
    let selection = selection(select, models(select, &["flat", "default", "linux"])?);
    let mut cases = Vec::new();
    for experiment in names.iter().filter_map(|name| experiments::find(name)) {
        if let Some(why) = unavailable(experiment) {
            match names.len() {
                1 => bail!(why),
                _ => eprintln!("rv-emu: {why}"),
            }
            continue;
        }
        let narrow = if names.len() == 1 { Some(selection.clone()) } else { narrowed(&selection, experiment) };
        let Some(narrow) = narrow else { continue };
        let mut found = experiment.cases(&narrow).map_err(anyhow::Error::msg)?;
        found.retain(price::runnable);
        cases.extend(found);
    }
    let rows = run(&cases, select, output, &selection.models)?;
    output::show(&rows, output, "")?;
    Ok(verdict(&rows))
}

fn sweep(args: &SweepArgs) -> Result<ExitCode> {
    let selection = selection(&args.select, models(&args.select, &["default"])?);
    let kind = args.kind.value();
    let mut cases = Vec::new();
    for name in &args.of {
        if !kind.experiments().contains(&name.as_str()) {
            bail!("this sweep is not made over `{name}`; it is over {}", kind.experiments().join(", "));
        }
    }
    for name in kind.experiments().iter().filter(|name| args.of.is_empty() || args.of.iter().any(|of| of == *name)) {
        let Some(experiment) = experiments::find(name) else { continue };
        match (unavailable(experiment), args.of.is_empty()) {
            (Some(why), false) => bail!(why),
            (Some(why), true) => eprintln!("rv-emu: {why}"),
            (None, _) => {
                let Some(narrow) = narrowed(&selection, experiment) else { continue };
                cases.extend(kind.cases(experiment, &narrow).map_err(anyhow::Error::msg)?);
            }
        }
    }
    let rows = run(&cases, &args.select, &args.output, &selection.models)?;
    output::show(&rows, &args.output, &summary(kind, &rows))?;
    Ok(verdict(&rows))
}

/// Runs the cases, and keeps rows in the folder if one is given.
fn run(cases: &[Case], select: &SelectArgs, output: &OutputArgs, models: &[Arc<CostModel>]) -> Result<Vec<Row>> {
    if cases.is_empty() {
        bail!("nothing to run: no experiment that this build can run has all of what was asked for");
    }
    let info = RunInfo::new(&command_line(), models);
    let (store, mut earlier) = match &output.out {
        Some(folder) => {
            let (store, rows) = Store::open(folder, &info, output.resume)?;
            (Some(store), rows)
        }
        None => (None, Vec::new()),
    };
    earlier.retain(|row| row.ok);
    let keys: std::collections::BTreeSet<String> = cases.iter().map(Case::key).collect();
    let there = earlier.iter().filter(|row| keys.contains(&row.key)).count();
    let bar = Bar::new(cases.len(), there);
    let jobs = select.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let progress = |row: &Row| {
        bar.finished(row);
        store.as_ref().map_or(Ok(()), |store| store.append(row).map_err(|error| format!("{error:#}")))
    };
    let rows = runner::run(&Emulator, cases, earlier, jobs, &progress).map_err(anyhow::Error::msg)?;
    bar.done();
    if let (Some(store), Some(folder)) = (store, &output.out) {
        let all = store.finish(&rows).context("can't put the rows in order")?;
        output::keep(folder, &all)?;
    }
    Ok(rows)
}

/// The command as it can be typed again: from the program's own name on.
fn command_line() -> String {
    let words = std::env::args().skip(1).map(|word| match word.contains([' ', '*', '$', '"', '\'']) {
        true => format!("'{}'", word.replace('\'', "'\\''")),
        false => word,
    });
    std::iter::once("rv-emu".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn verdict(rows: &[Row]) -> ExitCode {
    let failed: Vec<&Row> = rows.iter().filter(|row| !row.ok).collect();
    for row in &failed {
        eprintln!("FAILED {}: {}", row.key, row.error.as_deref().unwrap_or("no reason given"));
    }
    ExitCode::from(u8::from(!failed.is_empty()))
}
