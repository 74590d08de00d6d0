//! The serial port: a National Semiconductor NS16550A.
//!
//! By the PC16550D data sheet. The line is infinitely fast: what is written to the transmitter has
//! left at once, so the transmitter is always empty. What arrives waits on the line until the
//! receiver has room, as with hardware flow control, so that console input is never lost to an
//! overrun; only loopback mode can overrun.

mod device;
mod registers;
mod state;
#[cfg(test)]
mod tests;

pub use device::Uart16550;
pub use registers::{FIFO_BYTES, SIZE};
pub use state::UartState;
