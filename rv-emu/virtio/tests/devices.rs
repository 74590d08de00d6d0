//! Devices, as a driver that keeps the rules sees them; and that the kind of ring makes no difference.

mod harness;

use std::collections::VecDeque;

use harness::{Arena, DriverQueue, Piece, Style, Used};
use proptest::prelude::*;
use rv_virtio::device::block::{self, Block, BlockOptions, Buffered, ByteStore, MemoryDisk, Storage, StorageError};
use rv_virtio::device::console::{self, Console, ConsoleOptions, Port};
use rv_virtio::device::net::{self, Header, Incoming, Net, NetOptions, SendError, Wire};
use rv_virtio::device::p9::{self, P9, Server, Tag};
use rv_virtio::device::rng::{REQUEST_MAX, Rng, Source};
use rv_virtio::device::{Counters, Device, Progress, answer, turn};
use rv_virtio::memory::{GuestAddress, GuestMemory, MemoryError, VecMemory};
use rv_virtio::queue::{Gather, Queue, QueueError, Segment};

const SPLIT: Style = Style { packed: false, indirect: false, event_idx: false };
const SECTORS: usize = 64;
const BLOCK_FEATURES: u64 = block::features::FLUSH | block::features::DISCARD | block::features::WRITE_ZEROES;

/// A device with one of its queues, and the driver's side of it.
struct Bench<D> {
    arena: Arena,
    driver: DriverQueue,
    queue: Queue<VecMemory>,
    device: D,
    index: u16,
}

impl<D: Device> Bench<D> {
    fn new(mut device: D, index: u16, style: Style, features: u64) -> Self {
        let mut arena = Arena::new();
        let driver = DriverQueue::new(&mut arena, 64, style);
        let features = style.features() | features;
        assert_eq!(features & !device.identity().features, 0, "more than is offered");
        device.negotiated(features);
        let queue = Queue::new(&driver.config, features, &arena.memory).unwrap();
        Self { arena, driver, queue, device, index }
    }

    fn serve(&mut self) -> Progress {
        answer(&mut self.device, self.index, &mut self.queue, &self.arena.memory, 1000).expect("the driver is good")
    }

    fn add(&mut self, pieces: &[Piece]) -> u64 {
        self.driver.add(&mut self.arena, pieces).expect("room")
    }

    /// A buffer to write into, of pieces of these lengths.
    fn add_room(&mut self, lens: &[u32]) -> Vec<Piece> {
        let pieces: Vec<Piece> =
            lens.iter().map(|&len| Piece::writable(self.arena.allocate(len.into(), 1), len)).collect();
        let _ = self.add(&pieces);
        pieces
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        let at = self.arena.put(bytes);
        let _ = self.add(&[Piece::readable(at, bytes.len() as u32)]);
    }

    fn collect(&self, pieces: &[Piece], len: usize) -> Vec<u8> {
        let mut all: Vec<u8> =
            pieces.iter().flat_map(|piece| self.arena.bytes(piece.address, piece.len as usize)).collect();
        all.truncate(len);
        all
    }
}

fn header(kind: u32, sector: u64) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &[0; 4], &sector.to_le_bytes()].concat()
}

fn range(sector: u64, sectors: u32, flags: u32) -> Vec<u8> {
    [&sector.to_le_bytes()[..], &sectors.to_le_bytes(), &flags.to_le_bytes()].concat()
}

/// The pattern that test disks begin with.
fn pattern() -> Vec<u8> {
    (0..SECTORS * 512).map(|index| (index / 512 * 7 + index % 251) as u8).collect()
}

impl<S: Storage> Bench<Block<S>> {
    /// One request: what was answered, the data that were read, and the used length.
    fn request(&mut self, kind: u32, sector: u64, out: &[u8], room: u32) -> (u8, Vec<u8>, u32) {
        let at = self.arena.put(&[header(kind, sector), out.to_vec()].concat());
        let data = self.arena.allocate(u64::from(room) + 1, 1);
        self.arena.memory.write(GuestAddress(data + u64::from(room)), &[0xee]).unwrap();
        // Header and data in one piece, data and status too: framing is the driver's affair.
        let _ = self.add(&[Piece::readable(at, 16 + out.len() as u32), Piece::writable(data, room + 1)]);
        self.driver.want_interrupts(true);
        let progress = self.serve();
        assert_eq!((progress.served, progress.more, progress.interrupt), (1, false, true));
        let used = self.driver.take().expect("an answer");
        let bytes = self.arena.bytes(data, room as usize + 1);
        (bytes[room as usize], bytes[..room as usize].to_vec(), used.written)
    }
}

fn block_bench(style: Style) -> Bench<Block<MemoryDisk<Vec<u8>>>> {
    let disk = Block::new(MemoryDisk::new(pattern()), BlockOptions::default());
    Bench::new(disk, 0, style, BLOCK_FEATURES)
}

#[test]
fn block_reads_and_writes() {
    for style in Style::all() {
        let mut bench = block_bench(style);
        let (status, data, used) = bench.request(0, 3, &[], 1024);
        assert_eq!((status, used), (0, 1025));
        assert_eq!(data, pattern()[3 * 512..5 * 512]);
        let new = vec![0x5a; 1536];
        assert_eq!(bench.request(1, 61, &new, 0), (0, vec![], 1));
        assert_eq!(bench.request(0, 61, &[], 1536), (0, new, 1537));
        let counters = bench.device.counters();
        assert_eq!((counters.requests, counters.bytes_in, counters.bytes_out), (3, 1536, 2560));
        assert_eq!((counters.batches, counters.interrupts, counters.errors), (3, 3, 0));
    }
}

#[test]
fn block_keeps_to_its_capacity() {
    let mut bench = block_bench(SPLIT);
    let last = SECTORS as u64;
    for (sector, len) in [(last, 512), (last - 1, 1024), (u64::MAX, 512), (u64::MAX / 512, 512), (0, 511), (0, 513)] {
        let (status, _, used) = bench.request(0, sector, &[], len);
        assert_eq!((status, used), (1, 0), "read of {len} at {sector}");
        let (status, ..) = bench.request(1, sector, &vec![1; len as usize], 0);
        assert_eq!(status, 1, "write of {len} at {sector}");
    }
    assert_eq!(bench.request(0, last, &[], 0).0, 0, "nothing, at the end");
    assert_eq!(bench.device.storage().bytes(), pattern());
    assert_eq!(bench.device.counters().errors, 12);
}

#[test]
fn block_answers_what_it_does_not_know() {
    let mut bench = block_bench(SPLIT);
    for kind in [2, 3, 5, 7, 9, 10, 12, 14, 0x8000_0000, u32::MAX] {
        assert_eq!(bench.request(kind, 0, &[], 0).0, 2, "{kind}");
    }
    // Known, but not negotiated.
    let disk = Block::new(MemoryDisk::new(pattern()), BlockOptions::default());
    let mut bench = Bench::new(disk, 0, SPLIT, 0);
    assert_eq!(bench.request(11, 0, &range(0, 1, 0), 0).0, 2);
    assert_eq!(bench.request(13, 0, &range(0, 1, 0), 0).0, 2);
    assert_eq!(bench.request(4, 0, &[], 0).0, 0);
}

#[test]
fn block_tells_its_name() {
    let mut bench = block_bench(SPLIT);
    let (status, name, used) = bench.request(8, 0, &[], 20);
    assert_eq!((status, &name[..], used), (0, &b"rv-emu block device\0"[..], 21));
    let (status, name, used) = bench.request(8, 0, &[], 6);
    assert_eq!((status, &name[..], used), (0, &b"rv-emu"[..], 7));
}

#[test]
fn block_zeroes_and_discards_ranges() {
    let mut bench = block_bench(SPLIT);
    let two = [range(1, 2, 0), range(60, 4, 1)].concat();
    assert_eq!(bench.request(13, 0, &two, 0), (0, vec![], 1));
    let mut expected = pattern();
    expected[512..3 * 512].fill(0);
    expected[60 * 512..].fill(0);
    assert_eq!(bench.device.storage().bytes(), expected);
    assert_eq!(bench.request(11, 0, &range(0, 1, 0), 0).0, 0);
    let wrong = [
        (13, vec![], 1),
        (13, vec![0; 15], 1),
        (13, range(61, 4, 0), 1),
        (13, range(u64::MAX, 1, 0), 1),
        (13, range(0, 1 << 17, 0), 1),
        (13, range(0, 1, 0).repeat(17), 1),
        (13, [range(0, 1, 0), range(64, 1, 0)].concat(), 1),
        (13, range(0, 1, 2), 2),
        (11, range(0, 1, 1), 2),
        (11, [range(0, 1, 0), range(0, 1, 0x8000_0000)].concat(), 2),
    ];
    for (kind, data, status) in wrong {
        assert_eq!(bench.request(kind, 0, &data, 0).0, status, "{kind} {data:?}");
    }
    assert_eq!(bench.device.storage().bytes(), expected, "nothing is done when something is wrong");
}

#[test]
fn block_that_is_read_only_is_not_written() {
    let disk = Block::new(MemoryDisk::read_only(pattern()), BlockOptions::default());
    assert_ne!(disk.identity().features & block::features::RO, 0);
    let mut bench = Bench::new(disk, 0, SPLIT, BLOCK_FEATURES);
    assert_eq!(bench.request(1, 0, &[1; 512], 0).0, 1);
    assert_eq!(bench.request(11, 0, &range(0, 1, 0), 0).0, 1);
    assert_eq!(bench.request(13, 0, &range(0, 1, 0), 0).0, 1);
    assert_eq!(bench.request(0, 0, &[], 512).1, pattern()[..512]);
    assert_eq!(bench.device.storage().bytes(), pattern());
}

#[test]
fn block_describes_itself() {
    let options = BlockOptions { queues: 2, queue_size: 32, block_size: 4096, ..BlockOptions::default() };
    let identity = Block::new(MemoryDisk::new(pattern()), options).identity();
    let config = identity.config;
    assert_eq!((identity.device_id, identity.queue_max[..3].to_vec()), (2, vec![32, 32, 0]));
    assert_ne!(identity.features & block::features::MQ, 0);
    let fields = [(0, 8, 64), (12, 4, 30), (20, 4, 4096), (34, 2, 2), (36, 4, 1 << 16), (40, 4, 16), (44, 4, 8)];
    for (offset, width, value) in fields {
        assert_eq!(config.read(offset, width), value, "field at {offset}");
    }
    assert_eq!((config.read(48, 4), config.read(52, 4), config.read(56, 1)), (1 << 16, 16, 1));
    assert_eq!((config.read(33, 1), config.read(57, 1)), (0, 0), "padding");
}

/// A file that counts flushes, and fails from some position on.
struct File {
    bytes: Vec<u8>,
    flushes: u32,
}

impl ByteStore for File {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn read_at(&mut self, position: u64, into: &mut [u8]) -> Result<(), StorageError> {
        let start = position as usize;
        if start >= 32 * 512 {
            return Err(StorageError::Failed);
        }
        into.copy_from_slice(&self.bytes[start..start + into.len()]);
        Ok(())
    }
    fn write_at(&mut self, position: u64, from: &[u8]) -> Result<(), StorageError> {
        self.bytes[position as usize..position as usize + from.len()].copy_from_slice(from);
        Ok(())
    }
    fn flush(&mut self) -> Result<(), StorageError> {
        self.flushes += 1;
        Ok(())
    }
}

#[test]
fn block_goes_through_a_buffer_and_flushes_when_it_must() {
    for (features, flushes) in [(BLOCK_FEATURES, [0, 1]), (0, [1, 2])] {
        let store: Buffered<_, 100> = Buffered::new(File { bytes: pattern(), flushes: 0 });
        let mut bench = Bench::new(Block::new(store, BlockOptions::default()), 0, SPLIT, features);
        assert_eq!(bench.request(0, 3, &[], 1024).1, pattern()[3 * 512..5 * 512]);
        assert_eq!(bench.request(1, 9, &[0x77; 512], 0).0, 0);
        // Without flush requests a write that is completed is stable.
        assert_eq!(bench.device.storage().store().flushes, flushes[0]);
        assert_eq!(bench.request(4, 0, &[], 0).0, 0);
        assert_eq!(bench.device.storage().store().flushes, flushes[1]);
        assert_eq!(bench.device.storage().store().bytes[9 * 512..10 * 512], [0x77; 512]);
        // The storage's own error, in the middle.
        assert_eq!(bench.request(0, 31, &[], 1024).0, 1);
    }
}

#[test]
fn a_turn_serves_in_batches_within_its_budget() {
    let mut bench = block_bench(Style { event_idx: true, ..SPLIT });
    let at = bench.arena.put(&header(4, 0));
    let status = bench.arena.put(&[0]);
    for _ in 0..10 {
        let _ = bench.add(&[Piece::readable(at, 16), Piece::writable(status, 1)]);
    }
    bench.driver.want_interrupts(true);
    let mut told = 0;
    let first = turn(&mut bench.device, 0, &mut bench.queue, &bench.arena.memory, 4, || told += 1).unwrap();
    assert_eq!(told, 1);
    assert_eq!(first, Progress { served: 4, bytes: 0, more: true, interrupt: true });
    assert_eq!(std::iter::from_fn(|| bench.driver.take()).count(), 4);
    let _ = bench.driver.needs_kick();
    let rest = turn(&mut bench.device, 0, &mut bench.queue, &bench.arena.memory, 100, || told += 1).unwrap();
    assert_eq!(told, 1);
    assert_eq!(rest, Progress { served: 6, bytes: 0, more: false, interrupt: false });
    // And it asks for notifications again.
    let _ = bench.add(&[Piece::readable(at, 16), Piece::writable(status, 1)]);
    assert!(bench.driver.needs_kick());
    let Counters { batches, interrupts, interrupts_suppressed, .. } = *bench.device.counters();
    assert_eq!((batches, interrupts, interrupts_suppressed), (2, 1, 1));
}

/// A wire that keeps what is sent, and gives what was put into it.
#[derive(Default)]
struct Line {
    sent: Vec<(Header, Vec<u8>)>,
    incoming: VecDeque<(Header, Vec<u8>)>,
    full: bool,
}

impl Wire for Line {
    fn send<M: GuestMemory>(&mut self, header: &Header, frame: &Gather<'_, M>) -> Result<(), SendError> {
        if self.full {
            return Err(SendError::Full);
        }
        let mut bytes = vec![0; frame.len() as usize];
        frame.copy_to(&mut bytes)?;
        self.sent.push((*header, bytes));
        Ok(())
    }
    fn incoming(&mut self) -> Option<Incoming> {
        self.incoming.front().map(|(header, bytes)| Incoming { header: *header, len: bytes.len() as u32 })
    }
    fn copy<M: GuestMemory>(&mut self, offset: u32, memory: &M, to: Segment) -> Result<(), MemoryError> {
        let start = offset as usize;
        memory.write(to.address, &self.incoming[0].1[start..start + to.len as usize])
    }
    fn peek(&mut self, offset: u32, into: &mut [u8]) {
        let start = offset as usize;
        into.copy_from_slice(&self.incoming[0].1[start..start + into.len()]);
    }
    fn consume(&mut self) {
        self.incoming.pop_front();
    }
}

const PARTIAL: Header = Header {
    flags: Header::NEEDS_CSUM,
    gso_type: 0,
    hdr_len: 0,
    gso_size: 0,
    csum_start: 34,
    csum_offset: 6,
    num_buffers: 0,
};

fn net_bench(index: u16, style: Style, features: u64) -> Bench<Net<Line>> {
    let options = NetOptions { mtu: 16_896, ..NetOptions::default() };
    Bench::new(Net::new(Line::default(), options), index, style, features)
}

fn frame(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index * 13 + index / 256) as u8).collect()
}

#[test]
fn net_sends_frames_with_what_is_known_of_their_checksum() {
    for style in Style::all() {
        for (features, expected) in [(net::features::CSUM, PARTIAL), (0, Header { flags: 0, ..PARTIAL })] {
            let mut bench = net_bench(net::TRANSMIT, style, features);
            let odd = Header { flags: 0xff, ..PARTIAL };
            bench.add_bytes(&[&odd.to_bytes()[..], &frame(1000)].concat());
            // Header and frame in pieces.
            let (one, two) = (bench.arena.put(&odd.to_bytes()[..5]), bench.arena.put(&odd.to_bytes()[5..]));
            let (three, four) = (bench.arena.put(&frame(60)[..7]), bench.arena.put(&frame(60)[7..]));
            let pieces = [(one, 5), (two, 7), (three, 7), (four, 53)];
            let _ = bench.add(&pieces.map(|(address, len)| Piece::readable(address, len)));
            let progress = bench.serve();
            assert_eq!((progress.served, progress.bytes), (2, 1060));
            assert_eq!(bench.device.wire().sent, [(expected, frame(1000)), (expected, frame(60))]);
            assert_eq!(bench.driver.take(), Some(Used { buffer: 0, written: 0 }));
        }
    }
}

#[test]
fn net_drops_what_is_no_frame() {
    let mut bench = net_bench(net::TRANSMIT, SPLIT, net::features::CSUM);
    let gso = Header { gso_type: 1, ..PARTIAL };
    let outside = Header { csum_start: 90, csum_offset: 9, ..PARTIAL };
    let far = Header { csum_start: 0xffff, csum_offset: 0xffff, ..PARTIAL };
    for (header, len) in [(gso, 100), (outside, 100), (far, 100), (PARTIAL, 16_896 + 19), (PARTIAL, 0)] {
        bench.add_bytes(&[&header.to_bytes()[..], &frame(len)].concat());
    }
    bench.add_bytes(&[&Header { csum_start: 90, csum_offset: 8, ..PARTIAL }.to_bytes()[..], &frame(100)].concat());
    assert_eq!(bench.serve().served, 6);
    assert_eq!((bench.device.wire().sent.len(), bench.device.counters().errors), (1, 5));
}

#[test]
fn net_breaks_at_buffers_without_room_for_a_header() {
    for (style, len) in Style::all().flat_map(|style| [1, 2, 11].map(|len| (style, len))) {
        let mut bench = net_bench(net::TRANSMIT, style, 0);
        bench.add_bytes(&vec![0; len]);
        let Bench { device, index, queue, arena, .. } = &mut bench;
        assert_eq!(answer(device, *index, queue, &arena.memory, 1), Err(QueueError::Request), "{len} bytes");
        assert_eq!(bench.device.wire().sent.len(), 0);
    }
    // A header and a byte is a frame; a header alone is none, but a buffer that can be given back.
    let mut bench = net_bench(net::TRANSMIT, SPLIT, 0);
    bench.add_bytes(&[0; 13]);
    bench.add_bytes(&[0; 12]);
    assert_eq!(bench.serve().served, 2);
    assert_eq!((bench.device.wire().sent.len(), bench.device.counters().errors), (1, 1));
}

#[test]
fn net_leaves_frames_to_the_driver_while_the_wire_is_full() {
    for style in Style::all() {
        let mut bench = net_bench(net::TRANSMIT, style, 0);
        bench.device.wire_mut().full = true;
        bench.add_bytes(&[0; 112]);
        assert_eq!(bench.serve(), Progress::default());
        assert_eq!(bench.driver.take(), None);
        bench.device.wire_mut().full = false;
        assert_eq!(bench.serve().served, 1);
        assert!(bench.driver.take().is_some());
    }
}

#[test]
fn net_receives_into_as_many_buffers_as_it_takes() {
    for style in Style::all() {
        let mut bench = net_bench(net::RECEIVE, style, net::features::MRG_RXBUF);
        let mut rooms: Vec<Vec<Piece>> = Vec::new();
        // One that fits, one that fills a buffer to the last byte, one over many.
        let lens = [100, 2048 - 12, 2048 - 11, 16_900];
        for len in lens {
            bench.device.wire_mut().incoming.push_back((Header::default(), frame(len)));
        }
        for _ in 0..1 + 1 + 2 + 9 {
            let pieces = bench.add_room(&[5, 1000, 1043]);
            rooms.push(pieces);
        }
        let progress = bench.serve();
        assert_eq!((progress.served, progress.bytes), (13, lens.iter().sum::<usize>() as u64), "{style:?}");
        let mut rooms = rooms.into_iter();
        for len in lens {
            let count = (len + 12).div_ceil(2048);
            let mut bytes = Vec::new();
            for _ in 0..count {
                let used = bench.driver.take().expect("a buffer");
                bytes.extend(bench.collect(&rooms.next().unwrap(), used.written as usize));
            }
            assert_eq!(bytes.len(), len + 12);
            let header = Header { num_buffers: count as u16, ..Header::default() };
            assert_eq!(bytes[..12], header.to_bytes(), "{style:?} {len}");
            assert_eq!(bytes[12..], frame(len));
        }
    }
}

#[test]
fn net_waits_for_enough_buffers_and_for_no_others() {
    for style in Style::all() {
        let mut bench = net_bench(net::RECEIVE, style, net::features::MRG_RXBUF);
        let _ = bench.add_room(&[1000]);
        let _ = bench.driver.needs_kick();
        assert_eq!(bench.serve(), Progress::default(), "no frame");
        bench.device.wire_mut().incoming.push_back((Header::default(), frame(2500)));
        for _ in 0..2 {
            assert_eq!(bench.serve(), Progress::default(), "too few buffers");
            assert_eq!(bench.driver.take(), None);
            let _ = bench.add_room(&[1000]);
            assert!(bench.driver.needs_kick(), "{style:?}");
        }
        assert_eq!(bench.serve().served, 3);
        assert!(bench.device.wire().incoming.is_empty());
    }
}

#[test]
fn net_without_merging_takes_one_buffer_or_drops() {
    let mut bench = net_bench(net::RECEIVE, SPLIT, 0);
    for len in [89, 88] {
        bench.device.wire_mut().incoming.push_back((Header::default(), frame(len)));
    }
    let room = bench.add_room(&[100]);
    assert_eq!(bench.serve().served, 1);
    assert_eq!(bench.device.counters().errors, 1);
    assert_eq!(bench.driver.take(), Some(Used { buffer: 0, written: 100 }));
    assert_eq!(bench.collect(&room, 100)[12..], frame(88));
    assert_eq!(bench.collect(&room, 12)[10..], [1, 0]);
}

#[test]
fn net_passes_partial_checksums_on_or_completes_them() {
    // A UDP datagram's checksum by hand: words 0x0001 0x0002 (partial, at offset 2) 0x0300 for an odd tail.
    let bytes = [0, 1, 0, 2, 3];
    let header = Header { csum_start: 0, csum_offset: 2, ..PARTIAL };
    let complete = !(1_u16 + 2 + 0x300);
    for style in Style::all() {
        for lens in [&[64_u32][..], &[15, 49], &[12, 3, 49]] {
            let mut bench = net_bench(net::RECEIVE, style, net::features::GUEST_CSUM);
            bench.device.wire_mut().incoming.push_back((header, bytes.to_vec()));
            let room = bench.add_room(lens);
            assert_eq!(bench.serve().served, 1);
            let expected = Header { num_buffers: 1, ..header };
            assert_eq!(bench.collect(&room, 17), [&expected.to_bytes()[..], &bytes].concat());

            let mut bench = net_bench(net::RECEIVE, style, 0);
            bench.device.wire_mut().incoming.push_back((header, bytes.to_vec()));
            let room = bench.add_room(lens);
            assert_eq!(bench.serve().served, 1);
            let [high, low] = complete.to_be_bytes();
            let expected = Header { num_buffers: 1, ..Header::default() };
            assert_eq!(bench.collect(&room, 17), [&expected.to_bytes()[..], &[0, 1, high, low, 3]].concat());
        }
    }
}

#[test]
fn partial_checksums_are_completed_where_they_are() {
    // RFC 1071's example: the sum of these words is ddf2.
    let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    let header = Header { flags: Header::NEEDS_CSUM, csum_start: 2, csum_offset: 0, ..Header::default() };
    let mut frame = [&[0xaa, 0xbb][..], &data].concat();
    assert!(net::complete_checksum(&header, &mut frame));
    assert_eq!(frame[..4], [0xaa, 0xbb, 0x22, 0x0d]);
    assert_eq!(frame[4..], data[2..]);
    let before = frame.clone();
    let whole = Header { flags: Header::DATA_VALID, ..header };
    let beyond = Header { csum_offset: 7, ..header };
    let far = Header { csum_start: u16::MAX, csum_offset: u16::MAX, ..header };
    for header in [whole, beyond, far] {
        assert!(!net::complete_checksum(&header, &mut frame));
        assert_eq!(frame, before);
    }
}

#[test]
fn net_describes_itself() {
    let mut device = Net::new(Line::default(), NetOptions { mtu: 9000, ..NetOptions::default() });
    let config = device.identity().config;
    assert_eq!(config.as_bytes(), [2, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0x28, 0x23]);
    device.set_link(false);
    assert_eq!(device.identity().config.read(6, 2), 0);
    assert_eq!(device.identity().queue_max[..3], [256, 256, 0]);
}

/// A terminal.
#[derive(Default)]
struct Screen {
    shown: Vec<u8>,
    typed: VecDeque<u8>,
}

impl Port for Screen {
    fn output(&mut self, bytes: &[u8]) {
        self.shown.extend(bytes);
    }
    fn has_input(&mut self) -> bool {
        !self.typed.is_empty()
    }
    fn input(&mut self, into: &mut [u8]) -> usize {
        let count = into.len().min(self.typed.len());
        for (to, from) in into.iter_mut().zip(self.typed.drain(..count)) {
            *to = from;
        }
        count
    }
}

#[test]
fn console_shows_and_types() {
    for style in Style::all() {
        let console = || Console::new(Screen::default(), ConsoleOptions { size: Some((80, 25)), queue_size: 64 });
        let mut bench = Bench::new(console(), console::TRANSMIT, style, console::features::SIZE);
        let text: Vec<u8> = frame(200);
        bench.add_bytes(&text);
        bench.add_bytes(b"\n");
        assert_eq!(bench.serve().bytes, 201);
        assert_eq!(bench.device.port().shown, [&text[..], b"\n"].concat());
        let mut bench = Bench::new(console(), console::RECEIVE, style, 0);
        let (first, second) = (bench.add_room(&[3, 70]), bench.add_room(&[100]));
        assert_eq!(bench.serve(), Progress::default());
        bench.device.port_mut().typed.extend(&text[..80]);
        assert_eq!(bench.serve().served, 2);
        assert_eq!(bench.driver.take(), Some(Used { buffer: 0, written: 73 }));
        assert_eq!(bench.driver.take(), Some(Used { buffer: 1, written: 7 }));
        assert_eq!([bench.collect(&first, 73), bench.collect(&second, 7)].concat(), text[..80]);
    }
}

#[test]
fn console_takes_a_character_at_any_time() {
    let mut console = Console::new(Screen::default(), ConsoleOptions::default());
    console.write_config(8, 4, 0x1_0041);
    console.write_config(0, 2, 0x42);
    assert_eq!(console.port().shown, b"A");
    assert_eq!(console.identity().features & console::features::SIZE, 0);
}

/// Bytes that count up.
struct Counting(u8);

impl Source for Counting {
    fn fill(&mut self, into: &mut [u8]) {
        for byte in into {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
    }
}

#[test]
fn rng_fills_buffers_however_they_are_cut() {
    for style in Style::all() {
        let mut bench = Bench::new(Rng::new(Counting(0)), 0, style, 0);
        let first = bench.add_room(&[1, 100, 63]);
        let second = bench.add_room(&[36]);
        let progress = bench.serve();
        assert_eq!((progress.served, progress.bytes), (2, 200));
        let expected: Vec<u8> = (1..=200).collect();
        assert_eq!([bench.collect(&first, 164), bench.collect(&second, 36)].concat(), expected);
        let written = [bench.driver.take(), bench.driver.take()].map(|used| used.map(|used| used.written));
        assert_eq!(written, [Some(164), Some(36)]);
        assert_eq!((bench.device.identity().device_id, bench.device.counters().bytes_out), (4, 200));
    }
}

#[test]
fn rng_gives_a_request_no_more_than_it_must() {
    let mut bench = Bench::new(Rng::new(Counting(0)), 0, SPLIT, 0);
    let pieces = bench.add_room(&[4000, 4000]);
    assert_eq!(bench.serve().bytes, REQUEST_MAX);
    assert_eq!(bench.driver.take().map(|used| used.written), Some(REQUEST_MAX as u32));
    let bytes = bench.collect(&pieces, 8000);
    assert!(bytes[REQUEST_MAX as usize..].iter().all(|byte| *byte == 0), "the rest stays as it was");
}

/// Answers with the message in upper case, and counts sessions.
struct Shouting(u32);

impl Server for Shouting {
    fn message(&mut self, request: &[u8], reply: &mut [u8]) -> usize {
        let len = request.len().min(reply.len());
        reply[..len].copy_from_slice(&request[..len].to_ascii_uppercase());
        len
    }

    fn reset(&mut self) {
        self.0 += 1;
    }
}

#[test]
fn p9_carries_messages_however_they_are_cut() {
    for style in Style::all() {
        let share = P9::new(Shouting(0), Tag::new("some files").unwrap(), vec![0; 100], vec![0; 100]);
        let mut bench = Bench::new(share, 0, style, p9::features::MOUNT_TAG);
        let at = bench.arena.put(b"a message of some length");
        let room = bench.arena.allocate(50, 1);
        let pieces = [
            Piece::readable(at, 5),
            Piece::readable(at + 5, 19),
            Piece::writable(room, 3),
            Piece::writable(room + 3, 47),
        ];
        let _ = bench.add(&pieces);
        // An answer ends where the room does.
        let short = bench.arena.allocate(8, 1);
        let _ = bench.add(&[Piece::readable(at, 24), Piece::writable(short, 8)]);
        assert_eq!(bench.serve().served, 2);
        assert_eq!(bench.arena.bytes(room, 25), b"A MESSAGE OF SOME LENGTH\0");
        assert_eq!(bench.arena.bytes(short, 8), b"A MESSAG");
        let written = [bench.driver.take(), bench.driver.take()].map(|used| used.map(|used| used.written));
        assert_eq!(written, [Some(24), Some(8)]);
        bench.device.reset();
        assert_eq!(bench.device.server().0, 1);
        let identity = bench.device.identity();
        assert_eq!((identity.device_id, identity.config.as_bytes()), (9, &b"\x0a\0some files"[..]));
    }
}

/// What a driver asks a disk for.
#[derive(Debug, Clone)]
struct Ask {
    kind: u32,
    sector: u64,
    sectors: u32,
    fill: u8,
    /// Where data are cut, and how many requests go before the device looks.
    cut: u32,
    batch: bool,
}

fn ask() -> impl Strategy<Value = Ask> {
    let kind = prop_oneof![Just(0), Just(1), Just(4), Just(8), Just(13), Just(99)];
    (kind, 0..SECTORS as u64 + 2, 0..4_u32, any::<u8>(), 1..600_u32, any::<bool>())
        .prop_map(|(kind, sector, sectors, fill, cut, batch)| Ask { kind, sector, sectors, fill, cut, batch })
}

fn cut(address: u64, len: u32, at: u32, piece: fn(u64, u32) -> Piece) -> Vec<Piece> {
    let first = at.min(len);
    [(address, first), (address + u64::from(first), len - first)]
        .into_iter()
        .filter(|(_, len)| *len > 0)
        .map(|(address, len)| piece(address, len))
        .collect()
}

/// What a run comes to: answers by buffer with data and used length, and the disk.
type Outcome = (Vec<(u64, u32, Vec<u8>)>, Vec<u8>);

fn run(style: Style, asks: &[Ask]) -> Outcome {
    let mut bench = block_bench(style);
    let mut rooms = Vec::new();
    let mut answers = Vec::new();
    for ask in asks {
        let len = 512 * ask.sectors;
        let out = match ask.kind {
            1 => vec![ask.fill; len as usize],
            13 => range(ask.sector, ask.sectors, 0),
            _ => vec![],
        };
        let room = if matches!(ask.kind, 0 | 8) { len } else { 0 } + 1;
        let sent = [header(ask.kind, ask.sector), out].concat();
        let (at, back) = (bench.arena.put(&sent), bench.arena.allocate(room.into(), 1));
        let mut pieces = cut(at, sent.len() as u32, ask.cut, Piece::readable);
        pieces.extend(cut(back, room, ask.cut, Piece::writable));
        let buffer = bench.add(&pieces);
        rooms.push((buffer, back, room));
        if !ask.batch {
            let _ = bench.serve();
            answers.extend(std::iter::from_fn(|| bench.driver.take()));
        }
    }
    let _ = bench.serve();
    answers.extend(std::iter::from_fn(|| bench.driver.take()));
    assert_eq!(bench.driver.outstanding(), 0);
    let answers = answers.into_iter().map(|used| {
        let &(buffer, back, room) = rooms.iter().find(|(buffer, ..)| *buffer == used.buffer).unwrap();
        (buffer, used.written, bench.arena.bytes(back, room as usize))
    });
    (answers.collect(), bench.device.storage().bytes().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_kind_of_ring_makes_no_difference(asks in proptest::collection::vec(ask(), 1..14)) {
        let expected = run(SPLIT, &asks);
        for style in Style::all() {
            prop_assert_eq!(run(style, &asks), expected.clone(), "{:?}", style);
        }
    }
}
