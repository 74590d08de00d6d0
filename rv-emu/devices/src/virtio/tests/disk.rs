//! Disks in a slot: a driver of a few lines, written from virtio 1.2, with one split ring.

use std::fs;
use std::path::PathBuf;

use rv_virtio::memory::{GuestAddress, GuestMemory, VecMemory};
use rv_virtio::transport::mmio::offsets as at;

use super::super::{Drive, DriveError, DriveId, FileDisk, SIZE, ServiceTime, VirtioSlot};
use crate::testing::device_conformance;
use crate::{AccessError, Device, Persist, Width};

const RAM: u64 = 0x8000_0000;
const DESCRIPTORS: u64 = RAM;
const AVAILABLE: u64 = RAM + 0x1000;
const USED: u64 = RAM + 0x2000;
/// Headers, 32 bytes each; the status is behind the header.
const HEADERS: u64 = RAM + 0x3000;
const DATA: u64 = RAM + 0x4000;
const QUEUE_SIZE: u16 = 16;
const SECTORS: u64 = 64;
const TIME: ServiceTime = ServiceTime { request: 1000, sector: 10 };

const READ: u32 = 0;
const WRITE: u32 = 1;
const FLUSH: u32 = 4;
const GET_ID: u32 = 8;

device_conformance!(
    VirtioSlot,
    new: || disk(TIME),
    disturb: |slot: &mut VirtioSlot| {
        let mut driver = Driver::new();
        driver.start(slot);
        driver.request(READ, 0, 512);
        driver.kick(slot, 5);
    },
    readable: [
        (at::DEVICE_ID, Width::Word),
        (at::STATUS, Width::Word),
        (at::INTERRUPT_STATUS, Width::Word),
        (at::CONFIG, Width::Double),
    ],
    bad_offsets: [SIZE, SIZE + 4, u64::MAX],
    bad_widths: [(at::MAGIC_VALUE, Width::Byte), (at::STATUS, Width::Half), (at::STATUS, Width::Double)],
);

fn disk(time: ServiceTime) -> VirtioSlot {
    VirtioSlot::with_disk(Drive::memory((SECTORS * 512) as usize), DriveId::new("a-disk").unwrap(), time)
}

/// The driver's memory, and how many requests it has made.
struct Driver {
    memory: VecMemory,
    made: u16,
}

impl Driver {
    fn new() -> Self {
        Self { memory: VecMemory::new(GuestAddress(RAM), 1 << 20), made: 0 }
    }

    fn put(&self, address: u64, bytes: &[u8]) {
        self.memory.write(GuestAddress(address), bytes).unwrap();
    }

    fn start(&self, slot: &mut VirtioSlot) {
        let mut set = |offset, value: u64| slot.write(offset, Width::Word, value, 0).unwrap();
        for status in [0, 1, 3] {
            set(at::STATUS, status);
        }
        // VERSION_1 and the flush feature.
        for (select, features) in [(0, 1 << 9), (1, 1)] {
            set(at::DRIVER_FEATURES_SEL, select);
            set(at::DRIVER_FEATURES, features);
        }
        set(at::STATUS, 11);
        set(at::QUEUE_SEL, 0);
        set(at::QUEUE_NUM, QUEUE_SIZE.into());
        set(at::QUEUE_DESC_LOW, DESCRIPTORS);
        set(at::QUEUE_DRIVER_LOW, AVAILABLE);
        set(at::QUEUE_DEVICE_LOW, USED);
        set(at::QUEUE_READY, 1);
        set(at::STATUS, 15);
        assert_eq!(slot.read(at::STATUS, Width::Word, 0), Ok(15));
        slot.advance(0, &self.memory);
    }

    /// Adds a request of three descriptors, of which the second is the data at [`DATA`]. Its number.
    fn request(&mut self, kind: u32, sector: u64, len: u32) -> u16 {
        let number = self.made % (QUEUE_SIZE / 3);
        let header = HEADERS + 32 * u64::from(number);
        let head = 3 * number;
        self.put(header, &kind.to_le_bytes());
        self.put(header + 8, &sector.to_le_bytes());
        self.put(header + 16, &[0xff]);
        let (read, write, next) = (0u16, 2u16, 1u16);
        let data = if matches!(kind, READ | GET_ID) { write } else { read };
        let chain = [(header, 16, read | next), (DATA, len, data | next), (header + 16, 1, write)];
        for (index, (address, len, flags)) in (head..).zip(chain) {
            let at = DESCRIPTORS + 16 * u64::from(index);
            self.put(at, &u64::to_le_bytes(address));
            self.put(at + 8, &u32::to_le_bytes(len));
            self.put(at + 12, &flags.to_le_bytes());
            self.put(at + 14, &(index + 1).to_le_bytes());
        }
        self.put(AVAILABLE + 4 + 2 * u64::from(self.made % QUEUE_SIZE), &head.to_le_bytes());
        self.made += 1;
        self.put(AVAILABLE + 2, &self.made.to_le_bytes());
        number
    }

    fn kick(&self, slot: &mut VirtioSlot, now: u64) {
        slot.advance(now, &self.memory);
        slot.write(at::QUEUE_NOTIFY, Width::Word, 0, now).unwrap();
        slot.advance(now, &self.memory);
    }

    fn status(&self, number: u16) -> u8 {
        self.memory.read_u8(GuestAddress(HEADERS + 32 * u64::from(number) + 16)).unwrap()
    }

    fn used(&self) -> u16 {
        self.memory.read_u16(GuestAddress(USED + 2)).unwrap()
    }

    fn data(&self, len: usize) -> Vec<u8> {
        let mut data = vec![0; len];
        self.memory.read(GuestAddress(DATA), &mut data).unwrap();
        data
    }
}

#[test]
fn an_empty_slot_is_passed_by() {
    let mut slot = VirtioSlot::empty();
    assert_eq!(slot.read(at::MAGIC_VALUE, Width::Word, 0), Ok(0x7472_6976));
    assert_eq!(slot.read(at::VERSION, Width::Word, 0), Ok(2));
    assert_eq!(slot.read(at::DEVICE_ID, Width::Word, 0), Ok(0));
    assert_eq!(slot.write(at::STATUS, Width::Word, 1, 0), Err(AccessError::Offset(at::STATUS)));
    let copy = VirtioSlot::restore(slot.save()).unwrap();
    assert!(copy.is_empty() && !copy.interrupt() && copy.next_event().is_none());
    assert!(slot.attach(Drive::memory(512)).is_err());
}

#[test]
fn a_request_is_done_when_its_time_is_over_and_not_before() {
    let (mut slot, mut driver) = (disk(TIME), Driver::new());
    driver.start(&mut slot);
    driver.put(DATA, &[7; 1024]);
    let number = driver.request(WRITE, 3, 1024);
    driver.kick(&mut slot, 100);
    // A request and two sectors.
    assert_eq!(slot.next_event(), Some(100 + 1000 + 2 * 10));
    slot.advance(1119, &driver.memory);
    assert_eq!((driver.used(), driver.status(number), slot.interrupt()), (0, 0xff, false));
    slot.advance(1120, &driver.memory);
    assert_eq!((driver.used(), driver.status(number), slot.interrupt()), (1, 0, true));
    assert_eq!(slot.next_event(), None);
    slot.write(at::INTERRUPT_ACK, Width::Word, 1, 1130).unwrap();
    assert!(!slot.interrupt());
    driver.put(DATA, &[0; 1024]);
    driver.request(READ, 3, 1024);
    driver.kick(&mut slot, 2000);
    slot.advance(5000, &driver.memory);
    assert_eq!(driver.data(1024), [7; 1024]);
    let Some(Drive::Memory(bytes)) = slot.drive() else { panic!("a disk in memory") };
    assert_eq!(bytes.bytes()[3 * 512..5 * 512], [7; 1024]);
}

#[test]
fn requests_queue_up_for_one_disk_and_keep_their_order() {
    let (mut slot, mut driver) = (disk(TIME), Driver::new());
    driver.start(&mut slot);
    let numbers: Vec<u16> = (0..4).map(|sector| driver.request(READ, sector, 512)).collect();
    driver.kick(&mut slot, 0);
    for (done, number) in numbers.iter().enumerate() {
        assert_eq!(slot.next_event(), Some(1010 * (done as u64 + 1)));
        assert_eq!((driver.used(), driver.status(*number)), (done as u16, 0xff));
        slot.advance(1010 * (done as u64 + 1), &driver.memory);
        assert_eq!((driver.used(), driver.status(*number)), (done as u16 + 1, 0));
    }
    // Who looks late sees all that was done meanwhile.
    for sector in 0..4 {
        driver.request(READ, sector, 512);
    }
    driver.kick(&mut slot, 10_000);
    slot.advance(10_000 + 2 * 1010 + 5, &driver.memory);
    assert_eq!((driver.used(), slot.next_event()), (6, Some(10_000 + 3 * 1010)));
}

#[test]
fn without_service_time_all_is_done_at_once() {
    let (mut slot, mut driver) = (disk(ServiceTime::NONE), Driver::new());
    driver.start(&mut slot);
    for sector in 0..5 {
        driver.request(READ, sector, 512);
    }
    driver.kick(&mut slot, 77);
    assert_eq!((driver.used(), slot.next_event(), slot.interrupt()), (5, None, true));
    let counters = slot.counters();
    assert_eq!((counters.kicks, counters.requests, counters.interrupts), (1, 5, 1));
}

#[test]
fn a_reset_forgets_what_the_disk_works_at() {
    let (mut slot, mut driver) = (disk(TIME), Driver::new());
    driver.start(&mut slot);
    driver.request(READ, 0, 512);
    driver.kick(&mut slot, 0);
    slot.write(at::STATUS, Width::Word, 0, 10).unwrap();
    assert_eq!(slot.next_event(), None);
    slot.advance(5000, &driver.memory);
    assert_eq!((driver.used(), slot.interrupt()), (0, false));
}

#[test]
fn a_restored_slot_goes_on_where_it_was() {
    let (mut slot, mut driver) = (disk(TIME), Driver::new());
    driver.start(&mut slot);
    driver.request(GET_ID, 0, 20);
    driver.request(READ, 1, 512);
    driver.kick(&mut slot, 0);
    let mut copy = VirtioSlot::restore(slot.save()).unwrap();
    assert!(copy.attach(Drive::memory(512)).is_err(), "a smaller disk");
    let mut bytes = vec![0; (SECTORS * 512) as usize];
    bytes[512..1024].fill(9);
    copy.attach(Drive::Memory(rv_virtio::device::block::MemoryDisk::new(bytes))).unwrap();
    assert_eq!(copy.next_event(), slot.next_event());
    copy.advance(1010, &driver.memory);
    assert_eq!(&driver.data(8), b"a-disk\0\0");
    copy.advance(2020, &driver.memory);
    assert_eq!((driver.used(), driver.data(512)), (2, vec![9; 512]));
    // Without its bytes, the disk answers with errors.
    let mut bare = VirtioSlot::restore(copy.save()).unwrap();
    let number = driver.request(READ, 1, 512);
    driver.kick(&mut bare, 3000);
    bare.advance(9000, &driver.memory);
    assert_eq!(driver.status(number), 1);
}

#[test]
fn a_broken_ring_breaks_the_device_and_no_more() {
    for time in [TIME, ServiceTime::NONE] {
        let (mut slot, mut driver) = (disk(time), Driver::new());
        driver.start(&mut slot);
        driver.request(READ, 0, 512);
        driver.put(AVAILABLE + 4, &999u16.to_le_bytes());
        driver.kick(&mut slot, 0);
        slot.advance(9000, &driver.memory);
        assert!(slot.last_error().is_some() && slot.interrupt(), "a change of configuration is announced");
        assert_eq!(slot.read(at::STATUS, Width::Word, 0), Ok(15 | 64));
        Driver::new().start(&mut slot);
        assert!(slot.last_error().is_none());
    }
}

/// The used ring over the available ring: what the device writes makes more requests.
#[test]
fn a_ring_that_writes_to_itself_is_not_served_for_ever() {
    for time in [TIME, ServiceTime::NONE, ServiceTime { request: 0, sector: 0 }] {
        let (mut slot, mut driver) = (disk(time), Driver::new());
        driver.start(&mut slot);
        slot.write(at::QUEUE_READY, Width::Word, 0, 0).unwrap();
        slot.write(at::QUEUE_DEVICE_LOW, Width::Word, AVAILABLE, 0).unwrap();
        slot.write(at::QUEUE_READY, Width::Word, 1, 0).unwrap();
        driver.request(FLUSH, 0, 0);
        driver.kick(&mut slot, 0);
        slot.advance(100_000, &driver.memory);
    }
}

/// A file that is gone when this is.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("rv-devices-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn what_is_written_is_in_the_file() {
    let file = TempFile::new("written", &vec![1; (SECTORS * 512) as usize]);
    let drive = Drive::File(FileDisk::open(&file.0, false).unwrap());
    let mut slot = VirtioSlot::with_disk(drive, DriveId::default(), ServiceTime::NONE);
    let mut driver = Driver::new();
    driver.start(&mut slot);
    driver.put(DATA, &[5; 1024]);
    let write = driver.request(WRITE, 2, 1024);
    let flush = driver.request(FLUSH, 0, 0);
    let beyond = driver.request(WRITE, SECTORS - 1, 1024);
    driver.kick(&mut slot, 0);
    assert_eq!([write, flush, beyond].map(|number| driver.status(number)), [0, 0, 1]);
    let bytes = fs::read(&file.0).unwrap();
    assert_eq!(bytes[1024..2048], [5; 1024]);
    assert!(bytes[..1024].iter().chain(&bytes[2048..]).all(|byte| *byte == 1));
    assert_eq!(bytes.len() as u64, SECTORS * 512);
}

#[test]
fn a_read_only_file_is_not_written() {
    let file = TempFile::new("read-only", &[3; 1024]);
    let drive = Drive::File(FileDisk::open(&file.0, true).unwrap());
    let mut slot = VirtioSlot::with_disk(drive, DriveId::default(), ServiceTime::NONE);
    let mut driver = Driver::new();
    driver.start(&mut slot);
    let (write, read) = (driver.request(WRITE, 0, 512), driver.request(READ, 0, 512));
    driver.kick(&mut slot, 0);
    assert_eq!((driver.status(write), driver.status(read)), (1, 0));
    assert_eq!((driver.data(512), fs::read(&file.0).unwrap()), (vec![3; 512], vec![3; 1024]));
}

#[test]
fn files_that_are_no_disks_are_refused_by_name() {
    let odd = TempFile::new("odd", &[0; 1000]);
    let empty = TempFile::new("empty", &[]);
    let whole = TempFile::new("whole", &[0; 512]);
    let error = |path: &std::path::Path, read_only| match FileDisk::open(path, read_only) {
        Ok(_) => panic!("{} is a disk", path.display()),
        Err(error) => {
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
            error
        }
    };
    assert!(matches!(error(&odd.0, true), DriveError::Size { bytes: 1000, .. }));
    assert!(matches!(error(&empty.0, false), DriveError::Size { bytes: 0, .. }));
    assert!(matches!(error(&std::env::temp_dir(), false), DriveError::Kind(_)));
    assert!(matches!(error(&odd.0.with_extension("gone"), false), DriveError::Open { .. }));
    let writer = FileDisk::open(&whole.0, false).unwrap();
    assert!(matches!(error(&whole.0, false), DriveError::Locked(_)));
    assert!(matches!(error(&whole.0, true), DriveError::Locked(_)));
    drop(writer);
    let _readers = [FileDisk::open(&whole.0, true).unwrap(), FileDisk::open(&whole.0, true).unwrap()];
    assert!(matches!(error(&whole.0, false), DriveError::Locked(_)));
}

#[test]
fn names_are_short_and_visible() {
    assert_eq!(&DriveId::new("disk0").unwrap().bytes()[..6], b"disk0\0");
    assert!(DriveId::new("twenty-characters-ok").is_some());
    for name in ["twenty-one-characters", "a b", "ä", "a\n"] {
        assert!(DriveId::new(name).is_none(), "{name:?}");
    }
}
