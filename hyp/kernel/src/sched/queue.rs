//! Run queues: threads linked through themselves, so that waking one never
//! allocates memory, whoever does it.

use alloc::sync::Arc;
use core::ptr;

use crate::sched::thread::Thread;

/// A list in the order of arrival. A thread is in at most one; the list holds a
/// reference to each of its threads. `Thread::next` belongs to the lock of the
/// queue that the thread is in.
pub struct RunQueue {
    head: *const Thread,
    tail: *const Thread,
}

// SAFETY: the pointers are references that the list owns, and threads may be
// sent.
unsafe impl Send for RunQueue {}

impl RunQueue {
    /// Empty.
    pub const fn new() -> Self {
        Self { head: ptr::null(), tail: ptr::null() }
    }

    /// Whether nothing is in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Adds a thread at the end.
    pub fn push(&mut self, thread: Arc<Thread>) {
        thread.next.set(ptr::null());
        let thread = Arc::into_raw(thread);
        if self.tail.is_null() {
            self.head = thread;
        } else {
            // SAFETY: the list holds a reference to its last thread.
            unsafe { (*self.tail).next.set(thread) };
        }
        self.tail = thread;
    }

    /// Takes the thread that had the least time; of equals the one that came first.
    pub fn take_least(&mut self) -> Option<Arc<Thread>> {
        let least = self.least()?;
        self.take_where(|thread| thread.virtual_time() == least)
    }

    /// The least that a thread of the list had.
    pub fn least(&self) -> Option<u64> {
        self.iter().map(Thread::virtual_time).min()
    }

    /// The most that a thread of the list had.
    pub fn most(&self) -> Option<u64> {
        self.iter().map(Thread::virtual_time).max()
    }

    fn iter(&self) -> impl Iterator<Item = &Thread> {
        // SAFETY: the list holds references to all threads that it links.
        let thread = |at: *const Thread| unsafe { at.as_ref() };
        core::iter::successors(thread(self.head), move |at| thread(at.next.get()))
    }

    /// Takes the first that is wanted.
    pub fn take_where(&mut self, wanted: impl Fn(&Thread) -> bool) -> Option<Arc<Thread>> {
        let (mut previous, mut at) = (ptr::null(), self.head);
        // SAFETY: the list holds references to all threads that it links.
        while let Some(thread) = unsafe { at.as_ref() } {
            if wanted(thread) {
                return Some(self.unlink(previous, at));
            }
            previous = at;
            at = thread.next.get();
        }
        None
    }

    /// Takes `at`, which follows `previous` (null: which is the first).
    fn unlink(&mut self, previous: *const Thread, at: *const Thread) -> Arc<Thread> {
        // SAFETY: `push` put the pointer there with `into_raw`.
        let thread = unsafe { Arc::from_raw(at) };
        let next = thread.next.replace(ptr::null());
        if previous.is_null() {
            self.head = next;
        } else {
            // SAFETY: as in `take_where`.
            unsafe { (*previous).next.set(next) };
        }
        if ptr::eq(self.tail, at) {
            self.tail = previous;
        }
        debug_assert_eq!(self.head.is_null(), self.tail.is_null());
        thread
    }
}
