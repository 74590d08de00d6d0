//! vhost: a virtio device whose queues a worker thread of the kernel serves.
//!
//! The monitor keeps the registers, and tells the kernel where the driver has put
//! the queues. The worker waits at the `kick` event: bit n is "look at queue n",
//! [`WIRE`] is "a frame has come, or there is room for one", [`CONTROL`] is the kernel's own. Who signals it
//! (an `IO_EVENT`, a `VEI_ROUTE`, the monitor) is the monitor's choice.

/// Kind of device: a disk in shared memory.
pub const DISK: u32 = 2;
/// Kind of device: a network adapter at a cable in shared memory.
pub const NET: u32 = 1;

/// Bit of the kick event: the cable's other end has sent something, or has made room.
pub const WIRE: u32 = 1 << 30;
/// Bit of the kick event: the kernel wants the worker.
pub const CONTROL: u32 = 1 << 31;

/// Flag of a device: drivers are never asked for no notifications, however busy the worker is.
pub const NEVER_SILENT: u64 = 1;

/// Argument of `VHOST_CREATE`. All numbers of objects are handles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VhostSpec {
    /// [`DISK`] or [`NET`].
    pub kind: u32,
    /// Index of the hart that the worker is pinned to.
    pub hart: u32,
    /// Shared memory that is the guest's.
    pub memory: u32,
    /// Shared memory that is the disk or the cable.
    pub backing: u32,
    /// What the worker waits at, alone: `Busy` when somebody else does.
    pub kick: u32,
    /// What it signals when the driver wants an interrupt.
    pub call: u32,
    /// With which bits.
    pub call_bits: u32,
    /// What it signals, with bit 0, when the cable's other end sleeps; 0 for disks.
    pub peer: u32,
    /// Guest physical address of the memory; a multiple of 2 MiB.
    pub gpa: u64,
    /// Bytes of the memory that are the guest's.
    pub memory_size: u64,
    /// Bytes of the disk.
    pub disk_size: u64,
    /// [`NEVER_SILENT`], or 0.
    pub flags: u64,
}

/// Argument of `VHOST_QUEUE`: the queue is the worker's until `VHOST_STOP`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VhostQueue {
    /// Which queue.
    pub index: u32,
    /// Its entries.
    pub size: u32,
    /// Descriptor area.
    pub descriptors: u64,
    /// Driver area.
    pub driver: u64,
    /// Device area.
    pub device: u64,
    /// Features that were negotiated.
    pub features: u64,
}

/// What `VHOST_STATUS` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VhostStatus {
    /// 1 if the driver has broken a queue: nothing is served until `VHOST_STOP`.
    pub broken: u64,
    /// Requests that were served.
    pub requests: u64,
    /// How often the worker was woken.
    pub wakes: u64,
    /// How often the driver wanted an interrupt.
    pub interrupts: u64,
}
