//! Behaviour of a slot: registers in front, a device behind, and time in between.

use rv_virtio::device::Counters;
use rv_virtio::device::block::SECTOR;
use rv_virtio::memory::GuestMemory;
use rv_virtio::queue::{Chain, Position, Queue, QueueError, total_len};
use rv_virtio::transport::mmio::{Effect, QUEUES_MAX, Registers};

use super::plug::Plug;
use super::registers::{SIZE, refused};
use super::state::{ServiceTime, SlotState};
use crate::{AccessError, Cycles, Device, Persist, RestoreError, Width};

/// A disk has one queue.
const DISK_QUEUE: u16 = 0;
/// Requests that are served in one go by a device that takes no time: more than a queue has.
const BATCH: u32 = 1024;
/// Bytes of a disk request's header and of its status: no data.
const ENVELOPE: u64 = 17;

const _: () = assert!(QUEUES_MAX <= u8::BITS as usize);

/// One slot.
pub struct VirtioSlot {
    registers: Registers,
    pub(super) plug: Plug,
    positions: [Position; QUEUES_MAX],
    /// Queues that are to be looked at, a bit each.
    pending: u8,
    due: Option<Cycles>,
    last_error: Option<QueueError>,
}

impl Default for VirtioSlot {
    fn default() -> Self {
        Self::empty()
    }
}

impl VirtioSlot {
    pub(super) fn new(plug: Plug) -> Self {
        Self {
            registers: Registers::new(plug.identity()),
            plug,
            positions: [Position::START; QUEUES_MAX],
            pending: 0,
            due: None,
            last_error: None,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        matches!(self.plug, Plug::Empty)
    }

    /// What the device has done.
    pub fn counters(&self) -> Counters {
        self.plug.counters()
    }

    /// What the driver did that broke the device, if it did.
    pub fn last_error(&self) -> Option<QueueError> {
        self.last_error
    }

    /// The level of the interrupt line.
    pub fn interrupt(&self) -> bool {
        self.registers.interrupt_line()
    }

    /// When the request that a disk works at is done, or another device goes on by itself.
    pub fn next_event(&self) -> Option<Cycles> {
        self.due
    }

    /// Whether [`advance`](Self::advance) has something to do already: after an access, and after something came in from
    /// outside.
    pub fn is_pending(&self) -> bool {
        self.pending != 0
    }

    /// Whether a driver uses the device.
    pub(super) fn is_live(&self) -> bool {
        self.registers.is_live()
    }

    /// Has a queue looked at.
    pub(super) fn wake(&mut self, index: u16) {
        self.pending |= bit(index);
    }

    /// Does all that is due by cycle `now`: starts requests, ends them.
    pub fn advance<M: GuestMemory>(&mut self, now: Cycles, memory: &M) {
        // When the device became free for the next request: a late call doesn't make it slower.
        let mut free = now;
        loop {
            if let Some(due) = self.due {
                if due > now {
                    return;
                }
                self.due = None;
                free = due;
                if self.plug.service_time().is_some() {
                    self.serve(DISK_QUEUE, 1, memory);
                }
            }
            if self.pending == 0 {
                return;
            }
            match self.plug.service_time() {
                Some(time) => self.start_request(time, free, memory),
                None => self.serve_pending(free, memory),
            }
        }
    }

    /// A queue as the driver has set it up, and as far as it has got.
    fn queue<M: GuestMemory>(&self, index: u16, memory: &M) -> Option<Result<Queue<M>, QueueError>> {
        let config = self.registers.queue(index).filter(|_| self.registers.is_live())?;
        let position = *self.positions.get(usize::from(index))?;
        Some(Queue::resume(&config, self.registers.features(), memory, position))
    }

    /// Looks at a disk's queue, and starts its next request if there is one. Its size is all that is read of it: what it
    /// is comes out when it is done.
    fn start_request<M: GuestMemory>(&mut self, time: ServiceTime, at: Cycles, memory: &M) {
        self.pending = 0;
        let mut chain = Chain::new();
        let found = self.queue(DISK_QUEUE, memory);
        match found.map(|queue| queue.and_then(|mut queue| queue.pop(memory, &mut chain))) {
            None | Some(Ok(false)) => {}
            Some(Ok(true)) => {
                let moved = total_len(chain.readable()).saturating_add(total_len(chain.writable()));
                let sectors = moved.saturating_sub(ENVELOPE).div_ceil(SECTOR);
                // Something: however a ring is made, there is an end to what is done in a cycle.
                let duration = time.request.saturating_add(time.sector.saturating_mul(sectors)).max(1);
                self.due = Some(at.saturating_add(duration));
            }
            Some(Err(error)) => self.fail(error),
        }
    }

    /// Serves all that is to be served, at once.
    fn serve_pending<M: GuestMemory>(&mut self, at: Cycles, memory: &M) {
        let pending = self.pending;
        for index in (0..QUEUES_MAX as u16).filter(|index| pending & bit(*index) != 0) {
            self.serve(index, BATCH, memory);
        }
        // Only a ring that writes to itself has more: it goes on, but time does too.
        self.due = (self.pending != 0).then_some(at.saturating_add(1));
    }

    /// Serves up to `max` requests of a queue, and remembers whether there are more.
    fn serve<M: GuestMemory>(&mut self, index: u16, max: u32, memory: &M) {
        self.pending &= !bit(index);
        let mut queue = match self.queue(index, memory) {
            None => return,
            Some(Ok(queue)) => queue,
            Some(Err(error)) => return self.fail(error),
        };
        let served = self.plug.serve(index, &mut queue, memory, max);
        if let Some(position) = self.positions.get_mut(usize::from(index)) {
            *position = queue.position();
        }
        match served {
            Ok(served) => {
                self.pending |= if served.more { bit(index) } else { 0 };
                if served.interrupt {
                    self.registers.raise_used();
                }
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: QueueError) {
        self.last_error = Some(error);
        self.pending = 0;
        self.registers.fail();
    }

    /// Forgets a queue: what a disk works at is nobody's any more.
    fn forget_queue(&mut self, index: u16) {
        if let Some(position) = self.positions.get_mut(usize::from(index)) {
            *position = Position::START;
        }
        self.pending &= !bit(index);
        if self.pending == 0 {
            self.due = None;
        }
    }

    fn forget_queues(&mut self) {
        self.positions = [Position::START; QUEUES_MAX];
        self.pending = 0;
        self.due = None;
        self.last_error = None;
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::None | Effect::Acknowledged | Effect::DriverFailed => {}
            Effect::Config { offset, width, value } => self.plug.write_config(offset, width, value),
            Effect::Reset => {
                self.forget_queues();
                self.plug.reset();
            }
            Effect::FeaturesChosen(features) => self.plug.negotiated(features),
            Effect::DriverReady => {
                let ready = (0..QUEUES_MAX as u16).filter(|index| self.registers.queue(*index).is_some());
                self.pending |= ready.map(bit).fold(0, |all, one| all | one);
            }
            Effect::QueueReady { index, .. } => {
                self.forget_queue(index);
                self.wake(index);
            }
            Effect::QueueStopped { index } => self.forget_queue(index),
            Effect::QueueReset { index } => {
                self.forget_queue(index);
                self.registers.queue_reset_done(index);
            }
            Effect::Notify { index, .. } => {
                self.wake(index);
                if let Some(counters) = self.plug.counters_mut() {
                    counters.kicks += 1;
                }
            }
        }
    }
}

/// A queue's bit.
const fn bit(index: u16) -> u8 {
    if (index as usize) < QUEUES_MAX { 1 << index } else { 0 }
}

impl Device for VirtioSlot {
    fn read(&mut self, offset: u64, width: Width, _now: Cycles) -> Result<u64, AccessError> {
        if offset >= SIZE {
            return Err(AccessError::Offset(offset));
        }
        let value = self.registers.read(offset, width.bytes() as u8);
        value.or_else(|violation| refused(violation, offset, width).map_or(Ok(0), Err))
    }

    /// What the write asks the device to do, [`VirtioSlot::advance`] does.
    fn write(&mut self, offset: u64, width: Width, value: u64, _now: Cycles) -> Result<(), AccessError> {
        if offset >= SIZE {
            return Err(AccessError::Offset(offset));
        }
        match self.registers.write(offset, width.bytes() as u8, value) {
            Ok(effect) => {
                self.apply(effect);
                Ok(())
            }
            Err(violation) => refused(violation, offset, width).map_or(Ok(()), Err),
        }
    }

    /// The device stays in, with what is behind it and what it has sent; random bytes go on where they were.
    fn reset(&mut self) {
        self.forget_queues();
        self.registers = Registers::new(*self.registers.identity());
        self.plug.reset();
        if let Some(counters) = self.plug.counters_mut() {
            *counters = Counters::default();
        }
    }
}

impl Persist for VirtioSlot {
    type State = SlotState;

    fn save(&self) -> SlotState {
        SlotState {
            plug: self.plug.state(),
            registers: *self.registers.state(),
            positions: self.positions,
            pending: self.pending,
            due: self.due,
            counters: self.counters(),
        }
    }

    /// What is of the host is attached afterwards: [`attach`](VirtioSlot::attach),
    /// [`attach_share`](VirtioSlot::attach_share).
    fn restore(state: SlotState) -> Result<Self, RestoreError> {
        let SlotState { plug, registers, positions, pending, due, counters } = state;
        let mut plug = Plug::restore(plug)?;
        let used = pending != 0 || due.is_some() || registers != Default::default();
        if used && matches!(plug, Plug::Empty) {
            return Err(RestoreError { device: "virtio", reason: "an empty slot with a driver" });
        }
        let registers = Registers::restore(plug.identity(), registers);
        plug.negotiated(registers.features());
        if let Some(own) = plug.counters_mut() {
            *own = counters;
        }
        Ok(Self { registers, plug, positions, pending, due, last_error: None })
    }
}
