//! vhost: virtio devices whose queues kernel threads serve, with the same code as monitors and backend processes (`hyp-service`).
//!
//! - `memory`: shared memory objects as the guest's memory and as disks
//! - `worker`: the thread
//!
//! The monitor talks to the worker in commands, one at a time, so that the worker alone has the device and needs no lock while it serves.

mod memory;
mod worker;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hyp_abi::Error;
use hyp_abi::vhost::{CONTROL, DISK, NET, NEVER_SILENT, VhostQueue, VhostSpec, VhostStatus};
use hyp_kernel::addr::HUGE_SIZE;
use hyp_service::{Any, Service};
use hyp_wire::{End, Side};

use crate::ipc::event::{Event, Waiter};
use crate::proc::process::Process;
use crate::sched;
use crate::sched::hart::harts;
use crate::sched::signal::{Deadline, Signal};
use crate::sched::thread::Thread;
use crate::stats::{Counted, Kind};
use crate::sync::SpinLock;

use memory::KernelMemory;
use worker::{Device, Worker};

/// What the monitor wants of the worker.
enum Command {
    /// Serve a queue.
    Queue(VhostQueue),
    /// Serve none.
    Stop,
    /// End.
    End,
}

/// What worker and monitor share.
struct Shared {
    kick: Arc<Event>,
    call: Arc<Event>,
    call_bits: u32,
    command: SpinLock<Option<Command>>,
    /// The answer to the command, and that it is there.
    answer: SpinLock<Result<(), Error>>,
    answered: Signal,
    broken: AtomicBool,
    requests: AtomicU64,
    wakes: AtomicU64,
    interrupts: AtomicU64,
}

/// A device, as its monitor has it. The worker ends with it.
pub struct Vhost {
    shared: Arc<Shared>,
    /// A thread of the monitor is waiting for the worker.
    asking: AtomicBool,
}

impl Vhost {
    /// Makes a device and starts its worker.
    pub fn new(process: &Process, spec: &VhostSpec) -> Result<Arc<Self>, Error> {
        // What is aligned for the guest must be aligned here.
        let is_aligned = spec.gpa.is_multiple_of(HUGE_SIZE as u64);
        if spec.hart as usize >= harts().len() || spec.flags & !NEVER_SILENT != 0 || !is_aligned {
            return Err(Error::InvalidArgument);
        }
        let memory = process.shared(spec.memory as usize)?;
        let guest = KernelMemory::new(memory, spec.gpa, spec.memory_size)?;
        let device = device(process, spec)?;
        let kick = process.event(spec.kick as usize)?;
        let waiter = Waiter::new(Arc::clone(&kick))?;
        let shared = Arc::new(Shared {
            kick,
            call: process.event(spec.call as usize)?,
            call_bits: spec.call_bits,
            command: SpinLock::new(None),
            answer: SpinLock::new(Ok(())),
            answered: Signal::new(),
            broken: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            wakes: AtomicU64::new(0),
            interrupts: AtomicU64::new(0),
        });
        let service = Service::new(device, guest).silencing(spec.flags & NEVER_SILENT == 0);
        let worker = Box::new(Worker::new(service, waiter, Arc::clone(&shared), Counted::new(Kind::Worker)));
        let argument = Box::into_raw(worker);
        let thread = Thread::new_kernel(worker::main, argument.expose_provenance()).inspect_err(|_| {
            // SAFETY: no thread was made, so the worker is still ours.
            drop(unsafe { Box::from_raw(argument) });
        })?;
        thread.set_pinned(spec.hart as usize);
        sched::start(thread);
        Ok(Arc::new(Self { shared, asking: AtomicBool::new(false) }))
    }

    /// Hands a queue to the worker.
    pub fn queue(&self, queue: VhostQueue) -> Result<(), Error> {
        self.ask(Command::Queue(queue))
    }

    /// Takes all queues back.
    pub fn stop(&self) -> Result<(), Error> {
        self.ask(Command::Stop)
    }

    /// Sends a command and waits until the worker has obeyed.
    fn ask(&self, command: Command) -> Result<(), Error> {
        if self.asking.swap(true, Ordering::Acquire) {
            return Err(Error::Busy);
        }
        *self.shared.command.lock() = Some(command);
        self.shared.kick.wake(CONTROL);
        let waited = self.shared.answered.wait(Deadline::FOREVER);
        let answer = waited.and_then(|_| *self.shared.answer.lock());
        self.asking.store(false, Ordering::Release);
        answer
    }

    /// How it is, and what the worker has done.
    pub fn status(&self) -> VhostStatus {
        let Shared { broken, requests, wakes, interrupts, .. } = &*self.shared;
        VhostStatus {
            broken: broken.load(Ordering::Relaxed).into(),
            requests: requests.load(Ordering::Relaxed),
            wakes: wakes.load(Ordering::Relaxed),
            interrupts: interrupts.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Vhost {
    /// Whoever asked before is dying, or it would still have a reference: its command is not needed any more.
    fn drop(&mut self) {
        *self.shared.command.lock() = Some(Command::End);
        self.shared.kick.wake(CONTROL);
    }
}

/// The device on the objects that the specification names.
fn device(process: &Process, spec: &VhostSpec) -> Result<Device, Error> {
    let backing = process.shared(spec.backing as usize)?;
    match spec.kind {
        DISK => Ok(Any::disk(KernelMemory::new(backing, 0, spec.disk_size)?, spec.disk_size)),
        NET => {
            let peer = process.event(spec.peer as usize)?;
            let cable = backing.page(0)?.direct();
            const { assert!(hyp_wire::SIZE <= HUGE_SIZE) };
            // SAFETY: a page of the object, which the closure below keeps alive with the port; processes that have it mapped are at the other
            // end, whatever they do with it.
            let end = unsafe { End::new(core::ptr::with_exposed_provenance_mut(cable), Side::Backend) };
            let wake: worker::Wake = Box::new(move || {
                let _keep = &backing;
                peer.signal(1);
            });
            Ok(Any::nic(hyp_service::Port::new(end, wake)))
        }
        _ => Err(Error::InvalidArgument),
    }
}
