//! What a slot can hold, and its other side: disks' bytes, frames, terminals and files, for the owner of the machine.
//!
//! What comes in from outside makes the slot [pending](VirtioSlot::is_pending): the next
//! [`advance`](VirtioSlot::advance) gives it to the driver.

use rv_virtio::device::block::Storage as _;
use rv_virtio::device::p9::{Server, Tag};
use rv_virtio::device::{console, net};

use super::link::{FrameError, check_len};
use super::plug::{Disk, Plug};
use super::share::Files;
use super::state::ServiceTime;
use super::{Drive, DriveId, Generator, Line, Link, VirtioSlot};
use crate::RestoreError;

/// What is in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Empty,
    /// A disk.
    Disk,
    /// A network card.
    Net,
    /// A console.
    Console,
    /// A source of random bytes.
    Rng,
    /// A folder of the host, over 9P.
    Share,
}

impl VirtioSlot {
    /// A slot with nothing in it: its device id is 0, which drivers pass by.
    pub fn empty() -> Self {
        Self::new(Plug::Empty)
    }

    /// A slot with a disk.
    pub fn with_disk(drive: Drive, id: DriveId, time: ServiceTime) -> Self {
        Self::new(Plug::Disk(Box::new(Disk::new(drive, id, time))))
    }

    /// A slot with a network card of this address. Its frames wait in the slot, up to
    /// [`FRAMES_MAX`](super::FRAMES_MAX) each way: see [`take_frame`](Self::take_frame) and
    /// [`push_frame`](Self::push_frame).
    pub fn with_net(mac: [u8; 6]) -> Self {
        Self::new(Plug::net(Link::default(), mac))
    }

    /// A slot with a console: see [`push_input`](Self::push_input) and [`drain_output`](Self::drain_output).
    pub fn with_console() -> Self {
        Self::new(Plug::console(Line::default()))
    }

    /// A slot with a source of random bytes, the same ones for the same seed.
    pub fn with_rng(seed: u64) -> Self {
        Self::new(Plug::rng(Generator::new(seed)))
    }

    /// A slot with a folder of the host's, which the guest mounts by `tag` (`mount -t 9p -o trans=virtio TAG DIR`).
    pub fn with_share(tag: Tag, server: Box<dyn Server>) -> Self {
        Self::new(Plug::share(tag, Files::Served(server)))
    }

    /// What is in it.
    pub fn kind(&self) -> Kind {
        match self.plug {
            Plug::Empty => Kind::Empty,
            Plug::Disk(_) => Kind::Disk,
            Plug::Net(..) => Kind::Net,
            Plug::Console(_) => Kind::Console,
            Plug::Rng(_) => Kind::Rng,
            Plug::Share(_) => Kind::Share,
        }
    }

    /// Gives a restored slot the bytes of its disk back.
    ///
    /// # Errors
    /// If it is another disk, as drivers can tell.
    pub fn attach(&mut self, drive: Drive) -> Result<(), RestoreError> {
        let error = |reason| RestoreError { device: "virtio", reason };
        let Plug::Disk(disk) = &mut self.plug else {
            return Err(error("a disk for a slot that had none"));
        };
        let state = disk.state();
        if (drive.sectors(), drive.read_only()) != (state.sectors, state.read_only) {
            return Err(error("a disk of another size, or read-only where it was not"));
        }
        *disk.block.storage_mut() = drive;
        Ok(())
    }

    /// Gives a restored slot somebody to serve its share. The session is a new one: a guest that had the share mounted
    /// finds that its files are gone, and mounts it again.
    ///
    /// # Errors
    /// If there was no share in the slot.
    pub fn attach_share(&mut self, server: Box<dyn Server>) -> Result<(), RestoreError> {
        let Plug::Share(share) = &mut self.plug else {
            return Err(RestoreError { device: "virtio", reason: "a share for a slot that had none" });
        };
        *share.server_mut() = Files::Served(server);
        Ok(())
    }

    /// The disk's bytes.
    pub fn drive(&self) -> Option<&Drive> {
        match &self.plug {
            Plug::Disk(disk) => Some(disk.block.storage()),
            _ => None,
        }
    }

    /// The network card's address.
    pub fn mac(&self) -> Option<[u8; 6]> {
        match &self.plug {
            Plug::Net(_, mac) => Some(*mac),
            _ => None,
        }
    }

    /// Takes the oldest frame that the guest has sent: Ethernet's header, then data; its checksums are complete.
    pub fn take_frame(&mut self) -> Option<Vec<u8>> {
        let Plug::Net(net, _) = &mut self.plug else { return None };
        let (frame, awaited) = net.wire_mut().take()?;
        if awaited {
            self.wake(net::TRANSMIT);
        }
        Some(frame)
    }

    /// Puts a frame (Ethernet's header, then data, checksums complete) on its way to the guest. Without a driver, it is
    /// lost.
    ///
    /// # Errors
    /// [`FrameError`] says why the frame can't be sent, or not now.
    pub fn push_frame(&mut self, frame: &[u8]) -> Result<(), FrameError> {
        let live = self.is_live();
        let Plug::Net(net, _) = &mut self.plug else { return Err(FrameError::NoDevice) };
        if !live {
            return check_len(frame);
        }
        net.wire_mut().push(frame)?;
        self.wake(net::RECEIVE);
        Ok(())
    }

    /// Frames that [`push_frame`](Self::push_frame) takes now.
    pub fn frame_room(&self) -> usize {
        match &self.plug {
            Plug::Net(net, _) => net.wire().room(),
            _ => 0,
        }
    }

    /// Types bytes at the console; lost if there is none.
    pub fn push_input(&mut self, bytes: &[u8]) {
        if let Plug::Console(console) = &mut self.plug {
            console.port_mut().push_input(bytes);
            self.wake(console::RECEIVE);
        }
    }

    /// Bytes typed at the console and not yet read by software.
    pub fn unread_input(&self) -> usize {
        match &self.plug {
            Plug::Console(console) => console.port().unread(),
            _ => 0,
        }
    }

    /// Moves what was printed at the console to the end of `sink`.
    pub fn drain_output(&mut self, sink: &mut Vec<u8>) {
        if let Plug::Console(console) = &mut self.plug {
            console.port_mut().drain_output(sink);
        }
    }
}
