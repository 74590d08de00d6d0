//! Exception and interrupt codes (manual 1.2; ha-iov 8.1), from the ranges designated for custom use.

/// Exception: a guest's load from a G-stage page marked MMIO.
pub const LOAD_MMIO_GUEST_FAULT: u64 = 24;
/// Exception: a guest's store to a G-stage page marked MMIO.
pub const STORE_MMIO_GUEST_FAULT: u64 = 25;
/// Exception: nobody is there whom a VEIRQ could be sent to.
pub const VEI_MAP_MISS: u64 = 26;

/// Interrupt: supervisor VEI.
pub const SUPERVISOR_VEI: u64 = 24;
/// Interrupt: doorbell, a user VEI that only HS can bring on its way.
pub const DOORBELL: u64 = 25;
/// Interrupt: user VEI; in `uip`, `uie` and `ucause` only.
pub const USER_VEI: u64 = 26;

/// Interrupt: user software.
pub const USER_SOFTWARE: u64 = 0;
/// Interrupt: user timer.
pub const USER_TIMER: u64 = 4;
/// Interrupt: user external.
pub const USER_EXTERNAL: u64 = 8;

/// The exceptions that `huedeleg` can redirect.
pub const REDIRECTABLE: u64 = 1 << LOAD_MMIO_GUEST_FAULT | 1 << STORE_MMIO_GUEST_FAULT;
/// Exceptions that `medeleg` gains.
pub const MEDELEG: u64 = REDIRECTABLE | 1 << VEI_MAP_MISS;
