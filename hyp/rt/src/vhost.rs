//! Devices that a worker of the kernel serves.

use core::ptr;

use hyp_abi::syscall::{VHOST_CREATE, VHOST_QUEUE, VHOST_STATUS, VHOST_STOP};
use hyp_abi::vhost::{VhostQueue, VhostSpec, VhostStatus};

use crate::handle::Handle;
use crate::sys::{Result, syscall};

/// A device. Its worker ends when this is dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct Vhost(Handle);

impl Vhost {
    /// A device without queues.
    pub fn new(spec: &VhostSpec) -> Result<Self> {
        // SAFETY: the kernel reads the specification; the memory that it names is shared anyway.
        unsafe { syscall(VHOST_CREATE, [ptr::from_ref(spec) as usize, 0, 0]) }.map(Handle::from_raw).map(Self)
    }

    /// Hands over a queue.
    pub fn queue(&self, queue: &VhostQueue) -> Result<()> {
        // SAFETY: the kernel reads the queue's description.
        unsafe { syscall(VHOST_QUEUE, [self.0.number(), ptr::from_ref(queue) as usize, 0]) }.map(drop)
    }

    /// Takes all queues back.
    pub fn stop(&self) -> Result<()> {
        // SAFETY: no pointers.
        unsafe { syscall(VHOST_STOP, [self.0.number(), 0, 0]) }.map(drop)
    }

    /// How it is, and what it has done.
    pub fn status(&self) -> Result<VhostStatus> {
        let mut status = VhostStatus::default();
        // SAFETY: the kernel fills `status`, which is alive here.
        unsafe { syscall(VHOST_STATUS, [self.0.number(), &raw mut status as usize, 0]) }?;
        Ok(status)
    }
}
