//! Who else there is beside our guest: monitors of guests like ours, and a guest on the hart of whoever serves our device. That one computes,
//! or, where the hardware is to switch to the backend's handler without the kernel, only waits: HCS interrupts guests.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

use hyp_abi::channel::Message;
use hyp_abi::vm::reg;
use hyp_rt::channel::Channel;
use hyp_rt::process::Process;
use hyp_rt::sync::Mutex;
use hyp_rt::{eprintln, sys, thread};
use hyp_vmm::args::{Args, Device, Mechanism};
use hyp_vmm::device::Devices;
use hyp_vmm::device::sink::Lines;
use hyp_vmm::device::uart16550::Uart16550;

use crate::guest::{Guest, IDLE};
use crate::{Result, console, emulate};

/// Memory of the guest beside ours.
const MEMORY: u64 = 16 << 20;
/// Bytes of its thread's stack.
const WORK_STACK: usize = 64 << 10;
/// The computing guest's file.
const WORK: &str = "work";
/// Harts that guests may be pinned to.
const HARTS_MAX: usize = 64;
/// Its machine is not there yet.
const NONE: usize = usize::MAX;

/// To the other monitors, and to the one that has started this one.
static MEMBERS: Mutex<Vec<Channel>> = Mutex::new(Vec::new());
static FIRST: Mutex<Option<Channel>> = Mutex::new(None);
static NEIGHBOUR: AtomicUsize = AtomicUsize::new(NONE);

/// The other monitors. They are killed when this is dropped.
pub struct Crew {
    guests: Vec<Process>,
}

/// Starts them. `words` are this monitor's own arguments.
pub fn start(args: &Args, words: &[&str]) -> Result<Crew> {
    if let Some(program) = neighbour(args) {
        let hart = args.backend_hart;
        thread::spawn(WORK_STACK, move || {
            if let Err(message) = run(hart, program) {
                eprintln!("vmm: the guest `{program}`: {message}");
                sys::exit(crate::FAILED);
            }
        })
        .map_err(|error| format!("the thread of the guest `{program}`: {error}"))?;
    }
    let mut guests = Vec::new();
    for hart in guest_harts(args).into_iter().take(args.guests).skip(1) {
        let refused = |error: hyp_abi::Error| format!("starting another monitor: {error}");
        let (channel, theirs) = Channel::pair().map_err(refused)?;
        let child = Process::spawn("vmm", &child_words(words, hart), Some(theirs)).map_err(refused)?;
        MEMBERS.lock().push(channel);
        guests.push(child);
    }
    *FIRST.lock() = args.member.then(Channel::from_parent);
    Ok(Crew { guests })
}

/// Waits, once, until all guests like ours are ready, so that what they do at the same time is what is measured.
pub fn muster() {
    let members = core::mem::take(&mut *MEMBERS.lock());
    let Some(word) = Message::new(b"ready", &[]) else { return };
    // Who has failed is found out at the end: here it is only not waited for.
    for member in &members {
        let _ = member.receive();
    }
    let first = FIRST.lock().take();
    for channel in members.iter().chain(&first) {
        let _ = channel.send(&word);
    }
    if let Some(first) = first {
        let _ = first.receive();
    }
}

/// Which guest is on the hart of whoever serves the device, if any.
fn neighbour(args: &Args) -> Option<&'static str> {
    let waits = args.mechanism == Mechanism::VhostUserHcs && args.idle_guest;
    match (args.other_work, waits) {
        (true, _) => Some(WORK),
        (false, true) => Some(IDLE),
        (false, false) => None,
    }
}

/// Runs that guest until this process ends.
fn run(hart: usize, program: &str) -> Result<()> {
    thread::pin(hart).map_err(|error| format!("hart {hart}: {error}"))?;
    let args = Args {
        memory: MEMORY,
        guest: String::from(program),
        guest_args: format!("cycles={}", u64::MAX),
        ..Args::default()
    };
    let mut guest = Guest::load(&args)?;
    if program == IDLE {
        guest.vcpu.set_reg(reg::WFI_EXITS, 0).map_err(|error| format!("waiting inside the guest: {error}"))?;
    }
    NEIGHBOUR.store(guest.vm.handle(), Ordering::Release);
    let mut devices = Devices { uart: Uart16550::new(Lines::new(console)), virtio: None };
    emulate::run(&args, &mut guest, &mut devices)
}

/// The machine of the guest on that hart, if there is one; waits until it is there.
pub fn neighbours_vm(args: &Args) -> Option<usize> {
    neighbour(args)?;
    loop {
        match NEIGHBOUR.load(Ordering::Acquire) {
            NONE => sys::yield_now(),
            vm => return Some(vm),
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
    let own = ["guests=", "hart=", "other-work=", "idle-guest=", "init="];
    let shared = words.iter().filter(|word| !own.iter().any(|key| word.starts_with(key)));
    shared.fold(format!("hart={hart} member=1 idle-guest=0"), |line, word| format!("{line} {word}"))
}

impl Crew {
    /// Waits for the guests like ours; whether all went well.
    pub fn finish(self) -> bool {
        self.guests.iter().all(|guest| guest.wait() == Ok(0))
    }
}
