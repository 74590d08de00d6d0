//! Registers, queues and device in one: for a machine's board, and for a VMM that serves its devices
//! itself. Also the worked example of how the parts go together.

use crate::device::{Device, Progress, answer};
use crate::memory::GuestMemory;
use crate::queue::{Queue, QueueConfig, QueueError};
use crate::transport::mmio::{Effect, QUEUES_MAX, Registers, Violation};

/// Queues that have something to be served: a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[must_use]
pub struct Pending(u8);

const _: () = assert!(QUEUES_MAX <= u8::BITS as usize);

impl Pending {
    /// None.
    pub const NONE: Self = Self(0);

    /// One queue.
    pub const fn queue(index: u16) -> Self {
        Self(if (index as usize) < QUEUES_MAX { 1 << index } else { 0 })
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Their indices.
    pub fn iter(self) -> impl Iterator<Item = u16> {
        (0..QUEUES_MAX as u16).filter(move |index| self.0 >> index & 1 != 0)
    }
}

/// Buffers of one queue that are served in one go.
const BUDGET: u32 = 1024;

/// A device behind virtio-mmio registers.
pub struct MmioDevice<D, M: GuestMemory> {
    registers: Registers,
    device: D,
    queues: [Option<Queue<M>>; QUEUES_MAX],
    last_error: Option<QueueError>,
}

impl<D: Device, M: GuestMemory> MmioDevice<D, M> {
    /// A device that offers all that it can, but for `withheld` features.
    pub fn new(device: D, withheld: u64) -> Self {
        let mut identity = device.identity();
        identity.features &= !withheld;
        Self { registers: Registers::new(identity), device, queues: [const { None }; QUEUES_MAX], last_error: None }
    }

    /// The device.
    pub const fn device(&self) -> &D {
        &self.device
    }

    /// The device. When its configuration has changed, [`update_config`](Self::update_config).
    pub const fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// The registers.
    pub const fn registers(&self) -> &Registers {
        &self.registers
    }

    /// What broke the device last, if something did.
    pub const fn last_error(&self) -> Option<QueueError> {
        self.last_error
    }

    /// The level of the interrupt line.
    pub fn interrupt_line(&self) -> bool {
        self.registers.interrupt_line()
    }

    /// A driver's read.
    pub fn read(&self, offset: u64, width: u8) -> Result<u64, Violation> {
        self.registers.read(offset, width)
    }

    /// A driver's write. The queues that it makes something of are to be [served](Self::serve): at
    /// once, or whenever the device is said to be fast enough.
    pub fn write(&mut self, offset: u64, width: u8, value: u64, memory: &M) -> Result<Pending, Violation> {
        Ok(match self.registers.write(offset, width, value)? {
            Effect::None | Effect::Acknowledged | Effect::DriverFailed => Pending::NONE,
            Effect::Reset => {
                self.queues = [const { None }; QUEUES_MAX];
                self.device.reset();
                Pending::NONE
            }
            Effect::FeaturesChosen(features) => {
                self.device.negotiated(features);
                Pending::NONE
            }
            Effect::DriverReady => Pending(u8::MAX),
            Effect::QueueReady { index, config } => self.start_queue(index, &config, memory),
            Effect::QueueStopped { index } => {
                self.stop_queue(index);
                Pending::NONE
            }
            Effect::QueueReset { index } => {
                self.stop_queue(index);
                self.registers.queue_reset_done(index);
                Pending::NONE
            }
            Effect::Notify { index, .. } => {
                self.device.counters_mut().kicks += 1;
                Pending::queue(index)
            }
            Effect::Config { offset, width, value } => {
                self.device.write_config(offset, width, value);
                self.update_config();
                Pending::NONE
            }
        })
    }

    /// Makes the device's present configuration visible, if it has changed.
    pub fn update_config(&mut self) {
        self.registers.set_config(self.device.identity().config);
    }

    fn start_queue(&mut self, index: u16, config: &QueueConfig, memory: &M) -> Pending {
        match Queue::new(config, self.registers.features(), memory) {
            Ok(queue) => {
                if let Some(slot) = self.queues.get_mut(usize::from(index)) {
                    *slot = Some(queue);
                }
                Pending::queue(index)
            }
            Err(error) => {
                self.fail(error);
                Pending::NONE
            }
        }
    }

    fn stop_queue(&mut self, index: u16) {
        if let Some(slot) = self.queues.get_mut(usize::from(index)) {
            *slot = None;
        }
    }

    fn fail(&mut self, error: QueueError) {
        self.last_error = Some(error);
        self.registers.fail();
    }

    /// Serves queues: after a write, or when there is input for the driver. What is left to do, when
    /// the driver makes requests as fast as they are served, comes back with what was done.
    pub fn serve(&mut self, pending: Pending, memory: &M) -> (Progress, Pending) {
        let (mut progress, mut left) = (Progress::default(), Pending::NONE);
        for index in pending.iter() {
            if !self.registers.is_live() {
                left = Pending::NONE;
                break;
            }
            let Some(queue) = &mut self.queues[usize::from(index)] else {
                continue;
            };
            match answer(&mut self.device, index, queue, memory, BUDGET) {
                Ok(served) => {
                    left = if served.more { left.and(Pending::queue(index)) } else { left };
                    progress = progress.and(served);
                }
                Err(error) => self.fail(error),
            }
        }
        if progress.interrupt {
            self.registers.raise_used();
        }
        (progress, left)
    }
}
