//! What serves a virtio device's queues, wherever it runs: in the monitor's process, in a worker of the kernel, in a backend process.
//!
//! A [`Service`] is a device of `rv-virtio` with its queues and the guest's memory. It is told which queues to look at and says whether the
//! driver wants an interrupt; who tells it, and how the interrupt gets there, is what the mechanisms differ in.
#![cfg_attr(not(test), no_std)]

pub mod any;
pub mod disk;
pub mod memory;
pub mod port;
pub mod service;
pub mod storage;

pub use any::Any;
pub use disk::RamDisk;
pub use memory::{Mapped, Memory, Pieces};
pub use port::Port;
pub use service::{Service, Turn};
pub use storage::Disk;
