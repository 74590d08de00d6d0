//! The kernel's initial thread: starts the initial process, waits for its end,
//! checks that everything came back, and powers off.

use core::sync::atomic::{AtomicI32, Ordering};

use alloc::sync::Arc;

use crate::arch::time;
use crate::mm::{frame, heap};
use crate::proc::load::{self, INIT, Start};
use crate::sched::{self, thread::Thread, timer};
use crate::stats::{KINDS, Kind, live};
use crate::sync::Once;
use crate::vm::hardware;
use crate::{boot, disk, log, power};

/// Program that is started if the kernel's arguments name none.
const DEFAULT: &str = "vmm";
/// Exit code when it cannot be started.
const LOAD_FAILED: i32 = 127;
/// "Still running" in [`EXIT_CODE`]: no process exits with it, see `process_ended`.
const RUNNING: i32 = i32::MIN;

static EXIT_CODE: AtomicI32 = AtomicI32::new(RUNNING);
static THREAD: Once<Arc<Thread>> = Once::new();

/// Starts the thread, on the hart that calls.
pub fn start() {
    let thread = Thread::new_kernel(main, 0).expect("no memory for the initial thread");
    THREAD.set(Arc::clone(&thread));
    sched::start(thread);
}

/// A process and all that it had are gone; with its code if it is the initial one.
pub fn process_ended(initial: Option<i32>) {
    if let Some(code) = initial {
        EXIT_CODE.store(code.max(RUNNING + 1), Ordering::Release);
    }
    if EXIT_CODE.load(Ordering::Acquire) != RUNNING {
        sched::unpark(THREAD.get());
    }
}

/// Everything that must be as it was: pages, objects of each kind, VMIDs.
fn inventory() -> (usize, [usize; KINDS.len()], usize) {
    (frame::free_pages() + heap::pages() + disk::pages(), KINDS.map(live), hardware::vmids_taken())
}

/// Tells what a second inventory lacks or has too much.
fn compare(before: &(usize, [usize; KINDS.len()], usize)) -> bool {
    let now = inventory();
    if now == *before {
        return true;
    }
    let missing = before.0 as isize - now.0 as isize;
    if missing != 0 {
        log!("{missing} pages were not given back");
    }
    for (index, kind) in KINDS.iter().enumerate().filter(|(index, _)| now.1[*index] != before.1[*index]) {
        log!("{kind:?}: {} at the start, {} at the end", before.1[index], now.1[index]);
    }
    if now.2 != before.2 {
        log!("{} VMIDs at the start, {} at the end", before.2, now.2);
    }
    false
}

/// Workers end by themselves, soon after the device that they serve: none that does not is waited for longer than a tenth of a second.
fn wait_for_workers(before: &(usize, [usize; KINDS.len()], usize)) {
    let threads = |kinds: &[usize; KINDS.len()]| kinds[Kind::Thread as usize];
    let deadline = time() + timer::timebase() / 10;
    while threads(&KINDS.map(live)) != threads(&before.1) && time() < deadline {
        sched::park(Some(time() + timer::timebase() / 10_000));
    }
}

extern "C" fn main(_: usize) {
    let before = inventory();
    let arguments = boot::arguments();
    let name = arguments.split_ascii_whitespace().find_map(|word| word.strip_prefix(INIT)).unwrap_or(DEFAULT);
    match load::spawn(Start { name, arguments, channel: None, initial: true }) {
        Ok(process) => drop(process),
        Err(error) => {
            log!("cannot start {name}: {error}");
            power::off(LOAD_FAILED);
        }
    }
    // Its children end with it, but need not be through yet.
    while EXIT_CODE.load(Ordering::Acquire) == RUNNING || live(Kind::Process) != 0 {
        sched::park(None);
    }
    wait_for_workers(&before);
    let complete = compare(&before);
    debug_assert!(complete, "something leaked");
    power::off(EXIT_CODE.load(Ordering::Acquire))
}
