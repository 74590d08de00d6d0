//! The machine's disk: the board's first virtio block device, driven by the driver that the guests have too.
//!
//! The smallest thing that is honest: one request at a time, waited for by polling, through a buffer of the kernel's.
//! Whoever asks waits for the disk's whole time, and so does its hart. The device isn't touched before the first
//! request, so that a host without use for it boots as if it were not there.
//!
//! The driver takes the addresses of its rings for those that the device sees. Here they are not: it works in the
//! direct map, and what the device is told is turned into physical addresses on the way.

use core::hint::spin_loop;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_kernel::addr::{PAGE_SIZE, Phys, UserVirt};
use virtio::block::{DEVICE_ID, Operation, SECTOR_SIZE};
use virtio::queue::Rings;
use virtio::{Arena, Buffer, Doorbell, Layout, Queue, Transport};

use crate::boot::tree::SLOTS_MAX;
use crate::mm::frame;
use crate::proc::process::Process;
use crate::proc::user;
use crate::sync::{Once, SpinLock};

/// Of a block device: it takes no writes.
const READ_ONLY: u64 = 1 << 5;
/// Of a block device: it has a cache that must be told to keep what it has.
const FLUSH: u64 = 1 << 9;

/// 2 pages for rings and header, and 2^4 for data.
const RINGS_ORDER: usize = 1;
const DATA_ORDER: usize = 4;
const DATA_SIZE: usize = PAGE_SIZE << DATA_ORDER;
/// Descriptors: of header, data and status, and one more to be a power of two.
const QUEUE_SIZE: u16 = 4;
/// Bytes of a request's header. The status follows it.
const HEADER_SIZE: usize = 16;
/// No status that a device writes.
const STATUS_NONE: u8 = 0xff;
/// Looks at a request in flight before the device is given up: many seconds.
const LOOKS_MAX: usize = 1 << 32;
/// Looks at the rings for each at the device's status.
const LOOKS_PER_CHECK: usize = 1 << 12;

static SLOTS: Once<[Option<Phys>; SLOTS_MAX]> = Once::new();
static PAGES: AtomicUsize = AtomicUsize::new(0);
static DISK: SpinLock<State> = SpinLock::new(State::Unknown);

enum State {
    /// Nobody has asked yet.
    Unknown,
    /// There is none, or it doesn't work.
    Absent,
    Present(Disk),
}

struct Disk {
    transport: Transport,
    queue: Queue,
    features: u64,
    sectors: u64,
    /// Header and status of the request.
    header: Phys,
    data: Phys,
}

// SAFETY: the driver's pointers are to pages that are the disk's own.
unsafe impl Send for Disk {}

/// Where the board has virtio devices.
pub fn set_slots(slots: [Option<Phys>; SLOTS_MAX]) {
    SLOTS.set(slots);
}

/// Pages that the driver keeps.
pub fn pages() -> usize {
    PAGES.load(Ordering::Relaxed)
}

/// Bytes of the disk.
pub fn size() -> Result<usize, Error> {
    with_disk(|disk| Ok(disk.sectors as usize * SECTOR_SIZE))
}

/// Reads bytes from `position` on into a process's memory.
pub fn read(process: &Process, position: usize, start: UserVirt, len: usize) -> Result<(), Error> {
    for_each_piece(position, len, |disk, piece, done| {
        disk.request(Operation::Read, piece.sector, piece.sectors)?;
        user::write(process, at(start, done)?, &disk.data()[piece.skip..piece.skip + piece.len])
    })
}

/// Writes bytes of a process's memory from `position` on. Whole sectors are written; what else is in them stays.
pub fn write(process: &Process, position: usize, start: UserVirt, len: usize) -> Result<(), Error> {
    for_each_piece(position, len, |disk, piece, done| {
        if disk.features & READ_ONLY != 0 {
            return Err(Error::PermissionDenied);
        }
        if piece.len != piece.sectors * SECTOR_SIZE {
            disk.request(Operation::Read, piece.sector, piece.sectors)?;
        }
        user::read(process, at(start, done)?, &mut disk.data()[piece.skip..piece.skip + piece.len])?;
        disk.request(Operation::Write, piece.sector, piece.sectors)
    })
}

/// Returns when all that was written is safe.
pub fn flush() -> Result<(), Error> {
    with_disk(|disk| if disk.features & FLUSH != 0 { disk.request(Operation::Flush, 0, 0) } else { Ok(()) })
}

fn at(start: UserVirt, offset: usize) -> Result<UserVirt, Error> {
    start.0.checked_add(offset).map(UserVirt).ok_or(Error::BadAddress)
}

/// A part of a transfer that goes through the buffer at once.
struct Piece {
    sector: u64,
    sectors: usize,
    /// Bytes of the first sector that are not meant.
    skip: usize,
    len: usize,
}

/// Cuts a transfer into pieces; others have their turn in between. The transfer is checked before.
fn for_each_piece(
    position: usize,
    len: usize,
    mut part: impl FnMut(&mut Disk, &Piece, usize) -> Result<(), Error>,
) -> Result<(), Error> {
    let end = position.checked_add(len).ok_or(Error::InvalidArgument)?;
    if end > size()? {
        return Err(Error::InvalidArgument);
    }
    let mut done = 0;
    while done < len {
        let (sector, skip) = ((position + done) / SECTOR_SIZE, (position + done) % SECTOR_SIZE);
        let count = (len - done).min(DATA_SIZE - skip);
        let sectors = (skip + count).div_ceil(SECTOR_SIZE);
        let piece = Piece { sector: sector as u64, sectors, skip, len: count };
        with_disk(|disk| part(disk, &piece, done))?;
        done += count;
    }
    Ok(())
}

fn with_disk<T>(act: impl FnOnce(&mut Disk) -> Result<T, Error>) -> Result<T, Error> {
    let mut state = DISK.lock();
    if let State::Unknown = *state {
        *state = SLOTS.get().iter().flatten().find_map(|slot| Disk::probe(*slot)).map_or(State::Absent, State::Present);
    }
    let State::Present(disk) = &mut *state else { return Err(Error::NotFound) };
    let result = act(disk);
    if disk.transport.check().is_err() {
        // Its memory stays its own: what it may still do with it, nobody knows.
        *state = State::Absent;
    }
    result
}

impl Disk {
    /// The disk in the slot, if there is one that can be driven.
    fn probe(slot: Phys) -> Option<Self> {
        // SAFETY: the device tree says that the registers are there, and nobody else in this kernel touches them.
        let transport = unsafe { Transport::new(slot.direct(), Doorbell::Store) };
        if transport.device_id() != Ok(DEVICE_ID) {
            return None;
        }
        let rings = take(RINGS_ORDER)?;
        let data = take(DATA_ORDER)?;
        // A disk that refuses keeps the pages: it may know of them.
        Self::start(transport, rings, data).ok()
    }

    fn start(mut transport: Transport, memory: Phys, data: Phys) -> Result<Self, virtio::Error> {
        let layout = Layout { event_idx: false, size: QUEUE_SIZE, ..Layout::default() };
        let features = transport.negotiate(layout.features(), READ_ONLY | FLUSH)?;
        if transport.queue_size_max(0) < u32::from(QUEUE_SIZE) {
            return Err(virtio::Error::NoQueue(0));
        }
        // SAFETY: pages of our own. The device's addresses of them differ, which `physical` and `request` see to.
        let mut arena = unsafe { Arena::new(memory.direct(), memory.direct() + (PAGE_SIZE << RINGS_ORDER)) };
        let (mut queue, rings) = Queue::in_memory(&layout, &mut arena)?;
        let header = arena.take(HEADER_SIZE + 1, HEADER_SIZE)?;
        queue.disable_interrupts();
        transport.set_queue(0, &physical(rings));
        let sectors = transport.config_double(0);
        transport.ready()?;
        Ok(Self { transport, queue, features, sectors, header: Phys::from_direct(header.addr()), data })
    }

    /// The buffer; the device has it only during [`Disk::request`].
    fn data(&mut self) -> &mut [u8] {
        // SAFETY: pages of the disk's own, which is borrowed.
        unsafe { core::slice::from_raw_parts_mut(ptr::with_exposed_provenance_mut(self.data.direct()), DATA_SIZE) }
    }

    /// Makes a request about the first `sectors` of the buffer, and waits for it.
    fn request(&mut self, operation: Operation, sector: u64, sectors: usize) -> Result<(), Error> {
        let header: *mut u8 = ptr::with_exposed_provenance_mut(self.header.direct());
        let mut bytes = [0; HEADER_SIZE + 1];
        bytes[..4].copy_from_slice(&(operation as u32).to_le_bytes());
        bytes[8..16].copy_from_slice(&sector.to_le_bytes());
        bytes[HEADER_SIZE] = STATUS_NONE;
        // SAFETY: memory of our own, and no request is in flight.
        unsafe { header.cast::<[u8; HEADER_SIZE + 1]>().write_volatile(bytes) };
        let buffer = |address: Phys, len: usize, written| Buffer { address: address.0, len: len as u32, written };
        let first = buffer(self.header, HEADER_SIZE, false);
        let data = buffer(self.data, sectors * SECTOR_SIZE, operation == Operation::Read);
        let status = buffer(self.header.add(HEADER_SIZE), 1, true);
        let added = match sectors {
            0 => self.queue.add(&[first, status]),
            _ => self.queue.add(&[first, data, status]),
        };
        added.ok_or(Error::Busy)?;
        if self.queue.wants_kick() {
            self.transport.notify(0);
        }
        self.wait()?;
        // SAFETY: as above; the request is done.
        let status = unsafe { header.add(HEADER_SIZE).read_volatile() };
        if status == 0 { Ok(()) } else { Err(Error::InputOutput) }
    }

    fn wait(&mut self) -> Result<(), Error> {
        for look in 1..=LOOKS_MAX {
            match self.queue.pop() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => spin_loop(),
                Err(_) => return Err(Error::InputOutput),
            }
            if look % LOOKS_PER_CHECK == 0 && self.transport.check().is_err() {
                return Err(Error::InputOutput);
            }
        }
        panic!("the disk has had a request for ever")
    }
}

/// Takes pages for ever.
fn take(order: usize) -> Option<Phys> {
    let start = frame::allocate_zeroed(order)?;
    PAGES.fetch_add(1 << order, Ordering::Relaxed);
    Some(start)
}

/// The rings as the device sees them.
fn physical(rings: Rings) -> Rings {
    let physical = |address| Phys::from_direct(address).0;
    Rings {
        size: rings.size,
        descriptors: physical(rings.descriptors),
        driver: physical(rings.driver),
        device: physical(rings.device),
    }
}
