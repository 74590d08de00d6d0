//! `rv-emu conformance`: the suite of this project, on this machine.

use std::io::{IsTerminal, Write, stderr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use conformance::suite::coverage::Coverage;
use conformance::suite::execute::Verdict;
use conformance::suite::peer::Peer;
use conformance::suite::report::{self, Outcome};
use conformance::suite::{Group, execute, suite as all_groups, suite_beside_haiov, suite_of_haiov};
use ha_iov_ext::model::{Config, Haiov};
use rv_hart::{Costs, Hart};
use rv_isa::IsaSet;
use rv_machine::machine::ExtensionFactory;
use rv_machine::{CostModel, Machine, MachineConfig, MachineError};

use crate::args::SuiteArgs;

/// Exit code when a test did not pass.
const FAILED: u8 = 1;

/// Runs the suite.
pub fn suite(args: &SuiteArgs) -> Result<ExitCode> {
    let peer = peer(args)?;
    // The programs are for the extensions that both machines have.
    let isa = peer.as_ref().map_or(args.isa, |peer| peer.isa);
    let mut groups = if args.haiov { suite_beside_haiov(isa) } else { all_groups(isa) };
    complete(&groups, isa)?;
    if peer.is_none() {
        groups.extend(suite_of_haiov(isa));
    }
    select(&mut groups, args);
    if groups.is_empty() {
        bail!("no test matches");
    }
    if args.list {
        list(&groups);
        return Ok(ExitCode::SUCCESS);
    }
    let outcomes = run(&groups, args, &|group| here(group, isa));
    let failures: Vec<String> = outcomes.iter().flat_map(Outcome::failures).collect();
    let to_stdout = args.json.as_deref() == Some(Path::new("-"));
    if let Some(file) = &args.json {
        let text = format!("{:#}\n", report::json(&outcomes));
        match to_stdout {
            true => std::io::stdout().write_all(text.as_bytes())?,
            false => std::fs::write(file, text).with_context(|| format!("can't write {}", file.display()))?,
        }
    }
    let text =
        format!("{}{}", report::table(&outcomes), failures.iter().map(|line| format!("{line}\n")).collect::<String>());
    if to_stdout {
        eprint!("{text}")
    } else {
        print!("{text}")
    }
    if let Some(peer) = &peer {
        compare(&groups, args, &outcomes, peer)?;
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// A row without a test is a mistake of the suite, whatever the machine does.
fn complete(groups: &[Group], isa: IsaSet) -> Result<()> {
    let hart = Hart::new(0, 0, isa, Costs::FLAT, Vec::new())?;
    let missing = Coverage::of(groups).missing(isa, |number| hart.csr_peek(number).is_some());
    if missing.is_empty() { Ok(()) } else { bail!("no test for {}", missing.join(", ")) }
}

fn select(groups: &mut Vec<Group>, args: &SuiteArgs) {
    if args.filter.is_empty() {
        return;
    }
    let matches = |name: &str| args.filter.iter().any(|filter| filter.matches(Path::new(name)));
    for group in groups.iter_mut() {
        if !matches(&group.name()) {
            group.cases.retain(|case| matches(&case.name));
        }
    }
    groups.retain(|group| !group.cases.is_empty());
}

fn list(groups: &[Group]) {
    for group in groups {
        for case in &group.cases {
            println!("{}\t{}\t{}", group.name(), case.name, case.section);
        }
    }
}

/// A verdict for each case, or why there is none.
type Verdicts = Result<Vec<Verdict>, String>;

/// The group on this machine.
fn here(group: &Group, isa: IsaSet) -> Verdicts {
    execute::run(group, &|| machine(isa, group.haiov)).map_err(|error| error.to_string())
}

/// The other machine that was asked for.
fn peer(args: &SuiteArgs) -> Result<Option<Peer>> {
    match (&args.qemu, &args.spike) {
        (Some(program), _) => Peer::qemu(program).map(Some),
        (_, Some(program)) => Peer::spike(program).map(Some),
        _ => Ok(None),
    }
}

/// Runs the groups on the other machine, and says where it differs. A test states what the section that it names demands, so the machine that
/// passes it is right.
fn compare(groups: &[Group], args: &SuiteArgs, ours: &[Outcome<'_>], peer: &Peer) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("rv-emu-suite-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    let there = |group: &Group| {
        let file = folder.join(format!("{}.elf", group.name()));
        peer.run(group, &file).map_err(|error| format!("{error:#}"))
    };
    let theirs = run(groups, args, &there);
    let _ = std::fs::remove_dir_all(&folder);
    println!("\nOn {}:\n{}", peer.version, report::table(&theirs));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let failed_here = ours.failures();
        for failure in theirs.failures().iter().filter(|failure| !failed_here.contains(failure)) {
            println!("{failure}: {} is wrong by that section", peer.version.split(',').next().unwrap_or("it"));
        }
        for failure in failed_here.iter().filter(|failure| !theirs.failures().contains(failure)) {
            println!("{failure}: this machine is wrong by that section");
        }
    }
    Ok(())
}

/// A machine with `isa`, and with HA-IOV or without, on which every instruction takes one cycle.
fn machine(isa: IsaSet, haiov: bool) -> Result<Machine, MachineError> {
    let costs = CostModel::built_in("flat").expect("the built-in models are valid");
    let extensions: ExtensionFactory =
        if haiov { Haiov::machine(Config::default(), 1) } else { Box::new(|_| Vec::new()) };
    Machine::new(MachineConfig { isa, costs, extensions, ..MachineConfig::default() })
}

/// Runs all groups on as many threads as there are CPUs, in any order; outcomes are in the order of groups.
fn run<'a>(groups: &'a [Group], args: &SuiteArgs, on: &(dyn Fn(&Group) -> Verdicts + Sync)) -> Vec<Outcome<'a>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let progress = stderr().is_terminal();
    let worker = || {
        while let Some((index, group)) = take(&next, groups) {
            let start = Instant::now();
            let verdicts = on(group);
            let outcome = Outcome { group, verdicts, seconds: start.elapsed().as_secs_f64() };
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((index, outcome));
            if progress {
                eprint!("\r{}/{} programs", done.len(), groups.len());
            }
        }
    };
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cpus, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(worker);
        }
    });
    if progress {
        eprint!("\r                       \r");
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn take<'a>(next: &AtomicUsize, groups: &'a [Group]) -> Option<(usize, &'a Group)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    groups.get(index).map(|group| (index, group))
}
