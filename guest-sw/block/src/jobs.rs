//! The jobs of a run: fill the span, the measured requests, check the span.

use block_workload::config::{Config, DEPTH_MAX};
use block_workload::order::{Order, Step};
use block_workload::pattern::{Pattern, Sector};
use guest::latency::Latencies;
use virtio::block::{Operation, SECTOR_SIZE, Status};

use crate::engine::{Engine, Job, Next};

/// No block.
const NONE: u64 = u64::MAX;

/// The span in chunks.
struct Chunks {
    next: u64,
    sectors: u64,
    chunk: usize,
}

impl Chunks {
    const fn new(config: &Config, chunk: usize) -> Self {
        Self { next: 0, sectors: config.span / SECTOR_SIZE as u64, chunk }
    }

    fn take(&mut self) -> Option<(u64, usize)> {
        let first = self.next;
        let count = (self.chunk as u64).min(self.sectors - first);
        self.next += count;
        (count > 0).then_some((first, count as usize))
    }
}

/// Writes generation 0 everywhere.
pub struct Fill<'a> {
    pattern: &'a Pattern,
    chunks: Chunks,
    /// Requests that failed.
    pub errors: u64,
}

impl<'a> Fill<'a> {
    pub const fn new(pattern: &'a Pattern, config: &Config, chunk: usize) -> Self {
        Self { pattern, chunks: Chunks::new(config, chunk), errors: 0 }
    }
}

impl Job for Fill<'_> {
    fn next(&mut self, _: u16, buffer: &mut [Sector]) -> Next {
        let Some((sector, count)) = self.chunks.take() else {
            return Next::End;
        };
        self.pattern.stamp(&mut buffer[..count], sector, 0);
        Next::Request { operation: Operation::Write, sector, bytes: count * SECTOR_SIZE }
    }

    fn done(&mut self, _: u16, _: &[Sector], status: Status, _: u64) {
        self.errors += u64::from(status != Status::Ok);
    }
}

/// What slots hold of the last reads: by slot, the block.
pub struct Kept([u64; DEPTH_MAX]);

impl Kept {
    /// Every word of it; how many sectors are wrong.
    pub fn check(&self, engine: &mut Engine, config: &Config, pattern: &Pattern) -> u64 {
        let (chunk, count) = (engine.chunk(), config.block_size / SECTOR_SIZE);
        let buffers = engine.all_buffers().chunks_exact(chunk);
        let read = buffers.zip(&self.0).filter(|(_, block)| **block != NONE);
        read.map(|(buffer, block)| pattern.check(&buffer[..count], block * count as u64, 0)).sum()
    }
}

/// The measured requests.
pub struct Measured<'a> {
    pattern: &'a Pattern,
    order: Order,
    left: usize,
    write: bool,
    verify: bool,
    block_sectors: usize,
    depth: u64,
    /// By block.
    generations: &'a mut [u32],
    /// By slot: the block of its request.
    in_flight: [u64; DEPTH_MAX],
    /// What slots were left with.
    pub kept: Kept,
    pub latencies: Latencies,
    /// Requests that failed, and sectors that were wrong.
    pub errors: u64,
}

impl<'a> Measured<'a> {
    pub const fn new(
        pattern: &'a Pattern,
        config: &Config,
        write: bool,
        random: bool,
        generations: &'a mut [u32],
        latencies: Latencies,
    ) -> Self {
        let blocks = config.span / config.block_size as u64;
        Self {
            pattern,
            order: Order::new(blocks, random, config.common.seed),
            left: config.operations,
            write,
            verify: config.verify,
            block_sectors: config.block_size / SECTOR_SIZE,
            depth: config.depth as u64,
            generations,
            in_flight: [NONE; DEPTH_MAX],
            kept: Kept([NONE; DEPTH_MAX]),
            latencies,
            errors: 0,
        }
    }

    /// Whether a block is being written: which of two writes is last, nobody could tell. A pass takes no block
    /// twice, so that can only be at its beginning.
    #[inline]
    fn is_busy(&self, step: &Step) -> bool {
        self.write && step.pass > 0 && step.position < self.depth && self.in_flight.contains(&step.block)
    }
}

impl Job for Measured<'_> {
    #[inline]
    fn next(&mut self, slot: u16, buffer: &mut [Sector]) -> Next {
        if self.left == 0 {
            return Next::End;
        }
        let step = self.order.peek();
        if self.is_busy(&step) {
            return Next::Hold;
        }
        self.left -= 1;
        self.order.advance();
        self.in_flight[usize::from(slot)] = step.block;
        let count = self.block_sectors;
        let sector = step.block * count as u64;
        if self.write {
            let generation = step.pass + 1;
            self.generations[step.block as usize] = generation;
            if self.verify {
                self.pattern.stamp(&mut buffer[..count], sector, generation);
            }
            Next::Request { operation: Operation::Write, sector, bytes: count * SECTOR_SIZE }
        } else {
            if self.verify {
                Pattern::spoil(&mut buffer[..count]);
            }
            Next::Request { operation: Operation::Read, sector, bytes: count * SECTOR_SIZE }
        }
    }

    #[inline]
    fn done(&mut self, slot: u16, buffer: &[Sector], status: Status, cycles: u64) {
        self.latencies.add(cycles);
        let block = core::mem::replace(&mut self.in_flight[usize::from(slot)], NONE);
        if status != Status::Ok {
            self.errors += 1;
        } else if self.verify && !self.write {
            let count = self.block_sectors;
            self.errors += self.pattern.check_ends(&buffer[..count], block * count as u64, 0);
            self.kept.0[usize::from(slot)] = block;
        }
    }
}

/// Reads the span and checks every word.
pub struct Verify<'a> {
    pattern: &'a Pattern,
    chunks: Chunks,
    block_sectors: u64,
    generations: &'a [u32],
    /// By slot: the first sector and how many.
    requests: [(u64, usize); DEPTH_MAX],
    /// Requests that failed, and sectors that were wrong.
    pub errors: u64,
}

impl<'a> Verify<'a> {
    pub const fn new(pattern: &'a Pattern, config: &Config, generations: &'a [u32], chunk: usize) -> Self {
        let block_sectors = (config.block_size / SECTOR_SIZE) as u64;
        let requests = [(0, 0); DEPTH_MAX];
        Self { pattern, chunks: Chunks::new(config, chunk), block_sectors, generations, requests, errors: 0 }
    }
}

impl Job for Verify<'_> {
    fn next(&mut self, slot: u16, buffer: &mut [Sector]) -> Next {
        let Some((sector, count)) = self.chunks.take() else {
            return Next::End;
        };
        Pattern::spoil(&mut buffer[..count]);
        self.requests[usize::from(slot)] = (sector, count);
        Next::Request { operation: Operation::Read, sector, bytes: count * SECTOR_SIZE }
    }

    fn done(&mut self, slot: u16, buffer: &[Sector], status: Status, _: u64) {
        let (first, count) = self.requests[usize::from(slot)];
        if status != Status::Ok {
            self.errors += 1;
            return;
        }
        for (number, sector) in (first..).zip(&buffer[..count]) {
            let generation = self.generations[(number / self.block_sectors) as usize];
            self.errors += self.pattern.check(core::slice::from_ref(sector), number, generation);
        }
    }
}
