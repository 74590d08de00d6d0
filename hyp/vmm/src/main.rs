//! The monitor: a user process that gives a guest memory, a processor and a serial port, and serves the port in one of two ways.
//!
//! Way one, [`emulate`]: each access is an exit of the vCPU-run call. Way two, [`uer`]: the hardware redirects each access to a handler in
//! this process. The function that emulates the register is the same.
#![no_std]
#![no_main]

extern crate alloc;

mod emulate;
mod guest;
mod marker;
mod uer;

use alloc::boxed::Box;

use hyp_rt::{eprintln, println};
use hyp_vmm::args::{Args, Mechanism, Output};
use hyp_vmm::device::Devices;
use hyp_vmm::device::sink::{Capture, Lines, Sink, Tally};
use hyp_vmm::device::uart16550::Uart16550;

use guest::{Guest, Report};

hyp_rt::entry!(main);

/// Exit code when the arguments are bad.
const USAGE: i32 = 2;
/// Exit code when the guest failed, or not all that it printed has arrived.
const FAILED: i32 = 1;
/// Bytes of a line of the console guest; a capture has room for this much of each line, and some more.
const LINE_MAX: u64 = 12;
const CAPTURE_SPARE: u64 = 64 << 10;

fn main(words: hyp_rt::Args) -> i32 {
    let args = match Args::parse(words) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("vmm: {error}");
            return USAGE;
        }
    };
    let outcome = match args.output {
        Output::Capture => with_capture(&args),
        Output::Stdio => run(&args, Lines::new(console), Lines::flush),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("vmm: {error}");
        FAILED
    })
}

/// What a run of a guest ends with, or a message.
type Result<T> = core::result::Result<T, alloc::string::String>;

/// Writes to the machine's console. One that refuses bytes can't be told of it.
fn console(bytes: &[u8]) {
    let _ = hyp_rt::sys::console_write(bytes);
}

/// Runs a guest whose output is kept in memory, and printed when it has ended, however that was.
fn with_capture(args: &Args) -> Result<i32> {
    let size = args.lines * LINE_MAX + CAPTURE_SPARE;
    let mut memory = hyp_rt::memory::Mapping::new(size as usize)
        .map_err(|error| alloc::format!("{size} bytes for a capture: {error}"))?;
    // SAFETY: nobody else knows this memory; a guest never sees it.
    let memory = unsafe { memory.as_mut_slice() };
    // Backed before the measurement starts, so that no page fault of the host falls into it.
    memory.fill(0);
    run(args, Capture::new(memory), |sink| console(sink.bytes()))
}

/// Loads and runs a guest until it powers off, lets `finish` print what is not printed yet, and gives the exit code.
fn run<S: Sink>(args: &Args, sink: S, finish: impl FnOnce(&mut S)) -> Result<i32> {
    let mut guest = Guest::load(args)?;
    let mut devices = Box::new(Devices { uart: Uart16550::new(sink) });
    let ended = match args.mechanism {
        Mechanism::Emulate => emulate::run(&mut guest, &mut devices),
        Mechanism::Uer => uer::run(&mut guest, &mut devices),
    };
    let sink = devices.uart.sink();
    finish(sink);
    if let Err(error) = &ended {
        eprintln!("vmm: {error}");
    }
    let (report, total) = (guest.report(), sink.tally());
    let complete = report.is_some_and(|report| report.agrees() && report.said.lines == args.lines);
    // After its report the guest has nothing to print any more.
    let ok = complete && ended.is_ok() && report.is_some_and(|report| report.arrived == total);
    verdict(args.mechanism, report, total, ok);
    Ok(if ok { 0 } else { FAILED })
}

fn verdict(mechanism: Mechanism, report: Option<Report>, total: Tally, ok: bool) {
    println!(
        "vmm: done mech={} lines={} bytes={} checksum={:#018x} {}",
        mechanism.name(),
        report.map_or(0, |report| report.said.lines),
        total.bytes,
        total.checksum,
        if ok { "ok" } else { "FAILED" }
    );
}
