//! A driver of a few lines for devices with any queues, written from virtio 1.2: split rings, one descriptor a buffer or two.

use rv_virtio::memory::{GuestAddress, GuestMemory, VecMemory};
use rv_virtio::transport::mmio::offsets as at;

use super::super::VirtioSlot;
use crate::{Device, Width};

const RAM: u64 = 0x8000_0000;
/// Room for each queue's rings.
const QUEUE: u64 = 0x4000;
const AVAILABLE: u64 = 0x1000;
const USED: u64 = 0x2000;
/// Buffers of all queues, as they are made.
const BUFFERS: u64 = RAM + 8 * QUEUE;
const SIZE: u16 = 64;
const NEXT: u16 = 1;
const WRITE: u16 = 2;

/// A buffer with the device.
#[derive(Clone, Copy)]
pub struct Buffer {
    pub address: u64,
    pub len: u32,
}

pub struct Driver {
    pub memory: VecMemory,
    made: [u16; 8],
    descriptors: [u16; 8],
    next: u64,
}

impl Driver {
    pub fn new() -> Self {
        let memory = VecMemory::new(GuestAddress(RAM), 4 << 20);
        Self { memory, made: [0; 8], descriptors: [0; 8], next: BUFFERS }
    }

    fn put(&self, address: u64, bytes: &[u8]) {
        self.memory.write(GuestAddress(address), bytes).unwrap();
    }

    pub fn bytes(&self, buffer: Buffer) -> Vec<u8> {
        let mut bytes = vec![0; buffer.len as usize];
        self.memory.read(GuestAddress(buffer.address), &mut bytes).unwrap();
        bytes
    }

    /// Puts a device with so many queues into operation, with these features beside VERSION_1.
    pub fn start(&self, slot: &mut VirtioSlot, queues: u16, features: u32) {
        let mut set = |offset, value: u64| slot.write(offset, Width::Word, value, 0).unwrap();
        for status in [0, 1, 3] {
            set(at::STATUS, status);
        }
        for (select, features) in [(0, u64::from(features)), (1, 1)] {
            set(at::DRIVER_FEATURES_SEL, select);
            set(at::DRIVER_FEATURES, features);
        }
        set(at::STATUS, 11);
        for queue in 0..u64::from(queues) {
            let base = RAM + queue * QUEUE;
            set(at::QUEUE_SEL, queue);
            set(at::QUEUE_NUM, SIZE.into());
            set(at::QUEUE_DESC_LOW, base);
            set(at::QUEUE_DRIVER_LOW, base + AVAILABLE);
            set(at::QUEUE_DEVICE_LOW, base + USED);
            set(at::QUEUE_READY, 1);
        }
        set(at::STATUS, 15);
        assert_eq!(slot.read(at::STATUS, Width::Word, 0), Ok(15));
        slot.advance(0, &self.memory);
    }

    /// Offers bytes to be read (if there are any) and room to be written (if there is any); the room.
    pub fn offer(&mut self, queue: usize, bytes: &[u8], room: u32) -> Buffer {
        let base = RAM + queue as u64 * QUEUE;
        let (address, into) = (self.next, self.next + bytes.len() as u64);
        self.next = into + u64::from(room);
        self.put(address, bytes);
        let pieces = [(address, bytes.len() as u32, 0), (into, room, WRITE)];
        let pieces: Vec<_> = pieces.into_iter().filter(|piece| piece.1 != 0).collect();
        let head = self.descriptors[queue] % SIZE;
        for (index, (address, len, flags)) in pieces.iter().enumerate() {
            let number = self.descriptors[queue] % SIZE;
            let more = if index + 1 < pieces.len() { NEXT } else { 0 };
            let at = base + 16 * u64::from(number);
            self.put(at, &address.to_le_bytes());
            self.put(at + 8, &len.to_le_bytes());
            self.put(at + 12, &(flags | more).to_le_bytes());
            self.put(at + 14, &((number + 1) % SIZE).to_le_bytes());
            self.descriptors[queue] += 1;
        }
        self.put(base + AVAILABLE + 4 + 2 * u64::from(self.made[queue] % SIZE), &head.to_le_bytes());
        self.made[queue] += 1;
        self.put(base + AVAILABLE + 2, &self.made[queue].to_le_bytes());
        Buffer { address: into, len: room }
    }

    pub fn kick(&self, slot: &mut VirtioSlot, queue: usize, now: u64) {
        slot.write(at::QUEUE_NOTIFY, Width::Word, queue as u64, now).unwrap();
        slot.advance(now, &self.memory);
    }

    /// How many buffers of a queue have come back.
    pub fn used(&self, queue: usize) -> u16 {
        self.memory.read_u16(GuestAddress(RAM + queue as u64 * QUEUE + USED + 2)).unwrap()
    }

    /// Bytes written to the buffer that came back as the `index`th.
    pub fn written(&self, queue: usize, index: u16) -> u32 {
        let at = RAM + queue as u64 * QUEUE + USED + 4 + 8 * u64::from(index % SIZE) + 4;
        self.memory.read_u32(GuestAddress(at)).unwrap()
    }

    /// Acknowledges the interrupt; whether there was one.
    pub fn interrupted(slot: &mut VirtioSlot) -> bool {
        let was = slot.interrupt();
        slot.write(at::INTERRUPT_ACK, Width::Word, 3, 0).unwrap();
        assert!(!slot.interrupt());
        was
    }
}
