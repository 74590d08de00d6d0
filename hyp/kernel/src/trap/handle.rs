//! What is done with traps from user mode and from the kernel. Guests' exits are
//! the business of `vm`.

use hyp_kernel::addr::UserVirt;

use crate::arch::csr::{CAUSE_INTERRUPT, IRQ_SSI, IRQ_STI, cause};
use crate::proc::address_space::Access;
use crate::sched::{self, hart::this_hart, thread::Thread, timer};
use crate::trap::TrapFrame;
use crate::vei::{self, activity, hart::IRQ_SVDB, hart::IRQ_SVEI};
use crate::vm::world_switch;
use crate::{csr_read, log};

/// Exit code of a process that was killed: 128 + SIGSEGV, as shells show it.
const KILLED: i32 = 139;

/// A trap of a user thread that is no system call.
pub extern "C" fn user_trap(frame: &mut TrapFrame) {
    let cause = csr_read!("scause");
    let address = csr_read!("stval") as usize;
    if cause & CAUSE_INTERRUPT != 0 {
        interrupt(cause);
        vei::context::yield_to_activity(sched::current());
        sched::current().flush_interrupts();
    } else {
        exception(frame, cause, address);
    }
}

/// An exception of a user thread that is no system call.
pub fn exception(frame: &mut TrapFrame, cause: u64, address: usize) {
    let access = match cause {
        cause::FETCH_PAGE => Some(Access::Execute),
        cause::LOAD_PAGE => Some(Access::Read),
        cause::STORE_PAGE => Some(Access::Write),
        _ => None,
    };
    let thread = sched::current();
    let process = thread.process.as_ref().expect("kernel threads do not run in user mode");
    if cause == cause::ILLEGAL && thread.in_guest() && read_counter(frame, address as u32) {
        return;
    }
    if cause == cause::ILLEGAL && activity::emulate(thread, frame, address as u32) {
        return;
    }
    let served = access.is_some_and(|access| process.space.lock().fault(UserVirt(address), access).is_ok());
    if !served {
        kill(thread, cause, frame.pc, address);
    }
}

/// Reads a counter for a UER handler: the guest's `scounteren` is in place then,
/// and what the guest allows to its users must not matter to the VMM.
pub fn read_counter(frame: &mut TrapFrame, instruction: u32) -> bool {
    // csrrs rd, csr, x0
    let value = match instruction & !(0x1f << 7) {
        0xc000_2073 => csr_read!("cycle"),
        0xc010_2073 => csr_read!("time"),
        0xc020_2073 => csr_read!("instret"),
        _ => return false,
    };
    let rd = (instruction >> 7 & 0x1f) as usize;
    if rd != 0 {
        frame.x[rd - 1] = value as usize;
    }
    frame.pc += 4;
    true
}

/// Ends the process of a thread that did what cannot be served.
fn kill(thread: &Thread, cause: u64, pc: usize, address: usize) -> ! {
    let process = thread.process.as_ref().expect("a user thread");
    let (name, what) = (process.name, cause::name(cause));
    log!("{name} (thread {}) killed: {what} ({cause}) at pc {pc:#x}, address {address:#x}", thread.id);
    process.exit(KILLED);
    sched::exit_thread()
}

/// A trap of the kernel: an interrupt of a kernel thread, or the fetch of a
/// guest's instruction that failed. Everything else is a bug.
pub extern "C" fn kernel_trap(frame: &mut TrapFrame) {
    let cause = csr_read!("scause");
    if cause & CAUSE_INTERRUPT != 0 {
        interrupt(cause);
    } else if let Some(pc) = world_switch::fetch_fixup(frame.pc) {
        frame.pc = pc;
    } else {
        let (address, htval) = (csr_read!("stval"), csr_read!("htval"));
        let pc = frame.pc;
        panic!("{} ({cause}) at {pc:#x}, address {address:#x}, htval {htval:#x}", cause::name(cause));
    }
}

/// An interrupt of this hart, whatever ran. This is where threads are
/// preempted, and where those of a dying process end.
#[inline(never)]
pub fn interrupt(cause: u64) {
    match cause & !CAUSE_INTERRUPT {
        IRQ_STI => {
            if timer::expired() {
                sched::reschedule();
            }
        }
        IRQ_SSI => {
            this_hart().acknowledge_kick();
            sched::preempt();
        }
        IRQ_SVEI => vei::hart::claim(),
        IRQ_SVDB => vei::hart::doorbell(),
        other => panic!("interrupt {other} was never enabled"),
    }
    sched::end_if_dying();
}
