//! Traps into machine mode: calls from the supervisor, software interrupts
//! from other harts, and the machine timer where it stands in for the
//! supervisor's. Everything else is a mistake and ends the machine.

use core::arch::global_asm;
use core::mem::offset_of;

use rt::{csr_clear, csr_read, csr_set, csr_write};

use crate::setup::MIE_MTIE;
use crate::{harts, sbi};

/// The registers that a call may change; Rust code saves the others itself.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Frame {
    ra: usize,
    sp: usize,
    t: [usize; 7],
    /// Arguments and results of calls.
    pub a: [usize; 8],
}

const FRAME_SIZE: usize = size_of::<Frame>();
const _: () = assert!(FRAME_SIZE.is_multiple_of(16));

// mscratch holds the top of the hart's stack while less privileged code runs,
// and zero while the firmware does.
global_asm!(
    ".pushsection .text, \"ax\"",
    ".balign 4",
    ".globl trap_entry",
    "trap_entry:",
    "csrrw sp, mscratch, sp",
    "bnez sp, 1f",
    "csrr sp, mscratch", // The firmware's own trap: stay on its stack.
    "1: addi sp, sp, -{size}",
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
    "csrrw t0, mscratch, zero",
    "sd t0, {sp}(sp)",
    "mv a0, sp",
    "call {handle}",
    "addi t0, sp, {size}",
    "csrw mscratch, t0",
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
    "mret",
    ".popsection",
    size = const FRAME_SIZE,
    ra = const offset_of!(Frame, ra),
    sp = const offset_of!(Frame, sp),
    t = const offset_of!(Frame, t),
    a = const offset_of!(Frame, a),
    handle = sym handle,
);

const INTERRUPT: usize = 1 << 63;
const SOFTWARE_INTERRUPT: usize = INTERRUPT | 3;
const TIMER_INTERRUPT: usize = INTERRUPT | 7;
const CALL_FROM_SUPERVISOR: usize = 9;

const MIP_STIP: usize = 1 << 5;

/// Any trap. The frame is what the trap's cause left in the registers, and
/// what they hold afterwards.
extern "C" fn handle(frame: &mut Frame) {
    match csr_read!(mcause) {
        CALL_FROM_SUPERVISOR => {
            sbi::call(frame);
            // SAFETY: an ECALL is four bytes long.
            unsafe { csr_write!(mepc, csr_read!(mepc) + 4) };
        }
        SOFTWARE_INTERRUPT => harts::serve_messages(csr_read!(mhartid)),
        TIMER_INTERRUPT => pass_timer_on(),
        cause => unexpected(cause, frame),
    }
}

/// The machine timer stands in for the supervisor's: hand its interrupt over
/// and keep quiet until the next one is asked for.
pub fn pass_timer_on() {
    // SAFETY: both only choose who is interrupted.
    unsafe {
        csr_clear!(mie, MIE_MTIE);
        csr_set!(mip, MIP_STIP);
    }
}

fn unexpected(cause: usize, frame: &Frame) -> ! {
    let kind = if cause & INTERRUPT != 0 { "interrupt" } else { "exception" };
    let mode = match csr_read!(mstatus) >> 11 & 0b11 {
        3 => "the firmware itself",
        1 => "the supervisor",
        _ => "a user program",
    };
    panic!(
        "unexpected {kind} {} from {mode}\n  mepc {:#018x} mtval {:#x} mstatus {:#x}\n  ra {:#018x} sp {:#018x}\n  a0..a7 {:x?}",
        cause & !INTERRUPT,
        csr_read!(mepc),
        csr_read!(mtval),
        csr_read!(mstatus),
        frame.ra,
        frame.sp,
        frame.a,
    );
}
