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
use hyp_vmm::device::sink::{Capture, Lines, Sink};
use hyp_vmm::device::uart16550::Uart16550;

use guest::{Done, Guest};

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
        Output::Stdio => with_stdio(&args),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("vmm: {error}");
            FAILED
        }
    }
}

/// What a run of a guest ends with, or a message.
type Result<T> = core::result::Result<T, alloc::string::String>;

/// Runs a guest whose output is kept in memory, and printed when it is done.
fn with_capture(args: &Args) -> Result<i32> {
    let size = args.lines.saturating_mul(LINE_MAX).saturating_add(CAPTURE_SPARE);
    let memory = hyp_rt::memory::Mapping::new(size as usize).map_err(|error| alloc::format!("no memory: {error}"))?;
    let memory = Box::leak(Box::new(memory));
    // SAFETY: nobody else knows this memory; a guest never sees it.
    let memory = unsafe { memory.as_mut_slice() };
    // Backed before the measurement starts, so that no page fault of the host falls into it.
    memory.fill(0);
    let (guest, mut devices) = run(args, Capture::new(memory), |sink| (sink.count(), sink.checksum().value()))?;
    let sink = devices.uart.sink();
    hyp_rt::sys::console_write(sink.bytes()).map_err(|error| alloc::format!("console: {error}"))?;
    Ok(verdict(args, guest, sink.count(), sink.checksum().value()))
}

/// Runs a guest whose output goes to the console line by line.
fn with_stdio(args: &Args) -> Result<i32> {
    let write = |bytes: &[u8]| {
        // A console that refuses bytes can't be told of it.
        let _ = hyp_rt::sys::console_write(bytes);
    };
    let (guest, mut devices) = run(args, Lines::new(write), |sink| (sink.count(), sink.checksum().value()))?;
    let sink = devices.uart.sink();
    sink.flush();
    Ok(verdict(args, guest, sink.count(), sink.checksum().value()))
}

/// Loads and runs the guest until it powers off. `sum` gives count and checksum of what a sink has got.
fn run<S: Sink>(args: &Args, sink: S, sum: fn(&S) -> (u64, u64)) -> Result<(Option<Done>, Box<Devices<S>>)> {
    let mut devices = Box::new(Devices { uart: Uart16550::new(sink) });
    let mut guest = Guest::load(args)?;
    let done = match args.mechanism {
        Mechanism::Emulate => emulate::run(&mut guest, &mut devices, sum)?,
        Mechanism::Uer => uer::run(&mut guest, &mut devices, sum)?,
    };
    Ok((done, devices))
}

/// Prints the verdict, and gives the exit code.
fn verdict(args: &Args, done: Option<Done>, bytes: u64, checksum: u64) -> i32 {
    let ok = done.is_some_and(|done| done.lines == args.lines && done.bytes == bytes && done.checksum == checksum);
    println!(
        "vmm: done mech={} lines={} bytes={bytes} checksum={checksum:#018x} {}",
        args.mechanism.name(),
        done.map_or(0, |done| done.lines),
        if ok { "ok" } else { "FAILED" }
    );
    if ok { 0 } else { FAILED }
}
