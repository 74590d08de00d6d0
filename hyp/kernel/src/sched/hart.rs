//! What each hart has of its own. `tp` points to it while the kernel runs.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::arch::csr::INT_SSI;
use crate::arch::{self, ipi};
use crate::sched::queue::RunQueue;
use crate::sched::thread::{State, Thread};
use crate::sched::timer::Timers;
use crate::sched::{self, Previous, fair};
use crate::sync::{Once, SpinLock};
use crate::vei;
use crate::{csr_read, csr_set, csr_take};

/// A hart. Fields in cells are touched by the hart itself alone.
#[repr(C)]
pub struct Hart {
    /// The running thread, which begins with its `EntryRecord`.
    pub current: Cell<*const Thread>,
    /// Number among the harts that run.
    pub index: usize,
    /// Number in the machine.
    pub hartid: usize,
    /// End of the stack that the hart boots on, which its idle thread keeps.
    pub boot_stack: usize,
    /// Threads that are ready.
    pub queue: SpinLock<RunQueue>,
    /// Deadlines.
    pub timers: Timers,
    /// The vCPU whose floating-point registers the hart holds (0 = none).
    pub fp_owner: Cell<usize>,
    /// The vCPU that was loaded last (0 = none).
    pub last_vcpu: Cell<usize>,
    /// What is counted here; see [`Counters`].
    pub counters: Counters,
    /// The most that a thread had when it was chosen as the one that had least: where threads that come begin.
    pub floor: AtomicU64,
    idle: AtomicBool,
    /// Another hart has sent an interrupt that was not served yet: a second one
    /// would tell nothing new.
    kicked: AtomicU32,
    idle_thread: Once<Arc<Thread>>,
    /// The thread that was switched away from, until the switch is finished.
    previous: UnsafeCell<Option<Arc<Thread>>>,
}

// SAFETY: cells are used by the hart that they belong to only, in the kernel
// and with interrupts off; the rest is atomic or locked.
unsafe impl Sync for Hart {}
// SAFETY: as above.
unsafe impl Send for Hart {}

/// Counters of one hart. Only the hart itself writes them; others may read.
#[derive(Debug, Default)]
pub struct Counters {
    /// `cycle` up to which time is booked.
    pub switched_at: AtomicU64,
    /// Switches of threads.
    pub switches: AtomicU64,
    /// Interrupts sent to other harts.
    pub ipis_sent: AtomicU64,
    /// Interrupts that needed not be sent.
    pub ipis_saved: AtomicU64,
}

/// Adds to a counter that only the calling hart, with interrupts off, writes.
#[inline]
pub fn count(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

static HARTS: Once<Vec<&'static Hart>> = Once::new();

/// All harts, by index.
#[inline]
pub fn harts() -> &'static [&'static Hart] {
    HARTS.get()
}

/// Publishes the harts, once, before any thread is made.
pub fn set_harts(harts: Vec<&'static Hart>) {
    HARTS.set(harts);
}

/// The hart that runs this code.
#[inline(always)]
pub fn this_hart() -> &'static Hart {
    let hart: *const Hart;
    // SAFETY: reads a register. Not `pure`: the answer changes when the thread
    // is moved.
    unsafe { core::arch::asm!("mv {}, tp", out(reg) hart, options(nomem, nostack)) };
    // SAFETY: boot code points tp to the hart's structure, which lives for ever,
    // and entry code restores it.
    unsafe { &*hart }
}

impl Hart {
    /// A hart that does not run yet.
    pub fn new(index: usize, hartid: usize, boot_stack: usize) -> &'static Self {
        Box::leak(Box::new(Self {
            current: Cell::new(core::ptr::null()),
            index,
            hartid,
            boot_stack,
            queue: SpinLock::new(RunQueue::new()),
            timers: Timers::new(),
            fp_owner: Cell::new(0),
            last_vcpu: Cell::new(0),
            counters: Counters::default(),
            floor: AtomicU64::new(0),
            idle: AtomicBool::new(false),
            kicked: AtomicU32::new(0),
            idle_thread: Once::new(),
            previous: UnsafeCell::new(None),
        }))
    }

    /// Makes the code that runs on this hart its idle thread.
    pub fn adopt_idle(&self, thread: Arc<Thread>) {
        self.current.set(Arc::into_raw(Arc::clone(&thread)));
        self.counters.switched_at.store(csr_read!("cycle"), Ordering::Relaxed);
        self.idle_thread.set(thread);
        self.idle.store(true, Ordering::Release);
    }

    /// Whether the idle thread runs.
    pub fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Acquire)
    }

    /// Whether the current thread is the idle thread.
    pub fn runs_idle_thread(&self) -> bool {
        self.is_idle_thread(sched::current())
    }

    fn is_idle_thread(&self, thread: &Thread) -> bool {
        core::ptr::eq(thread, Arc::as_ptr(self.idle_thread.get()))
    }

    /// Cycles that the hart has had nothing to do.
    pub fn idle_cycles(&self) -> u64 {
        let idle = self.idle_thread.get().run_cycles.load(Ordering::Relaxed);
        if self.is_idle() { idle + self.cycles_since_switch() } else { idle }
    }

    /// Cycles since the current thread was switched to.
    pub fn cycles_since_switch(&self) -> u64 {
        csr_read!("cycle").saturating_sub(self.counters.switched_at.load(Ordering::Relaxed))
    }

    /// Books the time up to now on the thread that runs.
    pub fn account(&self, running: &Thread) {
        let now = csr_read!("cycle");
        let since = self.counters.switched_at.load(Ordering::Relaxed);
        let spent = now.wrapping_sub(since);
        self.counters.switched_at.store(now, Ordering::Relaxed);
        count(&running.run_cycles, spent);
        if !self.is_idle_thread(running) {
            count(&running.virtual_time, spent);
        }
    }

    /// Counts a switch to `next`, which was chosen as the one that had least time.
    pub fn count_switch(&self, next: &Thread) {
        count(&self.counters.switches, 1);
        count(&next.switches, 1);
        if !self.is_idle_thread(next) {
            self.floor.fetch_max(next.virtual_time(), Ordering::Relaxed);
        }
    }

    /// Whether there is a thread to take, here or from another hart.
    pub fn has_work(&self) -> bool {
        if !self.queue.lock().is_empty() {
            return true;
        }
        let stolen = self.steal();
        stolen.map(|thread| fair::join(self, &mut self.queue.lock(), thread)).is_some()
    }

    /// Takes a thread from a hart that has more than it can run.
    fn steal(&self) -> Option<Arc<Thread>> {
        // One that is still being switched out there cannot be taken.
        let free = |thread: &Thread| thread.pinned().is_none() && !thread.on_cpu.load(Ordering::Acquire);
        let mut others = harts().iter().filter(|hart| hart.index != self.index && !hart.is_idle());
        others.find_map(|hart| hart.queue.lock().take_where(free))
    }

    /// Whether a thread may run here.
    pub fn may_run(&self, thread: &Thread) -> bool {
        thread.pinned().is_none_or(|index| index == self.index)
    }

    /// Chooses what runs next. `previous` goes to the end of the queue if it goes
    /// on, and here.
    pub fn take_next(&self, previous: &Thread, fate: Previous) -> Arc<Thread> {
        let mut queue = self.queue.lock();
        if fate == Previous::GoesOn && !self.runs_idle_thread() && self.may_run(previous) {
            queue.push(previous.to_arc());
        }
        let next = queue.take_least();
        next.unwrap_or_else(|| Arc::clone(self.idle_thread.get()))
    }

    /// Makes `next` current; the one before is kept until `release_previous`.
    pub fn make_current(&self, next: Arc<Thread>) -> &'static Thread {
        next.set_hart(self);
        self.idle.store(Arc::ptr_eq(&next, self.idle_thread.get()), Ordering::Release);
        let previous = self.current.get();
        let thread = Arc::into_raw(next);
        self.current.set(thread);
        // SAFETY: `previous` was put there with `into_raw`, by this function or
        // by `adopt_idle`; only this hart touches the cell.
        unsafe {
            *self.previous.get() = Some(Arc::from_raw(previous));
            &*thread
        }
    }

    /// Names a thread to let go of, which is not the current one: its stack is
    /// being left.
    pub fn set_previous(&self, thread: Arc<Thread>) {
        // SAFETY: only this hart touches the cell, with interrupts off.
        let none = unsafe { (*self.previous.get()).replace(thread) };
        assert!(none.is_none(), "two threads are being switched out");
    }

    /// Lets go of the thread that was switched away from: others may run it
    /// now, and if it is dead this frees what it had.
    pub fn release_previous(&self) {
        // SAFETY: only this hart touches the cell, with interrupts off.
        let previous = unsafe { (*self.previous.get()).take() };
        if let Some(thread) = previous {
            let state = thread.sched.lock().state;
            // Ready and not in a queue: it pinned itself to another hart.
            let moves = state == State::Ready && !self.may_run(&thread);
            thread.on_cpu.store(false, Ordering::Release);
            if moves {
                sched::enqueue(thread);
            } else if state == State::Dead {
                // SAFETY: it ended here, and another stack is in use now.
                unsafe { thread.reap() };
            }
        }
    }

    /// Makes the hart look at its queue. No interrupt is sent while one is
    /// under way.
    pub fn kick(&self) {
        let this = this_hart();
        if core::ptr::eq(self, this) {
            csr_set!("sip", INT_SSI);
        } else if self.kicked.swap(1, Ordering::SeqCst) != 0 {
            count(&this.counters.ipis_saved, 1);
        } else {
            count(&this.counters.ipis_sent, 1);
            ipi::send(self.hartid);
        }
    }

    /// Takes back the interrupt of `kick`, before the hart looks. The flag is
    /// cleared only together with an interrupt and after it: cleared first, a
    /// kick in between would lose its interrupt and leave the flag set for ever.
    #[inline]
    pub fn acknowledge_kick(&self) {
        if csr_take!("sip", INT_SSI) & INT_SSI != 0 {
            arch::fence_all();
            self.kicked.swap(0, Ordering::SeqCst);
        }
        vei::hart::serve_requests();
    }
}
