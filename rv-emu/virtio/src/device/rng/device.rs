//! The entropy device's behaviour.

use super::{DEVICE_ID, REQUESTS};
use crate::device::{Counters, Device, Progress, Step, finish, repeat};
use crate::memory::GuestMemory;
use crate::queue::{Chain, Queue, QueueError, total_len};
use crate::transport::mmio::{ConfigSpace, Identity};

/// Bytes that a request gets at most. It bounds the work of a request; a driver that wants more asks again, as the
/// specification lets the device use "less than the entire buffer length".
pub const REQUEST_MAX: u64 = 4096;

/// Bytes that are made at a time.
const CHUNK: usize = 64;

/// Biggest size of the queue.
const QUEUE_SIZE: u16 = 64;

/// Where random bytes come from. Whether they are a secret, or the same in every run, is the owner's choice.
pub trait Source {
    /// Fills all of `into`.
    fn fill(&mut self, into: &mut [u8]);
}

/// An entropy device.
pub struct Rng<S> {
    source: S,
    counters: Counters,
    chain: Chain,
}

impl<S: Source> Rng<S> {
    /// A device in front of a source.
    pub fn new(source: S) -> Self {
        Self { source, counters: Counters::default(), chain: Chain::new() }
    }

    /// What is behind it.
    pub const fn source(&self) -> &S {
        &self.source
    }

    /// What is behind it.
    pub const fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    fn serve_one<M: GuestMemory>(
        &mut self,
        queue: &mut Queue<M>,
        memory: &M,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        if !queue.pop(memory, &mut self.chain)? {
            return Ok(Step::Idle);
        }
        let len = total_len(self.chain.writable()).min(REQUEST_MAX);
        // "The driver MUST NOT place driver-readable buffers into the queue", and "the device MUST place one or more random
        // bytes into the buffer".
        if len == 0 || !self.chain.readable().is_empty() {
            return Err(QueueError::Request);
        }
        let mut left = len as u32;
        for &segment in self.chain.writable() {
            let end = segment.len.min(left);
            let mut done = 0;
            while done < end {
                let mut bytes = [0; CHUNK];
                let chunk = &mut bytes[..CHUNK.min((end - done) as usize)];
                self.source.fill(chunk);
                memory.write(segment.at(done), chunk)?;
                done += chunk.len() as u32;
            }
            left -= end;
        }
        queue.push(self.chain.token(), len as u32);
        self.counters.bytes_out += len;
        progress.bytes += len;
        progress.served += 1;
        Ok(Step::Done)
    }
}

impl<S: Source> Device for Rng<S> {
    fn identity(&self) -> Identity {
        Identity {
            device_id: DEVICE_ID,
            vendor_id: Identity::VENDOR,
            features: crate::features::QUEUES,
            queue_max: Identity::queues(&[QUEUE_SIZE]),
            config: ConfigSpace::new(0),
            accepts: |_| true,
        }
    }

    fn negotiated(&mut self, _features: u64) {}

    /// The source goes on: bytes that were given out don't come again.
    fn reset(&mut self) {}

    fn serve<M: GuestMemory>(
        &mut self,
        index: u16,
        queue: &mut Queue<M>,
        memory: &M,
        max: u32,
    ) -> Result<Progress, QueueError> {
        let mut progress = Progress::default();
        let last = match index {
            REQUESTS => repeat(max, || self.serve_one(queue, memory, &mut progress)),
            _ => Ok(Step::Idle),
        };
        finish(last, queue, progress, &mut self.counters)
    }

    fn rearm<M: GuestMemory>(&mut self, index: u16, queue: &mut Queue<M>) -> bool {
        index == REQUESTS && queue.enable_notifications()
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
