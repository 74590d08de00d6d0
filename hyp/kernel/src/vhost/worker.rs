//! The worker: a kernel thread that sleeps at the kick event.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use hyp_abi::Error;
use hyp_abi::vhost::{CONTROL, VhostQueue, WIRE};
use hyp_service::{Any, Port, RamDisk, Service};
use rv_virtio::device::net::{RECEIVE, TRANSMIT};
use rv_virtio::memory::GuestAddress;
use rv_virtio::queue::{Position, QueueConfig};

use super::memory::KernelMemory;
use super::{Command, Shared};
use crate::ipc::event::Waiter;
use crate::sched::signal::Deadline;
use crate::stats::Counted;
use crate::vei;

/// Wakes the cable's other end.
pub type Wake = Box<dyn FnMut() + Send>;
/// The device.
pub type Device = Any<RamDisk<KernelMemory>, Port<Wake>>;

/// Bits of the kick event that are not queues.
const NOT_QUEUES: u32 = CONTROL | WIRE;
/// All that are.
const ALL_QUEUES: u32 = !NOT_QUEUES;

/// The worker's own.
pub struct Worker {
    service: Service<Device, KernelMemory>,
    kick: Waiter,
    shared: Arc<Shared>,
    _live: Counted,
}

/// The thread. `argument` is a `Box<Worker>`.
pub extern "C" fn main(argument: usize) {
    // SAFETY: `Vhost::new` made the pointer with `Box::into_raw` and gave it away.
    let mut worker: Box<Worker> = unsafe { Box::from_raw(core::ptr::with_exposed_provenance_mut(argument)) };
    worker.run();
}

impl Worker {
    /// A worker without queues.
    pub fn new(service: Service<Device, KernelMemory>, kick: Waiter, shared: Arc<Shared>, live: Counted) -> Self {
        Self { service, kick, shared, _live: live }
    }

    fn run(&mut self) {
        // A wait without end of a thread without process ends with bits.
        while let Ok(bits) = self.kick.wait(Deadline::FOREVER) {
            if bits & CONTROL != 0 && !self.obey() {
                return;
            }
            self.serve(bits);
        }
    }

    /// Serves what was kicked, and then until the device may sleep.
    fn serve(&mut self, bits: u32) {
        count(&self.shared.wakes, 1);
        let mut queues = bits & !NOT_QUEUES;
        if bits & WIRE != 0 {
            // A frame has come, or there is room for what waits to be sent.
            queues |= 1 << RECEIVE | 1 << TRANSMIT;
        }
        loop {
            let Shared { call, call_bits, interrupts, .. } = &*self.shared;
            let interrupt = || {
                count(interrupts, 1);
                call.signal(*call_bits);
            };
            while queues != 0 {
                vei::hart::hold();
                let turn = self.service.serve(queues);
                vei::hart::release();
                match turn {
                    Ok(turn) => {
                        if turn.interrupt {
                            interrupt();
                        }
                        count(&self.shared.requests, turn.served.into());
                        queues = turn.more;
                    }
                    Err(_) => {
                        self.shared.broken.store(true, Ordering::Relaxed);
                        break;
                    }
                }
            }
            if self.service.is_broken() || self.service.device_mut().may_sleep() {
                return;
            }
            queues = ALL_QUEUES;
        }
    }

    /// Does what the monitor wants; whether to go on.
    fn obey(&mut self) -> bool {
        let command = self.shared.command.lock().take();
        let answer = match command {
            None => return true,
            Some(Command::End) => return false,
            Some(Command::Stop) => {
                self.service.reset();
                self.shared.broken.store(false, Ordering::Relaxed);
                Ok(())
            }
            Some(Command::Queue(queue)) => self.start(&queue),
        };
        *self.shared.answer.lock() = answer;
        self.shared.answered.raise(1);
        true
    }

    fn start(&mut self, queue: &VhostQueue) -> Result<(), Error> {
        let [index, size] = [queue.index, queue.size].map(u16::try_from);
        let (Ok(index), Ok(size)) = (index, size) else { return Err(Error::InvalidArgument) };
        let config = QueueConfig {
            size,
            descriptors: GuestAddress(queue.descriptors),
            driver: GuestAddress(queue.driver),
            device: GuestAddress(queue.device),
        };
        self.service.negotiated(queue.features);
        let started = self.service.start(index, &config, queue.features, Position::START);
        started.map_err(|_| {
            self.shared.broken.store(true, Ordering::Relaxed);
            Error::BadAddress
        })
    }
}

/// Counts, for who looks from elsewhere; only the worker writes.
fn count(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
}
