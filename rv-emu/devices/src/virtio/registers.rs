//! From a driver's accesses to the registers of `rv_virtio`, and from what it finds wrong to what the bus makes of it.

use rv_virtio::transport::mmio::Violation;

use crate::{AccessError, Width};

/// Size of a slot's window.
pub const SIZE: u64 = 0x1000;
/// Slots of a board, as QEMU's `virt` has them.
pub const SLOTS: usize = 8;

/// What the hart sees of a violation. Where there is no register, or none of this width, the access is refused. What is
/// only wrong at this stage, or with this value, is the driver's to find out: it has no effect.
pub(super) fn refused(violation: Violation, offset: u64, width: Width) -> Option<AccessError> {
    match violation {
        Violation::Width(_) => Some(AccessError::Width { offset, width }),
        Violation::Unknown => Some(AccessError::Offset(offset)),
        Violation::WriteOnly | Violation::ReadOnly | Violation::Stage | Violation::Queue | Violation::Value => None,
    }
}
