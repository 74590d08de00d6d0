//! Handlers in HCS: their traps, and how the kernel takes one out of a guest's
//! way (ha-iov 8.7).
//!
//! The handler traps with `sscratch` naming the entry record of its context's
//! activity, a thread that does not run: so the kernel is on that thread's
//! stack, while the hart's current thread is still the one whose guest was
//! interrupted. Until the handler is evicted, the scheduler must not be called.
//! Eviction makes the activity what it looks like: the guest's thread goes on in
//! its run loop, on its own stack, as after any exit, and the activity is a
//! thread that was preempted at this place.

use alloc::sync::Arc;
use core::ptr;

use ha_iov_ext::csr::{HVEICTL, HVSLOT, SUATP, SUEPC, SUESTAT, SUTVEC, SUUSCRATCH, USCRATCH, USTATUS, UTOPVEI, UTVEC};
use ha_iov_ext::fields::{hveictl, suestat, ustatus};
use ha_iov_ext::insn::URET;
use hyp_abi::error::{Error, encode};
use hyp_abi::syscall as number;
use hyp_kernel::addr::UserVirt;

use crate::arch::csr::{CAUSE_INTERRUPT, IRQ_SSI, IRQ_STI, cause};
use crate::arch::time;
use crate::proc::address_space::Access;
use crate::sched::hart::this_hart;
use crate::sched::switch::guest_resume_start;
use crate::sched::thread::Thread;
use crate::sched::{self, switch, timer};
use crate::syscall::syscall;
use crate::trap::{TrapFrame, handle};
use crate::vei::context::{UserContext, activity_done};
use crate::vei::hart::{self, IRQ_SVEI};
use crate::vei::{is_banked, regs, stats};
use crate::vm::run::{self, CAUSE_UER_RESUME};
use crate::{csr_read, csr_write, log};

/// Exit code of processes that are killed here: as for any other fault.
const KILLED: i32 = 139;

/// A system call of a handler in HCS; from the trap vector. `activity` is the
/// thread whose entry record the trap came with.
pub extern "C" fn handler_call(
    a0: usize,
    a1: usize,
    a2: usize,
    a3: usize,
    a4: usize,
    a5: usize,
    activity: *const Thread,
    call: usize,
) -> usize {
    // SAFETY: entry records begin the threads that they are of, and this one is
    // kept by its context, whose owner does not run now.
    let activity = unsafe { &*activity };
    if is_served_at_once(call) {
        stats::HANDLER_CALLS.add();
        return with_current(activity, || syscall(a0, a1, a2, a3, a4, a5, 0, call));
    }
    if !is_banked() {
        return encode(Err(Error::Busy));
    }
    evict(activity, CAUSE_UER_RESUME);
    syscall(a0, a1, a2, a3, a4, a5, 0, call)
}

/// Calls that never call the scheduler.
const fn is_served_at_once(call: usize) -> bool {
    matches!(call, number::EVENT_SIGNAL | number::TIMEBASE | number::CONSOLE_WRITE)
}

/// Runs `body` as if the activity were the hart's current thread. Interrupts are
/// off, and `body` does not switch.
fn with_current<T>(activity: &Thread, body: impl FnOnce() -> T) -> T {
    let current = &this_hart().current;
    let guest = current.replace(ptr::from_ref(activity));
    let result = body();
    current.set(guest);
    result
}

/// Any other trap of a handler in HCS; from the trap vector.
pub extern "C" fn handler_trap(frame: &mut TrapFrame, activity: *const Thread) {
    // SAFETY: as in `handler_call`.
    let activity = unsafe { &*activity };
    let (cause, value) = (csr_read!("scause"), csr_read!("stval"));
    if cause & CAUSE_INTERRUPT != 0 {
        interrupted(activity, cause);
    } else if !serve_quickly(activity, frame, cause, value) {
        if !is_banked() {
            kill_both(activity, cause, frame.pc);
        }
        evict(activity, CAUSE_UER_RESUME);
        handle::exception(frame, cause, value as usize);
    }
}

/// Faults that are served without sleeping.
fn serve_quickly(activity: &Thread, frame: &mut TrapFrame, cause: u64, value: u64) -> bool {
    let access = match cause {
        cause::FETCH_PAGE => Access::Execute,
        cause::LOAD_PAGE => Access::Read,
        cause::STORE_PAGE => Access::Write,
        // The guest's `scounteren` is in place.
        cause::ILLEGAL => return handle::read_counter(frame, value as u32),
        _ => return false,
    };
    let process = activity.process.as_ref().expect("activities belong to processes");
    process.space.lock().fault(UserVirt(value as usize), access).is_ok()
}

/// An interrupt of a handler: served here, unless the guest's thread has to
/// leave the guest. That serves it then.
fn interrupted(activity: &Thread, cause: u64) {
    let guest = sched::current();
    let leaves = match cause & !CAUSE_INTERRUPT {
        IRQ_SVEI => {
            hart::claim();
            false
        }
        IRQ_STI => {
            if hart::budget_is_over(time(), true) {
                stats::OVER_BUDGET.add();
                if !is_banked() {
                    kill_both(activity, cause, 0);
                }
                true
            } else {
                timer::expired()
            }
        }
        IRQ_SSI => {
            this_hart().acknowledge_kick();
            sched::wants_to_switch()
        }
        other => panic!("interrupt {other} was never enabled"),
    };
    let dying = |thread: &Thread| thread.process.as_ref().is_some_and(|process| process.is_dying());
    let leaves = leaves || dying(guest) || dying(activity) || run::has_requests(guest);
    if leaves && is_banked() {
        evict(activity, cause);
    } else if leaves && dying(guest) {
        kill_both(activity, cause, 0);
    } else if leaves {
        // Again, when the handler is done.
        timer::retry_soon();
    }
}

/// Takes the handler out of the way of the guest, whose thread goes on in its
/// run loop with `cause`. Returns when the activity is scheduled.
fn evict(activity: &Thread, cause: u64) {
    stats::EVICTIONS.add();
    let allowed = activity.vei.active_handler().begin_activity();
    let x = hart::this().banked_registers();
    give_back_to_guest(&x);
    leave_stack(activity, cause, allowed);
    // From here on this is a thread like any other.
    sched::finish_switch();
    sched::end_if_dying();
}

/// What the return from HCS would have done, but for `hucpend` and the way to
/// the guest, whose registers are `x`.
fn give_back_to_guest(x: &[u64; 32]) {
    let guest = sched::current();
    let status = regs::read::<SUESTAT>();
    csr_write!("satp", regs::read::<SUATP>());
    regs::write::<UTVEC>(regs::read::<SUTVEC>());
    regs::write::<USCRATCH>(regs::read::<SUUSCRATCH>());
    let kept = regs::read::<USTATUS>() & !ustatus::UIE;
    regs::write::<USTATUS>(kept | if status & suestat::UIE != 0 { ustatus::UIE } else { 0 });
    let pc = regs::read::<SUEPC>();
    regs::clear::<HVEICTL>(hveictl::HCSA);
    regs::write::<HVSLOT>(0);
    run::take_from_handler(guest, x, pc, status & suestat::PP != 0);
}

/// Switches to the guest's thread, which is current, from the activity's stack.
fn leave_stack(activity: &Thread, cause: u64, comes_back: bool) {
    let guest = sched::current();
    let hart = this_hart();
    activity.on_cpu.store(true, core::sync::atomic::Ordering::Relaxed);
    hart.set_previous(activity.to_arc());
    if comes_back {
        sched::enqueue(activity.to_arc());
    }
    let entry = guest.entry();
    // SAFETY: the guest's thread is in `enter_guest`, so its stack below
    // `kernel_sp` is free, and its context unused as long as it is current. The
    // activity was not running, so its context is unused too.
    unsafe {
        let context = &mut *guest.context.get();
        context.ra = &raw const guest_resume_start as usize;
        context.sp = (*entry).kernel_sp;
        context.s[0] = entry as usize;
        context.s[1] = cause as usize;
        switch::switch(activity.context.get(), context);
    }
}

/// The guest's thread is on its own stack again.
pub extern "C" fn guest_resumes() {
    this_hart().release_previous();
}

/// Without banked registers, the guest's are on the handler's stack: it cannot
/// go on without it. Both are of one trust domain (ha-iov 8.7).
fn kill_both(activity: &Thread, cause: u64, pc: usize) -> ! {
    let guest = sched::current();
    for thread in [activity, guest] {
        let process = thread.process.as_ref().expect("a user thread");
        log!("{} killed: handler without banked registers, cause {cause:#x} at pc {pc:#x}", process.name);
        process.exit(KILLED);
    }
    let allowed = activity.vei.active_handler().begin_activity();
    assert!(!allowed, "a dying process got a thread");
    give_back_to_guest(&[0; 32]);
    leave_stack(activity, CAUSE_INTERRUPT | IRQ_SSI, false);
    unreachable!("a handler that was killed came back")
}

/// An illegal instruction of an activity: what the handler does with N's state
/// is emulated, since the state in the hart is not its own. Tells whether it was
/// that.
pub fn emulate(thread: &Thread, frame: &mut TrapFrame, instruction: u32) -> bool {
    if !thread.vei.is_activity() {
        return false;
    }
    if instruction == URET {
        activity_done(thread);
    }
    const SYSTEM: u32 = 0x73;
    let (opcode, operation) = (instruction & 0x7f, instruction >> 12 & 7);
    let (rd, rs1) = ((instruction >> 7 & 31) as usize, (instruction >> 15 & 31) as usize);
    if opcode != SYSTEM || !(1..=3).contains(&operation) {
        return false;
    }
    let source = if rs1 == 0 { 0 } else { frame.x[rs1 - 1] as u64 };
    let writes = operation == 1 || rs1 != 0;
    let Some(value) = access((instruction >> 20) as u16, thread, operation, source, writes) else { return false };
    if rd != 0 {
        frame.x[rd - 1] = value as usize;
    }
    frame.pc += 4;
    true
}

/// The CSRs of a handler: the value read, after which it is written.
fn access(csr: u16, thread: &Thread, operation: u32, source: u64, writes: bool) -> Option<u64> {
    let context: Arc<UserContext> = thread.vei.activity_of()?;
    match csr {
        UTOPVEI => Some(context.top(writes)),
        USCRATCH => {
            let old = thread.vei.scratch.get();
            let new = match operation {
                1 => source,
                2 => old | source,
                _ => old & !source,
            };
            thread.vei.scratch.set(new);
            Some(old)
        }
        _ => None,
    }
}
