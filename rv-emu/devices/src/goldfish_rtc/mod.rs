//! A real-time clock: the one of Google's "goldfish" platform, which RISC-V's `virt` boards have, as QEMU's model and Linux's
//! driver (`rtc-goldfish`) agree on it.
//!
//! It counts nanoseconds since 1970: those of a start that the owner chooses, and virtual time since. So two runs of the same
//! machine see the same time, and a day passes in the guest when it has passed in the guest.

mod device;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::GoldfishRtc;
pub use registers::SIZE;
pub use state::GoldfishRtcState;
