//! Other monitors beside this one: of guests like ours, and of one that only computes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use hyp_rt::process::Process;
use hyp_vmm::args::{Args, Device};

use crate::Result;

/// Guest memory of the computing guest, in MiB.
const WORK_MEMORY: usize = 16;
/// Harts that guests may be pinned to.
const HARTS_MAX: usize = 64;

/// The other monitors. They are killed when this is dropped.
pub struct Crew {
    guests: Vec<Process>,
    _work: Option<Process>,
}

/// Starts them. `words` are this monitor's own arguments.
pub fn start(args: &Args, words: &[&str]) -> Result<Crew> {
    let spawn = |arguments: &str| {
        Process::spawn("vmm", arguments, None).map_err(|error| format!("starting another monitor: {error}"))
    };
    let work = format!("guest=work guest-memory={WORK_MEMORY} hart={} g.cycles={}", args.backend_hart, u64::MAX);
    let work = if args.other_work { Some(spawn(&work)?) } else { None };
    let mut guests = Vec::new();
    for hart in guest_harts(args).into_iter().take(args.guests).skip(1) {
        guests.push(spawn(&child_words(words, hart))?);
    }
    Ok(Crew { guests, _work: work })
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
