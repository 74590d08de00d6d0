//! Virtual event interrupts (VEI) and hardware-assisted context switch
//! (HCS): what a program asks of the kernel (HA-IOV manual; ha-iov 8.5 to 8.10).
//!
//! # Routes
//! A guest sends a number, its VEIRQ. `VEI_ROUTE` says what becomes of it:
//! - [`TO_EVENT`]: bits of an event are signalled, on the hart that the policy
//!   names (supervisor VEI). Kernel workers wait at events too.
//! - [`TO_CONTEXT`]: a vector of a user context is posted (user VEI).
//!
//! Whoever has the handles of a VM and of an event or a context may connect
//! them. The guest makes no exit for a send, but nothing depends on that: what
//! the hardware has no entry for comes to the kernel, which delivers it itself.
//! A VEIRQ without a route is [`crate::vm::exit::VEI_MISS`].
//!
//! # User contexts
//! A context is a handler of the calling thread, with a stack of its own, on one
//! hart. The thread must be pinned to that hart, and stays so. The handler runs
//! - at `entry` (HCS), on the spot, when a guest runs on the hart: no kernel;
//! - at `entry + 4 * 26` (plain user VEI), when its own thread runs with user
//!   interrupts on (`ustatus.UIE`);
//! - at `entry`, as an activity that the kernel schedules in the thread's place,
//!   when neither can be.
//!
//! It loops over `utopvei` until that reads 0, and does `uret`. Between handler
//! and thread the rules of signal handlers hold: never both at once; the handler
//! does not run while the thread has UIE = 0, the thread not before a handler
//! that was evicted is done; a handler must not wait for a lock that its thread
//! may hold.
//!
//! System calls may be made from the handler. `EVENT_SIGNAL`, `TIMEBASE` and
//! `CONSOLE_WRITE` are served at once. For any other the handler is evicted
//! first, if the profile allows it; else the call is refused with `Busy`.
//!
//! # Profiles
//! With [`VeiInfo::bank`] = 1 the handler finds zeroed registers but `sp` =
//! `scratch`, may interrupt any guest, and can be evicted. With 0 it finds the
//! guest's registers, saves what it uses, may only interrupt guests of its own
//! trust domain (`VEI_DOMAIN`), and cannot be evicted: one that uses up its
//! budget is killed, and the guest with it.

/// Kind of a route: to bits of an event.
pub const TO_EVENT: u32 = 1;
/// Kind of a route: to a vector of a user context.
pub const TO_CONTEXT: u32 = 2;

/// Always the hart that the route names.
pub const FIXED: u32 = 0;
/// Another hart each time the balancer looks.
pub const ROUND_ROBIN: u32 = 1;
/// The hart with the shortest queue.
pub const LEAST_LOADED: u32 = 2;
/// Where the thread that waits at the event ran last.
pub const LAST_RAN: u32 = 3;

/// Flag of a [`FIXED`] route: the hardware isn't shown it, so each send is a trap
/// that the kernel serves. What a send without a table's entry takes is measured
/// with it.
pub const BY_KERNEL: u32 = 1;

/// VEIRQs of a VM are below this, and not 0.
pub const VEIRQS: u32 = 256;
/// Vectors of a context.
pub const VECTORS: u32 = 64;

/// Argument of `VEI_ROUTE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VeiRoute {
    /// The guest's number, 1 to [`VEIRQS`] - 1.
    pub veirq: u32,
    /// [`TO_EVENT`] or [`TO_CONTEXT`].
    pub kind: u32,
    /// Handle of the event or context.
    pub target: u32,
    /// Bits of the event, not 0; or number of the vector.
    pub bits: u32,
    /// [`FIXED`] and so on. Contexts stay where they are: `FIXED`.
    pub policy: u32,
    /// Hart of a `FIXED` route to an event; where the others begin.
    pub hart: u32,
    /// Rate limit: notifications are at least 2^`gap` cycles apart, 1 to 31; 0
    /// is no limit. What is sent sooner is gathered by the hardware.
    pub gap: u32,
    /// [`BY_KERNEL`] or 0.
    pub flags: u32,
}

/// Argument of `USER_CONTEXT_CREATE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct UserContextSpec {
    /// Where the handler begins; aligned to 4.
    pub entry: u64,
    /// Its `uscratch`: with profile 1 also its `sp`.
    pub scratch: u64,
    /// Index of the hart, to which the calling thread is pinned from now on.
    pub hart: u64,
}

/// What `USER_CONTEXT_WAIT` answers.
pub mod wait {
    /// A doorbell scheduled the thread: its handler runs, or has run.
    pub const DOORBELL: usize = 0;
    /// A handler that had been evicted is done.
    pub const ACTIVITY: usize = 1;
}

/// What `VEI_INFO` answers: what the machine has, and what happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct VeiInfo {
    /// 1 if there are VEI and HCS.
    pub supported: u64,
    /// The profile, 0 or 1.
    pub bank: u64,
    /// Supervisor VEIs that were claimed.
    pub claimed: u64,
    /// Map misses that the kernel delivered.
    pub slow_sends: u64,
    /// Map misses that went to the VMM.
    pub misses: u64,
    /// Doorbells.
    pub doorbells: u64,
    /// Of these, answered by scheduling an activity.
    pub activities: u64,
    /// Own threads switched in with vectors posted: plain deliveries.
    pub plain: u64,
    /// Handlers evicted in the middle.
    pub evictions: u64,
    /// Of these, because their budget was used up.
    pub over_budget: u64,
    /// System calls served for handlers on the spot.
    pub handler_calls: u64,
    /// Map entries rewritten by the balancer.
    pub moves: u64,
    /// Fences of all harts.
    pub fences: u64,
    /// Routes alive.
    pub routes: u64,
    /// Contexts alive.
    pub contexts: u64,
}
