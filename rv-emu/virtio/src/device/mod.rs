//! Device types: what is in their requests, and how they are served.
//!
//! A device has two faces. To the registers it is an [`Identity`] and a configuration space. To a
//! queue it is [`Device::serve`], which does the work that is there and says what came of it; who
//! calls it (an exit, a kernel thread, a poller, an interrupt handler) is not its business.

pub mod block;
pub mod console;
pub mod net;
pub mod p9;
pub mod rng;

use crate::memory::GuestMemory;
use crate::queue::{Queue, QueueError};
use crate::transport::mmio::Identity;

/// What came of serving a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Progress {
    /// Buffers given back to the driver.
    pub served: u32,
    /// Bytes of payload that were moved.
    pub bytes: u64,
    /// There may be more to do: the limit was reached.
    pub more: bool,
    /// The driver wants an interrupt for it. [`turn`] has called for it already.
    pub interrupt: bool,
}

impl Progress {
    /// Both together.
    pub fn and(self, later: Self) -> Self {
        Self {
            served: self.served.saturating_add(later.served),
            bytes: self.bytes.saturating_add(later.bytes),
            more: self.more || later.more,
            interrupt: self.interrupt || later.interrupt,
        }
    }
}

/// What a device has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Counters {
    /// Notifications by the driver, as the caller has counted them.
    pub kicks: u64,
    /// Requests (buffers given back).
    pub requests: u64,
    /// Payload from the driver.
    pub bytes_in: u64,
    /// Payload to the driver.
    pub bytes_out: u64,
    /// Requests that were answered with an error, and frames that were dropped.
    pub errors: u64,
    /// Batches of completions.
    pub batches: u64,
    /// Batches for which the driver wanted an interrupt.
    pub interrupts: u64,
    /// Batches for which it wanted none.
    pub interrupts_suppressed: u64,
}

/// A device of any type.
pub trait Device {
    /// What it is, with all that it can do. A host that doesn't want to offer some of
    /// [`features::QUEUES`](crate::features::QUEUES) clears bits in the result.
    fn identity(&self) -> Identity;

    /// The driver has chosen features.
    fn negotiated(&mut self, features: u64);

    /// Everything is as after power-on, but for what is stored.
    fn reset(&mut self);

    /// The driver has written to the configuration space.
    fn write_config(&mut self, offset: u8, width: u8, value: u64) {
        let _ = (offset, width, value);
    }

    /// Serves queue `index`: at most about `max` buffers (what belongs together isn't taken apart),
    /// then publishes them. An error means that the device is broken:
    /// [`Registers::fail`](crate::transport::mmio::Registers::fail).
    fn serve<M: GuestMemory>(
        &mut self,
        index: u16,
        queue: &mut Queue<M>,
        memory: &M,
        max: u32,
    ) -> Result<Progress, QueueError>;

    /// Gets queue `index` ready for the device's sleep, after [`serve`](Self::serve) has found nothing
    /// more to do: turns notifications on if a notification is what the device waits for. `true` if
    /// there is something to do after all; then there will be no notification for it.
    ///
    /// A device that waits for something else (input, or somebody who takes output) leaves
    /// notifications as they are.
    #[inline]
    #[must_use = "requests that are there already bring no notification"]
    fn rearm<M: GuestMemory>(&mut self, index: u16, queue: &mut Queue<M>) -> bool {
        let _ = index;
        queue.enable_notifications()
    }

    /// What it has done.
    fn counters(&self) -> &Counters;

    /// What it has done, to count kicks in.
    fn counters_mut(&mut self) -> &mut Counters;
}

/// How often in a row a queue may have something to do that turns out to be nothing. A driver that
/// adds too few buffers, one by one, can bring that about, and one whose ring's parts overlap.
const EMPTY_MAX: u32 = 16;

/// One turn of a worker that has been woken, while the driver goes on: serves a queue with
/// notifications off until there is nothing left or `budget` buffers are done. `interrupt` is called
/// as soon as the driver wants to be told of a batch: it can go on while this looks for more.
///
/// With [`Progress::more`] the turn is over, and the worker calls again, after others had theirs.
/// Else it may sleep: a notification comes if it has to, or the device waits for something else
/// ([`Device::rearm`]).
pub fn turn<D: Device, M: GuestMemory>(
    device: &mut D,
    index: u16,
    queue: &mut Queue<M>,
    memory: &M,
    budget: u32,
    interrupt: impl FnMut(),
) -> Result<Progress, QueueError> {
    serve_all::<D, M, true>(device, index, queue, memory, budget, interrupt)
}

/// As [`turn`], but notifications stay on. While the driver stands still, as it does when this is part
/// of its own notification, there is no use in turning them off; and no device has to.
pub fn answer<D: Device, M: GuestMemory>(
    device: &mut D,
    index: u16,
    queue: &mut Queue<M>,
    memory: &M,
    budget: u32,
) -> Result<Progress, QueueError> {
    serve_all::<D, M, false>(device, index, queue, memory, budget, || ())
}

#[inline]
fn serve_all<D: Device, M: GuestMemory, const QUIET: bool>(
    device: &mut D,
    index: u16,
    queue: &mut Queue<M>,
    memory: &M,
    budget: u32,
    mut interrupt: impl FnMut(),
) -> Result<Progress, QueueError> {
    let mut progress = Progress::default();
    let mut empty = 0;
    loop {
        if QUIET {
            queue.disable_notifications();
        }
        let left = budget.saturating_sub(progress.served);
        let served = device.serve(index, queue, memory, left)?;
        if served.interrupt {
            interrupt();
        }
        progress = progress.and(served);
        if progress.more || !device.rearm(index, queue) {
            return Ok(progress);
        }
        empty = if served.served == 0 { empty + 1 } else { 0 };
        if empty > EMPTY_MAX {
            return Ok(Progress { more: true, ..progress });
        }
    }
}

/// What became of one request, frame or buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Done,
    /// Nothing to do, or nothing can be done.
    Idle,
}

/// Takes steps until one isn't done, or `max` are; the last one. Steps are what is limited, not buffers: what takes no
/// buffer takes time.
#[inline(always)]
fn repeat(max: u32, mut step: impl FnMut() -> Result<Step, QueueError>) -> Result<Step, QueueError> {
    for _ in 0..max {
        let result = step();
        if !matches!(result, Ok(Step::Done)) {
            return result;
        }
    }
    Ok(Step::Done)
}

/// The end of [`Device::serve`], after the last step: publishes the batch, asks about the interrupt, and counts both. A
/// queue in which something was wrong is dead.
#[inline]
fn finish<M: GuestMemory>(
    last: Result<Step, QueueError>,
    queue: &mut Queue<M>,
    mut progress: Progress,
    counters: &mut Counters,
) -> Result<Progress, QueueError> {
    if progress.served > 0 {
        queue.publish();
        progress.interrupt = queue.needs_interrupt();
        counters.requests += u64::from(progress.served);
        counters.batches += 1;
        counters.interrupts += u64::from(progress.interrupt);
        counters.interrupts_suppressed += u64::from(!progress.interrupt);
    }
    match last {
        Ok(step) => Ok(Progress { more: step == Step::Done, ..progress }),
        Err(error) => {
            queue.break_off();
            Err(error)
        }
    }
}
