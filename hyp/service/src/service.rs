//! A device with its queues.

use rv_virtio::device::{Device, Progress, answer, turn};
use rv_virtio::queue::{Position, Queue, QueueConfig, QueueError};
use rv_virtio::transport::mmio::QUEUES_MAX;

use crate::memory::{Memory, Pieces};

/// Buffers that are served of one queue before the others have their turn.
const BUDGET: u32 = 64;

/// What came of a look at some queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// The driver wants an interrupt. [`Service::serve`] has called for it already.
    pub interrupt: bool,
    /// Queues (bits) that have more to do: look at them again before sleeping.
    pub more: u32,
    /// Buffers that were served.
    pub served: u32,
}

/// A device, the queues that its driver has set up, and the guest's memory.
pub struct Service<D, P: Pieces> {
    device: D,
    memory: Memory<P>,
    queues: [Option<Queue<Memory<P>>>; QUEUES_MAX],
    /// Which queues there are, as bits.
    present: u32,
    broken: bool,
    /// While a queue is served its driver is asked for no notifications.
    silences: bool,
}

impl<D: Device, P: Pieces> Service<D, P> {
    /// A device without queues.
    pub fn new(device: D, pieces: P) -> Self {
        let queues = [const { None }; QUEUES_MAX];
        Service { device, memory: Memory::new(pieces), queues, present: 0, broken: false, silences: true }
    }

    /// Whether drivers are asked for no notifications while their queues are served, as they are if nothing else is said. A device is free not to
    /// ask: then each batch that a driver makes available is a notification, unless event indices say otherwise.
    #[must_use]
    pub fn silencing(self, silences: bool) -> Self {
        Service { silences, ..self }
    }

    /// The device.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The device.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// The driver has chosen features.
    pub fn negotiated(&mut self, features: u64) {
        self.device.negotiated(features);
    }

    /// A queue is the device's from now on.
    ///
    /// # Errors
    /// It is not where the driver says; the service is broken then.
    pub fn start(
        &mut self,
        index: u16,
        config: &QueueConfig,
        features: u64,
        position: Position,
    ) -> Result<(), QueueError> {
        let queue = Queue::resume(config, features, &self.memory, position);
        let place = self.queues.get_mut(usize::from(index)).ok_or(QueueError::Broken)?;
        match queue {
            Ok(queue) => {
                *place = Some(queue);
                self.present |= 1 << index;
            }
            Err(error) => {
                self.broken = true;
                return Err(error);
            }
        }
        Ok(())
    }

    /// A queue is not the device's any more. Where it has stopped, if it was.
    pub fn stop(&mut self, index: u16) -> Option<Position> {
        let queue = self.queues.get_mut(usize::from(index))?.take()?;
        self.present &= !(1 << index);
        Some(queue.position())
    }

    /// Forgets everything but what is stored.
    pub fn reset(&mut self) {
        self.queues.iter_mut().for_each(|queue| *queue = None);
        self.present = 0;
        self.device.reset();
        self.broken = false;
    }

    /// Whether a driver has broken a queue: nothing is served until a reset.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Serves the queues in `bits`; calls `interrupt` whenever the driver wants one. Afterwards, those that have nothing more to do bring
    /// notifications.
    ///
    /// # Errors
    /// A driver has broken a queue. It is told only once.
    #[inline]
    pub fn serve(&mut self, bits: u32, mut interrupt: impl FnMut()) -> Result<Turn, QueueError> {
        if self.silences {
            return self
                .each(bits, |device, index, queue, memory| turn(device, index, queue, memory, BUDGET, &mut interrupt));
        }
        self.each(bits, |device, index, queue, memory| {
            let progress = answer(device, index, queue, memory, BUDGET)?;
            if progress.interrupt {
                interrupt();
            }
            Ok(progress)
        })
    }

    /// Serves queue `index` while the guest stands still: as part of its own notification.
    ///
    /// # Errors
    /// As [`Service::serve`].
    #[inline]
    pub fn answer(&mut self, index: u16) -> Result<Turn, QueueError> {
        self.each(1 << index, |device, index, queue, memory| {
            device.counters_mut().kicks += 1;
            answer(device, index, queue, memory, u32::MAX)
        })
    }

    /// Serves the queues in `bits` until nothing is left to do; calls `interrupt` whenever the driver wants one. How many buffers were served.
    ///
    /// # Errors
    /// As [`Service::serve`].
    pub fn drain(&mut self, mut bits: u32, mut interrupt: impl FnMut()) -> Result<u64, QueueError> {
        let mut served = 0;
        while bits != 0 {
            let turn = self.serve(bits, &mut interrupt)?;
            served += u64::from(turn.served);
            bits = turn.more;
        }
        Ok(served)
    }

    /// Serves all queues without asking for notifications: for who comes back by itself.
    ///
    /// # Errors
    /// As [`Service::serve`].
    #[inline]
    pub fn poll(&mut self) -> Result<Turn, QueueError> {
        self.each(u32::MAX, |device, index, queue, memory| {
            queue.disable_notifications();
            device.serve(index, queue, memory, BUDGET)
        })
    }

    #[inline]
    fn each(
        &mut self,
        bits: u32,
        mut serve: impl FnMut(&mut D, u16, &mut Queue<Memory<P>>, &Memory<P>) -> Result<Progress, QueueError>,
    ) -> Result<Turn, QueueError> {
        let mut sum = Turn::default();
        if self.broken {
            return Ok(sum);
        }
        for (index, queue) in self.queues.iter_mut().enumerate() {
            let rest = (bits & self.present) >> index;
            if rest == 0 {
                break;
            }
            let Some(queue) = queue.as_mut().filter(|_| rest & 1 != 0) else { continue };
            match serve(&mut self.device, index as u16, queue, &self.memory) {
                Ok(progress) => {
                    sum.interrupt |= progress.interrupt;
                    sum.more |= u32::from(progress.more) << index;
                    sum.served += progress.served;
                }
                Err(error) => {
                    self.broken = true;
                    return Err(error);
                }
            }
        }
        Ok(sum)
    }
}
