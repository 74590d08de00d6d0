//! Runs one program on a machine of its own.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use rv_machine::{ExitBy, Image, Limits, Machine, Software, Stop};

use super::console::Console;
use super::find::Program;
use super::judge::{Run, judge};
use super::outcome::{Outcome, Verdict};
use super::whereabouts::Symbols;
use super::{Factory, Options};

/// Virtual time between two looks at the clock: some milliseconds on the host.
const SLICE: u64 = 2_000_000;

/// Why a run was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Software ended it.
    Exit(ExitBy),
    /// Text was printed that must not be.
    Forbidden,
    /// All harts wait for what can't come.
    Idle,
    /// Harts trap again and again, and no instruction completes.
    Stuck,
    /// The instruction limit is reached.
    Limit,
    /// The host's clock has run out.
    TimedOut,
}

/// Runs a program to its verdict. Nothing that it does ends the process, and a panic of the emulator is its failure.
pub(super) fn execute(program: &Program, options: &Options, factory: &Factory<'_>) -> Outcome {
    let start = Instant::now();
    let mut console = Console::new(&options.expect, &options.fail_on);
    let mut instructions = 0;
    // What the panic left behind is only text and a number.
    let attempt = AssertUnwindSafe(|| attempt(program, options, factory, &mut console, &mut instructions));
    let outcome = catch_unwind(attempt).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Outcome::new(Verdict::Failed, format!("the emulator panicked: {text}"))
    });
    Outcome { instructions, seconds: start.elapsed().as_secs_f64(), console: console.text(), ..outcome }
}

fn attempt(
    program: &Program,
    options: &Options,
    factory: &Factory<'_>,
    console: &mut Console,
    instructions: &mut u64,
) -> Outcome {
    let started = Instant::now();
    let not_loadable = |why: String| Outcome::new(Verdict::NotLoadable, why);
    let image = match open(&program.path) {
        Ok(image) => image,
        Err(why) => return not_loadable(why),
    };
    let symbols = Symbols::of(&image);
    // The newer programs of riscv-arch-test compare with values of their own, and go to these labels where one differs.
    let compares = image.symbols.keys().any(|name| name.starts_with("failedtest_"));
    let self_checking = options.self_checking || compares || !image.symbols.contains_key("rvtest_code_begin");
    let mut machine = match factory() {
        Ok(machine) => machine,
        Err(why) => return not_loadable(why),
    };
    let software = match options.firmware.clone() {
        None => Software::bare(image),
        Some(firmware) => Software { bios: Some(firmware), kernel: Some(image), ..Software::default() },
    };
    if let Err(error) = machine.load(&software) {
        return not_loadable(error.to_string());
    }
    drop(software);
    let ending = drive(&mut machine, options, console, instructions, started);
    judge(&Run { program, options, machine: &machine, symbols, console, ending, self_checking })
}

/// A program file; unlike for other commands, raw bytes are none.
fn open(path: &Path) -> Result<Image, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    if !bytes.starts_with(b"\x7fELF") {
        return Err("not an ELF file".to_owned());
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    Image::parse(&file, bytes).map_err(|error| error.to_string())
}

/// Runs in slices, with a look at the console and the clock in between.
fn drive(
    machine: &mut Machine,
    options: &Options,
    console: &mut Console,
    instructions: &mut u64,
    started: Instant,
) -> Ending {
    let limits = Limits { max_insns: Some(options.max_insns), slice: Some(SLICE) };
    let mut printed = Vec::new();
    loop {
        let before = *instructions;
        let stop = machine.run(&limits);
        *instructions = machine.retired();
        machine.drain_output(&mut printed);
        console.take(&mut printed);
        if console.forbidden().is_some() {
            return Ending::Forbidden;
        }
        match stop {
            // Machines say how, whenever they say `Exit`.
            Stop::Exit(code) => return Ending::Exit(machine.exit_by().unwrap_or(ExitBy::Htif(code))),
            Stop::Idle => return Ending::Idle,
            Stop::InsnLimit => return Ending::Limit,
            Stop::Slice if *instructions == before && any_awake(machine) => return Ending::Stuck,
            Stop::Slice if started.elapsed() >= options.timeout => return Ending::TimedOut,
            Stop::Slice => {}
        }
    }
}

fn any_awake(machine: &Machine) -> bool {
    machine.harts().iter().any(|hart| !hart.state.waiting)
}
