//! Waiting: a set of bits that anybody adds to and one thread takes from. All
//! that sleeps in system calls, but for vCPUs and timers, sleeps here.
//!
//! # No wake-up is lost
//! The waiter names itself in `waiter`, then looks at `bits`, then sleeps. Who
//! signals sets bits, then takes the waiter. Both use sequentially consistent
//! operations, so at least one of them sees the other. Only who makes `bits` not
//! zero looks for a waiter: one that names itself later sees the bits. `park`
//! itself remembers a wake-up that comes before the thread sleeps.

use alloc::sync::Arc;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use hyp_abi::Error;

use crate::arch::time;
use crate::sched::hart::this_hart;
use crate::sched::thread::Thread;
use crate::sched::{self, current};

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(u64);

impl Deadline {
    /// Without end.
    pub const FOREVER: Self = Self(u64::MAX);

    /// As system calls have it.
    pub const fn from_abi(value: usize) -> Self {
        Self(value as u64)
    }

    fn is_over(self) -> bool {
        self != Self::FOREVER && self.0 <= time()
    }

    fn timer(self) -> Option<u64> {
        (self != Self::FOREVER).then_some(self.0)
    }
}

/// Bits with one waiter.
pub struct Signal {
    bits: AtomicU32,
    /// A reference to the thread that sleeps, or null.
    waiter: AtomicPtr<Thread>,
    /// Somebody waits, or has the right to.
    claimed: AtomicBool,
    /// Where who waits ran last.
    last_hart: AtomicUsize,
}

impl Signal {
    /// No bits.
    pub const fn new() -> Self {
        Self {
            bits: AtomicU32::new(0),
            waiter: AtomicPtr::new(ptr::null_mut()),
            claimed: AtomicBool::new(false),
            last_hart: AtomicUsize::new(usize::MAX),
        }
    }

    /// Adds bits (not 0) and wakes who waits. Callable everywhere, with
    /// interrupts on or off; allocates nothing.
    #[inline]
    pub fn raise(&self, bits: u32) {
        if self.bits.fetch_or(bits, Ordering::SeqCst) == 0 {
            self.wake();
        }
    }

    #[inline(never)]
    fn wake(&self) {
        let waiter = self.waiter.swap(ptr::null_mut(), Ordering::SeqCst);
        if !waiter.is_null() {
            // SAFETY: `wait` put the reference there, and the swap gave it to us.
            let thread = unsafe { Arc::from_raw(waiter.cast_const()) };
            sched::unpark(&thread);
        }
    }

    /// Takes all bits, of which there is at least one; sleeps until there is.
    /// `TryAgain` at the deadline, `Busy` when another thread waits,
    /// `Interrupted` when the caller's process is dying: the caller lets go of
    /// what it holds and then calls `end_if_dying`.
    pub fn wait(&self, deadline: Deadline) -> Result<u32, Error> {
        self.claim()?;
        let result = self.wait_claimed(deadline);
        self.release();
        result
    }

    /// Makes the caller the only one who may wait, until [`Self::release`].
    pub fn claim(&self) -> Result<(), Error> {
        if self.claimed.swap(true, Ordering::Acquire) { Err(Error::Busy) } else { Ok(()) }
    }

    /// Others may wait again.
    pub fn release(&self) {
        self.claimed.store(false, Ordering::Release);
    }

    /// The hart where the thread that waits, or waited last, was then.
    pub fn last_hart(&self) -> Option<usize> {
        let hart = self.last_hart.load(Ordering::Relaxed);
        (hart != usize::MAX).then_some(hart)
    }

    /// [`Self::wait`] by who has the claim.
    pub fn wait_claimed(&self, deadline: Deadline) -> Result<u32, Error> {
        self.last_hart.store(this_hart().index, Ordering::Relaxed);
        loop {
            let bits = self.bits.swap(0, Ordering::SeqCst);
            if bits != 0 {
                return Ok(bits);
            }
            if sched::is_dying() {
                return Err(Error::Interrupted);
            }
            if deadline.is_over() {
                return Err(Error::TryAgain);
            }
            let reference = Arc::into_raw(current().to_arc());
            let nobody = self.waiter.swap(reference.cast_mut(), Ordering::SeqCst);
            debug_assert!(nobody.is_null(), "two threads wait");
            if self.bits.load(Ordering::SeqCst) == 0 {
                sched::park_to_return(deadline.timer());
            }
            let reference = self.waiter.swap(ptr::null_mut(), Ordering::SeqCst);
            if !reference.is_null() {
                // SAFETY: it is the one from above, which nobody took.
                drop(unsafe { Arc::from_raw(reference.cast_const()) });
            }
        }
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        debug_assert!(self.waiter.get_mut().is_null(), "dropped with a waiter");
    }
}
