//! A virtio-mmio slot (virtio 1.2, section 4.2): empty, or with a disk in it.
//!
//! The protocol is `rv_virtio`'s; what is here is a device that takes its time. A request that the driver has made
//! available is started when the disk is free, and done when its service time is over: only then is data moved, the
//! request given back, and the interrupt line raised. Who owns the slot calls [`VirtioSlot::advance`] with the guest's
//! memory after each access and at [`VirtioSlot::next_event`]. Whoever is late with that delays what is seen, but not
//! the disk: the next request starts when the last one was due.
//!
//! Besides the files of every device: `drive` (what the disk's bytes are in), `file` (a disk in a file of the host).

mod device;
mod drive;
mod file;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::VirtioSlot;
pub use drive::{Drive, DriveId};
pub use file::{DriveError, FileDisk};
pub use registers::{SIZE, SLOTS};
pub use state::{DriveState, ServiceTime, SlotState};
