//! The block device's behaviour.

use super::request::{Kind, Request, Status};
use super::storage::{Storage, StorageError};
use super::{DEVICE_ID, SECTOR, config, features};
use crate::device::{Counters, Device, Progress, Step, finish, repeat};
use crate::memory::GuestMemory;
use crate::queue::{CHAIN_MAX, Chain, Queue, QueueError, total_len};
use crate::transport::mmio::{ConfigSpace, Identity, QUEUES_MAX};

/// Bytes of the device's name.
const ID: usize = 20;

/// Bytes of a range in a discard or write-zeroes request.
const RANGE: usize = 16;

/// Ranges that such a request may have.
const RANGES_MAX: usize = 16;

/// Of a range: its sectors may be given up.
const UNMAP: u32 = 1;

/// Descriptors of a request that are no data: header and status byte.
const NO_DATA: usize = 2;

/// What can be chosen about a block device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockOptions {
    /// Number of queues, at most [`QUEUES_MAX`].
    pub queues: u16,
    /// Biggest size of each queue.
    pub queue_size: u16,
    /// What the driver is told to be the best block size.
    pub block_size: u32,
    /// The device's name: ASCII, padded with zeros.
    pub id: [u8; ID],
    /// Sectors that one range may have in a request to discard or to write zeros. It bounds the work
    /// of a request.
    pub range_sectors_max: u32,
}

impl Default for BlockOptions {
    fn default() -> Self {
        Self {
            queues: 1,
            queue_size: 256,
            block_size: SECTOR as u32,
            id: *b"rv-emu block device\0",
            range_sectors_max: 1 << 16,
        }
    }
}

/// A block device.
pub struct Block<S> {
    storage: S,
    options: BlockOptions,
    negotiated: u64,
    counters: Counters,
    chain: Chain,
}

/// How a request ended, and how much data were moved.
struct Outcome {
    status: Status,
    written: u64,
    read: u64,
}

impl Outcome {
    const fn only(status: Status) -> Self {
        Self { status, written: 0, read: 0 }
    }
}

impl<S: Storage> Block<S> {
    /// A device in front of some storage.
    pub fn new(storage: S, options: BlockOptions) -> Self {
        let queues = options.queues.clamp(1, QUEUES_MAX as u16);
        let options = BlockOptions { queues, ..options };
        Self { storage, options, negotiated: 0, counters: Counters::default(), chain: Chain::new() }
    }

    /// What is behind it.
    pub const fn storage(&self) -> &S {
        &self.storage
    }

    /// What is behind it.
    pub const fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    fn offered(&self) -> u64 {
        let read_only = if self.storage.read_only() { features::RO } else { 0 };
        let several = if self.options.queues > 1 { features::MQ } else { 0 };
        let always = features::SEG_MAX | features::BLK_SIZE | features::FLUSH;
        crate::features::QUEUES | always | features::DISCARD | features::WRITE_ZEROES | read_only | several
    }

    fn config(&self) -> ConfigSpace {
        let segments = CHAIN_MAX.min(usize::from(self.options.queue_size)).saturating_sub(NO_DATA);
        let range = self.options.range_sectors_max.to_le_bytes();
        let ranges = (RANGES_MAX as u32).to_le_bytes();
        let alignment = (self.options.block_size / SECTOR as u32).max(1);
        ConfigSpace::new(config::LEN)
            .with(config::CAPACITY, &self.storage.sectors().to_le_bytes())
            .with(config::SEG_MAX, &(segments as u32).to_le_bytes())
            .with(config::BLK_SIZE, &self.options.block_size.to_le_bytes())
            .with(config::NUM_QUEUES, &self.options.queues.to_le_bytes())
            .with(config::MAX_DISCARD_SECTORS, &range)
            .with(config::MAX_DISCARD_SEG, &ranges)
            .with(config::DISCARD_SECTOR_ALIGNMENT, &alignment.to_le_bytes())
            .with(config::MAX_WRITE_ZEROES_SECTORS, &range)
            .with(config::MAX_WRITE_ZEROES_SEG, &ranges)
            .with(config::WRITE_ZEROES_MAY_UNMAP, &[1])
    }

    /// Serves one request, if there is one.
    #[inline]
    fn serve_one<M: GuestMemory>(
        &mut self,
        queue: &mut Queue<M>,
        memory: &M,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        if !queue.pop(memory, &mut self.chain)? {
            return Ok(Step::Idle);
        }
        let request = Request::take(&mut self.chain, memory)?;
        let outcome = match self.execute(&request, memory) {
            Ok(outcome) => outcome,
            Err(StorageError::Failed) => Outcome::only(Status::IoError),
            Err(StorageError::Memory(error)) => return Err(error.into()),
        };
        self.counters.errors += u64::from(outcome.status != Status::Ok);
        self.counters.bytes_in += outcome.read;
        self.counters.bytes_out += outcome.written;
        progress.bytes += outcome.read + outcome.written;
        progress.served += 1;
        let room = total_len(self.chain.writable());
        request.complete(outcome.status, outcome.written, room, queue, memory)?;
        Ok(Step::Done)
    }

    #[inline]
    fn execute<M: GuestMemory>(&mut self, request: &Request, memory: &M) -> Result<Outcome, StorageError> {
        match request.kind {
            Kind::In => self.read(request.sector, memory),
            Kind::Out => self.write(request.sector, memory),
            Kind::Flush => self.storage.flush().map(|()| Outcome::only(Status::Ok)),
            Kind::GetId => self.get_id(memory),
            Kind::Discard if self.has(features::DISCARD) => {
                self.ranges(memory, 0, |storage, position, len, _| storage.discard(position, len))
            }
            Kind::WriteZeroes if self.has(features::WRITE_ZEROES) => {
                self.ranges(memory, UNMAP, |storage, position, len, may_unmap| {
                    storage.write_zeros(position, len, may_unmap)
                })
            }
            Kind::Discard | Kind::WriteZeroes | Kind::Unknown(_) => Ok(Outcome::only(Status::Unsupported)),
        }
    }

    const fn has(&self, feature: u64) -> bool {
        self.negotiated & feature != 0
    }

    /// The position in bytes of `len` bytes at a sector, if the disk has them.
    #[inline]
    fn position(&self, sector: u64, len: u64) -> Result<u64, StorageError> {
        let sectors = self.storage.sectors();
        let whole = len.is_multiple_of(SECTOR);
        if !whole || sector > sectors || len / SECTOR > sectors - sector {
            return Err(StorageError::Failed);
        }
        Ok(sector * SECTOR)
    }

    fn read<M: GuestMemory>(&mut self, sector: u64, memory: &M) -> Result<Outcome, StorageError> {
        let len = total_len(self.chain.writable());
        let mut position = self.position(sector, len)?;
        for &segment in self.chain.writable() {
            self.storage.read(position, memory, segment)?;
            position += u64::from(segment.len);
        }
        Ok(Outcome { status: Status::Ok, written: len, read: 0 })
    }

    fn write<M: GuestMemory>(&mut self, sector: u64, memory: &M) -> Result<Outcome, StorageError> {
        let len = total_len(self.chain.readable());
        let mut position = self.position(sector, len)?;
        self.writable()?;
        for &segment in self.chain.readable() {
            self.storage.write(position, memory, segment)?;
            position += u64::from(segment.len);
        }
        self.make_stable()?;
        Ok(Outcome { status: Status::Ok, written: 0, read: len })
    }

    /// A driver that knows no flush takes a write that is completed for stable.
    fn make_stable(&mut self) -> Result<(), StorageError> {
        if self.has(features::FLUSH) { Ok(()) } else { self.storage.flush() }
    }

    /// "A device MUST set the status byte to IOERR for a write request if RO is offered, and MUST
    /// NOT write any data."
    fn writable(&self) -> Result<(), StorageError> {
        if self.storage.read_only() { Err(StorageError::Failed) } else { Ok(()) }
    }

    fn get_id<M: GuestMemory>(&mut self, memory: &M) -> Result<Outcome, StorageError> {
        let mut rest = &self.options.id[..];
        for segment in self.chain.writable() {
            let (now, later) = rest.split_at(rest.len().min(segment.len as usize));
            memory.write(segment.address, now)?;
            rest = later;
        }
        Ok(Outcome { status: Status::Ok, written: (ID - rest.len()) as u64, read: 0 })
    }

    /// Does something to each range that a request names, after all were found to be right: none may
    /// have other flags than `flags_known`.
    fn ranges<M: GuestMemory>(
        &mut self,
        memory: &M,
        flags_known: u32,
        mut act: impl FnMut(&mut S, u64, u64, bool) -> Result<(), StorageError>,
    ) -> Result<Outcome, StorageError> {
        let mut bytes = [0; RANGE * RANGES_MAX];
        let gather = self.chain.gather(memory);
        let len = gather.len();
        if len == 0 || len > bytes.len() as u64 || !len.is_multiple_of(RANGE as u64) {
            return Err(StorageError::Failed);
        }
        let len = gather.copy_to(&mut bytes)?;
        let ranges = || bytes[..len].chunks_exact(RANGE).map(Range::from_bytes);
        if ranges().any(|range| range.flags & !flags_known != 0) {
            return Ok(Outcome::only(Status::Unsupported));
        }
        self.writable()?;
        for range in ranges() {
            if range.sectors > self.options.range_sectors_max {
                return Err(StorageError::Failed);
            }
            self.position(range.sector, range.len())?;
        }
        for range in ranges() {
            act(&mut self.storage, range.sector * SECTOR, range.len(), range.flags & UNMAP != 0)?;
        }
        self.make_stable()?;
        Ok(Outcome::only(Status::Ok))
    }
}

/// `struct virtio_blk_discard_write_zeroes`.
struct Range {
    sector: u64,
    sectors: u32,
    flags: u32,
}

impl Range {
    fn from_bytes(bytes: &[u8]) -> Self {
        let word = |offset: usize| {
            let word = bytes.get(offset..offset + 4).and_then(|word| word.try_into().ok());
            u32::from_le_bytes(word.unwrap_or_default())
        };
        let sector = u64::from(word(0)) | u64::from(word(4)) << 32;
        Self { sector, sectors: word(8), flags: word(12) }
    }

    fn len(&self) -> u64 {
        u64::from(self.sectors) * SECTOR
    }
}

impl<S: Storage> Device for Block<S> {
    fn identity(&self) -> Identity {
        let size = [self.options.queue_size; QUEUES_MAX];
        Identity {
            device_id: DEVICE_ID,
            vendor_id: Identity::VENDOR,
            features: self.offered(),
            queue_max: Identity::queues(&size[..usize::from(self.options.queues)]),
            config: self.config(),
            accepts: |_| true,
        }
    }

    fn negotiated(&mut self, features: u64) {
        self.negotiated = features;
    }

    fn reset(&mut self) {
        self.negotiated = 0;
    }

    fn serve<M: GuestMemory>(
        &mut self,
        _index: u16,
        queue: &mut Queue<M>,
        memory: &M,
        max: u32,
    ) -> Result<Progress, QueueError> {
        let mut progress = Progress::default();
        let last = repeat(max, || self.serve_one(queue, memory, &mut progress));
        finish(last, queue, progress, &mut self.counters)
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
