//! Speed kernel: exits from a guest to its hypervisor and back, by turns a
//! call and a store to a device that the hypervisor would emulate.
#![no_std]
#![no_main]

use core::arch::global_asm;

use rt::{csr_read, csr_write};
use speed::privilege;
use speed::trap::{Frame, catch_in_supervisor};

const ROUNDS: usize = 300_000;
const EXPECTED: u64 = 0x6649_12df_1e7a_3560;

const CALL_FROM_GUEST: usize = 10;
const STORE_GUEST_PAGE_FAULT: usize = 23;

// a0 = how many rounds are left. Both instructions that exit are four bytes
// long, so that the hypervisor needs no decoder to step over them.
global_asm!(
    ".pushsection .text, \"ax\"",
    ".option push",
    ".option norvc",
    "guest_program:",
    "li a1, {device}",
    "1: ecall",
    "sw a0, 4(a1)",
    "addi a0, a0, -1",
    "j 1b",
    ".option pop",
    ".popsection",
    device = const privilege::ABSENT_DEVICE,
);

unsafe extern "C" {
    fn guest_program();
}

#[unsafe(no_mangle)]
extern "C" fn kernel_main() -> ! {
    privilege::enter_hypervisor(hypervisor)
}

extern "C" fn hypervisor() -> ! {
    catch_in_supervisor(handle_trap);
    let program: unsafe extern "C" fn() = guest_program;
    privilege::enter_guest(program as usize, ROUNDS)
}

static mut SUM: u64 = 0;

extern "C" fn handle_trap(frame: &mut Frame) {
    let (cause, pc) = (csr_read!(scause), csr_read!(sepc));
    let seen = match cause {
        CALL_FROM_GUEST => frame.a[0],
        STORE_GUEST_PAGE_FAULT => csr_read!(htval) << 2 | csr_read!(stval) & 0b11,
        _ => panic!("scause {cause:#x} at {pc:#x}, htval {:#x}", csr_read!(htval)),
    };
    // SAFETY: there is one hart, and traps don't nest.
    let sum = unsafe {
        SUM = SUM.wrapping_mul(3) ^ seen as u64;
        csr_write!(sepc, pc + 4);
        SUM
    };
    if frame.a[0] == 0 {
        speed::finish("exits", sum, EXPECTED);
    }
}
