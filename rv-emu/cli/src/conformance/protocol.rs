//! `rv-emu conformance protocol`: the search of HA-IOV's post and notify protocol.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use conformance::protocol::{MUTATIONS, Outcome, Row, SCENARIOS, Scenario, Size, story};
use serde_json::{Value, json};

/// States have numbers of 32 bits.
const LIMIT_MAX: i64 = 4_000_000_000;

/// Options of `protocol`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --mutation: the protocol as specified, in every scenario that is asked for; nothing may be
wrong with it. With --mutation: the protocol with one rule switched off, or with each in turn; the
table says what must come of it, and the shortest way there is told step by step. docs/PROTOCOL.md
says what the model covers.

Exit codes: 0 when all verdicts are as expected, 1 when one is not (a search that stopped at --limit
has none), 2 when the command line is wrong, 125 when nothing has the name that was asked for.

Examples:
  rv-emu conformance protocol                           every scenario that takes seconds
  rv-emu conformance protocol --large                   all of them: minutes, and up to 8 GiB
  rv-emu conformance protocol --harts 3 --json          those with three harts, as JSON
  rv-emu conformance protocol --mutation all            the table
  rv-emu conformance protocol --mutation stale-running  one row, with its counterexample")]
pub struct ProtocolArgs {
    /// Only scenarios with so many harts.
    #[arg(long, value_name = "2|3", value_parser = clap::value_parser!(u8).range(2..=3))]
    harts: Option<u8>,
    /// Only scenarios whose name contains this, the largest too; with --mutation, only the rules that they show.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Switch off this rule, or each in turn, in the scenario that shows what comes of it.
    #[arg(long, value_name = "NAME|all")]
    mutation: Option<String>,
    /// The largest scenarios too.
    #[arg(long, conflicts_with = "mutation")]
    large: bool,
    /// Stop a search at so many states.
    #[arg(long, value_name = "N", default_value_t = 100_000_000, value_parser = clap::value_parser!(u32).range(1..=LIMIT_MAX))]
    limit: u32,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
    /// Names of scenarios and mutations, and exit.
    #[arg(long)]
    list: bool,
}

/// Searches, and prints verdicts.
///
/// # Errors
/// If nothing has the name that was asked for.
pub fn protocol(args: &ProtocolArgs) -> Result<ExitCode> {
    if args.list {
        SCENARIOS.iter().for_each(|scenario| println!("{:28} {}", scenario.name, scenario.about));
        MUTATIONS.iter().for_each(|row| println!("{:28} {} ({})", row.name, row.about, row.rule));
        return Ok(ExitCode::SUCCESS);
    }
    let outcomes = match args.mutation.as_deref() {
        None => scenarios(args)?,
        Some(name) => mutations(args, name)?,
    };
    if args.json {
        let values: Vec<Value> = outcomes.iter().map(|(name, outcome)| value(name, outcome)).collect();
        println!("{}", serde_json::to_string_pretty(&values)?);
    }
    let good = outcomes.iter().all(|(_, outcome)| outcome.as_expected());
    Ok(ExitCode::from(u8::from(!good)))
}

type Named = (&'static str, Outcome);

fn scenarios(args: &ProtocolArgs) -> Result<Vec<Named>> {
    let wanted = |scenario: &&Scenario| {
        let named = args.scenario.as_ref().is_none_or(|name| scenario.name.contains(name.as_str()));
        let sized = args.large || args.scenario.is_some() || scenario.size < Size::Large;
        named && sized && args.harts.is_none_or(|harts| scenario.harts == harts)
    };
    let chosen: Vec<&'static Scenario> = SCENARIOS.iter().filter(wanted).collect();
    ensure!(!chosen.is_empty(), "no such scenario; --list names them");
    let search = |scenario: &'static Scenario| {
        let outcome = Outcome::of_scenario(scenario, args.limit as usize, &mut progress(scenario.name));
        tell(args, scenario.name, &outcome, !outcome.as_expected());
        (scenario.name, outcome)
    };
    Ok(chosen.into_iter().map(search).collect())
}

fn mutations(args: &ProtocolArgs, name: &str) -> Result<Vec<Named>> {
    let wanted = |row: &&Row| {
        let harts = Scenario::named(row.scenario).map_or(0, |scenario| scenario.harts);
        let shown = args.scenario.as_ref().is_none_or(|name| row.scenario.contains(name.as_str()));
        (name == "all" || row.name == name) && shown && args.harts.is_none_or(|wanted| harts == wanted)
    };
    let chosen: Vec<&'static Row> = MUTATIONS.iter().filter(wanted).collect();
    ensure!(!chosen.is_empty(), "no such mutation; --list names them");
    let search = |row: &'static Row| {
        let outcome = Outcome::of_mutation(row, args.limit as usize, &mut progress(row.name));
        tell(args, row.name, &outcome, name != "all" || !outcome.as_expected());
        (row.name, outcome)
    };
    Ok(chosen.into_iter().map(search).collect())
}

/// A line that changes, on terminals.
fn progress(name: &'static str) -> impl FnMut(usize, usize) {
    let shown = stderr().is_terminal();
    move |states, left| {
        if shown {
            eprint!("\r\x1b[K{name}: {states} states, {left} to look at");
        }
    }
}

fn tell(args: &ProtocolArgs, name: &str, outcome: &Outcome, with_story: bool) {
    if stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    if args.json {
        return;
    }
    let found = &outcome.found;
    let mark = if outcome.as_expected() { "" } else { "  NOT AS EXPECTED" };
    println!(
        "{name:28} {:9} states {:10} steps {:4} deep {:7.2} s  {}{mark}",
        found.states,
        found.steps,
        found.depth,
        outcome.time.as_secs_f64(),
        found.verdict.name(),
    );
    if with_story {
        print!("{}", story(outcome));
    }
}

fn value(name: &str, outcome: &Outcome) -> Value {
    let found = &outcome.found;
    let trace: Vec<String> = found.trace.iter().map(|(label, _)| label.words()).collect();
    json!({
        "name": name,
        "scenario": outcome.protocol.scenario.name,
        "mutation": outcome.protocol.mutation.map(|mutation| mutation.row().name),
        "harts": outcome.protocol.scenario.harts,
        "verdict": found.verdict.name(),
        "expected": outcome.expected.name(),
        "as_expected": outcome.as_expected(),
        "states": found.states,
        "steps": found.steps,
        "depth": found.depth,
        "seconds": outcome.time.as_secs_f64(),
        "trace": trace,
    })
}
