//! Who else there is beside our guest: monitors of guests like ours, and a guest that only computes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use hyp_rt::process::Process;
use hyp_rt::{eprintln, sys, thread};
use hyp_vmm::args::{Args, Device};
use hyp_vmm::device::Devices;
use hyp_vmm::device::sink::Lines;
use hyp_vmm::device::uart16550::Uart16550;

use crate::guest::Guest;
use crate::{Result, console, emulate};

/// Guest memory of the computing guest.
const WORK_MEMORY: u64 = 16 << 20;
/// Bytes of its thread's stack.
const WORK_STACK: usize = 64 << 10;
/// Harts that guests may be pinned to.
const HARTS_MAX: usize = 64;
/// The computing guest's machine is not there yet.
const NONE: usize = usize::MAX;

static WORK_VM: AtomicUsize = AtomicUsize::new(NONE);

/// The other monitors. They are killed when this is dropped.
pub struct Crew {
    guests: Vec<Process>,
}

/// Starts them. `words` are this monitor's own arguments.
pub fn start(args: &Args, words: &[&str]) -> Result<Crew> {
    if args.other_work {
        let hart = args.backend_hart;
        thread::spawn(WORK_STACK, move || {
            if let Err(message) = work(hart) {
                eprintln!("vmm: the computing guest: {message}");
                sys::exit(crate::FAILED);
            }
        })
        .map_err(|error| format!("the computing guest's thread: {error}"))?;
    }
    let mut guests = Vec::new();
    for hart in guest_harts(args).into_iter().take(args.guests).skip(1) {
        let child = Process::spawn("vmm", &child_words(words, hart), None);
        guests.push(child.map_err(|error| format!("starting another monitor: {error}"))?);
    }
    Ok(Crew { guests })
}

/// Runs the computing guest until this process ends.
fn work(hart: usize) -> Result<()> {
    thread::pin(hart).map_err(|error| format!("hart {hart}: {error}"))?;
    let args = Args {
        memory: WORK_MEMORY,
        guest: String::from("work"),
        guest_args: format!("cycles={}", u64::MAX),
        ..Args::default()
    };
    let mut guest = Guest::load(&args)?;
    WORK_VM.store(guest.vm.handle(), Ordering::Release);
    let mut devices = Devices { uart: Uart16550::new(Lines::new(console)), virtio: None };
    emulate::run(&args, &mut guest, &mut devices)
}

/// The computing guest's machine; waits until it is there.
pub fn work_vm() -> usize {
    loop {
        match WORK_VM.load(Ordering::Acquire) {
            NONE => sys::yield_now(),
            vm => return vm,
        }
    }
}

/// Harts for guests: ours first, none that serves devices.
fn guest_harts(args: &Args) -> Vec<usize> {
    let ours = args.hart.unwrap_or(0);
    let serves = |hart: usize| hart == args.backend_hart || args.device == Device::Net && hart == args.peer_hart;
    core::iter::once(ours).chain((0..HARTS_MAX).filter(|hart| *hart != ours && !serves(*hart))).collect()
}

/// The arguments of a monitor whose guest is like ours, on another hart.
fn child_words(words: &[&str], hart: usize) -> String {
    let own = ["guests=", "hart=", "other-work=", "init="];
    let shared = words.iter().filter(|word| !own.iter().any(|key| word.starts_with(key)));
    shared.fold(format!("hart={hart}"), |line, word| format!("{line} {word}"))
}

impl Crew {
    /// Waits for the guests like ours; whether all went well.
    pub fn finish(self) -> bool {
        self.guests.iter().all(|guest| guest.wait() == Ok(0))
    }
}
