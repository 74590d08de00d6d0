//! The block device ("Block Device", 5.2): requests in numbered slots, any number of them in flight.

use crate::queue::{Buffer, Queue};
use crate::{Arena, Doorbell, Error, Layout, Transport};

/// Its device type.
pub const DEVICE_ID: u32 = 2;
/// Bytes of the unit that it counts in.
pub const SECTOR_SIZE: usize = 512;
/// Bytes that [`Operation::GetId`] reads.
pub const ID_SIZE: usize = 20;
/// Bytes of a range in a discard or write-zeroes request: a sector (64 bits), how many (32), and flags (32), of which
/// bit 0 says that write-zeroes may unmap.
pub const RANGE_SIZE: usize = 16;

const READ_ONLY: u64 = 1 << 5;
const FLUSH: u64 = 1 << 9;
const DISCARD: u64 = 1 << 13;
const WRITE_ZEROES: u64 = 1 << 14;

/// What a request asks for: its type (5.2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Operation {
    /// Sectors from the device.
    Read = 0,
    /// Sectors to the device.
    Write = 1,
    /// All that was written stays written.
    Flush = 4,
    /// The device's name.
    GetId = 8,
    /// Ranges of sectors that nobody needs.
    Discard = 11,
    /// Ranges of sectors that become zeros.
    WriteZeroes = 13,
    /// Nothing that any device knows.
    Unknown = 0x7fff_ffff,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Well.
    Ok,
    /// With an error of the device or the driver.
    Failed,
    /// The device doesn't know the operation.
    Unsupported,
}

/// What the device says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Features agreed on.
    pub features: u64,
    /// Sectors.
    pub capacity: u64,
    /// Whether it takes no writes.
    pub read_only: bool,
    /// Whether it has a cache that can be flushed.
    pub flush: bool,
    /// Sectors per discard, at most; 0 if it discards nothing.
    pub discard_max: u32,
    /// Sectors per write-zeroes, at most; 0 if it doesn't.
    pub write_zeroes_max: u32,
}

/// What of a request isn't data: header and status, apart from each other's slots by whole words.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Slot {
    operation: u32,
    reserved: u32,
    sector: u64,
    status: u8,
    pad: [u8; 15],
}

const HEADER_SIZE: u32 = 16;
const STATUS_OFFSET: usize = 16;
/// No status that a device writes.
const STATUS_NONE: u8 = 0xff;

/// A block device.
#[derive(Debug)]
pub struct Block {
    transport: Transport,
    queue: Queue,
    info: Info,
    slots: *mut Slot,
    slot_count: u16,
    /// By token.
    slot_of: &'static mut [u16],
}

impl Block {
    /// Sets up the device at `base` for `slot_count` requests at once.
    ///
    /// # Safety
    /// As for [`Transport::new`].
    pub unsafe fn new(
        base: usize,
        doorbell: Doorbell,
        layout: &Layout,
        slot_count: u16,
        arena: &mut Arena,
    ) -> Result<Self, Error> {
        // SAFETY: the caller vouches for the registers.
        let mut transport = unsafe { Transport::new(base, doorbell) };
        if transport.device_id()? != DEVICE_ID {
            return Err(Error::NotVirtio);
        }
        let features = transport.negotiate(layout.features(), READ_ONLY | FLUSH | DISCARD | WRITE_ZEROES)?;
        let mut queue = Queue::new(&mut transport, 0, layout, arena)?;
        let per_request = if layout.indirect { 1 } else { 3 };
        if u32::from(queue.size()) < per_request * u32::from(slot_count) {
            return Err(Error::NoQueue(0));
        }
        queue.disable_interrupts();
        let info = Info {
            features,
            capacity: transport.config_double(0),
            read_only: features & READ_ONLY != 0,
            flush: features & FLUSH != 0,
            discard_max: if features & DISCARD != 0 { transport.config_word(36) } else { 0 },
            write_zeroes_max: if features & WRITE_ZEROES != 0 { transport.config_word(48) } else { 0 },
        };
        transport.ready()?;
        Ok(Self {
            slots: arena.take(size_of::<Slot>() * usize::from(slot_count), 64)?.cast(),
            slot_of: arena.halves(usize::from(queue.size()))?,
            slot_count,
            transport,
            queue,
            info,
        })
    }

    /// What the device says of itself.
    pub const fn info(&self) -> &Info {
        &self.info
    }

    /// How many times the device was told of requests.
    pub const fn kicks(&self) -> u64 {
        self.transport.kicks()
    }

    /// Whether the device still works.
    pub fn check(&self) -> Result<(), Error> {
        self.transport.check()
    }

    /// Submits a request in a slot that has none in flight. `data` is its buffer's address and size; the device is
    /// told by [`kick`](Self::kick).
    ///
    /// # Safety
    /// The buffer is the device's until the slot is reaped.
    #[inline]
    pub unsafe fn submit(
        &mut self,
        slot: u16,
        operation: Operation,
        sector: u64,
        data: (usize, u32),
    ) -> Result<(), Error> {
        assert!(slot < self.slot_count);
        // SAFETY: one of the slots.
        let header = unsafe { self.slots.add(usize::from(slot)) };
        let contents = Slot { operation: operation as u32, reserved: 0, sector, status: STATUS_NONE, pad: [0; 15] };
        // SAFETY: nobody's but the driver's while no request of the slot is in flight.
        unsafe { header.write_volatile(contents) };
        let header = header as usize;
        let first = Buffer { address: header, len: HEADER_SIZE, written: false };
        let status = Buffer { address: header + STATUS_OFFSET, len: 1, written: true };
        let written = matches!(operation, Operation::Read | Operation::GetId);
        let data = Buffer { address: data.0, len: data.1, written };
        let added =
            if data.len > 0 { self.queue.add(&[first, data, status]) } else { self.queue.add(&[first, status]) };
        let token = added.ok_or(Error::TooLong)?;
        self.slot_of[usize::from(token)] = slot;
        Ok(())
    }

    /// Tells the device of requests, if it wants to be told.
    #[inline]
    pub fn kick(&mut self) {
        if self.queue.wants_kick() {
            self.transport.notify(0);
        }
    }

    /// The next slot whose request is done.
    #[inline]
    pub fn reap(&mut self) -> Result<Option<(u16, Status)>, Error> {
        let Some((token, _)) = self.queue.pop()? else {
            return Ok(None);
        };
        let slot = self.slot_of[usize::from(token)];
        // SAFETY: one of the slots.
        let status = unsafe { (&raw const (*self.slots.add(usize::from(slot))).status).read_volatile() };
        let status = match status {
            0 => Status::Ok,
            2 => Status::Unsupported,
            _ => Status::Failed,
        };
        Ok(Some((slot, status)))
    }

    /// Asks for an interrupt when a request is done; whether none is yet.
    pub fn enable_interrupts(&mut self) -> bool {
        self.queue.enable_interrupts(0)
    }

    /// Asks for no interrupts.
    pub fn disable_interrupts(&mut self) {
        self.queue.disable_interrupts();
    }
}
