//! The guest's devices. Both ways in, exits and redirections, call [`Devices::read`] and [`Devices::write`]; only the way there differs.

pub mod fifo;
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
    // Not inlined, so that every mechanism runs the same code. What is rare ends in a tail call, so that the rest needs no stack.
    #[inline(never)]
    pub fn read(&mut self, gpa: u64, len: u8) -> Option<u64> {
        let offset = gpa.wrapping_sub(UART);
        match self.uart.poll(offset) {
            None => self.read_rare(offset, len),
            status => status,
        }
    }

    /// Writes the low `len` bytes of `value`; `None` if no device answers there.
    #[inline(never)]
    pub fn write(&mut self, gpa: u64, len: u8, value: u64) -> Option<()> {
        let offset = gpa.wrapping_sub(UART);
        if self.uart.send(offset, value) { Some(()) } else { self.write_rare(offset, len, value) }
    }

    #[cold]
    #[inline(never)]
    fn read_rare(&mut self, offset: u64, len: u8) -> Option<u64> {
        (offset < UART_SIZE).then(|| self.uart.read(offset, len))
    }

    #[cold]
    #[inline(never)]
    fn write_rare(&mut self, offset: u64, len: u8, value: u64) -> Option<()> {
        (offset < UART_SIZE).then(|| self.uart.write(offset, len, value))
    }
}

#[cfg(test)]
mod tests {
    use super::{Devices, UART, UART_SIZE, Uart16550};

    #[test]
    fn the_page_is_the_uarts_and_nothing_else_is() {
        let mut devices = Devices { uart: Uart16550::new(Vec::new()) };
        assert_eq!(devices.read(UART + 5, 1), Some(0x60));
        assert_eq!(devices.write(UART, 1, b'x'.into()), Some(()));
        assert_eq!(devices.read(UART + UART_SIZE - 1, 1), Some(0));
        for gpa in [0, UART - 1, UART + UART_SIZE, u64::MAX] {
            assert_eq!(devices.read(gpa, 1), None, "{gpa:#x}");
            assert_eq!(devices.write(gpa, 1, 0), None, "{gpa:#x}");
        }
        assert_eq!(devices.uart.sink(), b"x");
    }
}
