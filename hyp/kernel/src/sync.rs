//! Locks. A spin lock keeps interrupts off while it is held, so that a kernel
//! thread is never preempted with it; user threads in the kernel run with
//! interrupts off anyway.

use core::cell::UnsafeCell;
use core::hint::spin_loop;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::arch::csr::SSTATUS_SIE;
use crate::csr_set;

/// A lock that waits by spinning.
pub struct SpinLock<T> {
    /// 0 or 1. A word, because there are no atomic operations on bytes.
    locked: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: `locked` lets one hart at a time to the value.
unsafe impl<T: Send> Sync for SpinLock<T> {}
// SAFETY: owning the lock is owning the value.
unsafe impl<T: Send> Send for SpinLock<T> {}

impl<T> SpinLock<T> {
    /// An open lock around `value`.
    pub const fn new(value: T) -> Self {
        Self { locked: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    /// Waits for the lock, with interrupts off.
    #[inline]
    pub fn lock(&self) -> SpinGuard<'_, T> {
        let restore = disable_interrupts();
        while self.locked.swap(1, Ordering::Acquire) != 0 {
            spin_loop();
        }
        SpinGuard { lock: self, restore }
    }

    /// The value, when nobody else can have the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

/// Turns interrupts off; tells whether they were on.
#[inline]
pub fn disable_interrupts() -> bool {
    let old: u64;
    // SAFETY: interrupts may always be turned off.
    unsafe { core::arch::asm!("csrrci {}, sstatus, 2", out(reg) old, options(nostack)) };
    old & SSTATUS_SIE != 0
}

/// Turns interrupts on again if `restore` says that they were.
#[inline]
pub fn restore_interrupts(restore: bool) {
    if restore {
        csr_set!("sstatus", SSTATUS_SIE);
    }
}

/// Holds a lock until dropped.
pub struct SpinGuard<'a, T> {
    lock: &'a SpinLock<T>,
    restore: bool,
}

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds the lock.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.locked.store(0, Ordering::Release);
        restore_interrupts(self.restore);
    }
}

/// A value that is set once, during boot, and read by everyone after.
pub struct Once<T> {
    set: AtomicBool,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: written once before `set`, shared afterwards.
unsafe impl<T: Send + Sync> Sync for Once<T> {}

impl<T> Once<T> {
    /// Not set yet.
    pub const fn new() -> Self {
        Self { set: AtomicBool::new(false), value: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// Sets the value. Only the boot hart does this, and once.
    pub fn set(&self, value: T) {
        assert!(!self.set.load(Ordering::Acquire), "set twice");
        // SAFETY: nobody reads before `set`, and only the boot hart writes.
        unsafe { (*self.value.get()).write(value) };
        self.set.store(true, Ordering::Release);
    }

    /// The value, if it is set.
    #[inline]
    pub fn try_get(&self) -> Option<&T> {
        // SAFETY: `set` says that the value was written and will not change.
        self.set.load(Ordering::Acquire).then(|| unsafe { (*self.value.get()).assume_init_ref() })
    }

    /// The value.
    #[inline]
    pub fn get(&self) -> &T {
        self.try_get().expect("used before it was set")
    }
}
