//! Event objects, and what ties them to guests.
//!
//! An event is a set of 32 bits. Signalling adds bits; waiting takes all of
//! them, and sleeps while there are none. One thread waits at an event; its many
//! sources have a bit each.
//!
//! - `IO_EVENT`: a guest's store to an address signals an event, without its
//!   VMM (KVM's ioeventfd).
//! - `IRQ_EVENT`: bits of an event become an interrupt of a vCPU as soon as they
//!   are signalled, by whomever, and are never seen by who waits at the event
//!   (KVM's irqfd).

/// Deadline of a wait that only looks.
pub const LOOK: usize = 0;
/// Deadline of a wait without end.
pub const FOREVER: usize = usize::MAX;

/// Most [`IoEvent`]s of a VM.
pub const IO_EVENTS_MAX: usize = 256;
/// Most [`IrqEvent`]s of an event.
pub const IRQ_EVENTS_MAX: usize = 32;

/// Flag: take back what was set with the same other fields.
pub const EVENT_DEASSIGN: u32 = 1;
/// Flag of [`IoEvent`]: only stores of `datamatch` count.
pub const IO_EVENT_DATAMATCH: u32 = 2;

/// Argument of `IO_EVENT`. A store that matches is consumed by the kernel; all
/// others are MMIO exits as before. The address is not in a memory region or a
/// UER range (there it is never reached).
///
/// A vCPU that runs meanwhile takes notice at its next entry, for which it is
/// interrupted: until then, stores may still go the old way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct IoEvent {
    /// Guest physical address of the store.
    pub gpa: u64,
    /// The value that is waited for, with [`IO_EVENT_DATAMATCH`].
    pub datamatch: u64,
    /// Bytes of the store: 1, 2, 4, 8, or 0 for any (then without datamatch).
    pub len: u32,
    /// [`EVENT_DEASSIGN`] and [`IO_EVENT_DATAMATCH`].
    pub flags: u32,
    /// Handle of the event.
    pub event: u32,
    /// Bits that are signalled; not 0.
    pub bits: u32,
}

/// The vCPU's external interrupt line (VSEIP) is raised; `VCPU_INTERRUPT` lowers it.
pub const IRQ_LINE: u32 = 0;
/// A message: the vCPU's software interrupt (VSSIP), which the guest clears by itself.
pub const IRQ_MESSAGE: u32 = 1;

/// Argument of `IRQ_EVENT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct IrqEvent {
    /// Handle of the event.
    pub event: u32,
    /// Bits that become the interrupt; not 0. No bit can be bound twice.
    pub bits: u32,
    /// Number of the vCPU in the VM (the guest's hart id).
    pub vcpu: u32,
    /// [`IRQ_LINE`] or [`IRQ_MESSAGE`].
    pub kind: u32,
    /// [`EVENT_DEASSIGN`] or 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
}
