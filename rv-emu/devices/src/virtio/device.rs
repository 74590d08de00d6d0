//! Behaviour of a slot: registers in front, a disk behind, and time in between.

use rv_virtio::device::block::{Block, BlockOptions, SECTOR, Storage};
use rv_virtio::device::{Counters, Device as _, answer};
use rv_virtio::memory::GuestMemory;
use rv_virtio::queue::{Chain, Position, Queue, QueueError, total_len};
use rv_virtio::transport::mmio::{Effect, Identity, Registers};

use super::registers::{SIZE, refused};
use super::state::{DriveState, ServiceTime, SlotState};
use super::{Drive, DriveId};
use crate::{AccessError, Cycles, Device, Persist, RestoreError, Width};

/// A disk has one queue.
const QUEUE: u16 = 0;
/// Requests that are served in one go by a disk that takes no time: more than the queue has.
const BATCH: u32 = 1024;
/// Bytes of a request's header and of its status: no data.
const ENVELOPE: u64 = 17;

/// One slot.
pub struct VirtioSlot {
    registers: Registers,
    disk: Option<Disk>,
    position: Position,
    pending: bool,
    due: Option<Cycles>,
    last_error: Option<QueueError>,
}

/// What is plugged in.
struct Disk {
    block: Block<Drive>,
    id: DriveId,
    time: ServiceTime,
}

impl Disk {
    fn new(drive: Drive, id: DriveId, time: ServiceTime) -> Self {
        let options = BlockOptions { id: id.bytes(), ..BlockOptions::default() };
        Self { block: Block::new(drive, options), id, time }
    }

    fn state(&self) -> DriveState {
        let drive = self.block.storage();
        DriveState { sectors: drive.sectors(), read_only: drive.read_only(), id: self.id, time: self.time }
    }
}

impl Default for VirtioSlot {
    fn default() -> Self {
        Self::empty()
    }
}

impl VirtioSlot {
    /// A slot with nothing in it: its device id is 0, which drivers pass by.
    pub fn empty() -> Self {
        Self {
            registers: Registers::new(Identity::EMPTY),
            disk: None,
            position: Position::START,
            pending: false,
            due: None,
            last_error: None,
        }
    }

    /// A slot with a disk.
    pub fn with_disk(drive: Drive, id: DriveId, time: ServiceTime) -> Self {
        let disk = Disk::new(drive, id, time);
        Self { registers: Registers::new(disk.block.identity()), disk: Some(disk), ..Self::empty() }
    }

    /// Gives a restored slot the bytes of its disk back.
    ///
    /// # Errors
    /// If it is another disk, as drivers can tell.
    pub fn attach(&mut self, drive: Drive) -> Result<(), RestoreError> {
        let error = |reason| RestoreError { device: "virtio", reason };
        let disk = self.disk.as_mut().ok_or(error("a disk for a slot that had none"))?;
        let state = disk.state();
        if (drive.sectors(), drive.read_only()) != (state.sectors, state.read_only) {
            return Err(error("a disk of another size, or read-only where it was not"));
        }
        *disk.block.storage_mut() = drive;
        Ok(())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.disk.is_none()
    }

    /// The disk's bytes.
    pub fn drive(&self) -> Option<&Drive> {
        self.disk.as_ref().map(|disk| disk.block.storage())
    }

    /// What the device has done.
    pub fn counters(&self) -> Counters {
        self.disk.as_ref().map(|disk| *disk.block.counters()).unwrap_or_default()
    }

    /// What the driver did that broke the device, if it did.
    pub fn last_error(&self) -> Option<QueueError> {
        self.last_error
    }

    /// The level of the interrupt line.
    pub fn interrupt(&self) -> bool {
        self.registers.interrupt_line()
    }

    /// When the request that the disk works at is done.
    pub fn next_event(&self) -> Option<Cycles> {
        self.due
    }

    /// Does all that is due by cycle `now`: starts requests, ends them.
    pub fn advance<M: GuestMemory>(&mut self, now: Cycles, memory: &M) {
        // When the disk became free for the next request: a late call doesn't make it slower.
        let mut free = now;
        loop {
            if let Some(due) = self.due {
                if due > now {
                    return;
                }
                self.due = None;
                free = due;
                self.serve(1, memory);
            }
            if !self.pending {
                return;
            }
            self.start_request(free, memory);
        }
    }

    /// The queue as the driver has set it up, and as far as it has got.
    fn queue<M: GuestMemory>(&self, memory: &M) -> Option<Result<Queue<M>, QueueError>> {
        let config = self.registers.queue(QUEUE).filter(|_| self.registers.is_live())?;
        Some(Queue::resume(&config, self.registers.features(), memory, self.position))
    }

    /// Looks at the queue, and starts its next request if there is one. Its size is all that is read of it: what it is
    /// comes out when it is done.
    fn start_request<M: GuestMemory>(&mut self, at: Cycles, memory: &M) {
        self.pending = false;
        let Some(time) = self.disk.as_ref().map(|disk| disk.time) else { return };
        if time == ServiceTime::NONE {
            self.serve(BATCH, memory);
            // Only a ring that writes to itself has more: it goes on, but time does too.
            self.due = self.pending.then_some(at.saturating_add(1));
            return;
        }
        let mut chain = Chain::new();
        let found = self.queue(memory).map(|queue| queue.and_then(|mut queue| queue.pop(memory, &mut chain)));
        match found {
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

    /// Serves up to `max` requests, and remembers whether there are more.
    fn serve<M: GuestMemory>(&mut self, max: u32, memory: &M) {
        let mut queue = match self.queue(memory) {
            None => return,
            Some(Ok(queue)) => queue,
            Some(Err(error)) => return self.fail(error),
        };
        let Some(disk) = &mut self.disk else { return };
        let served = answer(&mut disk.block, QUEUE, &mut queue, memory, max);
        self.position = queue.position();
        match served {
            Ok(progress) => {
                // At the limit nobody has asked the driver for notifications: there may be more.
                self.pending = progress.more && disk.block.rearm(QUEUE, &mut queue);
                if progress.interrupt {
                    self.registers.raise_used();
                }
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: QueueError) {
        self.last_error = Some(error);
        self.pending = false;
        self.registers.fail();
    }

    /// Forgets the queue: what the disk works at is nobody's any more.
    fn forget_queue(&mut self) {
        self.position = Position::START;
        self.pending = false;
        self.due = None;
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::None | Effect::Acknowledged | Effect::DriverFailed | Effect::Config { .. } => {}
            Effect::Reset => {
                self.forget_queue();
                self.last_error = None;
                if let Some(disk) = &mut self.disk {
                    disk.block.reset();
                }
            }
            Effect::FeaturesChosen(features) => {
                if let Some(disk) = &mut self.disk {
                    disk.block.negotiated(features);
                }
            }
            Effect::DriverReady => self.pending = true,
            Effect::QueueReady { .. } => {
                self.forget_queue();
                self.pending = true;
            }
            Effect::QueueStopped { .. } => self.forget_queue(),
            Effect::QueueReset { index } => {
                self.forget_queue();
                self.registers.queue_reset_done(index);
            }
            Effect::Notify { .. } => {
                self.pending = true;
                if let Some(disk) = &mut self.disk {
                    disk.block.counters_mut().kicks += 1;
                }
            }
        }
    }
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

    /// The disk stays in, with its bytes.
    fn reset(&mut self) {
        self.forget_queue();
        self.last_error = None;
        self.registers = Registers::new(*self.registers.identity());
        if let Some(disk) = &mut self.disk {
            disk.block.reset();
            *disk.block.counters_mut() = Counters::default();
        }
    }
}

impl Persist for VirtioSlot {
    type State = SlotState;

    fn save(&self) -> SlotState {
        SlotState {
            drive: self.disk.as_ref().map(Disk::state),
            registers: *self.registers.state(),
            position: self.position,
            pending: self.pending,
            due: self.due,
            counters: self.counters(),
        }
    }

    /// The disk's bytes are [attached](VirtioSlot::attach) afterwards.
    fn restore(state: SlotState) -> Result<Self, RestoreError> {
        let busy = state.pending || state.due.is_some();
        let Some(drive) = state.drive else {
            if busy || state.registers != Default::default() {
                return Err(RestoreError { device: "virtio", reason: "an empty slot with a driver" });
            }
            return Ok(Self::empty());
        };
        let absent = Drive::Absent { sectors: drive.sectors, read_only: drive.read_only };
        let mut disk = Disk::new(absent, drive.id, drive.time);
        let registers = Registers::restore(disk.block.identity(), state.registers);
        disk.block.negotiated(registers.features());
        *disk.block.counters_mut() = state.counters;
        let SlotState { position, pending, due, .. } = state;
        Ok(Self { registers, disk: Some(disk), position, pending, due, last_error: None })
    }
}
