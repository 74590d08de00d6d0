//! A 16550A serial port, transmitter first: what is written leaves at once, so the transmitter is always empty. Nothing is received.

use super::sink::Sink;

const THR: u64 = 0;
const IER: u64 = 1;
const IIR: u64 = 2;
const LCR: u64 = 3;
const MCR: u64 = 4;
const LSR: u64 = 5;
const MSR: u64 = 6;
const SCR: u64 = 7;

const LCR_DLAB: u8 = 1 << 7;
const LSR_IDLE: u8 = 1 << 5 | 1 << 6;
const IIR_NONE: u8 = 1;
const IIR_FIFO: u8 = 3 << 6;
const FCR_ENABLE: u8 = 1;
/// Clear to send, data set ready, carrier: somebody listens.
const MSR_READY: u8 = 0xb0;

/// A 16550A.
#[derive(Debug)]
pub struct Uart16550<S> {
    sink: S,
    fifo: bool,
    ier: u8,
    lcr: u8,
    mcr: u8,
    scr: u8,
    divisor: [u8; 2],
}

impl<S: Sink> Uart16550<S> {
    /// A port after reset that sends to `sink`.
    pub fn new(sink: S) -> Self {
        Uart16550 { sink, fifo: false, ier: 0, lcr: 0, mcr: 0, scr: 0, divisor: [0; 2] }
    }

    /// Where it sends to.
    pub fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Reads a register. Registers are one byte wide: of wider accesses the other bytes are 0.
    #[inline]
    pub fn read(&mut self, offset: u64, _len: u8) -> u64 {
        let value = match (offset, self.lcr & LCR_DLAB != 0) {
            (LSR, _) => LSR_IDLE,
            (THR | IER, true) => self.divisor[offset as usize],
            (IER, false) => self.ier,
            (IIR, _) => IIR_NONE | if self.fifo { IIR_FIFO } else { 0 },
            (LCR, _) => self.lcr,
            (MCR, _) => self.mcr,
            (MSR, _) => MSR_READY,
            (SCR, _) => self.scr,
            _ => 0,
        };
        value.into()
    }

    /// Writes a register with the low byte of `value`.
    #[inline]
    pub fn write(&mut self, offset: u64, _len: u8, value: u64) {
        let value = value as u8;
        match (offset, self.lcr & LCR_DLAB != 0) {
            (THR, false) => self.sink.push(value),
            (THR | IER, true) => self.divisor[offset as usize] = value,
            (IER, false) => self.ier = value & 0x0f,
            (IIR, _) => self.fifo = value & FCR_ENABLE != 0,
            (LCR, _) => self.lcr = value,
            (MCR, _) => self.mcr = value & 0x1f,
            (SCR, _) => self.scr = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Sink for Vec<u8> {
        fn push(&mut self, byte: u8) {
            Vec::push(self, byte);
        }
    }

    #[test]
    fn what_is_written_is_sent() {
        let mut uart = Uart16550::new(Vec::new());
        uart.write(THR, 1, 0x141);
        assert_eq!(uart.read(LSR, 1), 0x60);
        assert_eq!(uart.sink(), b"A");
    }

    #[test]
    fn the_divisor_hides_the_transmitter() {
        let mut uart = Uart16550::new(Vec::new());
        uart.write(LCR, 1, 0x83);
        uart.write(THR, 1, 12);
        uart.write(IER, 1, 34);
        assert_eq!((uart.read(THR, 1), uart.read(IER, 1)), (12, 34));
        uart.write(LCR, 1, 3);
        assert_eq!((uart.read(THR, 1), uart.read(IER, 1)), (0, 0));
        assert!(uart.sink().is_empty());
    }

    #[test]
    fn the_fifo_shows_in_iir() {
        let mut uart = Uart16550::new(Vec::new());
        assert_eq!(uart.read(IIR, 1), 0x01);
        uart.write(IIR, 1, 7);
        assert_eq!(uart.read(IIR, 1), 0xc1);
    }

    #[test]
    fn registers_keep_what_they_have() {
        let mut uart = Uart16550::new(Vec::new());
        for (offset, mask) in [(IER, 0x0f), (MCR, 0x1f), (SCR, 0xff)] {
            uart.write(offset, 1, 0xff);
            assert_eq!(uart.read(offset, 1), mask);
        }
        uart.write(LSR, 1, 0);
        uart.write(0xfff, 8, u64::MAX);
        assert_eq!((uart.read(LSR, 1), uart.read(0xfff, 8)), (0x60, 0));
    }
}
