//! The guest's devices. Both ways in, exits and redirections, call [`Devices::read`] and [`Devices::write`]; only the way there differs.

pub mod sink;
pub mod uart16550;

use sink::Sink;
use uart16550::Uart16550;

/// Guest physical address of the UART.
pub const UART: u64 = 0x1000_0000;
/// Bytes of the page that is the UART's.
pub const UART_SIZE: u64 = 0x1000;

/// All devices of a guest.
#[derive(Debug)]
pub struct Devices<S> {
    /// The serial port.
    pub uart: Uart16550<S>,
}

impl<S: Sink> Devices<S> {
    /// Reads `len` bytes at guest physical address `gpa`; `None` if no device answers there.
    // Not inlined, so that every mechanism runs the same code.
    #[inline(never)]
    pub fn read(&mut self, gpa: u64, len: u8) -> Option<u64> {
        let offset = gpa.wrapping_sub(UART);
        if offset < UART_SIZE { Some(self.uart.read(offset, len)) } else { None }
    }

    /// Writes the low `len` bytes of `value`; `None` if no device answers there.
    #[inline(never)]
    pub fn write(&mut self, gpa: u64, len: u8, value: u64) -> Option<()> {
        let offset = gpa.wrapping_sub(UART);
        if offset < UART_SIZE {
            self.uart.write(offset, len, value);
            return Some(());
        }
        None
    }
}
