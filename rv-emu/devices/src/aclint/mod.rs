//! Timer and software interrupts: the RISC-V ACLINT in the register layout of SiFive's CLINT.
//!
//! The layout (`msip` words, then `mtimecmp` double words at 0x4000, `mtime` at 0xbff8) is the
//! MSWI device followed by the MTIMER device of the RISC-V ACLINT specification 1.0, chapters 2 and
//! 3, and at once the CLINT that every piece of firmware knows.

mod device;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::Aclint;
pub use registers::{HARTS_MAX, MTIME, MTIMECMP, SIZE};
pub use state::{AclintState, SoftwareInterrupt};
