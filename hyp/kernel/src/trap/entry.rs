//! The one trap vector (ha-iov 8.10.1): user mode, guest and kernel enter here.
//!
//! `sscratch` is 0 while the kernel runs, else it points to the current thread's
//! [`EntryRecord`]; `hstatus.SPV` then tells a guest's exit from a trap of user
//! code. It is tested before anything else, because a UER handler traps from
//! user mode in the middle of `VCPU_RUN`.
//!
//! A system call saves only what the Rust code below it does not: the callee
//! keeps s0–s11, and the caller has given up the rest (see `hyp-abi`).
//!
//! Invariant: outside of the run loop of a vCPU, `hstatus.SPV` and `sstatus.SPP`
//! are 0, so that the way back to user mode need not write them. Leaving the run
//! loop and switching threads restore that.

use core::arch::global_asm;
use core::mem::offset_of;

use crate::arch::csr::HSTATUS_SPV;
use crate::sched::hart::Hart;
use crate::syscall::syscall;
use crate::trap::handle::{kernel_trap, user_trap};
use crate::trap::{EntryRecord, TrapFrame};
use crate::vei::activity::{handler_call, handler_trap};
use crate::vm::world_switch::{GuestFrame, SWITCH_FRAME};

global_asm!(
    ".section .text.trap, \"ax\"",
    ".global trap_vector",
    ".balign 4",
    "trap_vector:",
    "    csrrw tp, sscratch, tp",
    "    beqz  tp, kernel_entry",
    "    sd    sp, {USER_SP}(tp)",
    "    csrr  sp, hstatus",
    "    andi  sp, sp, {SPV}",
    "    bnez  sp, guest_exit",

    // From user mode.
    "    ld    sp, {KERNEL_SP}(tp)",
    "    addi  sp, sp, -{FRAME}",
    "    sd    t0, {T0}(sp)",
    "    csrr  t0, scause",
    "    addi  t0, t0, -8",
    "    sd    ra, {RA}(sp)",
    "    sd    gp, {GP}(sp)",
    "    bnez  t0, user_exception",
    "    csrr  t0, sepc",
    "    ld    t1, {USER_SP}(tp)",
    "    addi  t0, t0, 4",
    "    sd    t0, 0(sp)",
    "    sd    t1, {SP}(sp)",
    "    mv    t1, tp",
    "    csrrw t0, sscratch, zero",
    "    ld    tp, {HART}(tp)",
    "    sd    t0, {TP}(sp)",
    "    ld    t2, {CURRENT}(tp)",
    "    bne   t1, t2, handler_syscall",
    // a0-a5 and a7 are the arguments of `syscall` as they are.
    "    call  {syscall}",
    "    ld    t1, {CURRENT}(tp)",
    "return_from_syscall:",
    "    ld    t0, 0(sp)",
    "    ld    ra, {RA}(sp)",
    "    ld    gp, {GP}(sp)",
    "    csrw  sepc, t0",
    "    csrw  sscratch, t1",
    "    ld    tp, {TP}(sp)",
    "    ld    sp, {SP}(sp)",
    // No kernel value is left in a register that is not restored.
    "    li a1, 0", "    li a2, 0", "    li a3, 0", "    li a4, 0", "    li a5, 0",
    "    li a6, 0", "    li a7, 0", "    li t0, 0", "    li t1, 0", "    li t2, 0",
    "    li t3, 0", "    li t4, 0", "    li t5, 0", "    li t6, 0",
    "    sret",

    // The record is not the current thread's: a handler in HCS (see
    // `vei::activity`). The record stays what `sscratch` is on the way back.
    "handler_syscall:",
    "    sd    s0, 8*8(sp)",
    "    mv    s0, t1",
    "    mv    a6, t1",
    "    call  {handler_call}",
    "    mv    t1, s0",
    "    ld    s0, 8*8(sp)",
    "    j     return_from_syscall",

    // An exception or interrupt from user mode: everything is kept.
    "user_exception:",
    "    sd t1, 6*8(sp)", "    sd t2, 7*8(sp)", "    sd s0, 8*8(sp)", "    sd s1, 9*8(sp)",
    "    sd a0, 10*8(sp)", "    sd a1, 11*8(sp)", "    sd a2, 12*8(sp)", "    sd a3, 13*8(sp)",
    "    sd a4, 14*8(sp)", "    sd a5, 15*8(sp)", "    sd a6, 16*8(sp)", "    sd a7, 17*8(sp)",
    "    sd s2, 18*8(sp)", "    sd s3, 19*8(sp)", "    sd s4, 20*8(sp)", "    sd s5, 21*8(sp)",
    "    sd s6, 22*8(sp)", "    sd s7, 23*8(sp)", "    sd s8, 24*8(sp)", "    sd s9, 25*8(sp)",
    "    sd s10, 26*8(sp)", "    sd s11, 27*8(sp)", "    sd t3, 28*8(sp)", "    sd t4, 29*8(sp)",
    "    sd t5, 30*8(sp)", "    sd t6, 31*8(sp)",
    "    csrr  t0, sepc",
    "    ld    t1, {USER_SP}(tp)",
    "    sd    t0, 0(sp)",
    "    sd    t1, {SP}(sp)",
    "    mv    s0, tp",
    "    csrrw t0, sscratch, zero",
    "    ld    tp, {HART}(tp)",
    "    sd    t0, {TP}(sp)",
    "    ld    t1, {CURRENT}(tp)",
    "    mv    a0, sp",
    "    bne   s0, t1, handler_exception",
    "    call  {user_trap}",
    // New threads begin here, with their frame on top of the stack.
    ".global return_to_user",
    "return_to_user:",
    "    ld    t1, {CURRENT}(tp)",
    "return_with_record:",
    "    ld    t0, 0(sp)",
    "    csrw  sepc, t0",
    "    csrw  sscratch, t1",
    "    ld ra, {RA}(sp)", "    ld gp, {GP}(sp)", "    ld tp, {TP}(sp)", "    ld t0, {T0}(sp)",
    "    ld t1, 6*8(sp)", "    ld t2, 7*8(sp)", "    ld s0, 8*8(sp)", "    ld s1, 9*8(sp)",
    "    ld a0, 10*8(sp)", "    ld a1, 11*8(sp)", "    ld a2, 12*8(sp)", "    ld a3, 13*8(sp)",
    "    ld a4, 14*8(sp)", "    ld a5, 15*8(sp)", "    ld a6, 16*8(sp)", "    ld a7, 17*8(sp)",
    "    ld s2, 18*8(sp)", "    ld s3, 19*8(sp)", "    ld s4, 20*8(sp)", "    ld s5, 21*8(sp)",
    "    ld s6, 22*8(sp)", "    ld s7, 23*8(sp)", "    ld s8, 24*8(sp)", "    ld s9, 25*8(sp)",
    "    ld s10, 26*8(sp)", "    ld s11, 27*8(sp)", "    ld t3, 28*8(sp)", "    ld t4, 29*8(sp)",
    "    ld t5, 30*8(sp)", "    ld t6, 31*8(sp)",
    "    ld    sp, {SP}(sp)",
    "    sret",

    // As `handler_syscall`.
    "handler_exception:",
    "    mv    a1, s0",
    "    call  {handler_trap}",
    "    mv    t1, s0",
    "    j     return_with_record",

    // From the kernel itself: an interrupt of a kernel thread, or a bug. The
    // callee keeps s0-s11. tp is not saved: a preempted thread may go on
    // elsewhere.
    "kernel_entry:",
    "    csrrw tp, sscratch, zero",
    "    addi  sp, sp, -{FRAME}",
    "    sd ra, {RA}(sp)", "    sd gp, {GP}(sp)", "    sd t0, {T0}(sp)", "    sd t1, 6*8(sp)",
    "    sd t2, 7*8(sp)", "    sd a0, 10*8(sp)", "    sd a1, 11*8(sp)", "    sd a2, 12*8(sp)",
    "    sd a3, 13*8(sp)", "    sd a4, 14*8(sp)", "    sd a5, 15*8(sp)", "    sd a6, 16*8(sp)",
    "    sd a7, 17*8(sp)", "    sd t3, 28*8(sp)", "    sd t4, 29*8(sp)", "    sd t5, 30*8(sp)",
    "    sd t6, 31*8(sp)",
    "    csrr  t0, sepc",
    "    csrr  t1, sstatus",
    "    sd    t0, 0(sp)",
    "    sd    t1, {SSTATUS}(sp)",
    "    mv    a0, sp",
    "    call  {kernel_trap}",
    "    ld    t0, 0(sp)",
    "    ld    t1, {SSTATUS}(sp)",
    "    csrw  sepc, t0",
    "    csrw  sstatus, t1",
    "    ld ra, {RA}(sp)", "    ld gp, {GP}(sp)", "    ld t0, {T0}(sp)", "    ld t1, 6*8(sp)",
    "    ld t2, 7*8(sp)", "    ld a0, 10*8(sp)", "    ld a1, 11*8(sp)", "    ld a2, 12*8(sp)",
    "    ld a3, 13*8(sp)", "    ld a4, 14*8(sp)", "    ld a5, 15*8(sp)", "    ld a6, 16*8(sp)",
    "    ld a7, 17*8(sp)", "    ld t3, 28*8(sp)", "    ld t4, 29*8(sp)", "    ld t5, 30*8(sp)",
    "    ld t6, 31*8(sp)",
    "    addi  sp, sp, {FRAME}",
    "    sret",

    // A guest's exit: its registers go to the guest frame, and `enter_guest`
    // goes on with `scause`.
    "guest_exit:",
    "    ld sp, {GUEST}(tp)",
    "    sd ra, 1*8(sp)", "    sd gp, 3*8(sp)", "    sd t0, 5*8(sp)", "    sd t1, 6*8(sp)",
    "    sd t2, 7*8(sp)", "    sd s0, 8*8(sp)", "    sd s1, 9*8(sp)", "    sd a0, 10*8(sp)",
    "    sd a1, 11*8(sp)", "    sd a2, 12*8(sp)", "    sd a3, 13*8(sp)", "    sd a4, 14*8(sp)",
    "    sd a5, 15*8(sp)", "    sd a6, 16*8(sp)", "    sd a7, 17*8(sp)", "    sd s2, 18*8(sp)",
    "    sd s3, 19*8(sp)", "    sd s4, 20*8(sp)", "    sd s5, 21*8(sp)", "    sd s6, 22*8(sp)",
    "    sd s7, 23*8(sp)", "    sd s8, 24*8(sp)", "    sd s9, 25*8(sp)", "    sd s10, 26*8(sp)",
    "    sd s11, 27*8(sp)", "    sd t3, 28*8(sp)", "    sd t4, 29*8(sp)", "    sd t5, 30*8(sp)",
    "    sd t6, 31*8(sp)",
    "    ld    t0, {USER_SP}(tp)",
    "    csrrw t1, sscratch, zero",
    "    csrr  t2, sepc",
    "    csrr  t3, sstatus",
    "    sd    t0, 2*8(sp)",
    "    sd    t1, 4*8(sp)",
    "    sd    t2, {GUEST_PC}(sp)",
    "    sd    t3, {GUEST_SSTATUS}(sp)",
    "    csrr  a0, scause",
    ".global return_from_guest",
    // In: tp = EntryRecord, a0 = cause.
    "return_from_guest:",
    "    ld    sp, {KERNEL_SP}(tp)",
    "    ld    tp, {HART}(tp)",
    "    ld    t0, 0*8(sp)",
    "    ld    s0, 1*8(sp)",
    "    ld    s1, 2*8(sp)",
    "    addi  sp, sp, {SWITCH_FRAME}",
    "    jr    t0",

    FRAME = const size_of::<TrapFrame>(),
    KERNEL_SP = const offset_of!(EntryRecord, kernel_sp),
    HART = const offset_of!(EntryRecord, hart),
    USER_SP = const offset_of!(EntryRecord, user_sp),
    GUEST = const offset_of!(EntryRecord, guest),
    CURRENT = const offset_of!(Hart, current),
    RA = const 8,
    SP = const 2 * 8,
    GP = const 3 * 8,
    TP = const 4 * 8,
    T0 = const 5 * 8,
    SSTATUS = const offset_of!(TrapFrame, sstatus),
    GUEST_PC = const offset_of!(GuestFrame, pc),
    GUEST_SSTATUS = const offset_of!(GuestFrame, sstatus),
    SPV = const HSTATUS_SPV,
    SWITCH_FRAME = const SWITCH_FRAME,
    syscall = sym syscall,
    user_trap = sym user_trap,
    kernel_trap = sym kernel_trap,
    handler_call = sym handler_call,
    handler_trap = sym handler_trap,
);

const _: () = assert!(offset_of!(TrapFrame, pc) == 0 && offset_of!(TrapFrame, x) == 8);
const _: () = assert!(offset_of!(GuestFrame, x) == 0);

unsafe extern "C" {
    /// The trap vector, for `stvec`.
    pub safe static trap_vector: u8;
}
