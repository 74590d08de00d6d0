//! The G-stage entry of a device page (manual 2.1; ha-iov 8.1, 8.3).

/// PTE.MMIO. Reserved in the ratified text, so that a machine without HA-IOV raises a guest-page fault here.
pub const MMIO: u64 = 1 << 54;

/// V, R, W, U and MMIO: the entry of a page all of whose loads and stores are redirected. The page number is ignored.
pub const DEVICE: u64 = MMIO | 1 << 4 | 1 << 2 | 1 << 1 | 1;

/// As [`DEVICE`] without W: stores are ordinary guest-page faults.
pub const DEVICE_READ_ONLY: u64 = DEVICE & !(1 << 2);
