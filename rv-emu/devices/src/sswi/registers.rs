//! From offsets to registers: one SETSSIP word for each hart (ACLINT 4.1).

use crate::{AccessError, Width};

/// Size of the device's window.
pub const SIZE: u64 = 0x4000;
/// As many harts as the window has words for; the last is reserved.
pub const HARTS_MAX: usize = 4095;

/// The hart whose SETSSIP an access of `width` at `offset` means, on a device for `harts` harts.
pub(super) fn decode(offset: u64, width: Width, harts: usize) -> Result<usize, AccessError> {
    let hart = (offset / 4) as usize;
    if hart >= harts || !offset.is_multiple_of(4) {
        return Err(AccessError::Offset(offset));
    }
    if width == Width::Word { Ok(hart) } else { Err(AccessError::Width { offset, width }) }
}
