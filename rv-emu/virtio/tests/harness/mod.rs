//! A driver for tests: rings, buffers and registers, seen from the other side than the crate's.
//!
//! It is written from the specification, by itself: nothing of the queue's code is in it. Buffers
//! are taken from a region that is never given back; a test is short.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;

use rv_virtio::features;
use rv_virtio::memory::{GuestAddress, GuestMemory, VecMemory};
use rv_virtio::queue::QueueConfig;

pub const BASE: u64 = 0x8000_0000;
pub const MEMORY: usize = 8 << 20;

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

/// Memory with a place for everything.
pub struct Arena {
    pub memory: VecMemory,
    next: u64,
}

impl Arena {
    pub fn new() -> Self {
        Self { memory: VecMemory::new(GuestAddress(BASE), MEMORY), next: BASE }
    }

    pub fn allocate(&mut self, len: u64, alignment: u64) -> u64 {
        let start = self.next.next_multiple_of(alignment);
        self.next = start + len;
        assert!(self.next <= BASE + MEMORY as u64, "the test needs more memory");
        start
    }

    pub fn put(&mut self, bytes: &[u8]) -> u64 {
        let address = self.allocate(bytes.len() as u64, 1);
        self.memory.write(GuestAddress(address), bytes).unwrap();
        address
    }

    pub fn bytes(&self, address: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.memory.read(GuestAddress(address), &mut bytes).unwrap();
        bytes
    }
}

/// A piece of a buffer, as a driver offers it.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    pub address: u64,
    pub len: u32,
    pub writable: bool,
}

impl Piece {
    pub fn readable(address: u64, len: u32) -> Self {
        Self { address, len, writable: false }
    }

    pub fn writable(address: u64, len: u32) -> Self {
        Self { address, len, writable: true }
    }
}

/// A buffer that has come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// What `add` has returned.
    pub buffer: u64,
    pub written: u32,
}

/// How a driver works its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub packed: bool,
    pub indirect: bool,
    pub event_idx: bool,
}

impl Style {
    pub fn all() -> impl Iterator<Item = Self> {
        (0..8).map(|bits| Self { packed: bits & 1 != 0, indirect: bits & 2 != 0, event_idx: bits & 4 != 0 })
    }

    pub fn features(self) -> u64 {
        let mut chosen = features::VERSION_1;
        for (on, feature) in [
            (self.packed, features::RING_PACKED),
            (self.indirect, features::INDIRECT_DESC),
            (self.event_idx, features::EVENT_IDX),
        ] {
            chosen |= if on { feature } else { 0 };
        }
        chosen
    }
}

/// The driver's side of a queue.
pub struct DriverQueue {
    pub config: QueueConfig,
    pub style: Style,
    memory: VecMemory,
    buffers: u64,
    /// Split: free descriptors. Packed: free ids.
    free: Vec<u16>,
    /// What is with the device, by head or id: the buffer, and its descriptors.
    out: BTreeMap<u16, (u64, Vec<u16>)>,
    /// Available index, or place in the ring.
    next: u16,
    wrap: bool,
    /// Places added since the last question about a kick.
    added: u16,
    used: u16,
    used_wrap: bool,
    free_places: u16,
}

impl DriverQueue {
    pub fn new(arena: &mut Arena, size: u16, style: Style) -> Self {
        let entries = u64::from(size);
        let descriptors = arena.allocate(16 * entries, 16);
        let (driver, device) = if style.packed {
            (arena.allocate(4, 4), arena.allocate(4, 4))
        } else {
            (arena.allocate(6 + 2 * entries, 2), arena.allocate(6 + 8 * entries, 4))
        };
        let config = QueueConfig {
            size,
            descriptors: GuestAddress(descriptors),
            driver: GuestAddress(driver),
            device: GuestAddress(device),
        };
        Self {
            config,
            style,
            memory: arena.memory.clone(),
            buffers: 0,
            free: (0..size).rev().collect(),
            out: BTreeMap::new(),
            next: 0,
            wrap: true,
            added: 0,
            used: 0,
            used_wrap: true,
            free_places: size,
        }
    }

    pub fn get16(&self, address: u64) -> u16 {
        self.memory.read_u16(GuestAddress(address)).unwrap()
    }

    pub fn put16(&self, address: u64, value: u16) {
        self.memory.write(GuestAddress(address), &value.to_le_bytes()).unwrap();
    }

    fn descriptor(&self, at: u64, address: u64, len: u32, third: u16, fourth: u16) {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&address.to_le_bytes());
        bytes[8..12].copy_from_slice(&len.to_le_bytes());
        bytes[12..14].copy_from_slice(&third.to_le_bytes());
        bytes[14..].copy_from_slice(&fourth.to_le_bytes());
        self.memory.write(GuestAddress(at), &bytes).unwrap();
    }

    /// Offers a buffer; `None` if there is no room for it.
    pub fn add(&mut self, arena: &mut Arena, pieces: &[Piece]) -> Option<u64> {
        assert!(!pieces.is_empty());
        let buffer = self.buffers;
        let table = (self.style.indirect && pieces.len() > 1).then(|| self.table(arena, pieces));
        let pieces: &[(Piece, u16)] = &match table {
            Some(table) => vec![(Piece::readable(table, 16 * pieces.len() as u32), INDIRECT)],
            None => pieces.iter().map(|&piece| (piece, if piece.writable { WRITE } else { 0 })).collect(),
        };
        if self.style.packed { self.add_packed(pieces, buffer) } else { self.add_split(pieces, buffer) }?;
        self.buffers += 1;
        Some(buffer)
    }

    fn table(&self, arena: &mut Arena, pieces: &[Piece]) -> u64 {
        let table = arena.allocate(16 * pieces.len() as u64, 16);
        for (index, piece) in pieces.iter().enumerate() {
            let write = if piece.writable { WRITE } else { 0 };
            let last = index + 1 == pieces.len();
            let at = table + 16 * index as u64;
            if self.style.packed {
                self.descriptor(at, piece.address, piece.len, 0, write);
            } else {
                let next = if last { 0 } else { NEXT };
                self.descriptor(at, piece.address, piece.len, write | next, index as u16 + 1);
            }
        }
        table
    }

    fn add_split(&mut self, pieces: &[(Piece, u16)], buffer: u64) -> Option<()> {
        if self.free.len() < pieces.len() {
            return None;
        }
        let chain: Vec<u16> = pieces.iter().map(|_| self.free.pop().unwrap()).collect();
        for (position, &(piece, flags)) in pieces.iter().enumerate() {
            let next = chain.get(position + 1).copied();
            let flags = flags | if next.is_some() { NEXT } else { 0 };
            let at = self.config.descriptors.0 + 16 * u64::from(chain[position]);
            self.descriptor(at, piece.address, piece.len, flags, next.unwrap_or(0xffff));
        }
        let head = chain[0];
        let slot = u64::from(self.next % self.config.size);
        self.put16(self.config.driver.0 + 4 + 2 * slot, head);
        self.next = self.next.wrapping_add(1);
        self.added += 1;
        self.put16(self.config.driver.0 + 2, self.next);
        self.out.insert(head, (buffer, chain));
        Some(())
    }

    fn add_packed(&mut self, pieces: &[(Piece, u16)], buffer: u64) -> Option<()> {
        if usize::from(self.free_places) < pieces.len() {
            return None;
        }
        let id = self.free.pop().unwrap();
        let mut first = None;
        for (position, &(piece, flags)) in pieces.iter().enumerate() {
            let last = position + 1 == pieces.len();
            let marks = if self.wrap { 1 << 7 } else { 1 << 15 };
            let flags = flags | marks | if last { 0 } else { NEXT };
            let at = self.config.descriptors.0 + 16 * u64::from(self.next);
            if position == 0 {
                // All but the flags.
                let old = self.get16(at + 14);
                self.descriptor(at, piece.address, piece.len, id, old);
                first = Some((at + 14, flags));
            } else {
                self.descriptor(at, piece.address, piece.len, id, flags);
            }
            self.next += 1;
            if self.next == self.config.size {
                self.next = 0;
                self.wrap = !self.wrap;
            }
        }
        let (at, flags) = first.unwrap();
        self.put16(at, flags);
        let places = pieces.len() as u16;
        self.free_places -= places;
        self.added += places;
        self.out.insert(id, (buffer, vec![0; pieces.len()]));
        Some(())
    }

    /// Whether the device wants to know of what was added since the last question.
    pub fn needs_kick(&mut self) -> bool {
        let added = std::mem::take(&mut self.added);
        let new = self.next;
        let old = new.wrapping_sub(added);
        let passes = |event: u16| new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old);
        let device = self.config.device.0;
        if added == 0 {
            return false;
        }
        match (self.style.packed, self.style.event_idx) {
            (false, false) => self.get16(device) & 1 == 0,
            (false, true) => passes(self.get16(device + 4 + 8 * u64::from(self.config.size))),
            (true, _) => match self.get16(device + 2) {
                0 => true,
                1 => false,
                flags => {
                    assert_eq!(flags, 2, "a device that has no such event flags");
                    assert!(self.style.event_idx);
                    let at = self.get16(device);
                    let event = at & 0x7fff;
                    passes(if (at >> 15 != 0) == self.wrap { event } else { event.wrapping_sub(self.config.size) })
                }
            },
        }
    }

    /// Takes a buffer back.
    pub fn take(&mut self) -> Option<Used> {
        if self.style.packed { self.take_packed() } else { self.take_split() }
    }

    fn take_split(&mut self) -> Option<Used> {
        let device = self.config.device.0;
        if self.get16(device + 2) == self.used {
            return None;
        }
        let at = device + 4 + 8 * u64::from(self.used % self.config.size);
        let id = self.memory.read_u32(GuestAddress(at)).unwrap();
        let written = self.memory.read_u32(GuestAddress(at + 4)).unwrap();
        let head = u16::try_from(id).expect("a head");
        let (buffer, chain) = self.out.remove(&head).expect("a buffer that was with the device");
        self.free.extend(chain);
        self.used = self.used.wrapping_add(1);
        Some(Used { buffer, written })
    }

    fn take_packed(&mut self) -> Option<Used> {
        let at = self.config.descriptors.0 + 16 * u64::from(self.used);
        let flags = self.get16(at + 14);
        let (available, used) = (flags >> 7 & 1 != 0, flags >> 15 != 0);
        if available != self.used_wrap || used != self.used_wrap {
            return None;
        }
        let written = self.memory.read_u32(GuestAddress(at + 8)).unwrap();
        let id = self.get16(at + 12);
        assert_eq!(flags & WRITE != 0, written > 0);
        let (buffer, places) = self.out.remove(&id).expect("a buffer that was with the device");
        self.free.push(id);
        self.free_places += places.len() as u16;
        self.used += places.len() as u16;
        if self.used >= self.config.size {
            self.used -= self.config.size;
            self.used_wrap = !self.used_wrap;
        }
        Some(Used { buffer, written })
    }

    /// Wants an interrupt for the next buffer that comes back, or none at all.
    pub fn want_interrupts(&mut self, wanted: bool) {
        let driver = self.config.driver.0;
        match (self.style.packed, self.style.event_idx) {
            (false, false) => self.put16(driver, u16::from(!wanted)),
            (false, true) => {
                let event = if wanted { self.used } else { self.used.wrapping_sub(1) };
                self.put16(driver + 4 + 2 * u64::from(self.config.size), event);
            }
            (true, true) if wanted => {
                self.put16(driver, self.used | u16::from(self.used_wrap) << 15);
                self.put16(driver + 2, 2);
            }
            (true, _) => self.put16(driver + 2, u16::from(!wanted)),
        }
    }

    /// Buffers that are with the device.
    pub fn outstanding(&self) -> usize {
        self.out.len()
    }
}
