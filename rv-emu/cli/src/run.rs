//! `rv-emu run`: builds a machine from the options, and connects it to the console.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use ha_iov_ext::model::{self as haiov, Config, Haiov};
use rv_devices::virtio::Kind;
use rv_machine::machine::ExtensionFactory;
use rv_machine::trace::Trace;
use rv_machine::{CostModel, Image, Limits, Machine, MachineConfig, Software, Stop};

use crate::args::{MachineArgs, RunArgs, devices};
use crate::console::{Console, Input};
use crate::network::Networks;
use crate::pace::Pace;
use crate::trace;

/// Exit code of a run that reached its instruction limit.
const LIMIT: u8 = 124;
/// Exit code when the emulator itself can't go on.
pub const FAILED: u8 = 125;
/// Virtual time between two looks at the console.
const SLICE: u64 = 2_000_000;
/// The same, of a machine that sleeps: it shall not wake the host for nothing.
const SLICE_ASLEEP: u64 = 20_000_000;
/// Longest time that the host waits for input without looking at the machine.
const IDLE: Duration = Duration::from_millis(200);
/// How long the console may wait for its turn while the machine waits for a network.
const TURN: Duration = Duration::from_millis(20);

/// Runs a machine to its end.
pub fn run(args: &RunArgs) -> Result<ExitCode> {
    let mut machine = build(&args.machine)?;
    if let Some(file) = &args.dump_dtb {
        let tree = machine.device_tree(args.append.as_deref());
        std::fs::write(file, tree).with_context(|| format!("can't write {}", file.display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let software = software(args)?;
    machine.load(&software)?;
    let mut trace = trace::open(&args.trace, &software, &machine)?;
    let mut networks = Networks::open(&args.machine.nets, &machine)?;
    let ended = drive(&mut machine, &mut networks, args, trace.as_mut());
    if let Some(trace) = trace {
        trace.finish().context("can't write the trace")?;
    }
    let ended = ended?;
    if let Some(file) = &args.signature {
        let text = machine.signature(args.signature_granularity).map_err(anyhow::Error::msg)?;
        std::fs::write(file, text).with_context(|| format!("can't write {}", file.display()))?;
    }
    if args.stats {
        print_stats(&mut machine)?;
    }
    ended
}

/// A machine as the options describe it.
pub fn build(args: &MachineArgs) -> Result<Machine> {
    let costs = cost_model(&args.cost_model)?;
    let extensions: ExtensionFactory = match args.haiov {
        true => Haiov::machine(Config::default().priced(&costs), args.harts),
        false => Box::new(|_| Vec::new()),
    };
    let virtio = devices::open(args, &costs)?;
    Ok(Machine::new(MachineConfig {
        harts: args.harts,
        memory: args.memory,
        quantum: args.quantum,
        isa: args.isa,
        costs,
        extensions,
        virtio,
        rtc_base: args.rtc.0,
    })?)
}

/// A built-in model by name, or a file.
pub fn cost_model(name: &str) -> Result<CostModel> {
    let path = Path::new(name);
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Ok(haiov::cost_model(name)?);
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read cost model {name}"))?;
    Ok(haiov::complete(CostModel::parse(name, &text)?)?)
}

fn software(args: &RunArgs) -> Result<Software> {
    let open = |path: &std::path::PathBuf| Image::open(path);
    let kernel = args.kernel.as_ref().map(open).transpose()?;
    let bios = match args.image.as_ref().or(args.bios.as_ref()) {
        Some(path) => Some(open(path)?),
        None => Some(Image::parse("built-in firmware", benches::images::FIRMWARE.to_vec())?),
    };
    let initrd = match &args.initrd {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?),
        None => None,
    };
    Ok(Software { bios, kernel, initrd, append: args.append.clone() })
}

/// Runs in slices, with the console and the networks in between. The inner result is the guest's verdict.
fn drive(
    machine: &mut Machine,
    networks: &mut Networks,
    args: &RunArgs,
    mut trace: Option<&mut Trace>,
) -> Result<Result<ExitCode>> {
    let mut console = Console::open().context("can't open the console")?;
    let mut slice = SLICE;
    let mut pace = Pace::new();
    let mut output = Vec::new();
    let mut input_open = true;
    let terminal = machine.board.slots(Kind::Console).next();
    loop {
        let retired = machine.retired();
        let limits = Limits { max_insns: args.max_insns, slice: Some(slice) };
        let stop = match &mut trace {
            Some(trace) => {
                let stop = machine.run_watched(&limits, Some(*trace));
                trace.flush().context("can't write the trace")?;
                stop
            }
            None => machine.run(&limits),
        };
        slice = if machine.retired() == retired { SLICE_ASLEEP } else { SLICE };
        machine.drain_output(&mut output);
        terminal.inspect(|slot| machine.board.drain_console(*slot, &mut output));
        if !output.is_empty() {
            console.print(&output)?;
            output.clear();
        }
        networks.exchange(machine);
        let input = match stop {
            Stop::Exit(code) => return Ok(Ok(ExitCode::from(code.min(255) as u8))),
            Stop::InsnLimit => {
                eprintln!("rv-emu: the instruction limit is reached:{}", whereabouts(machine));
                return Ok(Ok(ExitCode::from(LIMIT)));
            }
            Stop::Idle if !networks.is_empty() => {
                networks.wait(machine, TURN);
                console.poll()
            }
            Stop::Idle if !input_open => return Ok(Err(hung(machine))),
            Stop::Idle => console.wait(IDLE),
            Stop::Slice if machine.retired() == retired && trapping(machine) => return Ok(Err(stuck(machine))),
            Stop::Slice => {
                let waits = args.idle.waits(input_open || !networks.is_empty());
                match pace.ahead(machine.now()).filter(|_| waits) {
                    None => console.poll(),
                    Some(ahead) if networks.is_empty() => console.wait(ahead.min(IDLE)),
                    Some(ahead) => {
                        // Who hears from outside has something to do soon.
                        slice = if networks.wait(machine, ahead.min(TURN)) { SLICE } else { slice };
                        console.poll()
                    }
                }
            }
        };
        match input {
            Input::Bytes(bytes) => match terminal {
                Some(slot) => machine.board.push_console(slot, &bytes),
                None => machine.board.push_input(&bytes),
            },
            Input::Quit => return Ok(Ok(ExitCode::SUCCESS)),
            Input::Closed => input_open = false,
        }
    }
}

/// Nothing can wake the machine: say where each hart waits.
fn hung(machine: &Machine) -> anyhow::Error {
    anyhow::anyhow!("all harts wait for an interrupt that can't come:{}", whereabouts(machine))
}

/// Some hart is awake, although nothing retires: it traps again and again.
fn trapping(machine: &Machine) -> bool {
    machine.harts().iter().any(|hart| !hart.state.waiting)
}

/// No instruction completes any more: say where.
fn stuck(machine: &Machine) -> anyhow::Error {
    let why = "no instruction completes any more: a trap handler can't be executed";
    anyhow::anyhow!("{why}:{}", whereabouts(machine))
}

/// Where each hart is, a line each.
fn whereabouts(machine: &Machine) -> String {
    let line = |hart: &rv_hart::Hart| {
        let state = &hart.state;
        let waiting = if state.waiting { ", waiting" } else { "" };
        let mode = state.mode.name();
        format!("\n  hart {} in {mode} at {:#x}, mie {:#x}{waiting}", state.hart_id, state.pc, state.csr.mie)
    };
    machine.harts().iter().map(line).collect()
}

fn print_stats(machine: &mut Machine) -> Result<()> {
    let end = machine.snapshot();
    let start = rv_machine::report::Snapshot {
        cycles: 0,
        harts: vec![rv_hart::Counters::default(); machine.harts().len()],
        padding_points: Default::default(),
    };
    let report = end.since(&start);
    eprintln!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
