//! What hangs on the bus of a `virt`-compatible RISC-V board.
//!
//! A device knows neither where it sits in the address space nor who calls it: it is given an
//! offset, a width and the virtual time of the access, and answers. Interrupt lines are plain
//! functions of its state (`interrupt()`, `pending(context)`) that the board reads after an access;
//! nothing here calls back. State is plain serde data with no host handle in it, so saving a
//! machine is saving its devices' states.
//!
//! Every device is a folder with the same files: `device` (behaviour), `registers` (the map from
//! offsets to registers, with bit names), `state` (what is saved), `tests`.
//!
//! Invariant: no guest access can panic here; whatever has no meaning is an [`AccessError`], which
//! the hart turns into an access fault.

#[cfg(test)]
mod testing;

pub mod aclint;
pub mod aplic;
pub mod finisher;
pub mod goldfish_rtc;
pub mod imsic;
pub mod plic;
pub mod sswi;
pub mod uart16550;
pub mod virtio;

pub use aclint::Aclint;
pub use aplic::Aplic;
pub use finisher::Finisher;
pub use goldfish_rtc::GoldfishRtc;
pub use imsic::Imsic;
pub use plic::Plic;
pub use sswi::Sswi;
pub use uart16550::Uart16550;
pub use virtio::VirtioSlot;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Virtual time of an access, in cycles of the hart that makes it.
pub type Cycles = u64;

/// How many bytes an access moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Width {
    /// One byte.
    Byte,
    /// Two bytes.
    Half,
    /// Four bytes.
    Word,
    /// Eight bytes.
    Double,
}

impl Width {
    /// All widths, narrowest first.
    pub const ALL: [Width; 4] = [Width::Byte, Width::Half, Width::Word, Width::Double];

    /// The width of an access of `size` bytes, if a hart can make one.
    pub const fn from_bytes(size: u8) -> Option<Self> {
        match size {
            1 => Some(Self::Byte),
            2 => Some(Self::Half),
            4 => Some(Self::Word),
            8 => Some(Self::Double),
            _ => None,
        }
    }

    /// Number of bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Word => 4,
            Self::Double => 8,
        }
    }

    /// Whether an access of this width at `offset` is naturally aligned.
    pub const fn aligned(self, offset: u64) -> bool {
        offset.is_multiple_of(self.bytes())
    }
}

/// Why a device refused an access. The hart sees an access fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// Nothing answers at this offset.
    #[error("no register at offset {0:#x}")]
    Offset(u64),
    /// The register is there, but not for an access of this width.
    #[error("register at offset {offset:#x} takes no {}-byte access", width.bytes())]
    Width {
        /// Where.
        offset: u64,
        /// The width that was tried.
        width: Width,
    },
}

/// A memory-mapped device, seen from the bus.
pub trait Device {
    /// Reads `width` bytes at `offset`, zero-extended. May have the side effects that the data
    /// sheet gives the register.
    fn read(&mut self, offset: u64, width: Width, now: Cycles) -> Result<u64, AccessError>;

    /// Writes the low `width` bytes of `value` at `offset`.
    fn write(&mut self, offset: u64, width: Width, value: u64, now: Cycles) -> Result<(), AccessError>;

    /// Puts the device into its power-on state.
    fn reset(&mut self);
}

/// A device whose whole state is plain data.
pub trait Persist: Sized {
    /// What is saved.
    type State: Serialize + DeserializeOwned + Clone + PartialEq + std::fmt::Debug;

    /// A copy of the state.
    fn save(&self) -> Self::State;

    /// A device in the given state; refuses a state that no device of this kind can be in.
    fn restore(state: Self::State) -> Result<Self, RestoreError>;
}

/// A saved state contradicts itself: the file was damaged or written by something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("saved state of {device} is not valid: {reason}")]
pub struct RestoreError {
    /// Which device.
    pub device: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}
