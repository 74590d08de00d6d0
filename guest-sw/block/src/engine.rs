//! Keeps a device busy: takes requests from a job as long as there are slots for them, tells the device of all at
//! once, and hands back those that are done.

use core::slice;

use block_workload::config::{Config, DEPTH_MAX};
use block_workload::pattern::Sector;
use guest::machine::Machine;
use guest::{Stop, clock, interrupts};
use virtio::block::{Block, Operation, SECTOR_SIZE, Status};

/// Sectors per request outside of the measured part, at least.
const CHUNK_SECTORS: usize = 128;

/// Waits in a row that end without a request being done, before the device is asked whether it still works.
const VAIN_WAITS_MAX: u32 = 2;

/// What a job wants next.
pub enum Next {
    /// A request.
    Request {
        /// What it does.
        operation: Operation,
        /// From where.
        sector: u64,
        /// Its data's size.
        bytes: usize,
    },
    /// Nothing before a request that is in flight is done.
    Hold,
    /// Nothing ever.
    End,
}

/// Requests, one after another.
pub trait Job {
    /// The next request, which will be in `slot`; its data is in, or comes to, `buffer`.
    fn next(&mut self, slot: u16, buffer: &mut [Sector]) -> Next;

    /// A request is done, after so many cycles.
    fn done(&mut self, slot: u16, buffer: &[Sector], status: Status, cycles: u64);
}

/// The device, and a buffer for each slot.
pub struct Engine {
    /// The device.
    pub block: Block,
    buffers: *mut Sector,
    buffer_sectors: usize,
    depth: u16,
    batch: u32,
    poll: bool,
    vain_waits: u32,
    /// Slots without a request: the first `free_count`.
    free: [u16; DEPTH_MAX],
    free_count: usize,
    /// By slot: when its request was submitted.
    started: [u64; DEPTH_MAX],
}

impl Engine {
    /// Finds and sets up the device.
    pub fn new(machine: &mut Machine, config: &Config) -> Result<Self, Stop> {
        let device = machine.device(virtio::block::DEVICE_ID)?;
        let (layout, depth) = (&config.common.layout, config.depth);
        // SAFETY: the device tree says that it is there; it is mapped one to one.
        let block = unsafe { Block::new(device.base, device.doorbell, layout, depth, &mut machine.arena) }?;
        if !config.common.poll {
            interrupts::enable(device.style, device.base);
        }
        let buffer_sectors = (config.block_size / SECTOR_SIZE).max(CHUNK_SECTORS);
        let bytes = buffer_sectors * SECTOR_SIZE * usize::from(depth);
        Ok(Self {
            block,
            buffers: machine.arena.take(bytes, 4096)?.cast(),
            buffer_sectors,
            depth,
            batch: config.batch,
            poll: config.common.poll,
            vain_waits: 0,
            free: core::array::from_fn(|slot| slot as u16),
            free_count: usize::from(depth),
            started: [0; DEPTH_MAX],
        })
    }

    /// Sectors of a buffer.
    pub const fn chunk(&self) -> usize {
        self.buffer_sectors
    }

    /// All buffers, while nothing is in flight.
    pub fn all_buffers(&mut self) -> &mut [Sector] {
        assert!(self.free_count == usize::from(self.depth));
        // SAFETY: taken for this, and no device has any.
        unsafe { slice::from_raw_parts_mut(self.buffers, self.buffer_sectors * usize::from(self.depth)) }
    }

    /// A slot's buffer.
    ///
    /// # Safety
    /// The slot has no request in flight, and nobody else has its buffer.
    #[inline]
    unsafe fn buffer<'a>(&self, slot: u16) -> &'a mut [Sector] {
        // SAFETY: there is one for each slot.
        unsafe {
            slice::from_raw_parts_mut(self.buffers.add(usize::from(slot) * self.buffer_sectors), self.buffer_sectors)
        }
    }

    /// Runs a job to its end.
    pub fn drive(&mut self, job: &mut impl Job) -> Result<(), Stop> {
        loop {
            self.submit(job)?;
            if self.free_count == usize::from(self.depth) {
                return Ok(());
            }
            if self.reap(job)? {
                self.vain_waits = 0;
            } else if self.poll {
                core::hint::spin_loop();
            } else {
                self.wait()?;
            }
        }
    }

    /// Fills free slots.
    #[inline]
    fn submit(&mut self, job: &mut impl Job) -> Result<(), Stop> {
        let mut unkicked = 0;
        while self.free_count > 0 {
            let slot = self.free[self.free_count - 1];
            // SAFETY: a free slot.
            let buffer = unsafe { self.buffer(slot) };
            let Next::Request { operation, sector, bytes } = job.next(slot, buffer) else {
                break;
            };
            assert!(bytes <= self.buffer_sectors * SECTOR_SIZE);
            let data = (buffer.as_ptr() as usize, bytes as u32);
            self.free_count -= 1;
            self.started[usize::from(slot)] = clock::cycles();
            // SAFETY: the slot isn't free any more, so nobody has its buffer.
            unsafe { self.block.submit(slot, operation, sector, data) }?;
            unkicked += 1;
            if unkicked >= self.batch {
                unkicked = 0;
                self.block.kick();
            }
        }
        if unkicked > 0 {
            self.block.kick();
        }
        Ok(())
    }

    /// Hands back what is done; whether anything is.
    #[inline]
    fn reap(&mut self, job: &mut impl Job) -> Result<bool, Stop> {
        let mut any = false;
        while let Some((slot, status)) = self.block.reap()? {
            let cycles = clock::cycles() - self.started[usize::from(slot)];
            // SAFETY: its request is done.
            let buffer = unsafe { self.buffer(slot) };
            job.done(slot, buffer, status, cycles);
            self.free[self.free_count] = slot;
            self.free_count += 1;
            any = true;
        }
        Ok(any)
    }

    /// Waits until something may be done. A device that interrupts without being done with anything may be broken.
    fn wait(&mut self) -> Result<(), Stop> {
        if self.vain_waits >= VAIN_WAITS_MAX || interrupts::configuration_changed() {
            self.block.check()?;
        }
        self.vain_waits += 1;
        interrupts::wait_unless(|| !self.block.enable_interrupts());
        self.block.disable_interrupts();
        Ok(())
    }

    /// Does one request, with data that `prepare` makes, and hands its result to `check`.
    pub fn once<T>(
        &mut self,
        operation: Operation,
        sector: u64,
        bytes: usize,
        prepare: impl FnMut(&mut [Sector]),
        check: impl FnMut(&[Sector], Status) -> T,
    ) -> Result<T, Stop> {
        let mut once = Once { operation, sector, bytes, prepare, check, submitted: false, result: None };
        self.drive(&mut once)?;
        once.result.ok_or(Stop::Other("a request got lost"))
    }

    /// Makes the device keep what was written, if it has a cache.
    pub fn flush(&mut self) -> Result<(), Stop> {
        if !self.block.info().flush {
            return Ok(());
        }
        match self.once(Operation::Flush, 0, 0, |_| {}, |_, status| status)? {
            Status::Ok => Ok(()),
            _ => Err(Stop::Other("flush failed")),
        }
    }
}

/// A job of one request.
struct Once<P, C, T> {
    operation: Operation,
    sector: u64,
    bytes: usize,
    prepare: P,
    check: C,
    submitted: bool,
    result: Option<T>,
}

impl<T, P: FnMut(&mut [Sector]), C: FnMut(&[Sector], Status) -> T> Job for Once<P, C, T> {
    fn next(&mut self, _: u16, buffer: &mut [Sector]) -> Next {
        if self.submitted {
            return Next::End;
        }
        self.submitted = true;
        (self.prepare)(buffer);
        Next::Request { operation: self.operation, sector: self.sector, bytes: self.bytes }
    }

    fn done(&mut self, _: u16, buffer: &[Sector], status: Status, _: u64) {
        self.result = Some((self.check)(buffer, status));
    }
}
