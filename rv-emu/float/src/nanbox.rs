//! NaN boxing: a narrower value in a 64-bit register has all ones above it ("NaN Boxing of
//! Narrower Values"). For a half in a single in a register that comes to the same.

use crate::format::{Binary16, Binary32, Format};

const BOX_OF_16: u64 = 0xffff_ffff_ffff_0000;
const BOX_OF_32: u64 = 0xffff_ffff_0000_0000;

/// The register contents that hold a half.
#[inline]
pub const fn box16(half: u16) -> u64 {
    BOX_OF_16 | half as u64
}

/// The half that arithmetic sees in a register: the canonical NaN unless it is boxed.
///
/// FSH and FMV.X.H do not use this: they move the low quarter, boxed or not.
#[inline]
pub const fn unbox16(register: u64) -> u16 {
    if register >= BOX_OF_16 { register as u16 } else { Binary16::CANONICAL_NAN as u16 }
}

/// The register contents that hold a single.
#[inline]
pub const fn box32(single: u32) -> u64 {
    BOX_OF_32 | single as u64
}

/// The single that arithmetic sees in a register: the canonical NaN unless it is boxed.
///
/// FSW and FMV.X.W do not use this: they move the low half, boxed or not.
#[inline]
pub const fn unbox32(register: u64) -> u32 {
    if register >= BOX_OF_32 { register as u32 } else { Binary32::CANONICAL_NAN as u32 }
}
