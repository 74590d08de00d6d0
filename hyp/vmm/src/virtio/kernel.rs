//! A device whose queues a worker of the kernel serves.

use alloc::sync::Arc;

use hyp_abi::vhost::{DISK, NET, NEVER_SILENT, VhostQueue, VhostSpec};
use hyp_rt::event::Event;
use hyp_rt::sys;
use hyp_rt::vhost::Vhost;
use hyp_rt::vm::InterruptLine;
use hyp_vmm::args::{Args, Device};
use hyp_vmm::device::slot::{Backing, Broken};
use hyp_vmm::image::MEMORY;
use rv_virtio::queue::QueueConfig;

use super::{CALL, Parts};
use crate::guest::Guest;

/// The worker.
pub struct Kernel {
    vhost: Vhost,
    kick: Arc<Event>,
    line: InterruptLine,
    /// The rest of what the worker works with.
    _parts: Parts,
}

/// Starts the worker.
pub fn connect(args: &Args, guest: &Guest, parts: Parts) -> sys::Result<Kernel> {
    let vhost = Vhost::new(&VhostSpec {
        kind: if args.device == Device::Net { NET } else { DISK },
        hart: args.backend_hart as u32,
        memory: guest.memory.object().handle().raw(),
        backing: parts.backing.object().handle().raw(),
        kick: parts.kick.handle().raw(),
        call: parts.call.handle().raw(),
        call_bits: CALL,
        peer: parts.peer.as_ref().map_or(0, |peer| peer.handle().raw()),
        gpa: MEMORY,
        memory_size: args.memory,
        disk_size: args.disk,
        flags: if args.suppression.silences() { 0 } else { NEVER_SILENT },
    })?;
    Ok(Kernel { vhost, kick: Arc::clone(&parts.kick), line: parts.line, _parts: parts })
}

impl Backing for Kernel {
    fn start(&mut self, index: u16, config: &QueueConfig, features: u64) -> Result<(), Broken> {
        let queue = VhostQueue {
            index: index.into(),
            size: config.size.into(),
            descriptors: config.descriptors.0,
            driver: config.driver.0,
            device: config.device.0,
            features,
        };
        self.vhost.queue(&queue).map_err(|_| Broken)
    }

    fn stop(&mut self) {
        // The handle is ours: this can't fail.
        let _ = self.vhost.stop();
    }

    fn kick(&mut self, index: u16) -> Result<(), Broken> {
        self.kick.signal(1 << index).map_err(|_| Broken)
    }

    fn is_broken(&mut self) -> bool {
        self.vhost.status().is_ok_and(|status| status.broken != 0)
    }

    fn acknowledged(&mut self) {
        let _ = self.line.set(false);
    }
}
