//! The advanced platform-level interrupt controller by the RISC-V Advanced Interrupt Architecture 1.0, chapter "Advanced Platform-Level
//! Interrupt Controller (APLIC)": wires in, interrupts or messages to harts out.
//!
//! There are two interrupt domains, a root at machine level and its child at supervisor level, each with a window of [`SIZE`] bytes; to
//! this device the second follows the first. Where harts have IMSICs both forward interrupts by MSIs, else both signal harts themselves.
//! Messages are left for the board, which knows what is at their addresses: [`Aplic::take_messages`].

mod device;
mod domain;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::{Aplic, Msi};
pub use domain::Level;
pub use registers::{SIZE, SOURCES};
pub use state::{AplicState, Delivery, DomainState, IdcState};
