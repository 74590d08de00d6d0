//! SiFive's test finisher (`sifive,test1`): how a program ends the run, with a verdict.
//!
//! Through the `syscon-poweroff` and `syscon-reboot` nodes of the device tree it is also what
//! firmware and Linux use to switch a `virt` board off or reset it.

mod device;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::Finisher;
pub use registers::{FAIL, PASS, RESET, SIZE};
pub use state::{Finish, FinisherState};
