//! The kernel's part of virtual event interrupts and of HCS (ha-iov 8.10): the
//! tables that the hardware reads, and what is done where it stops.
//!
//! - `regs`: the CSRs; formats in memory are `ha_iov_ext::vei`'s
//! - `hart`: each hart's tables, claims, doorbells, and fences of all harts
//! - `map`, `route`: from a guest's number to an event or a user context
//! - `context`: user contexts and their threads; `activity`: handlers in HCS,
//!   their traps, and how they become threads
//! - `asid`, `balance`, `stats`
//!
//! Invariant: at most one of these is under way for a context: its handler by
//! HCS, its handler as an activity, its own thread in user mode with the handler
//! (plain) or with user interrupts off. `SN` is set in all but the first, for
//! which the hart has one slot (ha-iov 8.11, 34).

pub mod activity;
pub mod asid;
pub mod balance;
pub mod calls;
pub mod context;
pub mod hart;
pub mod map;
pub mod regs;
pub mod route;
pub mod stats;

use core::sync::atomic::{AtomicBool, Ordering};

use crate::boot;
use crate::vm::{Vm, uer};

pub use asid::ProcessVei;
pub use context::{ContextRef, ThreadVei};
pub use map::VmVei;

static SUPPORTED: AtomicBool = AtomicBool::new(false);
static BANK: AtomicBool = AtomicBool::new(true);
static HCS: AtomicBool = AtomicBool::new(false);

/// Whether the machine has VEI and HCS.
#[inline]
pub fn is_supported() -> bool {
    SUPPORTED.load(Ordering::Relaxed)
}

/// Whether handlers find banked registers and can be evicted.
#[inline]
pub fn is_banked() -> bool {
    BANK.load(Ordering::Relaxed)
}

/// Whether the machine switches to handlers by itself. Without it, doorbells do.
#[inline]
pub fn has_hcs() -> bool {
    HCS.load(Ordering::Relaxed)
}

/// Tables of all harts, on the boot hart, before anything is counted.
pub fn init() {
    if !uer::is_supported() || !crate::vm::world_switch::has_hveictl() {
        return;
    }
    let words = || boot::arguments().split_ascii_whitespace();
    BANK.store(!words().any(|word| word == "bank=0"), Ordering::Relaxed);
    let budget = words().find_map(|word| word.strip_prefix("budget=")?.parse().ok());
    hart::set_budget(budget.unwrap_or(0));
    HCS.store(crate::vm::world_switch::has_husave(), Ordering::Relaxed);
    asid::probe();
    map::init();
    hart::init();
    SUPPORTED.store(true, Ordering::Relaxed);
}

/// With a vCPU, into the hart (ha-iov 8.10.3).
#[inline]
pub fn load(vm: &Vm) {
    if is_supported() {
        hart::load(vm);
    }
}

/// With a vCPU, out of the hart.
#[inline]
pub fn unload() {
    if is_supported() {
        hart::unload();
    }
}
