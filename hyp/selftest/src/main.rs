//! `selftest`: every system call of the kernel as it should be used, and as it
//! should not. Each test gives a word of what went wrong; the exit code is the
//! number of tests that failed.
//!
//! As a child (`role=...`) it is the other side of some tests.
#![no_std]
#![no_main]

extern crate alloc;

mod channels;
mod events;
mod hostile;
mod machines;
mod memory;
mod processes;

use hyp_abi::Error;
use hyp_rt::{Args, println, stats, sys};

/// Outcome of a test: what went wrong.
pub type Outcome = Result<(), &'static str>;

/// Stack of a thread of a test.
pub const STACK: usize = 64 << 10;

/// Fails a test with a text unless a condition holds.
#[macro_export]
macro_rules! check {
    ($condition:expr, $text:literal) => {
        if !$condition {
            return Err($text);
        }
    };
}

/// The moment this many milliseconds from now, as a deadline.
pub fn after_ms(ms: u64) -> usize {
    (sys::time() + sys::timebase() * ms / 1000) as usize
}

/// A system call's failure as a test's.
pub fn fails(error: Error) -> &'static str {
    match error {
        Error::TryAgain => "a wait was over too early: a wake-up was lost",
        Error::OutOfMemory => "out of memory",
        Error::Busy => "busy",
        Error::BadHandle => "bad handle",
        Error::NotSupported => "not supported",
        _ => "a system call was refused",
    }
}

/// A test by its name.
type Test = (&'static str, fn() -> Outcome);

const TESTS: &[Test] = &[
    ("events", events::bits),
    ("events: one waiter", events::one_waiter),
    ("events: no wake-up is lost", events::ping_pong),
    ("events: many to one", events::many_to_one),
    ("threads: pinning and counters", events::pinning),
    ("threads: a lock that is taken stays taken", events::locks),
    ("memory: shared", memory::shared),
    ("memory: large pages where small ones were", memory::large_after_small),
    ("channels", channels::messages),
    ("channels: handles travel", channels::handles),
    ("channels: no rings", channels::rings),
    ("channels: events", channels::notification),
    ("processes", processes::children),
    ("processes: killed in every state", processes::killed),
    ("processes: no orphans", processes::orphans),
    ("machines: stores signal events", machines::io_events),
    ("machines: events interrupt", machines::irq_events),
    ("machines: several vCPUs", machines::siblings),
    ("machines: debug exits", machines::debug),
    ("machines: kicks", machines::kicks),
    ("machines: a worker's event is its own", machines::workers),
    ("hostile: arguments", hostile::arguments),
    ("hostile: memory", hostile::memory),
];

fn main(args: Args) -> i32 {
    let role = args.skip(1).find_map(|word| word.strip_prefix("role="));
    if let Some(role) = role {
        return processes::play(role);
    }
    let mut failed = 0;
    for (name, test) in TESTS {
        let before = stats::host().unwrap_or_default();
        let outcome = test().and_then(|()| left_behind(&before));
        match outcome {
            Ok(()) => println!("ok      {name}"),
            Err(text) => {
                println!("FAILED  {name}: {text}");
                failed += 1;
            }
        }
    }
    println!("selftest: {} tests, {failed} failed", TESTS.len());
    failed
}

/// Every object of the kernel's that a test made is gone. Threads end a moment
/// after they said so.
fn left_behind(before: &hyp_abi::stats::HostStats) -> Outcome {
    let limit = after_ms(200) as u64;
    loop {
        let now = stats::host().map_err(fails)?;
        let same = now.processes == before.processes
            && now.threads == before.threads
            && (now.vms, now.vcpus, now.vmids) == (before.vms, before.vcpus, before.vmids)
            && (now.events, now.channels, now.messages) == (before.events, before.channels, before.messages)
            && (now.shared, now.shared_pages) == (before.shared, before.shared_pages)
            && (now.io_events, now.irq_events) == (before.io_events, before.irq_events);
        if same {
            return Ok(());
        }
        check!(sys::time() < limit, "something is left behind");
        sys::yield_now();
    }
}

hyp_rt::entry!(main);
