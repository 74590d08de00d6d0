//! Numbers that guests and the programs that serve them agree on. They live
//! here, apart from both, so that neither side carries a second copy.
#![no_std]

/// SBI-like calls from a guest to its virtual machine monitor.
///
/// The extension number lies in the firmware-specific range of the SBI
/// specification (0x0A000000 to 0x0AFFFFFF): for a guest, its monitor is the
/// firmware. One that doesn't know the call answers
/// [`NOT_SUPPORTED`](guest_call::NOT_SUPPORTED).
pub mod guest_call {
    /// Extension number, in `a7`.
    pub const EXTENSION: usize = 0x0A00_0000;

    /// Function number, in `a6`: the guest's work is done. `a0` = lines,
    /// `a1` = bytes, `a2` = FNV-1a checksum of the bytes.
    pub const DONE: usize = 0;

    /// Function number: what is measured comes next. With several guests the
    /// call comes back when all have made it.
    pub const READY: usize = 1;

    /// SBI's `SBI_ERR_NOT_SUPPORTED`: nobody on the other side knows the call.
    pub const NOT_SUPPORTED: isize = -2;
}

/// How a program tells the firmware its exit code: the reason of the SBI
/// system reset call.
pub mod exit {
    /// A reset reason from here on is platform specific (SBI specification,
    /// "System Reset Extension"): the low 16 bits are an exit code, which the
    /// firmware hands to the test finisher. Code 0 is success.
    pub const REASON_BASE: u32 = 0xF000_0000;

    /// The reset reason that carries `code`.
    pub const fn reason(code: u16) -> u32 {
        REASON_BASE | code as u32
    }

    /// The exit code in a reset reason: 0 for "no reason", 1 for "system
    /// failure" and for anything else that carries none.
    pub const fn code(reason: u32) -> u16 {
        match reason {
            0 => 0,
            REASON_BASE.. => (reason & 0xffff) as u16,
            _ => 1,
        }
    }
}

/// The 64-bit Fowler-Noll-Vo hash, variant 1a: what guests and their monitor
/// compare to know that every byte arrived, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum(u64);

impl Checksum {
    /// The checksum of nothing.
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// The checksum with one more byte.
    #[must_use]
    pub const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3))
    }

    /// The checksum with more bytes.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        bytes.iter().fold(self, |sum, &byte| sum.byte(byte))
    }

    /// Its value.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl Default for Checksum {
    fn default() -> Self {
        Self::new()
    }
}
