//! Behaviour of the serial port.

use super::registers::{
    FCR_CLEAR_RX, FCR_ENABLE, FCR_TRIGGER, FIFO_BYTES, IER_MASK, IER_MSI, IER_RDI, IER_RLSI, IER_THRI,
    IIR_FIFO_ENABLED, IIR_LINE_STATUS, IIR_MODEM_STATUS, IIR_NONE, IIR_RX_AVAILABLE, IIR_RX_TIMEOUT, IIR_THR_EMPTY,
    LCR_DLAB, LSR_DR, LSR_OE, LSR_TEMT, LSR_THRE, MCR_DTR, MCR_LOOP, MCR_MASK, MCR_OUT1, MCR_OUT2, MCR_RTS, MSR_CTS,
    MSR_DCD, MSR_DSR, MSR_RI, MSR_TERI, Register, decode,
};
use super::state::UartState;
use crate::{AccessError, Cycles, Device, Persist, RestoreError, Width};

/// Modem outputs and the inputs that loopback mode connects them to.
const LOOPBACK: [(u8, u8); 4] = [(MCR_RTS, MSR_CTS), (MCR_DTR, MSR_DSR), (MCR_OUT1, MSR_RI), (MCR_OUT2, MSR_DCD)];

/// A 16550A serial port.
#[derive(Debug, Clone, Default)]
pub struct Uart16550 {
    state: UartState,
}

impl Uart16550 {
    /// A port in its power-on state, with a quiet line.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the interrupt line is up.
    pub fn interrupt(&self) -> bool {
        self.identification() != IIR_NONE
    }

    /// Puts bytes on the line, as if typed at the other end.
    pub fn push_input(&mut self, bytes: &[u8]) {
        self.state.line.extend(bytes);
        self.fill_receiver();
    }

    /// Bytes that were put on the line and not read by software yet.
    pub fn unread(&self) -> usize {
        self.state.line.len() + self.state.receiver.len()
    }

    /// Takes back the oldest byte that software has not read, for a console that reads past the port.
    pub fn take_unread(&mut self) -> Option<u8> {
        let byte = self.state.receiver.pop_front();
        self.fill_receiver();
        byte.or_else(|| self.state.line.pop_front())
    }

    /// Moves everything sent since the last call to the end of `sink`.
    pub fn drain_output(&mut self, sink: &mut Vec<u8>) {
        sink.append(&mut self.state.output);
    }

    fn fifo_enabled(&self) -> bool {
        self.state.fcr & FCR_ENABLE != 0
    }

    fn loopback(&self) -> bool {
        self.state.mcr & MCR_LOOP != 0
    }

    fn capacity(&self) -> usize {
        if self.fifo_enabled() { FIFO_BYTES } else { 1 }
    }

    /// Bytes in the receiver from which on it interrupts.
    fn trigger_level(&self) -> usize {
        match (self.fifo_enabled(), self.state.fcr & FCR_TRIGGER) {
            (false, _) | (true, 0x00) => 1,
            (true, 0x40) => 4,
            (true, 0x80) => 8,
            (true, _) => 14,
        }
    }

    /// Takes bytes from the line while there is room. In loopback mode the line is disconnected.
    fn fill_receiver(&mut self) {
        while !self.loopback() && self.state.receiver.len() < self.capacity() {
            let Some(byte) = self.state.line.pop_front() else {
                break;
            };
            self.state.receiver.push_back(byte);
        }
    }

    /// The cause of highest priority, as IIR bits 3:0 (data sheet table IV).
    fn identification(&self) -> u8 {
        let UartState { ier, lsr_errors, msr_changes, thr_empty_pending, .. } = self.state;
        let received = self.state.receiver.len();
        if ier & IER_RLSI != 0 && lsr_errors != 0 {
            IIR_LINE_STATUS
        } else if ier & IER_RDI != 0 && received >= self.trigger_level() {
            IIR_RX_AVAILABLE
        } else if ier & IER_RDI != 0 && received > 0 {
            // The line is infinitely fast: if more were to come, it would be here.
            IIR_RX_TIMEOUT
        } else if ier & IER_THRI != 0 && thr_empty_pending {
            IIR_THR_EMPTY
        } else if ier & IER_MSI != 0 && msr_changes != 0 {
            IIR_MODEM_STATUS
        } else {
            IIR_NONE
        }
    }

    /// MSR bits 7:4. Nothing is wired to the modem inputs but "ready".
    fn modem_lines(&self) -> u8 {
        if !self.loopback() {
            return MSR_CTS | MSR_DSR | MSR_DCD;
        }
        let set = LOOPBACK.iter().filter(|(output, _)| self.state.mcr & output != 0);
        set.fold(0, |lines, (_, input)| lines | input)
    }

    fn read_iir(&mut self) -> u8 {
        let cause = self.identification();
        if cause == IIR_THR_EMPTY {
            self.state.thr_empty_pending = false;
        }
        if self.fifo_enabled() { cause | IIR_FIFO_ENABLED } else { cause }
    }

    fn read_lsr(&mut self) -> u8 {
        let errors = std::mem::take(&mut self.state.lsr_errors);
        let ready = if self.state.receiver.is_empty() { 0 } else { LSR_DR };
        errors | ready | LSR_THRE | LSR_TEMT
    }

    fn read_receiver(&mut self) -> u8 {
        let byte = self.state.receiver.pop_front().unwrap_or(0);
        self.fill_receiver();
        byte
    }

    fn transmit(&mut self, byte: u8) {
        // The write takes the interrupt away, the byte's departure raises it again.
        self.state.thr_empty_pending = true;
        if self.loopback() { self.loop_back(byte) } else { self.state.output.push(byte) }
    }

    fn loop_back(&mut self, byte: u8) {
        if self.state.receiver.len() >= self.capacity() {
            self.state.lsr_errors |= LSR_OE;
            // A full FIFO keeps what it has; a single holding register is overwritten.
            if self.fifo_enabled() {
                return;
            }
            self.state.receiver.clear();
        }
        self.state.receiver.push_back(byte);
    }

    fn write_ier(&mut self, value: u8) {
        let enabled = value & !self.state.ier;
        self.state.ier = value & IER_MASK;
        // Enabling it while the transmitter is empty, as it always is, raises the interrupt.
        if enabled & IER_THRI != 0 {
            self.state.thr_empty_pending = true;
        }
    }

    fn write_fcr(&mut self, value: u8) {
        let enable = value & FCR_ENABLE;
        if enable != self.state.fcr & FCR_ENABLE || value & (FCR_ENABLE | FCR_CLEAR_RX) == 3 {
            self.state.receiver.clear();
        }
        // The other bits are not programmed while bit 0 is 0.
        self.state.fcr = if enable != 0 { enable | value & FCR_TRIGGER } else { 0 };
        self.fill_receiver();
    }

    fn write_mcr(&mut self, value: u8) {
        let before = self.modem_lines();
        self.state.mcr = value & MCR_MASK;
        let after = self.modem_lines();
        let changed = (before ^ after) & (MSR_CTS | MSR_DSR | MSR_DCD);
        self.state.msr_changes |= changed >> 4;
        // The ring indicator reports only that it went away.
        if before & !after & MSR_RI != 0 {
            self.state.msr_changes |= MSR_TERI;
        }
        self.fill_receiver();
    }
}

impl Device for Uart16550 {
    fn read(&mut self, offset: u64, width: Width, _now: Cycles) -> Result<u64, AccessError> {
        let latch = self.state.lcr & LCR_DLAB != 0;
        let value = match decode(offset, width)? {
            Register::Data if latch => self.state.divisor[0],
            Register::InterruptEnable if latch => self.state.divisor[1],
            Register::Data => self.read_receiver(),
            Register::InterruptEnable => self.state.ier,
            Register::IdentificationOrFifo => self.read_iir(),
            Register::LineControl => self.state.lcr,
            Register::ModemControl => self.state.mcr,
            Register::LineStatus => self.read_lsr(),
            Register::ModemStatus => self.modem_lines() | std::mem::take(&mut self.state.msr_changes),
            Register::Scratch => self.state.scr,
        };
        Ok(value.into())
    }

    fn write(&mut self, offset: u64, width: Width, value: u64, _now: Cycles) -> Result<(), AccessError> {
        let latch = self.state.lcr & LCR_DLAB != 0;
        let value = value as u8;
        match decode(offset, width)? {
            Register::Data if latch => self.state.divisor[0] = value,
            Register::InterruptEnable if latch => self.state.divisor[1] = value,
            Register::Data => self.transmit(value),
            Register::InterruptEnable => self.write_ier(value),
            Register::IdentificationOrFifo => self.write_fcr(value),
            Register::LineControl => self.state.lcr = value,
            Register::ModemControl => self.write_mcr(value),
            // Writes to the status registers are for factory tests only.
            Register::LineStatus | Register::ModemStatus => {}
            Register::Scratch => self.state.scr = value,
        }
        Ok(())
    }

    fn reset(&mut self) {
        // What was sent has left the chip, what is on the line has not reached it.
        let UartState { line, output, .. } = std::mem::take(&mut self.state);
        self.state = UartState { line, output, ..UartState::default() };
        self.fill_receiver();
    }
}

impl Persist for Uart16550 {
    type State = UartState;

    fn save(&self) -> UartState {
        self.state.clone()
    }

    fn restore(state: UartState) -> Result<Self, RestoreError> {
        let invalid = |reason| Err(RestoreError { device: "uart16550", reason });
        let kept = |register: u8, mask: u8| register & !mask == 0;
        let legal = kept(state.ier, IER_MASK)
            && kept(state.mcr, MCR_MASK)
            && kept(state.lsr_errors, LSR_OE)
            && kept(state.msr_changes, 0x0f)
            && kept(state.fcr, FCR_ENABLE | FCR_TRIGGER);
        if !legal {
            return invalid("a bit is set that no write can set");
        }
        let uart = Self { state };
        if uart.state.receiver.len() > uart.capacity() {
            return invalid("more received bytes than the receiver holds");
        }
        Ok(uart)
    }
}
