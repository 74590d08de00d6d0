//! `rv-emu run`: builds a machine from the options, and connects it to the console.

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use ha_iov_ext::model::{self as haiov, Config, Haiov};
use rv_machine::boot::TreeFile;
use rv_machine::machine::ExtensionFactory;
use rv_machine::trace::Trace;
use rv_machine::{CostModel, Image, Machine, MachineConfig, Software, Stop};

use crate::args::{MachineArgs, RunArgs, devices};
use crate::end::{End, LIMIT};
use crate::outside::Outside;
use crate::{check, machine_file, trace};

/// Exit code when the emulator itself can't go on.
pub const FAILED: u8 = 125;

/// Runs a machine to its end, or says what it would be.
pub fn run(args: &RunArgs) -> Result<ExitCode> {
    if args.machine_schema {
        writeln!(stdout(), "{:#}", machine_file::schema())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut machine = build(&args.machine)?;
    if !has_software(args) {
        let file = args.dump_dtb.as_ref().context("there is nothing to run: name a program, or --bios, or --kernel")?;
        return dump(file, &machine.device_tree(args.append.as_deref()));
    }
    let software = software(args)?;
    machine.load(&software)?;
    if let Some(file) = &args.dump_dtb {
        return dump(file, &machine.loaded_tree().unwrap_or_default());
    }
    if args.check {
        write!(stdout(), "{}", check::summary(args, &machine))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut trace = trace::open(&args.trace, &software, &machine)?;
    let ended = drive(&mut machine, args, trace.as_mut());
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

fn dump(file: &Path, tree: &[u8]) -> Result<ExitCode> {
    std::fs::write(file, tree).with_context(|| format!("can't write {}", file.display()))?;
    Ok(ExitCode::SUCCESS)
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
        aia: args.interrupts().map_err(anyhow::Error::msg)?,
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

fn has_software(args: &RunArgs) -> bool {
    args.image.is_some() || args.bios.is_some() || args.kernel.is_some()
}

fn software(args: &RunArgs) -> Result<Software> {
    let kernel = args.kernel.as_deref().map(Image::open).transpose()?;
    let bios = match args.image.as_deref().or(args.bios.as_deref()) {
        Some(path) => Image::open(path)?,
        None => Image::parse("built-in firmware", benches::images::FIRMWARE.to_vec())?,
    };
    // A kernel for M-mode wants to lie at the start of memory.
    if bios.text_offset.is_some_and(|offset| offset != 0) {
        bail!("{}: a Linux kernel, which firmware has to start: use --kernel", bios.name);
    }
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("can't read {}", path.display()));
    let tree_file = |path: &PathBuf| anyhow::Ok(TreeFile { name: path.display().to_string(), bytes: read(path)? });
    Ok(Software {
        bios: Some(bios),
        kernel,
        initrd: args.initrd.as_deref().map(read).transpose()?,
        append: args.append.clone(),
        tree: args.dtb.as_ref().map(tree_file).transpose()?,
    })
}

/// Runs in slices, with the outside in between. The inner result is the guest's verdict.
fn drive(machine: &mut Machine, args: &RunArgs, mut trace: Option<&mut Trace>) -> Result<Result<ExitCode>> {
    let end = End::of(args);
    let mut outside = Outside::open(args, machine)?;
    let mut asleep = false;
    loop {
        let retired = machine.retired();
        let limits = end.limits(machine.now(), outside.slice(asleep));
        let stop = match &mut trace {
            Some(trace) => {
                let stop = machine.run_watched(&limits, Some(*trace));
                trace.flush().context("can't write the trace")?;
                stop
            }
            None => machine.run(&limits),
        };
        asleep = machine.retired() == retired;
        let came_back = outside.take(machine)?;
        let ended = match stop {
            Stop::Exit(code) => return Ok(Ok(ExitCode::from(code.min(255) as u8))),
            Stop::InsnLimit => Some(("the instruction limit is reached", LIMIT)),
            Stop::Idle | Stop::Slice => end.reached(machine.now()),
        };
        if let Some((why, code)) = ended {
            eprintln!("rv-emu: {why}:{}", whereabouts(machine));
            return Ok(Ok(ExitCode::from(code)));
        }
        let idle = stop == Stop::Idle && !came_back;
        if idle && !outside.may_send() {
            return Ok(Err(hung(machine)));
        }
        if stop == Stop::Slice && asleep && trapping(machine) {
            return Ok(Err(stuck(machine)));
        }
        if !outside.give(machine, idle) {
            return Ok(Ok(ExitCode::SUCCESS));
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
