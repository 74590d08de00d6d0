//! Deadlines of a hart: sleeping threads, the end of a time slice, and the timer
//! of a guest on machines without Sstc. `stimecmp` always holds the nearest, or
//! "never".

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::arch::{sbi, time};
use crate::csr_write;
use crate::sched::hart::{Hart, this_hart};
use crate::sched::thread::Thread;
use crate::sched::{current, unpark};
use crate::sync::SpinLock;
use crate::vei;

/// Time slices per second: two milliseconds each, which is about what Linux gives
/// on four processors (0.7 ms times 1 + log2 of their number, EEVDF's base slice).
const SLICES_PER_SECOND: u64 = 500;
/// No deadline.
pub const NEVER: u64 = u64::MAX;

static TIMEBASE: AtomicU64 = AtomicU64::new(10_000_000);
static HAS_SSTC: AtomicBool = AtomicBool::new(false);

/// Identifies a sleeper: deadline and thread number.
pub type SleeperKey = (u64, usize);

/// The deadlines of one hart.
pub struct Timers {
    sleepers: SpinLock<BTreeMap<SleeperKey, Arc<Thread>>>,
    slice_end: Cell<u64>,
    armed: Cell<u64>,
}

impl Timers {
    /// None.
    pub const fn new() -> Self {
        Self { sleepers: SpinLock::new(BTreeMap::new()), slice_end: Cell::new(0), armed: Cell::new(0) }
    }
}

/// What the device tree says about time.
pub fn configure(timebase: u64, has_sstc: bool) {
    assert!(timebase >= SLICES_PER_SECOND, "timebase of {timebase} Hz");
    TIMEBASE.store(timebase, Ordering::Relaxed);
    HAS_SSTC.store(has_sstc, Ordering::Relaxed);
}

/// Frequency of the `time` CSR.
pub fn timebase() -> u64 {
    TIMEBASE.load(Ordering::Relaxed)
}

/// Whether harts have `stimecmp`, and so may guests.
pub fn has_sstc() -> bool {
    HAS_SSTC.load(Ordering::Relaxed)
}

/// Registers a thread to be woken.
pub fn add_sleeper(deadline: u64, thread: &Thread) -> SleeperKey {
    let key = (deadline, thread.id);
    this_hart().timers.sleepers.lock().insert(key, thread.to_arc());
    key
}

/// Forgets a sleeper on the hart where it was added.
pub fn remove_sleeper(hart: &Hart, key: SleeperKey) {
    let removed = hart.timers.sleepers.lock().remove(&key);
    drop(removed);
}

/// Begins the time slice of the thread that runs now.
pub fn new_slice() {
    let (timers, now) = (&this_hart().timers, time());
    let slice = timebase() / SLICES_PER_SECOND;
    timers.slice_end.set(now + slice);
    rearm();
}

/// Sets the hart's timer to the nearest deadline.
pub fn rearm() {
    let hart = this_hart();
    let timers = &hart.timers;
    let sleeper = timers.sleepers.lock().keys().next().map_or(NEVER, |key| key.0);
    let contended = !hart.runs_idle_thread() && !hart.queue.lock().is_empty();
    let slice = if contended { timers.slice_end.get() } else { NEVER };
    let nearest = sleeper.min(slice).min(current().guest_deadline()).min(vei::hart::deadline());
    if timers.armed.replace(nearest) != nearest {
        set_hardware(nearest);
    }
}

/// Makes the hart enter the kernel again before long, and tells when. Another [`rearm`] may set the timer later.
pub fn retry_soon() -> u64 {
    const RETRIES_PER_SECOND: u64 = 10_000;
    let soon = time() + timebase() / RETRIES_PER_SECOND;
    let timers = &this_hart().timers;
    // 0: it has fired, and stays pending until it is set.
    if timers.armed.get() == 0 || soon < timers.armed.get() {
        timers.armed.set(soon);
        set_hardware(soon);
    }
    soon
}

fn set_hardware(deadline: u64) {
    if has_sstc() {
        csr_write!("0x14d", deadline); // stimecmp
    } else {
        sbi::set_timer(deadline).expect("the firmware has no timer");
    }
}

/// The timer interrupt: wakes who is due. Tells whether the current thread
/// should make room.
pub fn expired() -> bool {
    let now = time();
    let hart = this_hart();
    // A timer that fired stays pending until it is set again.
    hart.timers.armed.set(0);
    current().guest_timer_tick(now);
    vei::hart::ticked(now);
    loop {
        let due = {
            let mut sleepers = hart.timers.sleepers.lock();
            match sleepers.first_entry() {
                Some(entry) if entry.key().0 <= now => Some(entry.remove()),
                _ => None,
            }
        };
        match due {
            Some(thread) => unpark(&thread),
            None => break,
        }
    }
    if hart.timers.slice_end.get() <= now {
        return true;
    }
    rearm();
    false
}
