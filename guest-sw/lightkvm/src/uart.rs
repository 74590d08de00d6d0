//! The guest's serial port: a 16550A as Linux's 8250 driver and the datasheet ("PC16550D", registers) know it.
//!
//! It knows offsets, not addresses. What is sent is taken at once, so the transmitter is always empty.

const IER_RECEIVED: u8 = 1;
const IER_EMPTY: u8 = 2;
const LCR_DIVISOR: u8 = 0x80;
const LSR_DATA: u8 = 1;
const LSR_EMPTY: u8 = 0x60;
const MCR_LOOP: u8 = 0x10;
/// Carrier, data set ready, clear to send.
const MSR_READY: u8 = 0xb0;
const IIR_NONE: u8 = 1;
const IIR_EMPTY: u8 = 2;
const IIR_RECEIVED: u8 = 4;
const IIR_FIFOS: u8 = 0xc0;

/// Characters that wait to be read by the guest.
const INPUT_MAX: usize = 64;

/// A serial port.
#[derive(Debug, Default)]
pub struct Uart {
    interrupts: u8,
    line: u8,
    modem: u8,
    scratch: u8,
    divisor: [u8; 2],
    fifos: bool,
    /// The transmitter has become empty, and nobody was told yet.
    emptied: bool,
    input: Input,
}

#[derive(Debug)]
struct Input {
    bytes: [u8; INPUT_MAX],
    first: usize,
    count: usize,
}

impl Default for Input {
    fn default() -> Self {
        Input { bytes: [0; INPUT_MAX], first: 0, count: 0 }
    }
}

impl Input {
    fn push(&mut self, byte: u8) -> bool {
        if self.count == INPUT_MAX {
            return false;
        }
        self.bytes[(self.first + self.count) % INPUT_MAX] = byte;
        self.count += 1;
        true
    }

    fn pop(&mut self) -> u8 {
        if self.count == 0 {
            return 0;
        }
        let byte = self.bytes[self.first];
        self.first = (self.first + 1) % INPUT_MAX;
        self.count -= 1;
        byte
    }
}

impl Uart {
    /// Bytes of its registers.
    pub const SIZE: u64 = 8;

    /// A character arrives; `false` if there is no room for it.
    pub fn receive(&mut self, byte: u8) -> bool {
        self.input.push(byte)
    }

    /// Whether the interrupt line is up.
    pub fn line(&self) -> bool {
        self.cause() != IIR_NONE
    }

    fn cause(&self) -> u8 {
        if self.interrupts & IER_RECEIVED != 0 && self.input.count > 0 {
            return IIR_RECEIVED;
        }
        if self.interrupts & IER_EMPTY != 0 && self.emptied { IIR_EMPTY } else { IIR_NONE }
    }

    fn divisor_shown(&self) -> bool {
        self.line & LCR_DIVISOR != 0
    }

    /// Reads the register at `offset`.
    pub fn read(&mut self, offset: u64) -> u8 {
        match offset {
            0 if self.divisor_shown() => self.divisor[0],
            0 => self.input.pop(),
            1 if self.divisor_shown() => self.divisor[1],
            1 => self.interrupts,
            2 => {
                let cause = self.cause();
                // Reading the cause tells of an empty transmitter once.
                self.emptied &= cause != IIR_EMPTY;
                cause | if self.fifos { IIR_FIFOS } else { 0 }
            }
            3 => self.line,
            4 => self.modem,
            5 => LSR_EMPTY | if self.input.count > 0 { LSR_DATA } else { 0 },
            // In loop-back the modem's outputs are its inputs: DTR to DSR, RTS to CTS, OUT1 to RI, OUT2 to DCD.
            6 if self.modem & MCR_LOOP != 0 => (self.modem & 1) << 5 | (self.modem & 2) << 3 | (self.modem & 0xc) << 4,
            6 => MSR_READY,
            7 => self.scratch,
            _ => 0,
        }
    }

    /// Writes the register at `offset`; the character that is sent by that, if one is.
    pub fn write(&mut self, offset: u64, value: u8) -> Option<u8> {
        match offset {
            0 if self.divisor_shown() => self.divisor[0] = value,
            0 => {
                self.emptied = true;
                return (self.modem & MCR_LOOP == 0).then_some(value);
            }
            1 if self.divisor_shown() => self.divisor[1] = value,
            1 => {
                // Asking for the interrupt while the transmitter is empty raises it.
                self.emptied |= value & !self.interrupts & IER_EMPTY != 0;
                self.interrupts = value & 0xf;
            }
            2 => self.fifos = value & 1 != 0,
            3 => self.line = value,
            4 => self.modem = value & 0x1f,
            7 => self.scratch = value,
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_comes_out_and_the_divisor_does_not() {
        let mut uart = Uart::default();
        assert_eq!(uart.write(0, b'x'), Some(b'x'));
        uart.write(3, LCR_DIVISOR);
        assert_eq!(uart.write(0, 1), None);
        assert_eq!(uart.read(0), 1);
    }

    #[test]
    fn an_empty_transmitter_interrupts_once() {
        let mut uart = Uart::default();
        assert!(!uart.line());
        uart.write(1, IER_EMPTY);
        assert!(uart.line());
        assert_eq!(uart.read(2), IIR_EMPTY);
        assert!(!uart.line());
        uart.write(0, b'x');
        assert!(uart.line());
    }

    #[test]
    fn received_characters_interrupt_until_read_and_the_last_ones_find_no_room() {
        let mut uart = Uart::default();
        uart.write(1, IER_RECEIVED);
        assert_eq!((0..100).filter(|byte| uart.receive(*byte)).count(), INPUT_MAX);
        assert!((0..INPUT_MAX).all(|byte| uart.line() && uart.read(0) == byte as u8));
        assert!(!uart.line());
        assert_eq!(uart.read(5), LSR_EMPTY);
    }

    #[test]
    fn the_modem_hears_itself_in_loop_back() {
        let mut uart = Uart::default();
        uart.write(4, MCR_LOOP | 0x0a);
        assert_eq!(uart.read(6) & 0xf0, 0x90);
    }
}
