//! The first instructions: a stack, zeroed data, traps caught.

use core::arch::global_asm;

use crate::{main, trap};

// a0 = hart, a1 = device tree: both stay for `main`.
global_asm!(
    ".pushsection .text.start, \"ax\"",
    ".globl _start",
    "_start:",
    "csrw sie, zero",
    "la t0, {trap}",
    "csrw stvec, t0",
    "la sp, _stack_top",
    "la t0, _bss_start",
    "la t1, _bss_end",
    "1: bgeu t0, t1, 2f",
    "sd zero, 0(t0)",
    "addi t0, t0, 8",
    "j 1b",
    "2: tail {main}",
    ".popsection",
    trap = sym trap::entry,
    main = sym main,
);
