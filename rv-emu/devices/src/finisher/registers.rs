//! The one register of the finisher, and the commands written to it.

use crate::{AccessError, Width};

/// Size of the device's window.
pub const SIZE: u64 = 0x1000;
/// Low half of a write that ends the run with a failure; the exit code is in the high half.
pub const FAIL: u16 = 0x3333;
/// Low half of a write that ends the run with success.
pub const PASS: u16 = 0x5555;
/// Low half of a write that asks for a reset of the board.
pub const RESET: u16 = 0x7777;

/// Checks that `offset` is the command register and takes `width`: a half word is enough for a
/// command, a word carries an exit code.
pub(super) fn check(offset: u64, width: Width) -> Result<(), AccessError> {
    match (offset, width) {
        (0, Width::Half | Width::Word) => Ok(()),
        (0, _) => Err(AccessError::Width { offset, width }),
        _ => Err(AccessError::Offset(offset)),
    }
}
