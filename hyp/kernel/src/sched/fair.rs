//! Whose turn it is: the thread's that had the least time so far.
//!
//! Each thread has a virtual time: the cycles that it ran, as if it had never
//! slept much longer than others. One that comes to a hart, from sleep or from
//! another hart, begins near the hart's floor (what the last one chosen had), at
//! most [`CREDIT`] below it. So one that sleeps a lot runs as soon as it wakes,
//! and one that runs a lot makes room; but nobody can save up time.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use crate::sched::hart::Hart;
use crate::sched::queue::RunQueue;
use crate::sched::thread::Thread;

/// Cycles that sleep may earn: a millisecond of a core at 1 GHz.
const CREDIT: u64 = 1_000_000;
/// Cycles that the running thread must be ahead of one that wakes to make room at
/// once: so that two that have had the same do not change places at every wake.
const GRANULARITY: u64 = 100_000;

/// Puts a thread into the queue of a hart where it has not been waiting.
pub fn join(hart: &Hart, queue: &mut RunQueue, thread: Arc<Thread>) {
    let floor = hart.floor.load(Ordering::Relaxed);
    let time = thread.virtual_time().clamp(floor.saturating_sub(CREDIT), floor.saturating_add(CREDIT));
    thread.virtual_time.store(time, Ordering::Relaxed);
    queue.push(thread);
}

/// Whether the running thread is so far ahead of one that is ready that it makes
/// room.
pub fn is_ahead(hart: &Hart, running: &Thread) -> bool {
    let time = running.virtual_time().saturating_add(hart.cycles_since_switch());
    hart.queue.lock().least().is_some_and(|least| least.saturating_add(GRANULARITY) < time)
}

/// The running thread lets all that are ready now go first.
pub fn step_back(hart: &Hart, running: &Thread) {
    let most = hart.queue.lock().most();
    if let Some(most) = most {
        // What it runs until it is switched out comes on top.
        running.virtual_time.fetch_max(most, Ordering::Relaxed);
    }
}
