//! The accrued exceptions (`fflags`) and the rounding mode (`frm`) as the registers hold them.

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

/// A set of accrued exceptions, in the bit order of `fcsr` ("Floating-Point Control and Status
/// Register").
///
/// Operations only ever add to a set: the caller passes the sticky flags in and out. That a flag
/// is already set is what allows most of the fast paths, so pass the real flags, not an empty set.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Flags(u8);

impl Flags {
    /// No exception.
    pub const NONE: Flags = Flags(0);
    /// Inexact.
    pub const NX: Flags = Flags(1);
    /// Underflow: tiny after rounding, and inexact.
    pub const UF: Flags = Flags(2);
    /// Overflow.
    pub const OF: Flags = Flags(4);
    /// Division of a finite number by zero.
    pub const DZ: Flags = Flags(8);
    /// Invalid operation.
    pub const NV: Flags = Flags(16);

    const ALL: u8 = 0x1f;

    /// The flags in the low five bits of `bits`; higher bits are ignored.
    #[inline]
    pub const fn from_bits(bits: u8) -> Flags {
        Flags(bits & Flags::ALL)
    }

    /// The value of the `fflags` field.
    #[inline]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether every flag of `other` is set.
    #[inline]
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Raises NX if `inexact`, without a branch.
    #[inline]
    pub(crate) const fn raise_inexact(&mut self, inexact: bool) {
        self.0 |= inexact as u8;
    }
}

impl BitOr for Flags {
    type Output = Flags;

    #[inline]
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    #[inline]
    fn bitor_assign(&mut self, other: Flags) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (bit, name) in [(16, "NV"), (8, "DZ"), (4, "OF"), (2, "UF"), (1, "NX")] {
            if self.0 & bit != 0 {
                write!(f, "{separator}{name}")?;
                separator = "|";
            }
        }
        if self.0 == 0 { f.write_str("none") } else { Ok(()) }
    }
}

/// A rounding mode, numbered as in `frm` and in the `rm` field of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Rounding {
    /// To nearest, ties to even.
    Rne = 0,
    /// Towards zero.
    Rtz = 1,
    /// Down, towards minus infinity.
    Rdn = 2,
    /// Up, towards plus infinity.
    Rup = 3,
    /// To nearest, ties away from zero ("to max magnitude").
    Rmm = 4,
}

impl Rounding {
    /// All the modes, in the order of their numbers.
    pub const ALL: [Rounding; 5] = [Rounding::Rne, Rounding::Rtz, Rounding::Rdn, Rounding::Rup, Rounding::Rmm];

    /// The mode with number `rm`. None for 5 and 6 (reserved) and 7 (dynamic: the caller takes
    /// `frm` instead).
    #[inline]
    pub const fn from_rm(rm: u8) -> Option<Rounding> {
        match rm {
            0 => Some(Rounding::Rne),
            1 => Some(Rounding::Rtz),
            2 => Some(Rounding::Rdn),
            3 => Some(Rounding::Rup),
            4 => Some(Rounding::Rmm),
            _ => None,
        }
    }
}
