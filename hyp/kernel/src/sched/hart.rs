//! What each hart has of its own. `tp` points to it while the kernel runs.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicBool, Ordering};

use crate::arch::csr::INT_SSI;
use crate::arch::sbi;
use crate::csr_set;
use crate::sched::thread::{State, Thread};
use crate::sched::timer::Timers;
use crate::sync::{Once, SpinLock};

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
    pub queue: SpinLock<VecDeque<Arc<Thread>>>,
    /// Deadlines.
    pub timers: Timers,
    /// The vCPU whose floating-point registers the hart holds (0 = none).
    pub fp_owner: Cell<usize>,
    /// The vCPU that was loaded last (0 = none).
    pub last_vcpu: Cell<usize>,
    idle: AtomicBool,
    idle_thread: Once<Arc<Thread>>,
    /// The thread that was switched away from, until the switch is finished.
    previous: UnsafeCell<Option<Arc<Thread>>>,
}

// SAFETY: cells are used by the hart that they belong to only, in the kernel
// and with interrupts off; the rest is atomic or locked.
unsafe impl Sync for Hart {}
// SAFETY: as above.
unsafe impl Send for Hart {}

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
            queue: SpinLock::new(VecDeque::new()),
            timers: Timers::new(),
            fp_owner: Cell::new(0),
            last_vcpu: Cell::new(0),
            idle: AtomicBool::new(false),
            idle_thread: Once::new(),
            previous: UnsafeCell::new(None),
        }))
    }

    /// Makes the code that runs on this hart its idle thread.
    pub fn adopt_idle(&self, thread: Arc<Thread>) {
        self.current.set(Arc::into_raw(Arc::clone(&thread)));
        self.idle_thread.set(thread);
        self.idle.store(true, Ordering::Release);
    }

    /// Whether the idle thread runs.
    pub fn is_idle(&self) -> bool {
        self.idle.load(Ordering::Acquire)
    }

    /// Whether the current thread is the idle thread.
    pub fn runs_idle_thread(&self) -> bool {
        core::ptr::eq(self.current.get(), Arc::as_ptr(self.idle_thread.get()))
    }

    /// Whether there is a thread to take, here or from another hart.
    pub fn has_work(&self) -> bool {
        if !self.queue.lock().is_empty() {
            return true;
        }
        let stolen = self.steal();
        stolen.map(|thread| self.queue.lock().push_back(thread)).is_some()
    }

    /// Takes a thread from a hart that has more than it can run.
    fn steal(&self) -> Option<Arc<Thread>> {
        harts().iter().filter(|hart| hart.index != self.index && !hart.is_idle()).find_map(|hart| {
            let mut queue = hart.queue.lock();
            // One that is still being switched out there cannot be taken.
            let index = queue.iter().position(|t| !t.on_cpu.load(Ordering::Acquire))?;
            queue.remove(index)
        })
    }

    /// Chooses what runs next. `previous` goes to the end of the queue when it
    /// is still ready.
    pub fn take_next(&self, previous: &Thread) -> Arc<Thread> {
        let mut queue = self.queue.lock();
        let is_idle = self.runs_idle_thread();
        if !is_idle && previous.sched.lock().state == State::Ready && !queue_holds(&queue, previous) {
            // SAFETY: the pointer came from an Arc that the hart still holds.
            let thread = unsafe {
                Arc::increment_strong_count(previous);
                Arc::from_raw(previous)
            };
            queue.push_back(thread);
        }
        let next = queue.pop_front();
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
    /// now, and if it is dead this frees it.
    pub fn release_previous(&self) {
        // SAFETY: only this hart touches the cell, with interrupts off.
        let previous = unsafe { (*self.previous.get()).take() };
        if let Some(thread) = previous {
            thread.on_cpu.store(false, Ordering::Release);
        }
    }

    /// Makes the hart look at its queue.
    pub fn kick(&self) {
        if core::ptr::eq(self, this_hart()) {
            csr_set!("sip", INT_SSI);
        } else {
            sbi::send_ipi(self.hartid).expect("the firmware cannot send interrupts");
        }
    }
}

/// A thread that was woken while it was being switched out is queued already.
fn queue_holds(queue: &VecDeque<Arc<Thread>>, thread: &Thread) -> bool {
    queue.iter().any(|queued| core::ptr::eq(Arc::as_ptr(queued), thread))
}
