//! A virtio-mmio slot (virtio 1.2, section 4.2): empty, or with a device in it: a disk, a network card, a console, a source
//! of random bytes, or a folder of the host.
//!
//! The protocol is `rv_virtio`'s; what is here is a place on the bus, and time. A disk takes its time: a request that the
//! driver has made available is started when the disk is free, and done when its service time is over; only then is data
//! moved, the request given back, and the interrupt line raised. The other devices do at once what they are asked for. Who
//! owns the slot calls [`VirtioSlot::advance`] with the guest's memory after each access, at [`VirtioSlot::next_event`],
//! and after something came in from outside. Whoever is late with that delays what is seen, but not the disk: the next
//! request starts when the last one was due.
//!
//! Besides the files of every device: `plug` (what is in a slot), `ports` (its other side, for the owner), and what is
//! behind each device: `drive`, `file` and `host` (disks), `link` (a network cable), `line` (a terminal), `generator` (random
//! bytes), `share` (files of the host).

mod device;
mod drive;
mod file;
mod generator;
mod host;
mod line;
mod link;
mod plug;
mod ports;
mod registers;
mod share;
mod state;
#[cfg(test)]
mod tests;

pub use device::VirtioSlot;
pub use drive::{Drive, DriveId};
pub use file::{DriveError, FileDisk};
pub use generator::Generator;
pub use host::HostDisk;
pub use line::Line;
pub use link::{FRAME_MAX, FRAME_MIN, FRAMES_MAX, FrameError, Link};
pub use ports::Kind;
pub use registers::{SIZE, SLOTS};
pub use rv_virtio::device::p9::{Server, Tag};
pub use share::MESSAGE_MAX;
pub use state::{DriveState, PlugState, ServiceTime, SlotState};
