//! The first instructions. They run at physical addresses, translate through a
//! table that shows memory both there and in the direct map, and go on in the
//! direct map.

use core::arch::global_asm;
use core::mem::offset_of;

use hyp_kernel::addr::DIRECT_MAP;

use crate::boot::{boot_main, secondary_main};
use crate::sched::hart::Hart;

/// Stack of the boot hart.
const BOOT_STACK: usize = 32 * 1024;

global_asm!(
    ".section .text.boot, \"ax\"",
    ".option norelax",
    ".global _start",
    // a0 = hart id, a1 = device tree
    "_start:",
    "    csrw  sie, zero",
    "    la    t0, __bss_start",
    "    la    t1, __bss_end",
    "1:  sd    zero, 0(t0)",
    "    addi  t0, t0, 8",
    "    bltu  t0, t1, 1b",
    // The upper half of the table: GiB i at DIRECT_MAP + i GiB.
    "    la    t0, boot_table",
    "    li    t1, 256",
    "    li    t2, {LEAF}",
    "    addi  t3, t0, 1024",
    "    addi  t3, t3, 1024",
    "1:  sd    t2, 0(t3)",
    "    li    t4, 1 << 28",
    "    add   t2, t2, t4",
    "    addi  t3, t3, 8",
    "    addi  t1, t1, -1",
    "    bnez  t1, 1b",
    // And the GiB of this code where it is.
    "    srli  t1, t0, 30",
    "    slli  t2, t1, 28",
    "    ori   t2, t2, {LEAF}",
    "    slli  t1, t1, 3",
    "    add   t1, t1, t0",
    "    sd    t2, 0(t1)",
    "    call  use_boot_table",
    "    la    sp, boot_stack_end",
    "    tail  {boot_main}",

    // Returns in the direct map. Clobbers t0-t2.
    "use_boot_table:",
    "    la    t0, boot_table",
    "    srli  t0, t0, 12",
    "    li    t1, 8 << 60",
    "    or    t0, t0, t1",
    "    li    t2, {DIRECT_MAP}",
    "    add   ra, ra, t2",
    "    sfence.vma",
    "    csrw  satp, t0",
    "    sfence.vma",
    "    ret",

    // a0 = hart id, a1 = address of the hart's structure in the direct map
    ".global secondary_start",
    "secondary_start:",
    "    csrw  sie, zero",
    "    call  use_boot_table",
    "    ld    sp, {BOOT_STACK_FIELD}(a1)",
    "    mv    a0, a1",
    "    tail  {secondary_main}",

    ".section .bss.boot, \"aw\", @nobits",
    ".balign 4096",
    "boot_table:",
    "    .zero 4096",
    "    .zero {BOOT_STACK}",
    ".global boot_stack_end",
    "boot_stack_end:",
    // V, R, W, X, G, A, D
    LEAF = const 0xef,
    DIRECT_MAP = const DIRECT_MAP,
    BOOT_STACK = const BOOT_STACK,
    BOOT_STACK_FIELD = const offset_of!(Hart, boot_stack),
    boot_main = sym boot_main,
    secondary_main = sym secondary_main,
);

unsafe extern "C" {
    static secondary_start: u8;
    static boot_stack_end: u8;
}

/// Where the firmware starts the other harts (in the direct map).
pub fn secondary_entry() -> usize {
    &raw const secondary_start as usize
}

/// End of the boot hart's stack.
pub fn boot_stack() -> usize {
    &raw const boot_stack_end as usize
}
