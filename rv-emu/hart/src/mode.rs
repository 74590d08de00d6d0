//! Privilege modes: the five combinations of nominal privilege and virtualization.

use serde::{Deserialize, Serialize};

/// A hart's current mode (H extension, "Privilege Modes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Mode {
    /// Machine mode.
    M = 0,
    /// Hypervisor-extended supervisor mode (S with V=0).
    HS = 1,
    /// User mode with V=0.
    U = 2,
    /// Virtual supervisor mode (S with V=1).
    VS = 3,
    /// Virtual user mode (U with V=1).
    VU = 4,
}

impl Mode {
    /// All modes, in the order of their numbers.
    pub const ALL: [Mode; 5] = [Mode::M, Mode::HS, Mode::U, Mode::VS, Mode::VU];

    /// The mode of nominal privilege `privilege` (0 U, 1 S, 3 M) under virtualization mode `virt`.
    ///
    /// M-mode is never virtualized, so `virt` is ignored for it. The reserved privilege 2 counts as S.
    pub const fn new(privilege: u8, virt: bool) -> Mode {
        match (privilege, virt) {
            (3, _) => Mode::M,
            (0, false) => Mode::U,
            (0, true) => Mode::VU,
            (_, false) => Mode::HS,
            (_, true) => Mode::VS,
        }
    }

    /// Nominal privilege as encoded in xPP: 0 for U, 1 for S, 3 for M.
    pub const fn privilege(self) -> u8 {
        match self {
            Mode::M => 3,
            Mode::HS | Mode::VS => 1,
            Mode::U | Mode::VU => 0,
        }
    }

    /// The virtualization mode V.
    pub const fn virt(self) -> bool {
        matches!(self, Mode::VS | Mode::VU)
    }

    /// The usual name: `M`, `HS`, `U`, `VS`, `VU`.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::M => "M",
            Mode::HS => "HS",
            Mode::U => "U",
            Mode::VS => "VS",
            Mode::VU => "VU",
        }
    }
}
