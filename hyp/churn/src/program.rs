//! The program of the guests: position independent, of a few instructions. It
//! touches memory, talks to a device (an exit) and to an address bound to an
//! event (none), sets timers, sleeps, and interrupts its siblings.
//!
//! Hart 0 begins with `a1` = number of harts, `a2` = rounds, starts the others,
//! and shuts down after its rounds; the others go on until they are stopped.

use core::arch::global_asm;
use core::slice;

/// Address whose stores are an event.
pub const DOORBELL: u64 = 0x1000_2050;
/// Guest memory begins here, with the program.
pub const MEMORY: u64 = 0x8000_0000;
/// Bytes of guest memory that the program touches.
pub const MEMORY_SIZE: usize = 256 << 10;

global_asm!(
    ".section .rodata.churn_guest, \"a\"",
    ".option push",
    ".option norelax",
    ".balign 4096",
    "churn_guest:",
    "    mv    s0, a0",
    "    mv    s1, a1",
    "    mv    s2, a2",
    // The device, whose accesses are exits, and the doorbell.
    "    li    s3, 0x10001000",
    "    li    s4, {DOORBELL}",
    "    lla   t0, 90f",
    "    csrw  stvec, t0",
    "    li    t0, 0x22",
    "    csrw  sie, t0",
    "    bnez  s0, 50f",
    // Hart 0: starts the others here, with the same registers but a0.
    "    li    s5, 1",
    "1:  bgeu  s5, s1, 10f",
    "    mv    a0, s5",
    "    lla   a1, churn_guest",
    "    li    a2, 0",
    "    li    a6, 0",
    "    li    a7, 0x48534d",
    "    ecall",
    "    addi  s5, s5, 1",
    "    j     1b",
    // A round: memory, device, doorbell, interrupts for all, a timer.
    "10: li    s6, 0x80010000",
    "    li    s7, 0x80040000",
    "    li    t1, 0x3000",
    "11: ld    t2, 0(s6)",
    "    sd    s2, 8(s6)",
    "    ld    t3, 8(s6)",
    "    bne   t3, s2, 80f",
    "    add   s6, s6, t1",
    "    bltu  s6, s7, 11b",
    "    sw    s2, 0(s3)",
    "    lw    t2, 4(s3)",
    "    sw    s2, 0(s4)",
    "    li    a0, -2",
    "    li    a1, 0",
    "    li    a6, 0",
    "    li    a7, 0x735049",
    "    ecall",
    "    rdtime a0",
    "    addi  a0, a0, 200",
    "    li    a6, 0",
    "    li    a7, 0x54494d45",
    "    ecall",
    "    li    t0, 0x20",
    "    csrs  sie, t0",
    "    wfi",
    "    csrsi sstatus, 2",
    "    nop",
    "    csrci sstatus, 2",
    "    addi  s2, s2, -1",
    "    bnez  s2, 10b",
    "    li    a0, 0",
    "    li    a1, 0",
    "20: li    a6, 0",
    "    li    a7, 0x53525354",
    "    ecall",
    "    j     20b",
    // The others: sleep until they are interrupted, then tell the device.
    "50: wfi",
    "    csrsi sstatus, 2",
    "    nop",
    "    csrci sstatus, 2",
    "    sw    s0, 8(s3)",
    "    sw    s0, 0(s4)",
    "    j     50b",
    // Memory was wrong, or an exception came.
    "80: li    a0, 0",
    "    li    a1, 1",
    "    j     20b",
    ".balign 4",
    "90: csrr  t5, scause",
    "    bgez  t5, 80b",
    "    andi  t5, t5, 0xff",
    "    addi  t5, t5, -5",
    "    bnez  t5, 91f",
    "    li    t5, 0x20",
    "    csrc  sie, t5",
    "    sret",
    "91: csrci sip, 2",
    "    sret",
    "churn_guest_end:",
    ".option pop",
    DOORBELL = const DOORBELL,
);

unsafe extern "C" {
    static churn_guest: u8;
    static churn_guest_end: u8;
}

/// The program's bytes.
pub fn bytes() -> &'static [u8] {
    let (start, end) = (&raw const churn_guest, &raw const churn_guest_end);
    // SAFETY: both labels belong to the same constant, above.
    unsafe { slice::from_raw_parts(start, end.addr() - start.addr()) }
}
