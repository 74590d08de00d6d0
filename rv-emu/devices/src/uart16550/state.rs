//! What the serial port remembers.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Saved state of a [`Uart16550`](super::Uart16550).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UartState {
    /// Interrupt enable register.
    pub ier: u8,
    /// FIFO control register: the enable bit and the trigger level.
    pub fcr: u8,
    /// Line control register.
    pub lcr: u8,
    /// Modem control register.
    pub mcr: u8,
    /// Error bits of the line status register; the other bits are derived.
    pub lsr_errors: u8,
    /// Change bits of the modem status register; the lines are derived.
    pub msr_changes: u8,
    /// Scratch register.
    pub scr: u8,
    /// Divisor latch, both bytes.
    pub divisor: [u8; 2],
    /// The "transmitter holding register empty" interrupt waits.
    pub thr_empty_pending: bool,
    /// Receiver: up to 16 bytes, or one with the FIFO off.
    pub receiver: VecDeque<u8>,
    /// Bytes on the line that the receiver had no room for yet.
    pub line: VecDeque<u8>,
    /// Bytes sent that the board has not taken yet.
    pub output: Vec<u8>,
}
