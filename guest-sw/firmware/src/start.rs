//! The first instructions of every hart, and where the stacks are.

use core::arch::global_asm;

use crate::harts::HARTS_MAX;
use crate::{boot, harts};

/// Each hart's stack. Traps aren't nested and calls aren't deep.
pub const STACK_SIZE: usize = 8 << 10;

#[repr(C, align(4096))]
struct Stacks([[u8; STACK_SIZE]; HARTS_MAX]);

#[unsafe(link_section = ".uninit")]
static mut STACKS: Stacks = Stacks([[0; STACK_SIZE]; HARTS_MAX]);

/// The top of a hart's stack.
pub fn stack_top(hart: usize) -> usize {
    assert!(hart < HARTS_MAX);
    &raw const STACKS as usize + (hart + 1) * STACK_SIZE
}

// a0 = hart, a1 = device tree. Hart 0 clears the zero-initialised data before
// anybody looks at it; it tells the others when they may go on, by a software
// interrupt, which stays pending until they wait for it.
global_asm!(
    ".pushsection .text.start, \"ax\"",
    ".globl _start",
    "_start:",
    "csrw mie, zero",
    "csrw mscratch, zero", // Zero says: a trap from here is the firmware's own.
    "la t0, trap_entry",
    "csrw mtvec, t0",
    "li t0, {harts_max}",
    "bgeu a0, t0, 4f",
    "la sp, {stacks}",
    "addi t0, a0, 1",
    "li t1, {stack_size}",
    "mul t0, t0, t1",
    "add sp, sp, t0",
    "bnez a0, 3f",
    "la t0, _bss_start",
    "la t1, _bss_end",
    "1: bgeu t0, t1, 2f",
    "sd zero, 0(t0)",
    "addi t0, t0, 8",
    "j 1b",
    "2: tail {boot}",
    "3: li t0, 1 << 3", // MSIP.
    "csrw mie, t0",
    "31: wfi",
    "csrr t1, mip",
    "and t1, t1, t0",
    "beqz t1, 31b",
    "tail {wait_for_start}",
    "4: wfi", // More harts than this firmware has stacks for.
    "j 4b",
    ".popsection",
    harts_max = const HARTS_MAX,
    stacks = sym STACKS,
    stack_size = const STACK_SIZE,
    boot = sym boot,
    wait_for_start = sym harts::wait_for_start,
);
