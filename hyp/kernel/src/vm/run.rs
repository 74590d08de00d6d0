//! `VCPU_RUN`: the loop around the guest.
//!
//! While it runs, a UER handler of the VMM may make system calls and be
//! preempted, all below this loop's frame on the kernel stack. So nothing here
//! holds a reference to the vCPU while the guest runs or the thread may switch:
//! every step takes a fresh one.

use alloc::sync::Arc;

use hyp_abi::Error;
use hyp_abi::vm::{UerFrame, exit as reason};
use hyp_kernel::addr::UserVirt;
use hyp_kernel::insn::Access;

use crate::arch::csr::{CAUSE_INTERRUPT, SSTATUS_SPP};
use crate::mm::frame;
use crate::proc::user;
use crate::sched::{self, current, thread::Thread, timer};
use crate::trap::handle::interrupt;
use crate::vm::exit::{self, Outcome};
use crate::vm::hardware::{HOST_HSTATUS, guest_has_sstc};
use crate::vm::line::{Hsm, Mode, request};
use crate::vm::uer;
use crate::vm::vcpu::{Completion, Vcpu};
use crate::vm::world_switch::{abandon_guest, enter_guest};
use crate::{csr_clear, csr_read, csr_write};

/// Cause with which [`uer_exit`] ends the guest's run; no hardware cause.
const CAUSE_UER_EXIT: u64 = 0x100;
/// The same, but the guest goes on.
pub const CAUSE_UER_RESUME: u64 = 0x101;

/// Runs the calling thread's vCPU until its VMM is needed.
#[inline]
pub fn run(handle: usize) -> Result<usize, Error> {
    let thread = current();
    if thread.vcpu().is_null() {
        return Err(Error::BadHandle);
    }
    if thread.in_guest() {
        return Err(Error::Busy);
    }
    begin(thread, handle)?;
    let result = run_loop(thread);
    end(thread);
    result.map(|()| 0)
}

/// The thread's vCPU, for one step.
#[inline]
fn vcpu(thread: &Thread) -> &'static mut Vcpu {
    // SAFETY: it is not null in the run loop, belongs to this thread, and each
    // step's reference is dead before the next thing that could make another
    // (entering the guest, switching threads).
    unsafe { &mut *thread.vcpu() }
}

#[inline]
fn begin(thread: &Thread, handle: usize) -> Result<(), Error> {
    let vcpu = vcpu(thread);
    if vcpu.handle != handle {
        return Err(Error::BadHandle);
    }
    let page = vcpu.run_page();
    // SAFETY: the page lives as long as the vCPU; it is shared with the VMM, so
    // it is read by value and nothing is believed.
    unsafe {
        if (*page).request_exit != 0 {
            (*page).exit_reason = reason::INTR;
            return Err(Error::Interrupted);
        }
        match vcpu.completion {
            Completion::None => {}
            Completion::Load { rd, size_log2, extend } => {
                vcpu.frame.x[rd] = Access::extend(size_log2, extend, (*page).mmio.data);
                // The load may have gone to x0, which a store reads from here.
                vcpu.frame.x[0] = 0;
            }
            Completion::Sbi => [vcpu.frame.x[10], vcpu.frame.x[11]] = (*page).sbi.ret,
        }
    }
    vcpu.completion = Completion::None;
    if !vcpu.is_loaded() {
        vcpu.load();
    }
    vcpu.swap_counter_enable();
    let frame = &raw mut vcpu.frame;
    // SAFETY: the thread's own record, in the kernel.
    unsafe { (*thread.entry()).guest = frame as usize };
    thread.set_in_guest(true);
    Ok(())
}

#[inline]
fn end(thread: &Thread) {
    thread.set_in_guest(false);
    thread.reset_kernel_stack();
    let vcpu = vcpu(thread);
    vcpu.swap_counter_enable();
    // What the way back to user mode relies on, see the trap vector.
    csr_write!("hstatus", HOST_HSTATUS);
    csr_clear!("sstatus", SSTATUS_SPP);
}

#[inline]
fn run_loop(thread: &Thread) -> Result<(), Error> {
    let frame = &raw mut vcpu(thread).frame;
    let line = Arc::as_ptr(&vcpu(thread).line);
    // SAFETY: the line lives at least as long as the vCPU, and that as long as
    // this thread is in the run loop.
    let line = unsafe { &*line };
    loop {
        if line.announce(Mode::Guest) {
            serve_requests(thread)?;
        }
        // SAFETY: the vCPU is loaded, `begin` named its frame, the thread is in
        // a system call, hence interrupts are off; no reference is alive.
        let cause = unsafe { enter_guest(thread.entry(), frame) };
        line.leave();
        if cause & CAUSE_INTERRUPT != 0 {
            interrupt(cause);
            if is_asked_to_return(thread) {
                return interrupted(thread);
            }
            continue;
        }
        let outcome = match cause {
            cause if exit::is_data_fault(cause) => exit::data_fault(vcpu(thread), cause),
            CAUSE_UER_EXIT => Outcome::Leave,
            CAUSE_UER_RESUME => Outcome::Resume,
            _ => exit::handle(vcpu(thread), cause),
        };
        match outcome {
            Outcome::Resume => {}
            Outcome::Leave => return Ok(()),
            Outcome::Wait => wait(thread)?,
        }
    }
}

fn is_asked_to_return(thread: &Thread) -> bool {
    let page = vcpu(thread).run_page();
    // SAFETY: as in `begin`. Volatile, because the VMM's other threads write it.
    unsafe { (&raw const (*page).request_exit).read_volatile() != 0 }
}

/// Whether others ask for something that the run loop must serve. Gives the guest
/// its interrupts.
pub fn has_requests(thread: &Thread) -> bool {
    vcpu(thread).line.flush() != 0
}

/// The thread's guest goes on at `pc` with these registers: a handler in HCS that
/// interrupted it was evicted.
pub fn take_from_handler(thread: &Thread, x: &[u64; 32], pc: u64, from_supervisor: bool) {
    assert!(thread.in_guest(), "HCS without a guest");
    vcpu(thread).take_from_handler(x, pc, from_supervisor);
}

/// The exit of a `VCPU_RUN` that was asked to return.
#[cold]
fn interrupted(thread: &Thread) -> Result<(), Error> {
    let page = vcpu(thread).run_page();
    // SAFETY: as in `begin`.
    unsafe { (*page).exit_reason = reason::INTR };
    Err(Error::Interrupted)
}

/// Serves what others ask of the vCPU, which has announced where it goes. When
/// this returns well, nothing is left of what was asked before, and the line
/// says `Guest`, or still what it said.
#[inline(never)]
fn serve_requests(thread: &Thread) -> Result<(), Error> {
    loop {
        let others = vcpu(thread).line.flush();
        if others == 0 {
            return Ok(());
        }
        if others & request::KICK != 0 {
            vcpu(thread).line.done(request::KICK);
            vcpu(thread).line.leave();
            return interrupted(thread);
        }
        if others & request::IO_EVENTS != 0 {
            if let Err(error) = frame::admit() {
                // The request stays, for a time with more memory.
                vcpu(thread).line.leave();
                return Err(error);
            }
            // Before the table is made: a change after that asks again.
            vcpu(thread).line.done(request::IO_EVENTS);
            let table = vcpu(thread).vm.io_table();
            vcpu(thread).io_table = table;
        }
        if others & request::STOPPED != 0 {
            vcpu(thread).line.leave();
            wait_for_start(thread)?;
            vcpu(thread).line.announce(Mode::Guest);
        }
    }
}

/// A stopped vCPU: sleeps until another one starts it, or there is another
/// request.
fn wait_for_start(thread: &Thread) -> Result<(), Error> {
    match vcpu(thread).line.hsm() {
        Hsm::StartPending { pc, opaque } => {
            vcpu(thread).reset(pc, opaque);
            vcpu(thread).line.set_started(true);
            return Ok(());
        }
        Hsm::Started => {
            vcpu(thread).line.set_started(true);
            return Ok(());
        }
        Hsm::Stopped => {}
    }
    vcpu(thread).line.announce(Mode::Waiting);
    let is_new = vcpu(thread).line.flush() != request::STOPPED || vcpu(thread).line.hsm() != Hsm::Stopped;
    let asked = is_asked_to_return(thread);
    if !is_new && !asked {
        sched::park(None);
    }
    vcpu(thread).line.leave();
    if asked { interrupted(thread) } else { Ok(()) }
}

/// WFI: sleeps until the guest has an interrupt that it enabled.
#[inline(never)]
fn wait(thread: &Thread) -> Result<(), Error> {
    loop {
        if vcpu(thread).line.announce(Mode::Waiting) {
            serve_requests(thread)?;
        }
        let enabled = csr_read!("vsie");
        // hip and not vsip: QEMU 7.2 shows 0 in the latter.
        let is_pending = csr_read!("hip") & enabled << 1 != 0;
        let asked = is_asked_to_return(thread);
        if is_pending || asked {
            vcpu(thread).line.leave();
            return if asked { interrupted(thread) } else { Ok(()) };
        }
        let deadline = if guest_has_sstc() {
            csr_read!("0x24d") // vstimecmp
        } else {
            vcpu(thread).timer_deadline()
        };
        let wants_timer = enabled & 1 << 5 != 0 && deadline != timer::NEVER;
        sched::park(wants_timer.then_some(deadline));
        vcpu(thread).timer_tick(crate::arch::time());
    }
}

/// System call of a UER handler that does not want the access: it becomes an
/// exit of the `VCPU_RUN` under way.
pub fn uer_exit(saved: usize) -> Result<usize, Error> {
    let thread = current();
    let process = thread.process.as_ref().ok_or(Error::PermissionDenied)?;
    // SAFETY: the thread itself; no other reference is alive.
    let uses_n = unsafe { thread.user_traps() }.is_enabled();
    if !thread.in_guest() || !uses_n {
        return Err(Error::InvalidArgument);
    }
    let saved: UerFrame = user::read_value(process, UserVirt(saved))?;
    let redirected = uer::take_redirected().ok_or(Error::InvalidArgument)?;
    let vcpu = vcpu(thread);
    vcpu.take_from_handler(&saved.x, redirected.pc, redirected.from_supervisor);
    let cause = match exit::redirected(vcpu, &redirected) {
        Outcome::Leave => CAUSE_UER_EXIT,
        // The guest got an exception of its own, or nothing had to be done:
        // this cause makes the loop enter it again.
        _ => CAUSE_UER_RESUME,
    };
    // SAFETY: `enter_guest` is under way since `in_guest`; of what is on the
    // stack above it, nothing owns anything.
    unsafe { abandon_guest(thread.entry(), cause) }
}
