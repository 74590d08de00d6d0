//! The console's behaviour.

use super::{DEVICE_ID, RECEIVE, TRANSMIT, config, features};
use crate::device::{Counters, Device, Progress, Step, finish, repeat};
use crate::memory::GuestMemory;
use crate::queue::{Chain, Queue, QueueError, total_len};
use crate::transport::mmio::{ConfigSpace, Identity};

/// Bytes that are copied at a time. A console is no place of great speed.
const CHUNK: usize = 64;

/// Bytes that a buffer of output may have. It bounds the work of a request.
const OUTPUT_MAX: u64 = 1 << 20;

/// The other end of a console.
pub trait Port {
    /// Takes output.
    fn output(&mut self, bytes: &[u8]);

    /// Whether there is input.
    fn has_input(&mut self) -> bool;

    /// Gives input: as much as there is, and fits. How much.
    fn input(&mut self, into: &mut [u8]) -> usize;
}

/// What can be chosen about a console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsoleOptions {
    /// Columns and rows, if it has a size.
    pub size: Option<(u16, u16)>,
    /// Biggest size of each queue.
    pub queue_size: u16,
}

impl Default for ConsoleOptions {
    fn default() -> Self {
        Self { size: None, queue_size: 64 }
    }
}

/// A console.
pub struct Console<P> {
    port: P,
    options: ConsoleOptions,
    counters: Counters,
    chain: Chain,
}

impl<P: Port> Console<P> {
    /// A console with something at its other end.
    pub fn new(port: P, options: ConsoleOptions) -> Self {
        Self { port, options, counters: Counters::default(), chain: Chain::new() }
    }

    /// The other end.
    pub const fn port(&self) -> &P {
        &self.port
    }

    /// The other end.
    pub const fn port_mut(&mut self) -> &mut P {
        &mut self.port
    }

    /// The size has changed. The driver hears of it when the caller gives the new
    /// [`Identity::config`] to the registers.
    pub const fn set_size(&mut self, columns: u16, rows: u16) {
        self.options.size = Some((columns, rows));
    }

    fn transmit<M: GuestMemory>(
        &mut self,
        queue: &mut Queue<M>,
        memory: &M,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        if !queue.pop(memory, &mut self.chain)? {
            return Ok(Step::Idle);
        }
        let output = self.chain.gather(memory);
        let len = output.len();
        if len > OUTPUT_MAX {
            return Err(QueueError::ChainBytes);
        }
        let port = &mut self.port;
        output.for_each_chunk::<CHUNK>(|chunk| port.output(chunk))?;
        queue.push(self.chain.token(), 0);
        self.counters.bytes_in += len;
        progress.bytes += len;
        progress.served += 1;
        Ok(Step::Done)
    }

    fn receive<M: GuestMemory>(
        &mut self,
        queue: &mut Queue<M>,
        memory: &M,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        if !self.port.has_input() || !queue.pop(memory, &mut self.chain)? {
            return Ok(Step::Idle);
        }
        if total_len(self.chain.writable()) == 0 {
            return Err(QueueError::Request);
        }
        let mut written = 0;
        for &segment in self.chain.writable() {
            let mut done = 0;
            while done < segment.len {
                let mut bytes = [0; CHUNK];
                let room = CHUNK.min((segment.len - done) as usize);
                let count = self.port.input(&mut bytes[..room]).min(room);
                memory.write(segment.at(done), &bytes[..count])?;
                done += count as u32;
                if count < room {
                    break;
                }
            }
            written += done;
            if done < segment.len {
                break;
            }
        }
        queue.push(self.chain.token(), written);
        self.counters.bytes_out += u64::from(written);
        progress.bytes += u64::from(written);
        progress.served += 1;
        Ok(Step::Done)
    }
}

impl<P: Port> Device for Console<P> {
    fn identity(&self) -> Identity {
        let size = self.options.queue_size;
        let (columns, rows) = self.options.size.unwrap_or_default();
        let sized = if self.options.size.is_some() { features::SIZE } else { 0 };
        Identity {
            device_id: DEVICE_ID,
            vendor_id: Identity::VENDOR,
            features: crate::features::QUEUES | features::EMERG_WRITE | sized,
            queue_max: Identity::queues(&[size, size]),
            config: ConfigSpace::new(config::LEN)
                .with(config::COLS, &columns.to_le_bytes())
                .with(config::ROWS, &rows.to_le_bytes()),
            accepts: |_| true,
        }
    }

    fn negotiated(&mut self, _features: u64) {}

    fn reset(&mut self) {}

    /// "The device MUST allow a write to `emerg_wr`, even on an unconfigured device."
    fn write_config(&mut self, offset: u8, _width: u8, value: u64) {
        if offset == config::EMERG_WR {
            self.port.output(&[value as u8]);
        }
    }

    fn serve<M: GuestMemory>(
        &mut self,
        index: u16,
        queue: &mut Queue<M>,
        memory: &M,
        max: u32,
    ) -> Result<Progress, QueueError> {
        let mut progress = Progress::default();
        let last = repeat(max, || match index {
            RECEIVE => self.receive(queue, memory, &mut progress),
            TRANSMIT => self.transmit(queue, memory, &mut progress),
            _ => Ok(Step::Idle),
        });
        finish(last, queue, progress, &mut self.counters)
    }

    fn rearm<M: GuestMemory>(&mut self, index: u16, queue: &mut Queue<M>) -> bool {
        match index {
            RECEIVE => self.port.has_input() && queue.enable_notifications(),
            TRANSMIT => queue.enable_notifications(),
            _ => false,
        }
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
