//! The other side of the board's virtio devices: network cables and consoles, for the program that embeds the machine.
//!
//! All of it is between two runs, as for the serial port ([`Board::push_input`]): a run sees nothing of the host but what
//! was put in before it. Frames that the guest sends wait until they are taken, up to
//! [`FRAMES_MAX`](rv_devices::virtio::FRAMES_MAX); then the guest's driver waits. So a slice
//! ([`Limits::slice`](crate::Limits::slice)) bounds both the latency and, with the length of the queues, the throughput of
//! a network.
//!
//! A cable between two machines is moving frames:
//!
//! ```
//! use rv_machine::Machine;
//!
//! /// Moves the frames that wait from one machine's first network card to another's.
//! fn carry(from: &mut Machine, to: &mut Machine) {
//!     let (Some(out), Some(into)) = (from.board.net_ports().next(), to.board.net_ports().next()) else { return };
//!     while to.board.frame_room(into) > 0
//!         && let Some(frame) = from.board.take_frame(out)
//!     {
//!         // There is room, and the other card's frames have a length that this one takes.
//!         let _ = to.board.push_frame(into, &frame);
//!     }
//! }
//! ```

use rv_devices::VirtioSlot;
use rv_devices::virtio::{FrameError, Kind};

use crate::board::Board;

impl Board {
    /// The slots with a device of this kind, by number, lowest first.
    pub fn slots(&self, kind: Kind) -> impl Iterator<Item = usize> {
        let slots = self.virtio().iter().enumerate();
        slots.filter(move |(_, slot)| slot.kind() == kind).map(|(number, _)| number)
    }

    /// The slots with a network card, by number, lowest first.
    pub fn net_ports(&self) -> impl Iterator<Item = usize> {
        self.slots(Kind::Net)
    }

    /// Takes the oldest frame that the guest has sent by the network card in this slot: Ethernet's header, then data, with
    /// complete checksums. `None` if there is none, or no network card.
    pub fn take_frame(&mut self, slot: usize) -> Option<Vec<u8>> {
        self.with_slot(slot, VirtioSlot::take_frame).flatten()
    }

    /// Puts a frame (Ethernet's header, then data, with complete checksums and without the frame check sequence) on its way
    /// to the network card in this slot. It arrives when a hart runs again. Without a driver in the guest, it is lost.
    ///
    /// # Errors
    /// [`FrameError`] if the slot has no network card, if as many frames as can be are on their way already (then try again
    /// after a run), or if no frame has this length.
    pub fn push_frame(&mut self, slot: usize, frame: &[u8]) -> Result<(), FrameError> {
        self.with_slot(slot, |slot| slot.push_frame(frame)).unwrap_or(Err(FrameError::NoDevice))
    }

    /// Frames that [`push_frame`](Self::push_frame) takes for this slot now.
    pub fn frame_room(&self, slot: usize) -> usize {
        self.virtio().get(slot).map_or(0, VirtioSlot::frame_room)
    }

    /// Types bytes at the console in this slot; they are lost if there is none.
    pub fn push_console(&mut self, slot: usize, bytes: &[u8]) {
        self.with_slot(slot, |slot| slot.push_input(bytes));
    }

    /// Moves what was printed at the console in this slot to the end of `sink`.
    pub fn drain_console(&mut self, slot: usize, sink: &mut Vec<u8>) {
        self.with_slot(slot, |slot| slot.drain_output(sink));
    }
}
