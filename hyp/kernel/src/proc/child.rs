//! A process as its parent sees it.

use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use hyp_abi::Error;
use hyp_abi::process::EXIT_KILLED;

use crate::proc::process::Process;
use crate::sched::signal::{Deadline, Signal};

/// What is left of a process when it is gone.
pub struct Status {
    code: AtomicI32,
    ended: AtomicBool,
    changed: Signal,
}

impl Status {
    /// Of a process that begins.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { code: AtomicI32::new(0), ended: AtomicBool::new(false), changed: Signal::new() })
    }

    /// Sets the exit code, before the end.
    pub fn set_code(&self, code: i32) {
        self.code.store(code, Ordering::Relaxed);
    }

    /// The exit code.
    pub fn code(&self) -> i32 {
        self.code.load(Ordering::Relaxed)
    }

    /// The process and all that it had are gone.
    pub fn set_ended(&self) {
        self.ended.store(true, Ordering::Release);
        self.changed.raise(1);
    }

    fn wait(&self, deadline: Deadline) -> Result<i32, Error> {
        while !self.ended.load(Ordering::Acquire) {
            self.changed.wait(deadline)?;
        }
        Ok(self.code())
    }
}

/// A child of a process, killed when the last handle is closed.
pub struct Child {
    process: Weak<Process>,
    status: Arc<Status>,
}

impl Child {
    /// Of a process that runs.
    pub fn new(process: &Arc<Process>) -> Arc<Self> {
        Arc::new(Self { process: Arc::downgrade(process), status: process.status() })
    }

    /// Tells it to end.
    pub fn kill(&self) {
        if let Some(process) = self.process.upgrade() {
            process.exit(EXIT_KILLED);
        }
    }

    /// Waits for its end; see [`Signal::wait`].
    pub fn wait(&self, deadline: Deadline) -> Result<i32, Error> {
        self.status.wait(deadline)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}
