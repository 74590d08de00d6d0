//! The 16550 UART, driven as real drivers do: wait until the transmitter is
//! empty (LSR.THRE), then fill its FIFO without asking again.
//!
//! Registers and bits: the PC16550D data sheet, section 8.

use core::fmt;
use core::ptr;

const THR_RBR: usize = 0;
const IER: usize = 1;
const IIR_FCR: usize = 2;
const LCR: usize = 3;
const LSR: usize = 5;

const IIR_FIFO_ENABLED: u8 = 0b11 << 6;
const FCR_ENABLE: u8 = 1;
const FCR_CLEAR: u8 = 0b11 << 1;
const LCR_8N1: u8 = 0b11;
const LSR_DATA_READY: u8 = 1;
const LSR_THRE: u8 = 1 << 5;

const FIFO_DEPTH: usize = 16;

/// Where the board has it, for programs that have no device tree at hand.
pub const BOARD_ADDRESS: usize = 0x1000_0000;

/// A driver of one UART, by polling.
#[derive(Debug)]
pub struct Uart {
    base: usize,
    /// How many bytes fit when the transmitter is empty.
    depth: usize,
}

impl Uart {
    /// A driver for the device at `base`, which it sets up: eight bits, no
    /// interrupts, FIFOs on if it has any.
    ///
    /// # Safety
    /// A 16550 with byte-wide registers is mapped at `base`, for as long as
    /// the driver lives.
    pub unsafe fn new(base: usize) -> Self {
        // SAFETY: the caller vouches for the device.
        let mut uart = unsafe { Self::attach(base) };
        uart.write_register(IER, 0);
        uart.write_register(LCR, LCR_8N1);
        uart.write_register(IIR_FCR, FCR_ENABLE | FCR_CLEAR);
        if uart.read_register(IIR_FCR) & IIR_FIFO_ENABLED == IIR_FIFO_ENABLED {
            uart.depth = FIFO_DEPTH;
        }
        uart
    }

    /// A driver for a device that somebody else has set up and still uses: it
    /// changes nothing, and sends byte by byte, since asking whether FIFOs are
    /// on would take a pending interrupt away from the other driver.
    ///
    /// # Safety
    /// As for [`Self::new`].
    pub const unsafe fn attach(base: usize) -> Self {
        Self { base, depth: 1 }
    }

    fn read_register(&self, register: usize) -> u8 {
        // SAFETY: `new`'s caller vouched for the device.
        unsafe { ptr::read_volatile((self.base + register) as *const u8) }
    }

    fn write_register(&mut self, register: usize, value: u8) {
        // SAFETY: as above.
        unsafe { ptr::write_volatile((self.base + register) as *mut u8, value) }
    }

    /// Sends all of `bytes`.
    pub fn send(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(self.depth) {
            while self.read_register(LSR) & LSR_THRE == 0 {
                core::hint::spin_loop();
            }
            for &byte in chunk {
                self.write_register(THR_RBR, byte);
            }
        }
    }

    /// The byte that arrived first, if one did.
    pub fn receive(&mut self) -> Option<u8> {
        let ready = self.read_register(LSR) & LSR_DATA_READY != 0;
        ready.then(|| self.read_register(THR_RBR))
    }
}

impl fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.send(text.as_bytes());
        Ok(())
    }
}
