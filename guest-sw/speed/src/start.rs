//! The first instructions: one hart goes on, with a stack, zeroed data and
//! floating point; the others sleep.

use core::arch::global_asm;

use rt::csr_read;

unsafe extern "C" {
    fn kernel_main() -> !;
}

const MSTATUS_FS: usize = 0b11 << 13;

global_asm!(
    ".pushsection .text.start, \"ax\"",
    ".globl _start",
    "_start:",
    "csrw mie, zero",
    "bnez a0, 3f",
    "la t0, speed_trap_entry",
    "csrw mtvec, t0",
    "li t0, {fs}",
    "csrs mstatus, t0",
    "la sp, _stack_top",
    "la t0, _bss_start",
    "la t1, _bss_end",
    "1: bgeu t0, t1, 2f",
    "sd zero, 0(t0)",
    "addi t0, t0, 8",
    "j 1b",
    "2: tail {main}",
    "3: wfi",
    "j 3b",
    // No kernel traps into machine mode unless something is wrong.
    ".balign 4",
    "speed_trap_entry:",
    "la sp, _stack_top",
    "tail {unexpected}",
    ".popsection",
    fs = const MSTATUS_FS,
    main = sym kernel_main,
    unexpected = sym unexpected,
);

extern "C" fn unexpected() -> ! {
    let (cause, pc, value) = (csr_read!(mcause), csr_read!(mepc), csr_read!(mtval));
    panic!("unexpected trap: mcause {cause:#x} mepc {pc:#x} mtval {value:#x}");
}
