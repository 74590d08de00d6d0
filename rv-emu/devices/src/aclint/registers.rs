//! From offsets to registers.

use crate::{AccessError, Width};

/// Size of the device's window.
pub const SIZE: u64 = 0x1_0000;
/// Offset of hart 0's `mtimecmp`.
pub const MTIMECMP: u64 = 0x4000;
/// Offset of `mtime`.
pub const MTIME: u64 = 0xbff8;
/// As many harts as the layout has room for: `mtimecmp` ends where `mtime` begins.
pub const HARTS_MAX: usize = ((MTIME - MTIMECMP) / 8) as usize;

/// A register, and for the 64-bit ones the bit at which the access starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Register {
    /// Software interrupt of a hart.
    Msip(usize),
    /// Timer comparator of a hart.
    Mtimecmp { hart: usize, shift: u32 },
    /// The clock.
    Mtime { shift: u32 },
}

/// The register that an access of `width` at `offset` means on a device for `harts` harts. The
/// 64-bit registers may be accessed by halves, as RV32 does.
pub(super) fn decode(offset: u64, width: Width, harts: usize) -> Result<Register, AccessError> {
    let register = match offset {
        0..MTIMECMP => Register::Msip((offset / 4) as usize),
        MTIMECMP..MTIME => {
            let (hart, shift) = (((offset - MTIMECMP) / 8) as usize, shift_in_double(offset));
            Register::Mtimecmp { hart, shift }
        }
        MTIME..0xc000 => Register::Mtime { shift: shift_in_double(offset) },
        _ => return Err(AccessError::Offset(offset)),
    };
    let present = match register {
        Register::Msip(hart) | Register::Mtimecmp { hart, .. } => hart < harts,
        Register::Mtime { .. } => true,
    };
    if !present || !offset.is_multiple_of(4) {
        return Err(AccessError::Offset(offset));
    }
    let accepted = match register {
        Register::Msip(_) => width == Width::Word,
        _ => width == Width::Word || (width == Width::Double && width.aligned(offset)),
    };
    if accepted { Ok(register) } else { Err(AccessError::Width { offset, width }) }
}

/// Both 64-bit register files start at a multiple of eight.
fn shift_in_double(offset: u64) -> u32 {
    (offset % 8 * 8) as u32
}
