//! The registers of virtio-mmio, version 2, as a state machine without a data path.
//!
//! [`Registers`] knows no guest memory and serves no queue. It answers reads, checks writes against
//! the specification, and says what a write means as an [`Effect`]: so the one who owns the
//! registers (a VMM) and the one who owns the rings (a kernel worker, another process) need not be
//! the same. What goes between them is plain data: [`QueueConfig`](crate::queue::QueueConfig) and
//! feature bits one way, [`raise_used`](Registers::raise_used) and [`fail`](Registers::fail) the
//! other.
//!
//! The interrupt line is a function of the state, [`Registers::interrupt_line`]: look at it after
//! every write and every raise.

mod identity;
mod registers;

pub mod offsets;

pub use identity::{CONFIG_MAX, ConfigSpace, Identity, QUEUES_MAX};
pub use registers::{Effect, INTERRUPT_CONFIG, INTERRUPT_USED, RegisterState, Registers, Violation, status};

#[cfg(test)]
mod tests;
