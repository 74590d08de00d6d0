//! Supervisor software interrupts: the SSWI device of the RISC-V ACLINT specification 1.0, chapter 4. With it a kernel
//! interrupts another hart by one store, without its firmware.

mod device;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::Sswi;
pub use registers::{HARTS_MAX, SIZE};
pub use state::SswiState;
