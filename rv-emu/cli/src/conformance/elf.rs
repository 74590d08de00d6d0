//! `rv-emu conformance elf`: options to a run of test programs, and its reports to files and streams.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use conformance::foreign::{self, Found, Options, Outcome, Program, Verdict};
use rv_machine::Image;
use serde_json::{Value, json};

use crate::args::ElfArgs;
use crate::run::{FAILED, build};

/// Lines of the console shown of a program that did not pass.
const CONSOLE_LINES: usize = 20;
/// Progress has to fit on a line of any terminal.
const PROGRESS_COLUMNS: usize = 78;
/// The name of the firmware that needs no file.
const BUILT_IN: &str = "built-in";

/// Runs test programs. The exit code is 0 if all passed, 1 if not, 125 if none could be run.
pub fn elf(args: &ElfArgs) -> Result<ExitCode> {
    let found = foreign::find(&args.paths, &args.filter).map_err(anyhow::Error::msg)?;
    print_skipped(&found);
    ensure!(!found.programs.is_empty(), "no test program was found");
    if args.list {
        found.programs.iter().for_each(|program| println!("{}", program.path.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let options = options(args, found.programs.len())?;
    let factory = || build(&args.machine).map_err(|error| format!("{error:#}"));
    // What no program could be run on is a mistake in the options, and not a hundred failures.
    drop(build(&args.machine)?);
    let start = Instant::now();
    let mut reporter = Reporter::new(args, found.programs.len())?;
    reporter.record(&foreign::start_record(found.programs.len(), &options, describe(args)))?;
    let outcomes =
        foreign::run(&found.programs, &options, &factory, |program, outcome| reporter.tell(program, outcome))?;
    let seconds = start.elapsed().as_secs_f64();
    reporter.clear_progress();
    reporter.record(&foreign::summary_record(&outcomes, seconds))?;
    let table = foreign::table(&found.programs, &outcomes);
    let failures = foreign::failures(&found.programs, &outcomes, CONSOLE_LINES);
    let gap = if failures.is_empty() { "" } else { "\n" };
    reporter.print(&format!("{table}{gap}{failures}"))?;
    Ok(exit_code(&outcomes))
}

fn exit_code(outcomes: &[Outcome]) -> ExitCode {
    let all = |verdict| outcomes.iter().all(|outcome| outcome.verdict == verdict);
    match (all(Verdict::Passed), all(Verdict::NotLoadable)) {
        (true, _) => ExitCode::SUCCESS,
        (_, true) => ExitCode::from(FAILED),
        _ => ExitCode::FAILURE,
    }
}

fn print_skipped(found: &Found) {
    for (why, count) in &found.skipped {
        eprintln!("rv-emu: {count} ELF files left out: {why}");
    }
}

fn options(args: &ElfArgs, programs: usize) -> Result<Options> {
    if let Some(reference) = &args.reference {
        ensure!(reference.exists(), "{}: there is no such reference", reference.display());
        if reference.is_file() && programs > 1 {
            bail!("{}: a file is the reference of one program, and there are {programs}", reference.display());
        }
    }
    let firmware = match args.bios.as_deref() {
        None => None,
        Some(path) if path == Path::new(BUILT_IN) => {
            Some(Image::parse("built-in firmware", benches::images::FIRMWARE.to_vec())?)
        }
        Some(path) => Some(Image::open(path)?),
    };
    let cpus = || available_parallelism().map_or(1, usize::from);
    Ok(Options {
        timeout: args.timeout,
        max_insns: args.max_insns,
        jobs: args.jobs.map_or_else(cpus, usize::from),
        firmware,
        reference: args.reference.clone(),
        signature_dir: args.signature_dir.clone(),
        granularity: args.signature_granularity,
        expect: args.expect.clone(),
        fail_on: args.fail_on.clone(),
        self_checking: args.self_checking,
    })
}

/// The machine, for the first record.
fn describe(args: &ElfArgs) -> Value {
    let machine = &args.machine;
    json!({
        "memory": machine.memory,
        "harts": machine.harts,
        "isa": machine.isa.to_string(),
        "cost_model": machine.cost_model,
        "haiov": machine.haiov,
    })
}

/// Where reports go. Records leave at once, so that an interrupted run has all tests that were over.
struct Reporter {
    records: Option<Box<dyn Write>>,
    /// Standard output belongs to the records: everything else goes to standard error.
    records_on_stdout: bool,
    verbose: bool,
    progress: bool,
    programs: usize,
    over: usize,
    not_passed: usize,
}

impl Reporter {
    fn new(args: &ElfArgs, programs: usize) -> Result<Reporter> {
        let records_on_stdout = args.json.as_deref() == Some(Path::new("-"));
        let records: Option<Box<dyn Write>> = match &args.json {
            None => None,
            Some(_) if records_on_stdout => Some(Box::new(io::stdout())),
            Some(file) => {
                Some(Box::new(File::create(file).with_context(|| format!("can't write {}", file.display()))?))
            }
        };
        Ok(Reporter {
            records,
            records_on_stdout,
            verbose: args.verbose,
            progress: io::stderr().is_terminal(),
            programs,
            over: 0,
            not_passed: 0,
        })
    }

    fn tell(&mut self, program: &Program, outcome: &Outcome) -> Result<()> {
        self.over += 1;
        self.not_passed += usize::from(outcome.verdict != Verdict::Passed);
        self.record(&foreign::test_record(program, outcome))?;
        if self.verbose {
            self.clear_progress();
            self.print(&verbose(program, outcome))?;
        }
        if self.progress {
            let not_passed =
                if self.not_passed > 0 { format!(", {} not passed", self.not_passed) } else { String::new() };
            let text = format!("{} of {}{not_passed}: {}", self.over, self.programs, program.name);
            eprint!("\r{}\x1b[K", text.chars().take(PROGRESS_COLUMNS).collect::<String>());
        }
        Ok(())
    }

    /// Writes a line in one piece, and past all buffers.
    fn record(&mut self, record: &Value) -> Result<()> {
        let Some(records) = &mut self.records else { return Ok(()) };
        let line = format!("{record}\n");
        records.write_all(line.as_bytes()).and_then(|()| records.flush()).context("can't write the records")
    }

    fn print(&self, text: &str) -> Result<()> {
        let written = match self.records_on_stdout {
            true => io::stderr().write_all(text.as_bytes()),
            false => io::stdout().write_all(text.as_bytes()),
        };
        written.context("can't print the report")
    }

    fn clear_progress(&self) {
        if self.progress {
            eprint!("\r\x1b[K");
        }
    }
}

fn verbose(program: &Program, outcome: &Outcome) -> String {
    let verdict = outcome.verdict.name();
    let mut text = format!("{}: {verdict}: {} ({:.2} s)\n", program.path.display(), outcome.reason, outcome.seconds);
    for line in foreign::printable(&outcome.console, usize::MAX) {
        text += &format!("    | {line}\n");
    }
    text
}
