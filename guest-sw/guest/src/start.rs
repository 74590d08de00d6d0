//! The first instructions, and the way into and out of a trap.

use core::arch::global_asm;
use core::panic::PanicInfo;

use rt::csr_read;

use crate::{console, interrupts, sbi};

unsafe extern "C" {
    fn guest_main(hart: usize, blob: *const u8) -> !;
}

// a0 = hart, a1 = device tree: both stay for the guest.
global_asm!(
    ".pushsection .text.start, \"ax\"",
    ".globl _start",
    "_start:",
    "csrw sie, zero",
    "la t0, guest_trap_entry",
    "csrw stvec, t0",
    "la sp, _stack_top",
    "la t0, _bss_start",
    "la t1, _bss_end",
    "1: bgeu t0, t1, 2f",
    "sd zero, 0(t0)",
    "addi t0, t0, 8",
    "j 1b",
    "2: tail {main}",
    // The handler is a function like any other, so what a call may change is all that is to be saved.
    ".balign 4",
    "guest_trap_entry:",
    "addi sp, sp, -128",
    "sd ra, 0(sp)",
    "sd t0, 8(sp)",
    "sd t1, 16(sp)",
    "sd t2, 24(sp)",
    "sd t3, 32(sp)",
    "sd t4, 40(sp)",
    "sd t5, 48(sp)",
    "sd t6, 56(sp)",
    "sd a0, 64(sp)",
    "sd a1, 72(sp)",
    "sd a2, 80(sp)",
    "sd a3, 88(sp)",
    "sd a4, 96(sp)",
    "sd a5, 104(sp)",
    "sd a6, 112(sp)",
    "sd a7, 120(sp)",
    "csrr a0, scause",
    "call {trap}",
    "ld ra, 0(sp)",
    "ld t0, 8(sp)",
    "ld t1, 16(sp)",
    "ld t2, 24(sp)",
    "ld t3, 32(sp)",
    "ld t4, 40(sp)",
    "ld t5, 48(sp)",
    "ld t6, 56(sp)",
    "ld a0, 64(sp)",
    "ld a1, 72(sp)",
    "ld a2, 80(sp)",
    "ld a3, 88(sp)",
    "ld a4, 96(sp)",
    "ld a5, 104(sp)",
    "ld a6, 112(sp)",
    "ld a7, 120(sp)",
    "addi sp, sp, 128",
    "sret",
    ".popsection",
    main = sym guest_main,
    trap = sym trap,
);

extern "C" fn trap(cause: usize) {
    if !interrupts::handle(cause) {
        let (pc, value) = (csr_read!(sepc), csr_read!(stval));
        panic!("unexpected trap: scause {cause:#x} sepc {pc:#x} stval {value:#x}");
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::complain(format_args!("{}", info.message()));
    sbi::exit(false)
}
