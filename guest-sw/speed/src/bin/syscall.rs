//! Speed kernel: system calls. A user program calls, the supervisor adds up
//! what it says and returns.
#![no_std]
#![no_main]

use core::arch::global_asm;

use rt::{csr_read, csr_write};
use speed::privilege;
use speed::trap::{Frame, catch_in_supervisor};

const CALLS: usize = 2_000_000;
const EXPECTED: u64 = 0xd316_f456_7787_d680;

const CALL_FROM_USER: usize = 8;

// a0 = how many calls are left. Each passes it, and gets it back.
global_asm!(".pushsection .text, \"ax\"", "user_program:", "1: ecall", "addi a0, a0, -1", "j 1b", ".popsection",);

unsafe extern "C" {
    fn user_program();
}

#[unsafe(no_mangle)]
extern "C" fn kernel_main() -> ! {
    privilege::enter_supervisor_over_users(supervisor)
}

extern "C" fn supervisor() -> ! {
    catch_in_supervisor(handle_trap);
    let program: unsafe extern "C" fn() = user_program;
    privilege::enter_user(program as usize, CALLS)
}

static mut SUM: u64 = 0;

extern "C" fn handle_trap(frame: &mut Frame) {
    let cause = csr_read!(scause);
    assert!(cause == CALL_FROM_USER, "scause {cause:#x} at {:#x}", csr_read!(sepc));
    // SAFETY: there is one hart, and traps don't nest; the call is four bytes.
    let sum = unsafe {
        SUM = SUM.wrapping_mul(3) ^ frame.a[0] as u64;
        csr_write!(sepc, csr_read!(sepc) + 4);
        SUM
    };
    if frame.a[0] == 0 {
        speed::finish("syscall", sum, EXPECTED);
    }
}
