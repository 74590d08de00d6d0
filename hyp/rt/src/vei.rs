//! VEI and HCS for programs: routes, and handlers of user contexts (see
//! [`hyp_abi::vei`]).
//!
//! A handler interrupts its own thread, or runs while that sleeps; the two never
//! run at once, but they share memory as threads do, so what they share is
//! `Sync`. Beyond that the rules of signal handlers hold: a handler that waits
//! for a lock which its thread has waits for ever. [`UserContext::closed`] keeps
//! it away.

use alloc::boxed::Box;
use core::arch::{asm, naked_asm};
use core::mem::offset_of;
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

use ha_iov_ext::csr::{USCRATCH, USTATUS, UTOPVEI};
use ha_iov_ext::fields::{topvei, ustatus};
use ha_iov_ext::insn::URET;
use hyp_abi::event::FOREVER;
use hyp_abi::syscall::{USER_CONTEXT_CREATE, USER_CONTEXT_WAIT, VEI_DOMAIN, VEI_INFO, VEI_ROUTE, VEI_UNROUTE};
use hyp_abi::vei::{UserContextSpec, VeiInfo, VeiRoute};

use crate::handle::Handle;
use crate::memory::Mapping;
use crate::sys::{Result, syscall};
use crate::vm::Vm;

/// What the machine has, and what happened so far.
pub fn info() -> Result<VeiInfo> {
    let mut info = VeiInfo::default();
    // SAFETY: the kernel fills `info`, which is alive here.
    unsafe { syscall(VEI_INFO, [&raw mut info as usize, 0, 0]) }?;
    Ok(info)
}

impl Vm {
    /// Says what becomes of a VEIRQ of the guest.
    pub fn add_route(&self, route: &VeiRoute) -> Result<()> {
        let args = [self.handle(), ptr::from_ref(route) as usize, 0];
        // SAFETY: the kernel reads the route.
        unsafe { syscall(VEI_ROUTE, args) }.map(drop)
    }

    /// Takes a route away: nothing sent before arrives afterwards.
    pub fn remove_route(&self, veirq: u32) -> Result<()> {
        // SAFETY: no pointers.
        unsafe { syscall(VEI_UNROUTE, [self.handle(), veirq as usize, 0]) }.map(drop)
    }
}

/// Puts two things, VMs or user contexts by their handles, into one trust domain.
/// Within it, without banked registers, handlers see the registers of guests.
pub fn join_domain(one: usize, other: usize) -> Result {
    // SAFETY: no pointers.
    unsafe { syscall(VEI_DOMAIN, [one, other, 0]) }
}

/// What `uscratch` points to, at the top of the handler's stack.
#[repr(C, align(16))]
struct Frame {
    /// What was interrupted: registers that compiled code may change, by number.
    x: [u64; 32],
    serve: unsafe fn(*const (), u64),
    data: *const (),
    /// How often the handler was entered.
    runs: AtomicU64,
}

/// A handler of the calling thread. Not `Send`: it is the thread's own, and lives
/// as long as it.
pub struct UserContext {
    handle: Handle,
    frame: *const Frame,
}

impl UserContext {
    /// Pins the calling thread to a hart and makes `serve` its handler there,
    /// with a stack of its own. It is called with the bit of each vector that was
    /// sent, and does not run before [`UserContext::open`], unless the thread
    /// sleeps.
    pub fn new<F: Fn(u64) + Sync + 'static>(hart: usize, stack: usize, serve: F) -> Result<Self> {
        let banked = info()?.bank != 0;
        let memory = Mapping::new(stack.max(4096) + size_of::<Frame>())?;
        let frame: *mut Frame = memory.pointer(memory.size() - size_of::<Frame>()).cast();
        let data: *const F = Box::leak(Box::new(serve));
        // SAFETY: the mapping is new, large enough and stays for ever. All of it
        // is touched, so that no handler has to be.
        unsafe {
            ptr::write_bytes(memory.pointer(0), 0, memory.size());
            frame.write(Frame { x: [0; 32], serve: call::<F>, data: data.cast(), runs: AtomicU64::new(0) });
        }
        let entry = if banked { entry_banked as *const () } else { entry_plain as *const () };
        // The assembler puts the alignment behind the symbol.
        let entry = (entry as usize).next_multiple_of(4) as u64;
        let spec = UserContextSpec { entry, scratch: frame as u64, hart: hart as u64 };
        // SAFETY: the entries keep the protocol, and `frame` is as they expect it.
        let handle = unsafe { syscall(USER_CONTEXT_CREATE, [&raw const spec as usize, 0, 0]) }?;
        Ok(Self { handle: Handle::from_raw(handle), frame })
    }

    /// Its handle, for routes and messages.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// From now on the handler may interrupt the thread.
    pub fn open(&self) {
        // SAFETY: what the handler shares with the thread is `Sync`. Not
        // `nomem`: the handler changes memory.
        unsafe { asm!("csrs {}, {}", const USTATUS, in(reg) ustatus::UIE, options(nostack)) };
    }

    /// From now on it may not, wherever it would run.
    pub fn close(&self) {
        // SAFETY: as above.
        unsafe { asm!("csrc {}, {}", const USTATUS, in(reg) ustatus::UIE, options(nostack)) };
    }

    /// Does something that the handler must not interrupt. Opens afterwards.
    pub fn closed<T>(&self, body: impl FnOnce() -> T) -> T {
        self.close();
        let result = body();
        self.open();
        result
    }

    /// Sleeps until the handler needs the thread, or an evicted one is done; see
    /// [`hyp_abi::vei::wait`]. The thread is open.
    pub fn wait(&self) -> Result {
        self.wait_until(FOREVER)
    }

    /// The same until `time` reaches `deadline`: then `TryAgain`.
    pub fn wait_until(&self, deadline: usize) -> Result {
        // SAFETY: no pointers.
        unsafe { syscall(USER_CONTEXT_WAIT, [deadline, 0, 0]) }
    }

    /// How often the handler was entered.
    pub fn runs(&self) -> u64 {
        self.counter().load(Ordering::Relaxed)
    }

    /// The counter behind [`UserContext::runs`], for other threads.
    pub fn counter(&self) -> &'static AtomicU64 {
        // SAFETY: the frame stays for ever; the field is atomic.
        unsafe { &(*self.frame).runs }
    }
}

/// Calls the handler of a frame.
///
/// # Safety
/// `data` is a leaked `F`.
unsafe fn call<F: Fn(u64)>(data: *const (), vectors: u64) {
    // SAFETY: the caller's promise.
    let serve = unsafe { &*data.cast::<F>() };
    serve(vectors);
}

/// Claims and serves until nothing is left.
extern "C" fn run(frame: *const Frame) {
    // SAFETY: `uscratch` is the frame, which stays for ever. Its registers are
    // the entry's, so there is no reference to all of it.
    let (serve, data, runs) = unsafe { ((*frame).serve, (*frame).data, &(*frame).runs) };
    // The handler never runs twice at once.
    runs.store(runs.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    loop {
        let top: u64;
        // SAFETY: a handler may claim its vectors. It orders memory, since the
        // sender wrote before it sent.
        unsafe { asm!("csrrw {}, {}, zero", out(reg) top, const UTOPVEI, options(nostack)) };
        if top & topvei::V == 0 {
            return;
        }
        // SAFETY: `data` belongs to `serve`.
        unsafe { serve(data, 1 << (top & topvei::NUMBER)) };
    }
}

/// Saves or restores registers `x<n>` at their places in the frame that a0 points to.
macro_rules! each {
    ($op:literal, $($n:literal)*) => { concat!($($op, " x", $n, ", 8*", $n, "(a0)\n"),*) };
}

/// The body of both entries for registers that are somebody's: those that
/// compiled code may change are saved.
macro_rules! saving {
    () => {
        concat!(
            "csrrw a0, {uscratch}, a0\n",
            each!("sd", 1 2 5 6 7 11 12 13 14 15 16 17 28 29 30 31),
            "csrrw t0, {uscratch}, a0\n",
            "sd t0, 8*10(a0)\n",
            "mv sp, a0\n",
            "call {run}\n",
            "mv a0, sp\n",
            each!("ld", 1 2 5 6 7 11 12 13 14 15 16 17 28 29 30 31),
            "ld a0, 8*10(a0)\n",
            ".4byte {uret}\n"
        )
    };
}

/// Where the hardware enters with banked registers: by HCS here with sp = the
/// frame and nothing to save, plainly at 4 * 26.
#[unsafe(naked)]
extern "C" fn entry_banked() {
    naked_asm!(
        ".balign 4",
        ".option push",
        ".option norvc",
        ".option norelax",
        // 1 + 2 + 1 instructions of 26.
        "mv a0, sp",
        "call {run}",
        ".4byte {uret}",
        ".skip 4 * 22",
        ".option pop",
        saving!(),
        run = sym run,
        uscratch = const USCRATCH,
        uret = const URET,
    )
}

/// The same without: the registers are the guest's, or the thread's.
#[unsafe(naked)]
extern "C" fn entry_plain() {
    naked_asm!(
        ".balign 4",
        ".option push",
        ".option norvc",
        "j 1f",
        ".skip 4 * 25",
        ".option pop",
        "1:",
        saving!(),
        run = sym run,
        uscratch = const USCRATCH,
        uret = const URET,
    )
}

const _: () = assert!(offset_of!(Frame, x) == 0 && size_of::<Frame>().is_multiple_of(16));
