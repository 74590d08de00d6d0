//! Drivers that break the rules: each break by name, and then anything at all.

mod harness;

use std::cell::Cell;

use harness::{Arena, BASE, DriverQueue, MEMORY, Piece, Style};
use proptest::prelude::*;
use rv_virtio::device::block::{Block, BlockOptions, MemoryDisk};
use rv_virtio::device::console::{Console, ConsoleOptions, Port};
use rv_virtio::device::net::{Header, Incoming, Net, NetOptions, SendError, Wire};
use rv_virtio::device::p9::{MESSAGE_MIN, P9, Server, Tag};
use rv_virtio::device::rng::{Rng, Source};
use rv_virtio::device::{Device, answer, turn};
use rv_virtio::features;
use rv_virtio::memory::{GuestAddress, GuestMemory, MemoryError, VecMemory, VecRegion};
use rv_virtio::queue::{CHAIN_MAX, Chain, Gather, Queue, QueueConfig, QueueError, Segment};
use rv_virtio::transport::mmio::{INTERRUPT_CONFIG, offsets, status};
use rv_virtio::whole::MmioDevice;

const ALL: u64 = features::VERSION_1 | features::INDIRECT_DESC | features::EVENT_IDX;
const SIZE: u16 = 8;
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
/// A packed descriptor that is available in the first round.
const AVAIL: u16 = 1 << 7;

/// A ring whose every word is written by hand.
struct Raw {
    arena: Arena,
    queue: Queue<VecMemory>,
    config: QueueConfig,
}

impl Raw {
    fn new(chosen: u64) -> Self {
        let mut arena = Arena::new();
        let packed = chosen & features::RING_PACKED != 0;
        let style = Style { packed, indirect: true, event_idx: true };
        let config = DriverQueue::new(&mut arena, SIZE, style).config;
        let queue = Queue::new(&config, chosen, &arena.memory).unwrap();
        Self { arena, queue, config }
    }

    fn word(&self, at: u64, bytes: &[u8]) {
        self.arena.memory.write(GuestAddress(at), bytes).unwrap();
    }

    fn descriptor(&self, at: u64, address: u64, len: u32, third: u16, fourth: u16) {
        self.word(at, &address.to_le_bytes());
        self.word(at + 8, &len.to_le_bytes());
        self.word(at + 12, &third.to_le_bytes());
        self.word(at + 14, &fourth.to_le_bytes());
    }

    /// Split: flags, next. Packed: flags.
    fn ring(&self, index: u64, address: u64, len: u32, flags: u16, next: u16) {
        let at = self.config.descriptors.0 + 16 * index;
        match self.queue {
            Queue::Split(_) => self.descriptor(at, address, len, flags, next),
            Queue::Packed(_) => self.descriptor(at, address, len, 7, flags | AVAIL),
        }
    }

    /// Makes a head available (split; packed descriptors are by themselves).
    fn offer(&self, head: u16, index: u16) {
        if let Queue::Split(_) = self.queue {
            self.word(self.config.driver.0 + 4 + 2 * u64::from(index.wrapping_sub(1) % SIZE), &head.to_le_bytes());
            self.word(self.config.driver.0 + 2, &index.to_le_bytes());
        }
    }

    fn pop(&mut self) -> Result<bool, QueueError> {
        let mut chain = Chain::new();
        let result = self.queue.pop(&self.arena.memory, &mut chain);
        if result.is_err() {
            let again = self.queue.pop(&self.arena.memory, &mut chain);
            assert_eq!(again, Err(QueueError::Broken), "once is for ever");
        }
        result
    }
}

fn both() -> [Raw; 2] {
    [Raw::new(ALL), Raw::new(ALL | features::RING_PACKED)]
}

#[test]
fn indices_that_jump() {
    for index in [SIZE + 1, 0x8000, 0xffff] {
        let mut raw = Raw::new(ALL);
        raw.offer(0, index);
        assert_eq!(raw.pop(), Err(QueueError::Index(index)));
    }
    // And back: what was taken can't be taken back.
    let mut raw = Raw::new(ALL);
    raw.ring(0, BASE, 4, 0, 0);
    raw.offer(0, 2);
    assert_eq!((raw.pop(), raw.pop()), (Ok(true), Ok(true)));
    raw.offer(0, 1);
    assert_eq!(raw.pop(), Err(QueueError::Index(1)));
    // No more in flight than the queue holds.
    let mut raw = Raw::new(ALL);
    raw.ring(0, BASE, 4, 0, 0);
    raw.offer(0, SIZE);
    for _ in 0..SIZE {
        assert_eq!(raw.pop(), Ok(true));
    }
    raw.offer(0, SIZE + 1);
    assert_eq!(raw.pop(), Err(QueueError::Index(SIZE + 1)));
}

#[test]
fn descriptors_that_are_not_there() {
    for head in [SIZE, 0xffff] {
        let mut raw = Raw::new(ALL);
        raw.offer(head, 1);
        assert_eq!(raw.queue.pop_piece(), None);
        assert_eq!(raw.pop(), Err(QueueError::Descriptor(head)));
    }
    let mut raw = Raw::new(ALL);
    raw.ring(3, BASE, 4, NEXT, 0xffff);
    raw.offer(3, 1);
    assert_eq!(raw.pop(), Err(QueueError::Descriptor(0xffff)));
}

#[test]
fn chains_that_go_in_circles() {
    let mut raw = Raw::new(ALL);
    raw.ring(0, BASE, 4, NEXT, 1);
    raw.ring(1, BASE, 4, NEXT, 0);
    raw.offer(0, 1);
    assert_eq!(raw.pop(), Err(QueueError::ChainLength));
    let mut raw = Raw::new(ALL | features::RING_PACKED);
    (0..u64::from(SIZE)).for_each(|index| raw.ring(index, BASE, 4, NEXT, 0));
    assert_eq!(raw.pop(), Err(QueueError::ChainLength));
    // Empty ones too.
    let mut raw = Raw::new(ALL);
    raw.ring(0, BASE, 0, NEXT, 0);
    raw.offer(0, 1);
    assert_eq!(raw.pop(), Err(QueueError::ChainLength));
}

#[test]
fn a_packed_chain_does_not_reach_what_is_in_flight() {
    let mut raw = Raw::new(ALL | features::RING_PACKED);
    raw.ring(0, BASE, 4, 0, 0);
    (1..u64::from(SIZE)).for_each(|index| raw.ring(index, BASE, 4, NEXT, 0));
    assert_eq!(raw.pop(), Ok(true));
    assert_eq!(raw.pop(), Err(QueueError::ChainLength));
}

#[test]
fn memory_that_ends_beyond_the_address_space() {
    for mut raw in both() {
        raw.ring(0, u64::MAX - 3, 4, 0, 0);
        raw.offer(0, 1);
        assert_eq!(raw.pop(), Err(QueueError::Address(GuestAddress(u64::MAX - 3))));
    }
}

#[test]
fn more_bytes_than_may_be() {
    for mut raw in both() {
        raw.ring(0, BASE, u32::MAX, NEXT, 1);
        raw.ring(1, BASE, 2, 0, 0);
        raw.offer(0, 1);
        assert_eq!(raw.pop(), Err(QueueError::ChainBytes));
    }
}

#[test]
fn memory_to_read_after_memory_to_write() {
    for mut raw in both() {
        raw.ring(0, BASE, 4, NEXT | WRITE, 1);
        raw.ring(1, BASE, 4, 0, 0);
        raw.offer(0, 1);
        assert_eq!(raw.pop(), Err(QueueError::Order));
    }
}

#[test]
fn indirect_descriptors_where_none_may_be() {
    for packed in [0, features::RING_PACKED] {
        // Not negotiated.
        let mut raw = Raw::new(features::VERSION_1 | packed);
        raw.ring(0, BASE, 16, INDIRECT, 0);
        raw.offer(0, 1);
        assert_eq!(raw.pop(), Err(QueueError::Indirect));
        // With a successor.
        let mut raw = Raw::new(ALL | packed);
        raw.ring(0, BASE, 16, INDIRECT | NEXT, 1);
        raw.offer(0, 1);
        assert_eq!(raw.pop(), Err(QueueError::Indirect));
    }
    // In a table. (In a packed ring's table the flag means nothing.)
    let mut raw = Raw::new(ALL);
    let table = raw.arena.allocate(16, 16);
    raw.descriptor(table, BASE, 16, INDIRECT, 0);
    raw.ring(0, table, 16, INDIRECT, 0);
    raw.offer(0, 1);
    assert_eq!(raw.pop(), Err(QueueError::Indirect));
    // As the second of a list, which only a split ring may.
    for (packed, expected) in [(0, Ok(true)), (features::RING_PACKED, Err(QueueError::Indirect))] {
        let mut raw = Raw::new(ALL | packed);
        let table = raw.arena.allocate(16, 16);
        raw.descriptor(table, BASE, 16, 0, 0);
        raw.ring(0, BASE, 16, NEXT, 1);
        raw.ring(1, table, 16, INDIRECT, 0);
        raw.offer(0, 1);
        assert_eq!(raw.pop(), expected);
    }
}

#[test]
fn tables_of_no_good_size() {
    for packed in [0, features::RING_PACKED] {
        for len in [0, 1, 15, 17, 0xffff_ffff] {
            let mut raw = Raw::new(ALL | packed);
            raw.ring(0, BASE, len, INDIRECT | WRITE, 0);
            raw.offer(0, 1);
            assert_eq!(raw.pop(), Err(QueueError::TableSize(len)));
        }
        for len in [CHAIN_MAX as u32 * 16 + 16, 0xffff_fff0] {
            let mut raw = Raw::new(ALL | packed);
            raw.ring(0, BASE, len, INDIRECT, 0);
            raw.offer(0, 1);
            assert_eq!(raw.pop(), Err(QueueError::ChainLength));
        }
        for address in [0, BASE + MEMORY as u64 - 8, u64::MAX - 7] {
            let mut raw = Raw::new(ALL | packed);
            raw.ring(0, address, 16, INDIRECT, 0);
            raw.offer(0, 1);
            let error = MemoryError { address: GuestAddress(address), len: 16 };
            assert_eq!(raw.pop(), Err(QueueError::Memory(error)));
        }
    }
}

#[test]
fn tables_that_lead_astray() {
    for (first, expected) in [(1, QueueError::ChainLength), (2, QueueError::Descriptor(2))] {
        let mut raw = Raw::new(ALL);
        let table = raw.arena.allocate(32, 16);
        raw.descriptor(table, BASE, 4, NEXT, first);
        raw.descriptor(table + 16, BASE, 4, NEXT, 0);
        raw.ring(0, table, 32, INDIRECT, 0);
        raw.offer(0, 1);
        assert_eq!(raw.pop(), Err(expected));
    }
}

#[test]
fn queues_where_no_memory_is() {
    let mut arena = Arena::new();
    for packed in [false, true] {
        let style = Style { packed, indirect: true, event_idx: true };
        let good = DriverQueue::new(&mut arena, SIZE, style).config;
        let beyond = GuestAddress(BASE + MEMORY as u64);
        let wrong = [
            QueueConfig { descriptors: GuestAddress(beyond.0 - 16), ..good },
            QueueConfig { driver: beyond, ..good },
            QueueConfig { device: GuestAddress(0xffff_ffff_ffff_fffc), ..good },
            QueueConfig { descriptors: GuestAddress(good.descriptors.0 + 4), ..good },
            QueueConfig { size: 0, ..good },
        ];
        for config in wrong {
            assert!(Queue::new(&config, style.features(), &arena.memory).is_err(), "{config:?}");
        }
        assert!(Queue::new(&good, style.features(), &arena.memory).is_ok());
    }
}

/// Puts a device with a queue 0 into operation through its registers.
fn start<D: Device>(device: D, arena: &mut Arena, style: Style) -> (MmioDevice<D, VecMemory>, DriverQueue) {
    let mut device = MmioDevice::new(device, 0);
    let driver = DriverQueue::new(arena, SIZE, style);
    let chosen = style.features();
    let config = driver.config;
    let mut set = |offset: u64, value: u64| {
        let _ = device.write(offset, 4, value & 0xffff_ffff, &arena.memory).unwrap();
    };
    set(offsets::STATUS, 3);
    for word in 0..2 {
        set(offsets::DRIVER_FEATURES_SEL, word);
        set(offsets::DRIVER_FEATURES, chosen >> (32 * word));
    }
    set(offsets::STATUS, 11);
    set(offsets::QUEUE_NUM, u64::from(config.size));
    for (low, address) in [
        (offsets::QUEUE_DESC_LOW, config.descriptors.0),
        (offsets::QUEUE_DRIVER_LOW, config.driver.0),
        (offsets::QUEUE_DEVICE_LOW, config.device.0),
    ] {
        set(low, address);
        set(low + 4, address >> 32);
    }
    set(offsets::QUEUE_READY, 1);
    set(offsets::STATUS, 15);
    assert!(device.registers().is_live());
    (device, driver)
}

#[test]
fn a_device_breaks_and_says_so_and_comes_back_by_reset() {
    for style in Style::all() {
        let mut arena = Arena::new();
        let disk = MemoryDisk::new(vec![0; 4096]);
        let (mut device, mut driver) = start(Block::new(disk, BlockOptions::default()), &mut arena, style);
        // A request without room for its status.
        let header = arena.put(&[0; 16]);
        let _ = driver.add(&mut arena, &[Piece::readable(header, 16)]);
        let pending = device.write(offsets::QUEUE_NOTIFY, 4, 0, &arena.memory).unwrap();
        let (progress, left) = device.serve(pending, &arena.memory);
        assert_eq!((progress.served, left.is_empty()), (0, true));
        assert_eq!(device.last_error(), Some(QueueError::Request));
        let registers = device.registers();
        assert_eq!(registers.status(), 15 | status::NEEDS_RESET);
        assert_eq!(registers.interrupt_status(), INTERRUPT_CONFIG);
        assert!(device.interrupt_line());
        assert!(device.write(offsets::QUEUE_NOTIFY, 4, 0, &arena.memory).is_err());
        let _ = device.write(offsets::STATUS, 4, 0, &arena.memory).unwrap();
        assert_eq!(device.registers().status(), 0);
        assert!(!device.interrupt_line());
    }
}

#[test]
fn requests_that_point_nowhere_break_the_device() {
    let nowhere = [Piece::writable(0x1000, 512), Piece::writable(BASE + MEMORY as u64 - 1, 512)];
    for data in nowhere {
        let mut arena = Arena::new();
        let style = Style { packed: false, indirect: false, event_idx: false };
        let disk = MemoryDisk::new(vec![0; 4096]);
        let (mut device, mut driver) = start(Block::new(disk, BlockOptions::default()), &mut arena, style);
        let header = arena.put(&[0; 16]);
        let status = arena.put(&[0xff]);
        let _ = driver.add(&mut arena, &[Piece::readable(header, 16), data, Piece::writable(status, 1)]);
        let pending = device.write(offsets::QUEUE_NOTIFY, 4, 0, &arena.memory).unwrap();
        let _ = device.serve(pending, &arena.memory);
        assert!(matches!(device.last_error(), Some(QueueError::Memory(_))));
        assert_eq!(arena.bytes(status, 1), [0xff]);
    }
}

#[test]
fn rings_whose_parts_overlap_do_not_hold_the_device() {
    // `avail_event`, which the device writes, is where the driver's index is: asking for
    // notifications, or for none, changes what is available.
    let arena = Arena::new();
    let config = QueueConfig {
        size: SIZE,
        descriptors: GuestAddress(BASE),
        device: GuestAddress(BASE + 0x1000),
        driver: GuestAddress(BASE + 0x1000 + 4 + 8 * u64::from(SIZE) - 2),
    };
    let mut queue = Queue::new(&config, ALL, &arena.memory).unwrap();
    let mut disk = Block::new(MemoryDisk::new(vec![0; 4096]), BlockOptions::default());
    for _ in 0..3 {
        let _ = turn(&mut disk, 0, &mut queue, &arena.memory, 64, || ());
        let _ = answer(&mut disk, 0, &mut queue, &arena.memory, 64);
    }
}

/// Memory that counts what is done to it.
struct Counted {
    memory: VecMemory,
    accesses: Cell<u64>,
}

impl GuestMemory for Counted {
    /// Loops in rings end in payload or errors.
    type Region = VecRegion;

    fn region(&self, address: GuestAddress, len: u64) -> Result<VecRegion, MemoryError> {
        self.memory.region(address, len)
    }

    fn read(&self, address: GuestAddress, into: &mut [u8]) -> Result<(), MemoryError> {
        self.accesses.set(self.accesses.get() + 1);
        self.memory.read(address, into)
    }

    fn write(&self, address: GuestAddress, from: &[u8]) -> Result<(), MemoryError> {
        self.accesses.set(self.accesses.get() + 1);
        self.memory.write(address, from)
    }
}

/// A peer that sends the same frame again and again, and has room at times.
struct Peer {
    frame: Vec<u8>,
    header: Header,
    left: u32,
    room: u32,
}

impl Wire for Peer {
    fn send<M: GuestMemory>(&mut self, _header: &Header, frame: &Gather<'_, M>) -> Result<(), SendError> {
        self.room = self.room.checked_sub(1).ok_or(SendError::Full)?;
        let mut bytes = [0; 2048];
        frame.copy_to(&mut bytes)?;
        Ok(())
    }
    fn incoming(&mut self) -> Option<Incoming> {
        (self.left > 0).then_some(Incoming { header: self.header, len: self.frame.len() as u32 })
    }
    fn copy<M: GuestMemory>(&mut self, offset: u32, memory: &M, to: Segment) -> Result<(), MemoryError> {
        let start = offset as usize;
        memory.write(to.address, &self.frame[start..start + to.len as usize])
    }
    fn peek(&mut self, offset: u32, into: &mut [u8]) {
        let start = offset as usize;
        into.copy_from_slice(&self.frame[start..start + into.len()]);
    }
    fn consume(&mut self) {
        self.left -= 1;
    }
}

/// A terminal with something typed.
struct Typed(Vec<u8>);

impl Port for Typed {
    fn output(&mut self, _bytes: &[u8]) {}
    fn has_input(&mut self) -> bool {
        !self.0.is_empty()
    }
    fn input(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.0.len());
        for (to, from) in into.iter_mut().zip(self.0.drain(..count)) {
            *to = from;
        }
        count
    }
}

/// Bytes that count.
struct Counting(u8);

impl Source for Counting {
    fn fill(&mut self, into: &mut [u8]) {
        for byte in into {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
    }
}

/// A server that claims more than there is room for.
struct Boaster;

impl Server for Boaster {
    fn message(&mut self, request: &[u8], reply: &mut [u8]) -> usize {
        assert!(request.len() >= MESSAGE_MIN);
        reply.fill(request[0]);
        reply.len().saturating_add(usize::from(request[4]))
    }

    fn reset(&mut self) {}
}

const SMALL: u64 = 4096;
const ROUNDS: u32 = 40;

/// Serves a queue of anything, until it breaks or has been asked often enough.
fn drive<D: Device>(mut device: D, index: u16, features: u64, config: &QueueConfig, bytes: &[u8]) -> u64 {
    let memory = VecMemory::new(GuestAddress(BASE), SMALL as usize);
    memory.write(GuestAddress(BASE), bytes).unwrap();
    let memory = Counted { memory, accesses: Cell::new(0) };
    let Ok(mut queue) = Queue::new(config, features, &memory) else {
        return 0;
    };
    device.negotiated(features);
    for round in 0..ROUNDS {
        let (device, queue) = (&mut device, &mut queue);
        let served = match round % 2 {
            0 => turn(device, index, queue, &memory, 16, || ()),
            _ => answer(device, index, queue, &memory, 16),
        };
        if served.is_err() {
            break;
        }
    }
    memory.accesses.get()
}

fn all_devices(features: u64, config: &QueueConfig, bytes: &[u8], header: [u8; 12]) {
    let types = 0xff_ffff | features;
    // A request has at most CHAIN_MAX pieces, of which the buffered chunks of a console are the
    // smallest; a round serves few requests more than its budget.
    let request = CHAIN_MAX as u64 * (SMALL / 64 + 1) + 8;
    let most = u64::from(ROUNDS) * 3 * 16 * request;
    let disk = MemoryDisk::new(vec![7; 8192]);
    assert!(drive(Block::new(disk, BlockOptions::default()), 0, types, config, bytes) <= most);
    for index in 0..3 {
        for merge in [types, features] {
            let peer = Peer { frame: vec![1; 300], header: Header::from_bytes(header), left: 1000, room: 100 };
            let net = Net::new(peer, NetOptions::default());
            assert!(drive(net, index, merge, config, bytes) <= most);
        }
        let console = Console::new(Typed(vec![b'x'; 5000]), ConsoleOptions::default());
        assert!(drive(console, index, types, config, bytes) <= most);
        assert!(drive(Rng::new(Counting(0)), index, types, config, bytes) <= most);
        // Shorter messages than a guest can make of its memory, and longer ones.
        for len in [100, 2 * SMALL as usize] {
            let share = P9::new(Boaster, Tag::new("share").unwrap(), vec![0; len], vec![0; len]);
            assert!(drive(share, index, types, config, bytes) <= most);
        }
    }
}

#[test]
fn buffers_that_a_device_can_do_nothing_with_break_it() {
    let style = Style { packed: false, indirect: false, event_idx: false };
    let serve = |pieces: &[(bool, u32)], share: bool| {
        let mut arena = Arena::new();
        let (driver_pieces, mut driver) = {
            let at = |arena: &mut Arena, len: u32| arena.allocate(len.into(), 1);
            let piece =
                |arena: &mut Arena, &(writable, len): &(bool, u32)| Piece { address: at(arena, len), len, writable };
            let pieces: Vec<Piece> = pieces.iter().map(|one| piece(&mut arena, one)).collect();
            (pieces, DriverQueue::new(&mut arena, SIZE, style))
        };
        let mut queue = Queue::new(&driver.config, style.features(), &arena.memory).unwrap();
        let _ = driver.add(&mut arena, &driver_pieces);
        let memory = &arena.memory;
        match share {
            true => {
                let mut share = P9::new(Boaster, Tag::new("share").unwrap(), vec![0; 64], vec![0; 64]);
                answer(&mut share, 0, &mut queue, memory, 10).map(|progress| progress.served)
            }
            false => answer(&mut Rng::new(Counting(0)), 0, &mut queue, memory, 10).map(|progress| progress.served),
        }
    };
    // Random bytes: nothing to be written, or something to be read.
    assert_eq!(serve(&[(true, 8)], false), Ok(1));
    assert_eq!(serve(&[(false, 8)], false), Err(QueueError::Request));
    assert_eq!(serve(&[(false, 8), (true, 8)], false), Err(QueueError::Request));
    // Messages: shorter than a message is, or longer than the device's buffer. Without room for an answer there is none.
    assert_eq!(serve(&[(false, 7), (true, 8)], true), Ok(1));
    assert_eq!(serve(&[(false, 64)], true), Ok(1));
    assert_eq!(serve(&[(false, 6), (true, 8)], true), Err(QueueError::Request));
    assert_eq!(serve(&[(true, 8)], true), Err(QueueError::Request));
    assert_eq!(serve(&[(false, 40), (false, 25), (true, 8)], true), Err(QueueError::ChainBytes));
}

/// Addresses that are likely to mean something.
fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => (0..SMALL).prop_map(|offset| BASE + offset),
        1 => any::<u64>(),
        1 => (0..64_u64).prop_map(|offset| BASE + SMALL - offset),
    ]
}

/// A descriptor of either kind of ring, with flags that are likely to matter.
fn descriptor(packed: bool) -> impl Strategy<Value = [u8; 16]> {
    let len = prop_oneof![4 => 0..600_u32, 2 => Just(16), 2 => (0..9_u32).prop_map(|n| 16 * n), 1 => any::<u32>()];
    let flags = prop_oneof![6 => 0..4_u16, 2 => Just(4_u16), 1 => 0..8_u16, 1 => any::<u16>()];
    (address(), len, flags, prop_oneof![5 => 0..SIZE, 1 => any::<u16>()], any::<bool>()).prop_map(
        move |(address, len, flags, other, available)| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&address.to_le_bytes());
            bytes[8..12].copy_from_slice(&len.to_le_bytes());
            let flags = if packed && available { flags | AVAIL } else { flags };
            let (third, fourth) = if packed { (other, flags) } else { (flags, other) };
            bytes[12..14].copy_from_slice(&third.to_le_bytes());
            bytes[14..].copy_from_slice(&fourth.to_le_bytes());
            bytes
        },
    )
}

/// A guest's memory: descriptors at its beginning, then rings, then tables and data.
fn guest(packed: bool) -> impl Strategy<Value = Vec<u8>> {
    let descriptors = proptest::collection::vec(descriptor(packed), 32);
    let rings = proptest::collection::vec(0..SIZE, 64);
    let index = prop_oneof![5 => 0..=SIZE, 1 => any::<u16>()];
    let data = proptest::collection::vec(prop_oneof![0..16_u8, any::<u8>()], 1024);
    (descriptors, rings, index, data).prop_map(|(descriptors, rings, index, data)| {
        let mut bytes = vec![0; SMALL as usize];
        bytes[..512].copy_from_slice(&descriptors.concat());
        for (place, value) in rings.iter().enumerate() {
            bytes[512 + 2 * place..514 + 2 * place].copy_from_slice(&value.to_le_bytes());
        }
        bytes[514..516].copy_from_slice(&index.to_le_bytes());
        bytes[1024..2048].copy_from_slice(&data);
        // Block requests.
        bytes[2048..2064].copy_from_slice(&[0; 16]);
        bytes
    })
}

fn place() -> impl Strategy<Value = QueueConfig> {
    let odd = (0..SMALL + 32, 0..SMALL + 32, 0..SMALL + 32, 0..40_u16);
    let odd = odd.prop_map(|(descriptors, driver, device, size)| QueueConfig {
        size,
        descriptors: GuestAddress(BASE + descriptors / 16 * 16),
        driver: GuestAddress(BASE + driver / 4 * 4),
        device: GuestAddress(BASE + device / 4 * 4),
    });
    let usual = Just(QueueConfig {
        size: SIZE,
        descriptors: GuestAddress(BASE),
        driver: GuestAddress(BASE + 512),
        device: GuestAddress(BASE + 768),
    });
    prop_oneof![4 => usual, 1 => odd]
}

fn case(packed: bool) -> impl Strategy<Value = (u64, QueueConfig, Vec<u8>, [u8; 12])> {
    let chosen = (any::<bool>(), any::<bool>())
        .prop_map(move |(indirect, event_idx)| Style { packed, indirect, event_idx }.features());
    let header = prop_oneof![Just([0; 12]), Just([1, 0, 0, 0, 0, 0, 34, 0, 6, 0, 0, 0]), any::<[u8; 12]>()];
    (chosen, place(), guest(packed), header)
}

// As many cases as `PROPTEST_CASES` says: 200,000 of them, in release, are a few minutes.
proptest! {
    #[test]
    fn any_split_ring_is_survived((chosen, config, bytes, header) in case(false)) {
        all_devices(chosen, &config, &bytes, header);
    }

    #[test]
    fn any_packed_ring_is_survived((chosen, config, bytes, header) in case(true)) {
        all_devices(chosen, &config, &bytes, header);
    }

    #[test]
    fn any_registers_are_survived(accesses in proptest::collection::vec(
        (prop_oneof![4 => (0..0x44_u64).prop_map(|word| 4 * word), 1 => any::<u64>()],
         prop_oneof![6 => Just(4_u8), 1 => any::<u8>()],
         prop_oneof![3 => 0..16_u64, 1 => (0..SMALL).prop_map(|offset| BASE + offset), 1 => any::<u64>()]),
        0..200)) {
        let memory = VecMemory::new(GuestAddress(BASE), SMALL as usize);
        let disk = MemoryDisk::new(vec![7; 8192]);
        let mut device = MmioDevice::new(Block::new(disk, BlockOptions::default()), 0);
        for (offset, width, value) in accesses {
            let _ = device.read(offset, width);
            if let Ok(pending) = device.write(offset, width, value, &memory) {
                let _ = device.serve(pending, &memory);
            }
        }
    }
}
