//! A 16550A serial port. What is written leaves at once, so the transmitter is always empty; what is received waits in a FIFO.
//!
//! Registers and bits: the PC16550D data sheet, section 8. Left out: line errors other than overrun, which no wire can make here, and
//! the delta bits of MSR, since the other side never changes.

use super::fifo::Fifo;
use super::sink::Sink;

/// Transmitter, receiver; with DLAB the divisor's low byte.
const THR_RBR: u64 = 0;
/// Interrupts enabled; with DLAB the divisor's high byte.
const IER: u64 = 1;
/// Read: which interrupt is pending. Written: FIFO control.
const IIR_FCR: u64 = 2;
const LCR: u64 = 3;
const MCR: u64 = 4;
const LSR: u64 = 5;
const MSR: u64 = 6;
const SCR: u64 = 7;

const IER_MASK: u8 = 0x0f;
const IER_RECEIVED: u8 = 1 << 0;
const IER_EMPTY: u8 = 1 << 1;
const IER_LINE: u8 = 1 << 2;

const IIR_NONE: u8 = 0b0001;
const IIR_EMPTY: u8 = 0b0010;
const IIR_RECEIVED: u8 = 0b0100;
const IIR_LINE: u8 = 0b0110;
const IIR_FIFO: u8 = 0b11 << 6;

const FCR_ENABLE: u8 = 1 << 0;
const FCR_CLEAR_RECEIVER: u8 = 1 << 1;

const LCR_DLAB: u8 = 1 << 7;

const MCR_MASK: u8 = 0x1f;
const MCR_LOOP: u8 = 1 << 4;

const LSR_READY: u8 = 1 << 0;
const LSR_OVERRUN: u8 = 1 << 1;
/// THRE and TEMT: holding and shift register are empty.
const LSR_IDLE: u8 = 1 << 5 | 1 << 6;

/// CTS, DSR and DCD: somebody listens.
const MSR_READY: u8 = 0xb0;

/// A 16550A.
#[derive(Debug)]
pub struct Uart16550<S> {
    sink: S,
    /// Bits of DLAB, LOOP and IER_EMPTY: with any of them, a byte written to the first register is not simply sent.
    unusual: u8,
    ier: u8,
    lcr: u8,
    lsr: u8,
    mcr: u8,
    scr: u8,
    divisor: [u8; 2],
    has_fifo: bool,
    /// "Transmitter empty" is pending: set when a byte has left, cleared when IIR told it.
    empty_pending: bool,
    receiver: Fifo,
}

impl<S: Sink> Uart16550<S> {
    /// A port after reset that sends to `sink`.
    pub fn new(sink: S) -> Self {
        Uart16550 {
            sink,
            unusual: 0,
            ier: 0,
            lcr: 0,
            lsr: LSR_IDLE,
            mcr: 0,
            scr: 0,
            divisor: [0; 2],
            has_fifo: false,
            empty_pending: false,
            receiver: Fifo::new(),
        }
    }

    /// Where it sends to.
    pub fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// The read that polling drivers do all the time: the status of an idle port. `None` if it is another read, see [`Self::read`].
    #[inline(always)]
    pub fn poll(&self, offset: u64) -> Option<u64> {
        (offset == LSR && self.lsr == LSR_IDLE).then_some(LSR_IDLE.into())
    }

    /// The write that everything printed is: a byte is sent. False if it is another write, see [`Self::write`].
    #[inline(always)]
    pub fn send(&mut self, offset: u64, value: u64) -> bool {
        let usual = offset == THR_RBR && self.unusual == 0;
        if usual {
            self.sink.push(value as u8);
        }
        usual
    }

    /// A byte comes in from outside. One too many is lost, and LSR tells of it.
    pub fn receive(&mut self, byte: u8) {
        let depth = if self.has_fifo { Fifo::DEPTH } else { 1 };
        self.lsr |= if self.receiver.push(byte, depth) { LSR_READY } else { LSR_OVERRUN };
    }

    /// Bytes that can be received before one is lost.
    pub fn receive_room(&self) -> usize {
        let depth = if self.has_fifo { Fifo::DEPTH } else { 1 };
        depth.saturating_sub(self.receiver.len())
    }

    /// Reads any register. They are one byte wide: of wider accesses the other bytes are 0.
    pub fn read(&mut self, offset: u64, _len: u32) -> u64 {
        let value = match (offset, self.lcr & LCR_DLAB != 0) {
            (THR_RBR | IER, true) => self.divisor[offset as usize],
            (THR_RBR, false) => self.take_received(),
            (IER, false) => self.ier,
            (IIR_FCR, _) => self.take_interrupt() | if self.has_fifo { IIR_FIFO } else { 0 },
            (LCR, _) => self.lcr,
            (MCR, _) => self.mcr,
            (LSR, _) => {
                let lsr = self.lsr;
                self.lsr &= !LSR_OVERRUN;
                lsr
            }
            (MSR, _) => self.modem_status(),
            (SCR, _) => self.scr,
            _ => 0,
        };
        value.into()
    }

    /// Writes any register with the low byte of `value`.
    pub fn write(&mut self, offset: u64, _len: u32, value: u64) {
        let value = value as u8;
        match (offset, self.lcr & LCR_DLAB != 0) {
            (THR_RBR | IER, true) => self.divisor[offset as usize] = value,
            (THR_RBR, false) => self.transmit(value),
            (IER, false) => {
                // Enabled while the transmitter is empty, its interrupt is pending at once.
                self.empty_pending |= value & !self.ier & IER_EMPTY != 0;
                self.ier = value & IER_MASK;
            }
            (IIR_FCR, _) => self.control_fifo(value),
            (LCR, _) => self.lcr = value,
            (MCR, _) => self.mcr = value & MCR_MASK,
            (SCR, _) => self.scr = value,
            _ => {}
        }
        self.unusual = self.lcr & LCR_DLAB | self.mcr & MCR_LOOP | self.ier & IER_EMPTY;
    }

    fn transmit(&mut self, byte: u8) {
        if self.mcr & MCR_LOOP != 0 {
            self.receive(byte);
        } else {
            self.sink.push(byte);
        }
        self.empty_pending = true;
    }

    fn take_received(&mut self) -> u8 {
        let byte = self.receiver.pop();
        if self.receiver.is_empty() {
            self.lsr &= !LSR_READY;
        }
        byte.unwrap_or(0)
    }

    /// Whether the interrupt line is up.
    pub fn interrupts(&self) -> bool {
        let line = self.ier & IER_LINE != 0 && self.lsr & LSR_OVERRUN != 0;
        let received = self.ier & IER_RECEIVED != 0 && self.lsr & LSR_READY != 0;
        line || received || self.ier & IER_EMPTY != 0 && self.empty_pending
    }

    /// The pending interrupt of the highest priority. Telling of an empty transmitter takes that back.
    fn take_interrupt(&mut self) -> u8 {
        if self.ier & IER_LINE != 0 && self.lsr & LSR_OVERRUN != 0 {
            return IIR_LINE;
        }
        if self.ier & IER_RECEIVED != 0 && self.lsr & LSR_READY != 0 {
            return IIR_RECEIVED;
        }
        if self.ier & IER_EMPTY != 0 && self.empty_pending {
            self.empty_pending = false;
            return IIR_EMPTY;
        }
        IIR_NONE
    }

    /// Turning the FIFOs on or off clears them too. Of the transmitter's there is nothing to clear.
    fn control_fifo(&mut self, value: u8) {
        let has_fifo = value & FCR_ENABLE != 0;
        if has_fifo != self.has_fifo || value & FCR_CLEAR_RECEIVER != 0 {
            self.receiver = Fifo::new();
            self.lsr &= !LSR_READY;
        }
        self.has_fifo = has_fifo;
    }

    /// In loopback the four outputs of MCR come back as inputs: RTS as CTS, DTR as DSR, OUT1 as RI, OUT2 as DCD.
    fn modem_status(&self) -> u8 {
        if self.mcr & MCR_LOOP == 0 {
            return MSR_READY;
        }
        let (dtr, rts, outputs) = (self.mcr & 1, self.mcr >> 1 & 1, self.mcr >> 2 & 3);
        rts << 4 | dtr << 5 | outputs << 6
    }
}

#[cfg(test)]
#[path = "uart16550_tests.rs"]
mod tests;
