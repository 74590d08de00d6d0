//! What the kernel counts: how many objects of each kind are alive, so that a
//! leak shows, and how often interrupts of guests were raised.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Kinds of objects that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Kind {
    /// Processes.
    Process,
    /// Threads, the kernel's own too.
    Thread,
    /// Virtual machines.
    Vm,
    /// Virtual CPUs.
    Vcpu,
    /// Event objects.
    Event,
    /// Shared memory objects.
    Shared,
    /// Pages of shared memory.
    SharedPage,
    /// Channels.
    Channel,
    /// Messages in queues.
    Message,
    /// Addresses bound to events.
    IoEvent,
    /// Events bound to interrupts.
    IrqEvent,
    /// Workers of vhost devices.
    Worker,
    /// User contexts.
    UserContext,
    /// Routes of VEI.
    VeiRoute,
}

/// All kinds, for reports.
pub const KINDS: [Kind; 14] = [
    Kind::Process,
    Kind::Thread,
    Kind::Vm,
    Kind::Vcpu,
    Kind::Event,
    Kind::Shared,
    Kind::SharedPage,
    Kind::Channel,
    Kind::Message,
    Kind::IoEvent,
    Kind::IrqEvent,
    Kind::Worker,
    Kind::UserContext,
    Kind::VeiRoute,
];

static LIVE: [AtomicUsize; KINDS.len()] = [const { AtomicUsize::new(0) }; _];

/// Interrupts of guests raised by other threads and by events.
pub static INJECTED: AtomicU64 = AtomicU64::new(0);
/// Of these, found still pending.
pub static COALESCED: AtomicU64 = AtomicU64::new(0);

/// How many objects of a kind are alive.
pub fn live(kind: Kind) -> usize {
    LIVE[kind as usize].load(Ordering::Relaxed)
}

/// Part of an object that counts it as long as it lives.
#[derive(Debug)]
pub struct Counted(Kind);

impl Counted {
    /// Counts one more.
    pub fn new(kind: Kind) -> Self {
        LIVE[kind as usize].fetch_add(1, Ordering::Relaxed);
        Self(kind)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let before = LIVE[self.0 as usize].fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "{:?} counted down below 0", self.0);
    }
}
