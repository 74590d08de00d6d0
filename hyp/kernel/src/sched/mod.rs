//! The scheduler: per-hart run queues, round robin with time slices, and work
//! stealing by idle harts.
//!
//! A hart has a timer interrupt only when there is something to preempt or to
//! wake: an idle hart sleeps in WFI, and a thread that is alone runs undisturbed.
//!
//! User threads run in the kernel with interrupts off; they are preempted on
//! the way back, by the interrupt that is then pending. That is why waking a
//! thread always ends in a software interrupt for the hart that should run it.

pub mod fair;
pub mod hart;
pub mod queue;
pub mod signal;
pub mod switch;
pub mod thread;
pub mod timer;

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use crate::arch::csr::{INT_SSI, INT_STI, SSTATUS_SPP};
use crate::arch::{MARKER_WAKE, wait_for_interrupt};
use crate::mm::kernel_map;
use crate::sched::hart::{Hart, harts, this_hart};
use crate::sched::thread::{State, Thread};
use crate::sync::{disable_interrupts, restore_interrupts};
use crate::vei;
use crate::{csr_clear, csr_read, marker};

/// The thread that runs on this hart. Valid as long as the caller itself runs,
/// since a running thread is kept alive by its hart.
#[inline]
pub fn current() -> &'static Thread {
    // SAFETY: `current` points to the thread whose reference the hart holds.
    unsafe { &*this_hart().current.get() }
}

/// Makes a new thread run.
pub fn start(thread: Arc<Thread>) {
    thread.sched.lock().state = State::Ready;
    thread.last_hart.store(this_hart().index, Ordering::Relaxed);
    enqueue(thread);
}

/// Blocks the calling thread until `unpark`, or about `deadline`, or for no
/// reason at all: callers look again. Threads of a dying process end here.
pub fn park(deadline: Option<u64>) {
    park_to_return(deadline);
    end_if_dying();
}

/// The same for callers that hold something: it returns to threads of a dying
/// process too, which let go of it and then call `end_if_dying`.
pub fn park_to_return(deadline: Option<u64>) {
    let restore = disable_interrupts();
    let thread = current();
    {
        let mut sched = thread.sched.lock();
        if sched.token || deadline.is_some_and(|deadline| deadline <= crate::arch::time()) {
            sched.token = false;
            drop(sched);
            restore_interrupts(restore);
            return;
        }
        sched.state = State::Parked;
    }
    let armed = deadline.map(|deadline| (this_hart(), timer::add_sleeper(deadline, thread)));
    schedule(Previous::Stops);
    if let Some((hart, key)) = armed {
        timer::remove_sleeper(hart, key);
    }
    restore_interrupts(restore);
}

/// Wakes a thread, or lets its next `park` return at once.
pub fn unpark(thread: &Arc<Thread>) {
    let mut sched = thread.sched.lock();
    match sched.state {
        State::Parked => {
            sched.state = State::Ready;
            drop(sched);
            marker!(MARKER_WAKE);
            enqueue(Arc::clone(thread));
        }
        State::Ready => sched.token = true,
        State::Dormant | State::Dead => {}
    }
}

/// Makes a thread notice that something changed: wakes it when it is blocked,
/// and interrupts it when it runs in user mode or in its guest.
pub fn interrupt(thread: &Arc<Thread>) {
    unpark(thread);
    if thread.on_cpu.load(Ordering::Acquire) {
        harts()[thread.last_hart.load(Ordering::Relaxed)].kick();
    }
}

/// Puts a ready thread into a queue: of the hart that it is pinned to; else
/// where it ran last, or on an idle hart when that one is busy. A thread that is
/// still being switched out must go to the queue of that hart, which cannot take
/// it before it is done; if it is pinned, that is the same hart, because only
/// `pin` changes that, and moves the thread at once.
pub fn enqueue(thread: Arc<Thread>) {
    let last = harts()[thread.last_hart.load(Ordering::Relaxed)];
    let target = match thread.pinned() {
        Some(index) => harts()[index],
        None if thread.on_cpu.load(Ordering::Acquire) || last.is_idle() => last,
        None => idle_hart().unwrap_or(last),
    };
    fair::join(target, &mut target.queue.lock(), thread);
    target.kick();
}

/// Pins the calling thread to a hart by index, or to none with `ANY_HART`. When
/// this returns, it runs there.
pub fn pin(hart: usize) {
    let restore = disable_interrupts();
    current().set_pinned(hart);
    if !this_hart().may_run(current()) {
        schedule(Previous::GoesOn);
    }
    restore_interrupts(restore);
}

/// Whether the calling thread's process was told to end.
pub fn is_dying() -> bool {
    let thread = current();
    thread.process.as_ref().is_some_and(|process| process.is_dying()) || thread.vei.must_end()
}

fn idle_hart() -> Option<&'static Hart> {
    harts().iter().copied().find(|hart| hart.is_idle() && hart.queue.lock().is_empty())
}

/// Lets another thread run, if one is ready.
pub fn yield_now() {
    let restore = disable_interrupts();
    fair::step_back(this_hart(), current());
    reschedule();
    end_if_dying();
    restore_interrupts(restore);
}

/// Gives the hart to the next ready thread, if there is one; else goes on. Arms
/// the timer in both cases.
pub fn reschedule() {
    if this_hart().queue.lock().is_empty() {
        timer::rearm();
    } else {
        schedule(Previous::GoesOn);
    }
}

/// Somebody was woken for this hart: the current thread makes room if that one
/// had much less time. Else threads that wake one another could keep it from
/// ever running.
pub fn preempt() {
    let hart = this_hart();
    if hart.runs_idle_thread() || fair::is_ahead(hart, current()) {
        reschedule();
    } else {
        timer::rearm();
    }
}

/// Ends the calling thread if its process is dying.
pub fn end_if_dying() {
    if is_dying() {
        exit_thread();
    }
}

/// Ends the calling thread. Its memory is given back by whoever runs next.
pub fn exit_thread() -> ! {
    disable_interrupts();
    let thread = current();
    {
        let mut sched = thread.sched.lock();
        if sched.exiting {
            panic!("a thread exits twice");
        }
        sched.exiting = true;
    }
    thread.release_vcpu();
    vei::context::thread_exits(thread);
    if let Some(process) = thread.process.as_ref() {
        process.remove_thread(thread.id);
    }
    thread.sched.lock().state = State::Dead;
    schedule(Previous::Stops);
    unreachable!("a dead thread was scheduled")
}

/// Gives the hart away, and this thread's place on it: its state is such that it
/// is not scheduled again as it is.
pub fn leave() -> ! {
    disable_interrupts();
    schedule(Previous::Stops);
    unreachable!("a thread without a place was scheduled")
}

/// What `preempt` decides, for callers that must not switch.
pub fn wants_to_switch() -> bool {
    let wanted = fair::is_ahead(this_hart(), current());
    if !wanted {
        timer::rearm();
    }
    wanted
}

/// What becomes of a thread that is switched away from. Its state cannot tell:
/// one that parks may be ready again already, and on its way into a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Previous {
    /// Goes to the end of the queue.
    GoesOn,
    /// Comes back when it is woken, or never.
    Stops,
}

/// Switches to the next thread. With interrupts off; returns when the thread
/// runs again, maybe on another hart.
fn schedule(fate: Previous) {
    debug_assert!(!vei::hart::handler_is_active(), "the scheduler was called for a handler in HCS");
    let hart = this_hart();
    let previous = current();
    previous.check_stack();
    // This answers every request so far: they all ask to look at the queue, or
    // to look whether the process is dying, which a thread does when it goes on.
    hart.acknowledge_kick();
    hart.account(previous);
    let next = hart.take_next(previous, fate);
    if core::ptr::eq(Arc::as_ptr(&next), previous) {
        timer::new_slice();
        return;
    }
    hart.count_switch(&next);
    // Who runs next serves nothing of what the previous thread has kept back.
    vei::hart::release();
    previous.switch_out();
    next.on_cpu.store(true, Ordering::Relaxed);
    next.last_hart.store(hart.index, Ordering::Relaxed);
    activate_space(previous, &next);
    let next = hart.make_current(next);
    // SAFETY: both contexts belong to live threads: `next` is kept by the hart
    // now, `previous` until `finish_switch`.
    unsafe { switch::switch(previous.context.get(), next.context.get()) };
    finish_switch();
}

/// The second half of a switch, on the stack of the thread that runs now.
pub fn finish_switch() {
    this_hart().release_previous();
    // The way to user mode relies on SPP = 0, and an interrupted kernel thread
    // restores its own.
    csr_clear!("sstatus", SSTATUS_SPP);
    current().switch_in();
    timer::new_slice();
}

/// Translates through the address space of `next`. Kernel threads get the
/// kernel's own map, so that no hart uses the tables of a process without
/// running one of its threads.
fn activate_space(previous: &Thread, next: &Thread) {
    let (from, to) = (previous.space_root(), next.space_root());
    if from == to {
        return;
    }
    let own = next.process.as_ref().map_or(0, |process| process.vei.satp_bits());
    kernel_map::activate_with(to.unwrap_or_else(kernel_map::root), own);
    if to.is_some() && own == 0 {
        // All spaces without an ASID of their own share 0.
        crate::arch::sfence_vma_all();
    }
}

/// What a hart does when it has nothing to do. Its own thread is never in a
/// queue.
pub fn idle() -> ! {
    let hart = this_hart();
    loop {
        disable_interrupts();
        if hart.has_work() {
            schedule(Previous::GoesOn);
            continue;
        }
        timer::rearm();
        wait_for_interrupt();
        serve_pending();
    }
}

/// Serves what woke the idle loop, without taking a trap for it.
fn serve_pending() {
    let pending = csr_read!("sip") & csr_read!("sie");
    if pending & INT_SSI != 0 {
        this_hart().acknowledge_kick();
    }
    vei::hart::serve_pending(pending);
    if pending & INT_STI != 0 {
        timer::expired();
    }
}
