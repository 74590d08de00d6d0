//! Feature bits that belong to no device type (virtio 1.2, chapter "Reserved Feature Bits").

/// The driver may use descriptors that refer to tables of descriptors.
pub const INDIRECT_DESC: u64 = 1 << 28;
/// Notifications are suppressed by ring positions instead of flags.
pub const EVENT_IDX: u64 = 1 << 29;
/// This is not a legacy device. Always offered, and always demanded.
pub const VERSION_1: u64 = 1 << 32;
/// Packed rings instead of split ones.
pub const RING_PACKED: u64 = 1 << 34;
/// Buffers are used in the order in which they were made available.
pub const IN_ORDER: u64 = 1 << 35;
/// A notification says how far the driver has got.
pub const NOTIFICATION_DATA: u64 = 1 << 38;
/// Queues can be reset one by one.
pub const RING_RESET: u64 = 1 << 40;

/// What the queues of this crate can do, for every device type. What a host does not want to offer
/// it masks out.
pub const QUEUES: u64 = INDIRECT_DESC | EVENT_IDX | VERSION_1 | RING_PACKED | RING_RESET;
