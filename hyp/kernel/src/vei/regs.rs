//! The CSRs of VEI and HCS, by number, since assemblers do not know their names.

use core::arch::asm;

pub use ha_iov_ext::csr::{HUCPEND, HUCT, HUCUR, HUSAVE, HVEICTL, HVEIDIR, HVEIFENCE, HVSLOT, STOPVEI};

/// Reads a CSR of HA-IOV. None of those named here has side effects.
#[inline(always)]
pub fn read<const CSR: u16>() -> u64 {
    let value;
    // SAFETY: see above. It is a barrier for memory, because many of these
    // registers are about memory.
    unsafe { asm!("csrr {}, {}", out(reg) value, const CSR, options(nostack)) };
    value
}

/// Writes a CSR of HA-IOV.
#[inline(always)]
pub fn write<const CSR: u16>(value: u64) {
    // SAFETY: the kernel decides about them.
    unsafe { asm!("csrw {}, {}", const CSR, in(reg) value, options(nostack)) };
}

/// Sets bits.
#[inline(always)]
pub fn set<const CSR: u16>(bits: u64) {
    // SAFETY: as above.
    unsafe { asm!("csrs {}, {}", const CSR, in(reg) bits, options(nostack)) };
}

/// Clears bits.
#[inline(always)]
pub fn clear<const CSR: u16>(bits: u64) {
    // SAFETY: as above.
    unsafe { asm!("csrc {}, {}", const CSR, in(reg) bits, options(nostack)) };
}

/// Writes, and gives what was there.
#[inline(always)]
pub fn swap<const CSR: u16>(value: u64) -> u64 {
    let old;
    // SAFETY: as above.
    unsafe { asm!("csrrw {}, {}, {}", out(reg) old, const CSR, in(reg) value, options(nostack)) };
    old
}
