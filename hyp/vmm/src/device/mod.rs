//! The guest's devices. Both ways in, exits and redirections, call [`Devices::read`] and [`Devices::write`]; only the way there differs.

pub mod fifo;
pub mod sink;
pub mod slot;
pub mod uart16550;

use sink::Sink;
use slot::Slot;
use uart16550::Uart16550;

/// Guest physical address of the UART.
pub const UART: u64 = 0x1000_0000;
/// Bytes of the page that is the UART's.
pub const UART_SIZE: u64 = 0x1000;
/// Guest physical address of the virtio slot.
pub const VIRTIO: u64 = 0x1000_1000;
/// Bytes of the page that is the slot's.
pub const VIRTIO_SIZE: u64 = 0x1000;

/// What answers a guest's accesses, whichever way they come.
pub trait Bus {
    /// Reads `len` bytes at guest physical address `gpa`; `None` if no device answers there.
    fn read(&mut self, gpa: u64, len: u32) -> Option<u64>;

    /// Writes the low `len` bytes of `value`; `None` if no device answers there.
    fn write(&mut self, gpa: u64, len: u32, value: u64) -> Option<()>;
}

/// All devices of a guest of the lab.
pub struct Devices<S> {
    /// The serial port.
    pub uart: Uart16550<S>,
    /// The virtio device, if it has one.
    pub virtio: Option<Slot>,
}

impl<S: Sink> Devices<S> {
    /// Reads `len` bytes at guest physical address `gpa`; `None` if no device answers there.
    // Not inlined, so that every mechanism runs the same code. What is rare ends in a tail call, so that the rest needs no stack.
    #[inline(never)]
    pub fn read(&mut self, gpa: u64, len: u32) -> Option<u64> {
        let offset = gpa.wrapping_sub(UART);
        match self.uart.poll(offset) {
            None => self.read_rare(gpa, len),
            status => status,
        }
    }

    /// Writes the low `len` bytes of `value`; `None` if no device answers there.
    #[inline(never)]
    pub fn write(&mut self, gpa: u64, len: u32, value: u64) -> Option<()> {
        let offset = gpa.wrapping_sub(UART);
        if self.uart.send(offset, value) { Some(()) } else { self.write_rare(gpa, len, value) }
    }

    #[cold]
    #[inline(never)]
    fn read_rare(&mut self, gpa: u64, len: u32) -> Option<u64> {
        let (uart, virtio) = (gpa.wrapping_sub(UART), gpa.wrapping_sub(VIRTIO));
        match &mut self.virtio {
            Some(slot) if virtio < VIRTIO_SIZE => Some(slot.read(virtio, len as u8)),
            _ => (uart < UART_SIZE).then(|| self.uart.read(uart, len)),
        }
    }

    #[cold]
    #[inline(never)]
    fn write_rare(&mut self, gpa: u64, len: u32, value: u64) -> Option<()> {
        let (uart, virtio) = (gpa.wrapping_sub(UART), gpa.wrapping_sub(VIRTIO));
        match &mut self.virtio {
            Some(slot) if virtio < VIRTIO_SIZE => {
                slot.write(virtio, len as u8, value);
                Some(())
            }
            _ => (uart < UART_SIZE).then(|| self.uart.write(uart, len, value)),
        }
    }
}

impl<S: Sink> Bus for Devices<S> {
    #[inline(always)]
    fn read(&mut self, gpa: u64, len: u32) -> Option<u64> {
        Devices::read(self, gpa, len)
    }

    #[inline(always)]
    fn write(&mut self, gpa: u64, len: u32, value: u64) -> Option<()> {
        Devices::write(self, gpa, len, value)
    }
}

#[cfg(test)]
mod tests {
    use super::{Devices, UART, UART_SIZE, Uart16550};

    #[test]
    fn the_page_is_the_uarts_and_nothing_else_is() {
        let mut devices = Devices { uart: Uart16550::new(Vec::new()), virtio: None };
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
