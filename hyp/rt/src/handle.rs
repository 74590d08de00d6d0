//! Handles of kernel objects, closed when dropped.

use core::mem;

use hyp_abi::syscall::CLOSE;

use crate::sys::{Result, syscall};

/// A handle that nobody else has.
#[derive(Debug, PartialEq, Eq)]
pub struct Handle(usize);

impl Handle {
    /// Takes over a handle by its number: one that a message or the process's
    /// start brought. A number that is no handle gives errors later, no harm.
    pub const fn from_raw(number: usize) -> Self {
        Self(number)
    }

    /// The number, for system calls.
    #[inline]
    pub const fn number(&self) -> usize {
        self.0
    }

    /// The number in a message's or argument's field.
    #[inline]
    pub const fn raw(&self) -> u32 {
        self.0 as u32
    }

    /// The number; the handle stays open.
    pub const fn into_raw(self) -> usize {
        let number = self.0;
        mem::forget(self);
        number
    }

    /// Closes the handle and tells how that went.
    pub fn close(self) -> Result<()> {
        // SAFETY: no pointers.
        unsafe { syscall(CLOSE, [self.into_raw(), 0, 0]) }.map(drop)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: no pointers; the handle is ours and not used again.
        let _ = unsafe { syscall(CLOSE, [self.0, 0, 0]) };
    }
}
