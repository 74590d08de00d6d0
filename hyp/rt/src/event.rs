//! Events: sets of 32 bits that threads wait at.

use hyp_abi::event::{FOREVER, LOOK};
use hyp_abi::syscall::{EVENT_CREATE, EVENT_SIGNAL, EVENT_WAIT};

use crate::handle::Handle;
use crate::sys::{Result, syscall};

/// An event. Threads share it by reference: one waits, all may signal.
#[derive(Debug, PartialEq, Eq)]
pub struct Event(Handle);

impl Event {
    /// One without bits.
    pub fn new() -> Result<Self> {
        // SAFETY: no pointers.
        unsafe { syscall(EVENT_CREATE, [0; 3]) }.map(Handle::from_raw).map(Self)
    }

    /// An event that a message brought.
    pub const fn from_handle(handle: Handle) -> Self {
        Self(handle)
    }

    /// Its handle, for messages and bindings.
    pub const fn handle(&self) -> &Handle {
        &self.0
    }

    /// Adds bits and wakes who waits.
    pub fn signal(&self, bits: u32) -> Result<()> {
        // SAFETY: no pointers.
        unsafe { syscall(EVENT_SIGNAL, [self.0.number(), bits as usize, 0]) }.map(drop)
    }

    /// Takes all bits, and waits for the first if there is none.
    pub fn wait(&self) -> Result<u32> {
        self.wait_until(FOREVER)
    }

    /// The same until `time` reaches `deadline`: then `TryAgain`.
    pub fn wait_until(&self, deadline: usize) -> Result<u32> {
        // SAFETY: no pointers.
        unsafe { syscall(EVENT_WAIT, [self.0.number(), deadline, 0]) }.map(|bits| bits as u32)
    }

    /// The bits that are there now; `TryAgain` when there are none.
    pub fn take(&self) -> Result<u32> {
        self.wait_until(LOOK)
    }
}
