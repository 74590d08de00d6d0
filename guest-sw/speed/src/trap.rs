//! Traps into supervisor mode, as a kernel has them: onto a stack of its own,
//! the registers that a function may change saved, a function in Rust, back.

use core::arch::global_asm;
use core::mem::offset_of;

use rt::csr_write;

/// The registers that were saved.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Frame {
    ra: usize,
    sp: usize,
    t: [usize; 7],
    /// Arguments and results.
    pub a: [usize; 8],
}

const FRAME_SIZE: usize = size_of::<Frame>();

/// What the kernel does at a trap.
static mut HANDLER: extern "C" fn(&mut Frame) = unexpected;

unsafe extern "C" {
    fn supervisor_trap_entry();
    static _handler_stack_top: u8;
}

extern "C" fn unexpected(_frame: &mut Frame) {
    panic!("a trap before there was a handler");
}

// sscratch holds the handler's stack while less privileged code runs.
global_asm!(
    ".pushsection .text, \"ax\"",
    ".balign 4",
    "supervisor_trap_entry:",
    "csrrw sp, sscratch, sp",
    "addi sp, sp, -{size}",
    "sd ra, {ra}(sp)",
    "sd t0, {t}(sp)",
    "sd t1, {t}+8(sp)",
    "sd t2, {t}+16(sp)",
    "sd t3, {t}+24(sp)",
    "sd t4, {t}+32(sp)",
    "sd t5, {t}+40(sp)",
    "sd t6, {t}+48(sp)",
    "sd a0, {a}(sp)",
    "sd a1, {a}+8(sp)",
    "sd a2, {a}+16(sp)",
    "sd a3, {a}+24(sp)",
    "sd a4, {a}+32(sp)",
    "sd a5, {a}+40(sp)",
    "sd a6, {a}+48(sp)",
    "sd a7, {a}+56(sp)",
    "csrr t0, sscratch",
    "sd t0, {sp}(sp)",
    "mv a0, sp",
    "lla t0, {handler}",
    "ld t0, 0(t0)",
    "jalr t0",
    "addi t0, sp, {size}",
    "csrw sscratch, t0",
    "ld ra, {ra}(sp)",
    "ld t0, {t}(sp)",
    "ld t1, {t}+8(sp)",
    "ld t2, {t}+16(sp)",
    "ld t3, {t}+24(sp)",
    "ld t4, {t}+32(sp)",
    "ld t5, {t}+40(sp)",
    "ld t6, {t}+48(sp)",
    "ld a0, {a}(sp)",
    "ld a1, {a}+8(sp)",
    "ld a2, {a}+16(sp)",
    "ld a3, {a}+24(sp)",
    "ld a4, {a}+32(sp)",
    "ld a5, {a}+40(sp)",
    "ld a6, {a}+48(sp)",
    "ld a7, {a}+56(sp)",
    "ld sp, {sp}(sp)",
    "sret",
    ".popsection",
    size = const FRAME_SIZE,
    ra = const offset_of!(Frame, ra),
    sp = const offset_of!(Frame, sp),
    t = const offset_of!(Frame, t),
    a = const offset_of!(Frame, a),
    handler = sym HANDLER,
);

/// Makes traps into supervisor mode call `handler`.
pub fn catch_in_supervisor(handler: extern "C" fn(&mut Frame)) {
    let entry: unsafe extern "C" fn() = supervisor_trap_entry;
    // SAFETY: one hart, no trap yet; the handler's stack is nobody else's.
    unsafe {
        HANDLER = handler;
        csr_write!(stvec, entry as usize);
        csr_write!(sscratch, &raw const _handler_stack_top as usize);
    }
}
