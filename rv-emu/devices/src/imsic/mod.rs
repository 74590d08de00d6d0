//! Incoming MSI controllers by the RISC-V Advanced Interrupt Architecture 1.0, chapter "Incoming MSI Controller (IMSIC)": for every hart an
//! interrupt file of one privilege level, and those of guests behind it. A machine has two such devices, one for each level.
//!
//! Messages are stores to a file's page; everything else a hart does through CSRs, so that the board asks for it by hart and file. File 0
//! is the level's own, file n guest n's.

mod device;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::Imsic;
pub use registers::{GUESTS_MAX, IDENTITIES, guest_index_bits, size};
pub use state::{ImsicFile, ImsicHart, ImsicState, Message};
