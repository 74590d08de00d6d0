//! Child processes.

use core::ptr;

use hyp_abi::event::FOREVER;
use hyp_abi::process::{NO_CHANNEL, ProcessSpec};
use hyp_abi::syscall::{PROCESS_KILL, PROCESS_SPAWN, PROCESS_WAIT};

use crate::channel::Channel;
use crate::handle::Handle;
use crate::sys::{Result, syscall};

/// A child. It is killed when this is dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct Process(Handle);

impl Process {
    /// Starts the program `name` of the initial archive. `channel` becomes the
    /// child's [`Channel::from_parent`], and is given away.
    pub fn spawn(name: &str, arguments: &str, channel: Option<Channel>) -> Result<Self> {
        let spec = ProcessSpec {
            name: name.as_ptr() as u64,
            name_len: name.len() as u64,
            arguments: arguments.as_ptr() as u64,
            arguments_len: arguments.len() as u64,
            channel: channel.as_ref().map_or(NO_CHANNEL, |channel| channel.handle().number() as u64),
        };
        // SAFETY: the kernel reads the specification and the strings.
        unsafe { syscall(PROCESS_SPAWN, [ptr::from_ref(&spec) as usize, 0, 0]) }.map(Handle::from_raw).map(Self)
    }

    /// Waits for its end; gives its exit code.
    pub fn wait(&self) -> Result<i32> {
        self.wait_until(FOREVER)
    }

    /// The same until `time` reaches `deadline`: then `TryAgain`.
    pub fn wait_until(&self, deadline: usize) -> Result<i32> {
        // SAFETY: no pointers.
        unsafe { syscall(PROCESS_WAIT, [self.0.number(), deadline, 0]) }.map(|code| code as i32)
    }

    /// Ends it.
    pub fn kill(&self) -> Result<()> {
        // SAFETY: no pointers.
        unsafe { syscall(PROCESS_KILL, [self.0.number(), 0, 0]) }.map(drop)
    }
}
