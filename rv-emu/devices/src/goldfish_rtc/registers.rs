//! From offsets to registers: eight words ("Goldfish Virtual Hardware", section "Goldfish real-time clock", with the alarm
//! status that QEMU and Linux have added).

use crate::{AccessError, Width};

/// Size of the device's window.
pub const SIZE: u64 = 0x1000;

/// A register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Register {
    /// The low half of the time. Reading it latches the high half.
    TimeLow,
    /// The high half of the time, as of the last reading of the low half.
    TimeHigh,
    /// The low half of the alarm's time. Writing it sets the alarm.
    AlarmLow,
    /// The high half of the alarm's time: written first.
    AlarmHigh,
    /// Bit 0: the alarm interrupts.
    IrqEnabled,
    /// Writing it stops the alarm.
    ClearAlarm,
    /// Whether an alarm is set.
    AlarmStatus,
    /// Writing it ends the interrupt.
    ClearInterrupt,
}

/// The register that an access means.
pub(super) fn decode(offset: u64, width: Width) -> Result<Register, AccessError> {
    let register = match offset {
        0x00 => Register::TimeLow,
        0x04 => Register::TimeHigh,
        0x08 => Register::AlarmLow,
        0x0c => Register::AlarmHigh,
        0x10 => Register::IrqEnabled,
        0x14 => Register::ClearAlarm,
        0x18 => Register::AlarmStatus,
        0x1c => Register::ClearInterrupt,
        _ => return Err(AccessError::Offset(offset)),
    };
    if width == Width::Word { Ok(register) } else { Err(AccessError::Width { offset, width }) }
}
