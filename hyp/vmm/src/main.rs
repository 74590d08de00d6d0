//! The monitor: a user process that gives a guest memory, a processor, a serial port and maybe a virtio device.
//!
//! Accesses to registers come in one of two ways. Way one, [`emulate`]: each is an exit of the vCPU-run call. Way two, [`uer`]: the hardware
//! redirects each to a handler in this process. The function that emulates the register is the same. The queues of a virtio device are served
//! here, by the kernel or by another process: see [`virtio`].
#![no_std]
#![no_main]

extern crate alloc;

mod crew;
mod emulate;
mod guest;
mod peer;
mod price;
mod uer;
mod virtio;

use alloc::boxed::Box;
use alloc::vec::Vec;

use hyp_rt::{eprintln, println};
use hyp_vmm::args::{Args, Device, Output};
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
    let words: Vec<&str> = words.collect();
    let args = match Args::parse(words.iter().copied()) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("vmm: {error}");
            return USAGE;
        }
    };
    let crew = crew::start(&args, &words[1..]);
    let outcome = crew.and_then(|crew| {
        let code = match args.output {
            Output::Capture => with_capture(&args),
            Output::Stdio => run(&args, Lines::new(console), Lines::flush),
        }?;
        Ok(if crew.finish() { code } else { FAILED })
    });
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
    if let Some(hart) = args.hart {
        hyp_rt::thread::pin(hart).map_err(|error| alloc::format!("hart {hart}: {error}"))?;
    }
    let mut guest = Guest::load(args)?;
    let (virtio, peer) = match virtio::connect(args, &guest)? {
        Some(connected) => (Some(connected.slot), connected.peer),
        None => (None, None),
    };
    let rig = price::start(args, &guest)?;
    let mut devices = Box::new(Devices { uart: Uart16550::new(sink), virtio });
    let ended = match args.mechanism.redirects() {
        false => emulate::run(args, &mut guest, &mut devices),
        true => uer::run(args, &mut guest, &mut devices),
    };
    let ended = ended.and_then(|()| price::report(rig.as_ref()));
    let sink = devices.uart.sink();
    finish(sink);
    if let Err(error) = &ended {
        eprintln!("vmm: {error}");
    }
    if let Some(peer) = peer {
        peer.report();
    }
    if args.device != Device::None || !args.guest_args.is_empty() {
        // Such guests check what they did by themselves, and say how it was when they power off.
        println!("vmm: done mech={} {}", args.mechanism.name(), if ended.is_ok() { "ok" } else { "FAILED" });
        return Ok(if ended.is_ok() { 0 } else { FAILED });
    }
    let (report, total) = (guest.report(), sink.tally());
    let complete = report.is_some_and(|report| report.agrees() && report.said.lines == args.lines);
    // After its report the guest has nothing to print any more.
    let ok = complete && ended.is_ok() && report.is_some_and(|report| report.arrived == total);
    verdict(args.mechanism, report, total, ok);
    Ok(if ok { 0 } else { FAILED })
}

fn verdict(mechanism: hyp_vmm::args::Mechanism, report: Option<Report>, total: Tally, ok: bool) {
    println!(
        "vmm: done mech={} lines={} bytes={} checksum={:#018x} {}",
        mechanism.name(),
        report.map_or(0, |report| report.said.lines),
        total.bytes,
        total.checksum,
        if ok { "ok" } else { "FAILED" }
    );
}
