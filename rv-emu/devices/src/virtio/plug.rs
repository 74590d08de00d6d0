//! What is plugged into a slot: a device type of `rv_virtio`'s, with what is behind it.

use rv_virtio::device::block::{Block, BlockOptions, Storage as _};
use rv_virtio::device::console::{Console, ConsoleOptions};
use rv_virtio::device::net::{Net, NetOptions};
use rv_virtio::device::p9::{P9, Tag};
use rv_virtio::device::rng::Rng;
use rv_virtio::device::{Counters, Device as _, answer};
use rv_virtio::memory::GuestMemory;
use rv_virtio::queue::{Queue, QueueError};
use rv_virtio::transport::mmio::Identity;

use super::share::{Files, MESSAGE_MAX};
use super::state::{DriveState, PlugState, ServiceTime};
use super::{Drive, DriveId, Generator, Line, Link};
use crate::RestoreError;

/// A disk: the only device that takes its time.
pub(super) struct Disk {
    pub(super) block: Block<Drive>,
    id: DriveId,
    time: ServiceTime,
}

impl Disk {
    pub(super) fn new(drive: Drive, id: DriveId, time: ServiceTime) -> Self {
        let options = BlockOptions { id: id.bytes(), ..BlockOptions::default() };
        Self { block: Block::new(drive, options), id, time }
    }

    pub(super) fn state(&self) -> DriveState {
        let drive = self.block.storage();
        DriveState { sectors: drive.sectors(), read_only: drive.read_only(), id: self.id, time: self.time }
    }
}

/// What is in a slot. Devices are big: each has a chain of descriptors of its own.
pub(super) enum Plug {
    /// Nothing.
    Empty,
    /// A disk.
    Disk(Box<Disk>),
    /// A network card, by address.
    Net(Box<Net<Link>>, [u8; 6]),
    /// A console.
    Console(Box<Console<Line>>),
    /// A source of random bytes.
    Rng(Box<Rng<Generator>>),
    /// A folder of the host.
    Share(Box<P9<Files, Vec<u8>>>),
}

/// What came of serving a queue.
pub(super) struct Served {
    /// The driver wants an interrupt.
    pub interrupt: bool,
    /// There is more to do, and no notification will come for it.
    pub more: bool,
}

/// Does the same with whichever device there is.
macro_rules! with_device {
    ($plug:expr, $device:ident => $call:expr, $none:expr) => {
        match $plug {
            Plug::Empty => $none,
            Plug::Disk(disk) => {
                let $device = &mut disk.block;
                $call
            }
            Plug::Net(net, _) => {
                let $device = &mut **net;
                $call
            }
            Plug::Console(console) => {
                let $device = &mut **console;
                $call
            }
            Plug::Rng(rng) => {
                let $device = &mut **rng;
                $call
            }
            Plug::Share(share) => {
                let $device = &mut **share;
                $call
            }
        }
    };
}

impl Plug {
    pub(super) fn net(link: Link, mac: [u8; 6]) -> Self {
        Self::Net(Box::new(Net::new(link, NetOptions { mac, ..NetOptions::default() })), mac)
    }

    pub(super) fn console(line: Line) -> Self {
        Self::Console(Box::new(Console::new(line, ConsoleOptions::default())))
    }

    pub(super) fn rng(generator: Generator) -> Self {
        Self::Rng(Box::new(Rng::new(generator)))
    }

    pub(super) fn share(tag: Tag, files: Files) -> Self {
        let buffer = || vec![0; MESSAGE_MAX];
        Self::Share(Box::new(P9::new(files, tag, buffer(), buffer())))
    }

    pub(super) fn identity(&self) -> Identity {
        match self {
            Self::Empty => Identity::EMPTY,
            Self::Disk(disk) => disk.block.identity(),
            Self::Net(net, _) => net.identity(),
            Self::Console(console) => console.identity(),
            Self::Rng(rng) => rng.identity(),
            Self::Share(share) => share.identity(),
        }
    }

    /// How long its requests take, if they take time.
    pub(super) fn service_time(&self) -> Option<ServiceTime> {
        match self {
            Self::Disk(disk) => Some(disk.time).filter(|time| *time != ServiceTime::NONE),
            _ => None,
        }
    }

    pub(super) fn counters(&self) -> Counters {
        match self {
            Self::Empty => Counters::default(),
            Self::Disk(disk) => *disk.block.counters(),
            Self::Net(net, _) => *net.counters(),
            Self::Console(console) => *console.counters(),
            Self::Rng(rng) => *rng.counters(),
            Self::Share(share) => *share.counters(),
        }
    }

    pub(super) fn counters_mut(&mut self) -> Option<&mut Counters> {
        with_device!(self, device => Some(device.counters_mut()), None)
    }

    pub(super) fn negotiated(&mut self, features: u64) {
        with_device!(self, device => device.negotiated(features), ());
    }

    /// The driver has reset the device.
    pub(super) fn reset(&mut self) {
        with_device!(self, device => device.reset(), ());
        if let Self::Net(net, _) = self {
            net.wire_mut().drop_incoming();
        }
    }

    pub(super) fn write_config(&mut self, offset: u8, width: u8, value: u64) {
        with_device!(self, device => device.write_config(offset, width, value), ());
    }

    /// Serves a queue.
    pub(super) fn serve<M: GuestMemory>(
        &mut self,
        index: u16,
        queue: &mut Queue<M>,
        memory: &M,
        max: u32,
    ) -> Result<Served, QueueError> {
        with_device!(self, device => {
            let progress = answer(device, index, queue, memory, max)?;
            // At the limit nobody has asked the driver for notifications: there may be more.
            let more = progress.more && device.rearm(index, queue);
            Ok(Served { interrupt: progress.interrupt, more })
        }, Ok(Served { interrupt: false, more: false }))
    }

    pub(super) fn state(&self) -> PlugState {
        match self {
            Self::Empty => PlugState::Empty,
            Self::Disk(disk) => PlugState::Disk(disk.state()),
            Self::Net(net, mac) => PlugState::Net { mac: *mac, link: net.wire().clone() },
            Self::Console(console) => PlugState::Console(console.port().clone()),
            Self::Rng(rng) => PlugState::Rng(*rng.source()),
            Self::Share(share) => PlugState::Share { tag: share.tag().as_str().to_owned() },
        }
    }

    /// What was plugged in, without what is of the host.
    pub(super) fn restore(state: PlugState) -> Result<Self, RestoreError> {
        let error = |reason| RestoreError { device: "virtio", reason };
        Ok(match state {
            PlugState::Empty => Self::Empty,
            PlugState::Disk(DriveState { sectors, read_only, id, time }) => {
                Self::Disk(Box::new(Disk::new(Drive::Absent { sectors, read_only }, id, time)))
            }
            PlugState::Net { link, .. } if !link.is_valid() => {
                return Err(error("frames that are too many, too short or too long"));
            }
            PlugState::Net { mac, link } => Self::net(link, mac),
            PlugState::Console(line) => Self::console(line),
            PlugState::Rng(generator) if generator.is_valid() => Self::rng(generator),
            PlugState::Rng(_) => return Err(error("a random generator that gives only zeros")),
            PlugState::Share { tag } => {
                let tag = Tag::new(&tag).ok_or(error("a share without a name, or with too long a one"))?;
                Self::share(tag, Files::Absent)
            }
        })
    }
}
