//! NaN boxing: a single in a 64-bit register has all ones above it ("NaN Boxing of Narrower
//! Values").

use crate::format::{Binary32, Format};

const BOX: u64 = 0xffff_ffff_0000_0000;

/// The register contents that hold a single.
#[inline]
pub const fn box32(single: u32) -> u64 {
    BOX | single as u64
}

/// The single that arithmetic sees in a register: the canonical NaN unless it is boxed.
///
/// FSW and FMV.X.W do not use this: they move the low half, boxed or not.
#[inline]
pub const fn unbox32(register: u64) -> u32 {
    if register >= BOX { register as u32 } else { Binary32::CANONICAL_NAN as u32 }
}
