//! From offsets to registers, and the bits in them (PC16550D data sheet, section 8).

use crate::{AccessError, Width};

/// Size of the device's window.
pub const SIZE: u64 = 0x100;
/// Depth of the receiver FIFO.
pub const FIFO_BYTES: usize = 16;

/// IER: received data available (and character time-out).
pub(super) const IER_RDI: u8 = 1 << 0;
/// IER: transmitter holding register empty.
pub(super) const IER_THRI: u8 = 1 << 1;
/// IER: receiver line status.
pub(super) const IER_RLSI: u8 = 1 << 2;
/// IER: modem status.
pub(super) const IER_MSI: u8 = 1 << 3;
/// IER: implemented bits.
pub(super) const IER_MASK: u8 = IER_RDI | IER_THRI | IER_RLSI | IER_MSI;

/// IIR: no interrupt pending.
pub(super) const IIR_NONE: u8 = 0x01;
/// IIR: a modem line changed.
pub(super) const IIR_MODEM_STATUS: u8 = 0x00;
/// IIR: transmitter holding register empty.
pub(super) const IIR_THR_EMPTY: u8 = 0x02;
/// IIR: receiver reached its trigger level.
pub(super) const IIR_RX_AVAILABLE: u8 = 0x04;
/// IIR: fewer bytes than the trigger level wait, and no more came.
pub(super) const IIR_RX_TIMEOUT: u8 = 0x0c;
/// IIR: receiver line status (an error bit of LSR).
pub(super) const IIR_LINE_STATUS: u8 = 0x06;
/// IIR: FIFOs enabled.
pub(super) const IIR_FIFO_ENABLED: u8 = 0xc0;

/// FCR: enable the FIFOs.
pub(super) const FCR_ENABLE: u8 = 1 << 0;
/// FCR: clear the receiver FIFO; resets itself.
pub(super) const FCR_CLEAR_RX: u8 = 1 << 1;
/// FCR: receiver trigger level.
pub(super) const FCR_TRIGGER: u8 = 0xc0;

/// LCR: divisor latch access bit.
pub(super) const LCR_DLAB: u8 = 1 << 7;

/// MCR: data terminal ready.
pub(super) const MCR_DTR: u8 = 1 << 0;
/// MCR: request to send.
pub(super) const MCR_RTS: u8 = 1 << 1;
/// MCR: general output 1.
pub(super) const MCR_OUT1: u8 = 1 << 2;
/// MCR: general output 2.
pub(super) const MCR_OUT2: u8 = 1 << 3;
/// MCR: loopback mode.
pub(super) const MCR_LOOP: u8 = 1 << 4;
/// MCR: implemented bits.
pub(super) const MCR_MASK: u8 = MCR_DTR | MCR_RTS | MCR_OUT1 | MCR_OUT2 | MCR_LOOP;

/// LSR: data ready.
pub(super) const LSR_DR: u8 = 1 << 0;
/// LSR: a byte came while the receiver was full.
pub(super) const LSR_OE: u8 = 1 << 1;
/// LSR: transmitter holding register empty.
pub(super) const LSR_THRE: u8 = 1 << 5;
/// LSR: transmitter empty.
pub(super) const LSR_TEMT: u8 = 1 << 6;

/// MSR: ring indicator went away since the last read.
pub(super) const MSR_TERI: u8 = 1 << 2;
/// MSR: clear to send.
pub(super) const MSR_CTS: u8 = 1 << 4;
/// MSR: data set ready.
pub(super) const MSR_DSR: u8 = 1 << 5;
/// MSR: ring indicator.
pub(super) const MSR_RI: u8 = 1 << 6;
/// MSR: data carrier detect.
pub(super) const MSR_DCD: u8 = 1 << 7;

/// What an offset selects; some mean another register when written, or while DLAB is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Register {
    /// 0: RBR when read, THR when written; DLL with DLAB.
    Data,
    /// 1: IER; DLM with DLAB.
    InterruptEnable,
    /// 2: IIR when read, FCR when written.
    IdentificationOrFifo,
    /// 3: LCR.
    LineControl,
    /// 4: MCR.
    ModemControl,
    /// 5: LSR; read-only.
    LineStatus,
    /// 6: MSR; read-only.
    ModemStatus,
    /// 7: SCR.
    Scratch,
}

/// The register that an access of `width` at `offset` means. As on QEMU's `virt`, a half word or
/// word access goes to the one register at its offset: sloppy programs store words to THR.
pub(super) fn decode(offset: u64, width: Width) -> Result<Register, AccessError> {
    let register = match offset {
        0 => Register::Data,
        1 => Register::InterruptEnable,
        2 => Register::IdentificationOrFifo,
        3 => Register::LineControl,
        4 => Register::ModemControl,
        5 => Register::LineStatus,
        6 => Register::ModemStatus,
        7 => Register::Scratch,
        _ => return Err(AccessError::Offset(offset)),
    };
    let accepted = width != Width::Double && width.aligned(offset);
    if accepted { Ok(register) } else { Err(AccessError::Width { offset, width }) }
}
