//! What on the host stands behind a device: nothing here knows of virtio's rings or of the machine, and nothing else
//! in the emulator holds a socket, or a folder of the host.
//!
//! A device of the machine is a state machine in virtual time; what is here is its other end, in the host's time. The
//! two meet between two slices of a run and nowhere else: who runs the machine carries frames to and from
//! [`nat::Nat`] or [`wire::Port`]. Disks and shared folders answer at once, so they are called by their devices.
//!
//! The guest is hostile everywhere: what it sends is checked, what it can make the host hold is bounded.

pub mod disk;
pub mod nat;
pub mod p9;
pub mod wire;
