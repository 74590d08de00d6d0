//! The kernel's initial thread: starts the initial process, waits for its end,
//! checks that everything came back, and powers off.

use core::sync::atomic::{AtomicI32, Ordering};

use alloc::sync::Arc;

use crate::mm::{frame, heap};
use crate::proc::load;
use crate::sched::{self, thread::Thread};
use crate::sync::Once;
use crate::{boot, log, power};

/// Program that is started.
const INITIAL: &str = "vmm";
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

/// The initial process and all that it had are gone.
pub fn process_ended(code: i32) {
    EXIT_CODE.store(code.max(RUNNING + 1), Ordering::Release);
    sched::unpark(THREAD.get());
}

fn pages() -> usize {
    frame::free_pages() + heap::pages()
}

extern "C" fn main(_: usize) {
    let before = pages();
    if let Err(error) = load::spawn_initial(INITIAL, boot::arguments()) {
        log!("cannot start {INITIAL}: {error}");
        power::off(LOAD_FAILED);
    }
    while EXIT_CODE.load(Ordering::Acquire) == RUNNING {
        sched::park(None);
    }
    let missing = before as isize - pages() as isize;
    if missing != 0 {
        log!("{missing} pages were not given back");
    }
    debug_assert_eq!(missing, 0, "pages leaked");
    power::off(EXIT_CODE.load(Ordering::Acquire))
}
