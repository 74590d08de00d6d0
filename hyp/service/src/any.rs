//! A device of either type that this host has, so that who serves it need not care.

use rv_virtio::device::block::{Block, BlockOptions, Buffered, ByteStore, Storage};
use rv_virtio::device::net::{Net, NetOptions, Wire};
use rv_virtio::device::{Counters, Device, Progress};
use rv_virtio::memory::GuestMemory;
use rv_virtio::queue::{Queue, QueueError};
use rv_virtio::transport::mmio::Identity;

use crate::disk::RamDisk;
use crate::memory::Pieces;
use crate::port::Port;
use crate::storage::Disk;

/// The name of disks in memory.
const RAM_DISK: [u8; 20] = *b"hyp ram disk\0\0\0\0\0\0\0\0";

/// Entries of every queue at most.
pub const QUEUE_SIZE: u16 = 256;
/// What a frame of the lab's network carries at most.
pub const MTU: u16 = 16_896;

/// A disk or a network adapter.
#[allow(clippy::large_enum_variant, reason = "there is one of them in each place that serves one")]
pub enum Any<S, W> {
    /// A disk.
    Disk(Block<S>),
    /// A network adapter.
    Nic(Net<W>),
}

impl<P: Pieces, W: FnMut()> Any<RamDisk<P>, Port<W>> {
    /// A disk in memory.
    pub fn disk(pieces: P, size: u64) -> Self {
        Any::storage(RamDisk::new(pieces, size), RAM_DISK)
    }
}

impl<P: Pieces, T: ByteStore, W: FnMut()> Any<Disk<P, T>, Port<W>> {
    /// The machine's disk.
    pub fn real_disk(store: T) -> Self {
        Any::storage(Disk::Store(Buffered::new(store)), *b"machine disk\0\0\0\0\0\0\0\0")
    }

    /// A disk in memory, where there might be the machine's.
    pub fn ram_disk(pieces: P, size: u64) -> Self {
        Any::storage(Disk::Ram(RamDisk::new(pieces, size)), RAM_DISK)
    }
}

impl<S: Storage, W: FnMut()> Any<S, Port<W>> {
    /// A disk of any kind, with its name.
    pub fn storage(storage: S, id: [u8; 20]) -> Self {
        Any::Disk(Block::new(storage, BlockOptions { queue_size: QUEUE_SIZE, id, ..BlockOptions::default() }))
    }

    /// A network adapter at a cable.
    pub fn nic(port: Port<W>) -> Self {
        Any::Nic(Net::new(port, NetOptions { mtu: MTU, queue_size: QUEUE_SIZE, ..NetOptions::default() }))
    }

    /// Whether who serves the device may sleep until somebody notifies it: a cable brings notifications only on request, which this is.
    pub fn may_sleep(&mut self) -> bool {
        match self {
            Any::Disk(_) => true,
            Any::Nic(net) => net.wire_mut().may_sleep(),
        }
    }

    /// The opposite of [`Any::may_sleep`].
    pub fn finish_sleep(&mut self) {
        if let Any::Nic(net) = self {
            net.wire_mut().finish_sleep();
        }
    }
}

/// Calls the same method of either device.
macro_rules! either {
    ($any:expr, $device:ident => $call:expr) => {
        match $any {
            Any::Disk($device) => $call,
            Any::Nic($device) => $call,
        }
    };
}

impl<S: Storage, W: Wire> Device for Any<S, W> {
    fn identity(&self) -> Identity {
        either!(self, device => device.identity())
    }

    fn negotiated(&mut self, features: u64) {
        either!(self, device => device.negotiated(features));
    }

    fn reset(&mut self) {
        either!(self, device => device.reset());
    }

    fn write_config(&mut self, offset: u8, width: u8, value: u64) {
        either!(self, device => device.write_config(offset, width, value));
    }

    #[inline]
    fn serve<M: GuestMemory>(
        &mut self,
        index: u16,
        queue: &mut Queue<M>,
        memory: &M,
        max: u32,
    ) -> Result<Progress, QueueError> {
        either!(self, device => device.serve(index, queue, memory, max))
    }

    #[inline]
    fn rearm<M: GuestMemory>(&mut self, index: u16, queue: &mut Queue<M>) -> bool {
        either!(self, device => device.rearm(index, queue))
    }

    fn counters(&self) -> &Counters {
        either!(self, device => device.counters())
    }

    fn counters_mut(&mut self) -> &mut Counters {
        either!(self, device => device.counters_mut())
    }
}
