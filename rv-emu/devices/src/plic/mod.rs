//! The platform-level interrupt controller, in the layout of SiFive's and of QEMU's `virt` board.
//!
//! By the RISC-V PLIC specification 1.0: sources have priorities, contexts (M and S of each hart)
//! have enables and a threshold, and a request passes its gateway once until it is completed. All
//! gateways here are level-triggered, as all devices of the board are.

mod device;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::Plic;
pub use registers::{CONTEXTS_MAX, PRIORITY_MAX, SIZE, SOURCES};
pub use state::{PlicContext, PlicState};

/// The machine-mode context of a hart.
pub const fn machine_context(hart: usize) -> usize {
    2 * hart
}

/// The supervisor-mode context of a hart.
pub const fn supervisor_context(hart: usize) -> usize {
    2 * hart + 1
}
