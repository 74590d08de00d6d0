//! What other threads may do with a vCPU: raise and lower its interrupts, start
//! it, make it look. All of it is requests that the vCPU's own thread serves
//! before it enters the guest.
//!
//! # No request is lost, and no interrupt is sent in vain
//! Requests and where the thread is are one word. So who asks knows whether the
//! thread has seen the request when it entered the guest or went to sleep; if
//! not, it interrupts the hart, or wakes the thread. In the kernel or in its VMM
//! the thread will look by itself. A bit that is set already was announced by
//! who set it.

use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU64, Ordering};

use crate::arch::csr::{INT_VSEI, INT_VSSI, INT_VSTI};
use crate::sched::thread::Thread;
use crate::sched::{self, hart::harts};
use crate::stats::{COALESCED, INJECTED};
use crate::sync::SpinLock;
use crate::{csr_add, csr_clear};

/// Low half of the requests: bits of `hvip` to set. High half: to clear.
const CLEAR_SHIFT: u32 = 32;
const INTERRUPTS: u64 = INT_VSSI | INT_VSTI | INT_VSEI;
const ALL_INTERRUPTS: u64 = INTERRUPTS | INTERRUPTS << CLEAR_SHIFT;

/// Requests that are no interrupts; in bits that `hvip` does not use.
pub mod request {
    /// `VCPU_RUN` is to return.
    pub const KICK: u64 = 1 << 16;
    /// The VM's table of events at addresses has changed.
    pub const IO_EVENTS: u64 = 1 << 17;
    /// The vCPU is stopped, or is to be started: not to enter the guest.
    pub const STOPPED: u64 = 1 << 18;
}

/// Where the vCPU's thread is; in the same word. None of them: in the kernel or
/// its VMM, and looks at the requests before it goes elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Mode {
    /// In the guest, or in a UER handler.
    Guest = 1 << 0,
    /// About to sleep, or asleep, until there is a request.
    Waiting = 1 << 1,
}

const MODES: u64 = Mode::Guest as u64 | Mode::Waiting as u64;

/// Whether the guest has the vCPU started (SBI HSM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hsm {
    /// Runs.
    Started,
    /// Does not.
    Stopped,
    /// Is to run from `pc` on with `a1` = `opaque`.
    StartPending {
        /// First instruction.
        pc: u64,
        /// For `a1`.
        opaque: u64,
    },
}

/// The shared side of a vCPU.
pub struct VcpuLine {
    requests: AtomicU64,
    hsm: SpinLock<Hsm>,
    number: u64,
    vm: usize,
    owner: Weak<Thread>,
    owner_id: usize,
}

impl VcpuLine {
    /// Of a new vCPU of the VM with this id, for `owner`.
    pub fn new(vm: usize, number: u64, owner: &Arc<Thread>) -> Arc<Self> {
        let (hsm, requests) = if number == 0 { (Hsm::Started, 0) } else { (Hsm::Stopped, request::STOPPED) };
        Arc::new(Self {
            requests: AtomicU64::new(requests | request::IO_EVENTS),
            hsm: SpinLock::new(hsm),
            number,
            vm,
            owner: Arc::downgrade(owner),
            owner_id: owner.id,
        })
    }

    /// The guest's hart id.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Id of its VM.
    pub fn vm(&self) -> usize {
        self.vm
    }

    /// Whether the vCPU is this thread's.
    pub fn belongs_to(&self, thread: &Thread) -> bool {
        self.owner_id == thread.id
    }

    /// Whether the thread of the vCPU has ended, and the vCPU with it.
    pub fn is_dead(&self) -> bool {
        self.owner.upgrade().is_none_or(|owner| owner.is_dead())
    }

    /// Raises or lowers interrupts of the guest, and makes it notice. From any
    /// thread, worker or interrupt; allocates nothing.
    pub fn set(&self, bits: u64, level: bool) {
        debug_assert!(bits & !INTERRUPTS == 0);
        let (set, clear) = (bits, bits << CLEAR_SHIFT);
        let (on, off) = if level { (set, clear) } else { (clear, set) };
        let merge = |old| Some(old & !off | on);
        let old = self.requests.fetch_update(Ordering::SeqCst, Ordering::Relaxed, merge).unwrap_or_default();
        let is_new = old & on != on;
        if level {
            INJECTED.fetch_add(1, Ordering::Relaxed);
            COALESCED.fetch_add(u64::from(!is_new), Ordering::Relaxed);
        }
        if is_new {
            self.notify(old);
        }
    }

    /// Asks for something else of [`request`].
    pub fn ask(&self, request: u64) {
        debug_assert!(request & (ALL_INTERRUPTS | MODES) == 0);
        let old = self.requests.fetch_or(request, Ordering::SeqCst);
        if old & request != request {
            self.notify(old);
        }
    }

    /// Makes the thread see its requests, if it does not by itself. `old` is the
    /// word before the request was added.
    fn notify(&self, old: u64) {
        if old & MODES == 0 || self.owner_id == sched::current().id {
            return;
        }
        // The owner may have ended meanwhile.
        let Some(owner) = self.owner.upgrade() else { return };
        if old & Mode::Waiting as u64 != 0 {
            sched::unpark(&owner);
        } else if owner.on_cpu.load(Ordering::Acquire) {
            harts()[owner.last_hart.load(Ordering::Relaxed)].kick();
        }
    }

    /// Before the guest is entered, or the thread sleeps: tells whether there
    /// are requests, which come first.
    #[inline]
    pub fn announce(&self, mode: Mode) -> bool {
        let old = self.requests.fetch_or(mode as u64, Ordering::SeqCst);
        debug_assert!(old & MODES & !(mode as u64) == 0, "in the guest and asleep");
        old & !MODES != 0
    }

    /// Back in the kernel.
    #[inline]
    pub fn leave(&self) {
        self.requests.fetch_and(!MODES, Ordering::Release);
    }

    /// Serves the requests that are interrupts, on the hart where the vCPU is
    /// loaded; tells the others, which stay.
    pub fn flush(&self) -> u64 {
        let requests = self.requests.fetch_and(!ALL_INTERRUPTS, Ordering::SeqCst);
        let set = requests & INTERRUPTS;
        let pending = csr_add!("hvip", set) & set;
        if pending != 0 {
            COALESCED.fetch_add(u64::from(pending.count_ones()), Ordering::Relaxed);
        }
        csr_clear!("hvip", requests >> CLEAR_SHIFT & INTERRUPTS);
        requests & !ALL_INTERRUPTS & !MODES
    }

    /// A request was served.
    pub fn done(&self, request: u64) {
        self.requests.fetch_and(!request, Ordering::SeqCst);
    }

    /// SBI HSM's view of the vCPU.
    pub fn hsm(&self) -> Hsm {
        *self.hsm.lock()
    }

    /// The vCPU is to begin at `pc`. Tells whether it was stopped.
    pub fn start(&self, pc: u64, opaque: u64) -> bool {
        let mut hsm = self.hsm.lock();
        if *hsm != Hsm::Stopped {
            return false;
        }
        *hsm = Hsm::StartPending { pc, opaque };
        drop(hsm);
        // The request is set already: it does not tell by itself.
        self.notify(self.requests.load(Ordering::SeqCst));
        true
    }

    /// For the vCPU's own thread: begins, stops, or takes what `start` left.
    pub fn set_started(&self, started: bool) {
        *self.hsm.lock() = if started { Hsm::Started } else { Hsm::Stopped };
        if started {
            self.done(request::STOPPED);
        } else {
            self.requests.fetch_or(request::STOPPED, Ordering::SeqCst);
        }
    }
}
