//! The other harts: started by a check, they count what reaches them, and stop
//! when they are told to.

use core::arch::global_asm;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fdt::Fdt;
use rt::{csr_clear, csr_read, csr_set, csr_write};
use sbi_spec::{hsm, spi};

use crate::main;
use crate::sbi::call;

/// As many as there are stacks for.
pub const HARTS_MAX: usize = 8;

/// What a started hart finds in a1.
pub const OPAQUE: usize = 0x0123_4567_89ab_cdef;

static FIRST: AtomicUsize = AtomicUsize::new(0);
static STOP: AtomicBool = AtomicBool::new(false);
/// How many harts came up with the right registers.
pub static UP: AtomicUsize = AtomicUsize::new(0);
/// How many software interrupts the others have taken.
pub static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);

const SSTATUS_SIE: usize = 1 << 1;
const SIE_SSIE: usize = 1 << 1;

// a0 = hart, a1 = device tree or opaque. The first hart, which nobody started
// on purpose, is the one that finds no hart noted as the first.
global_asm!(
    ".pushsection .text.start, \"ax\"",
    ".globl _start",
    "_start:",
    "la t0, _bss_start",
    "la t1, _bss_end",
    "1: bgeu t0, t1, 2f",
    "sd zero, 0(t0)",
    "addi t0, t0, 8",
    "j 1b",
    "2: lla t2, {main}",
    "j 3f",
    ".globl second_start",
    "second_start:",
    "lla t2, {second}",
    "3: csrw sie, zero",
    "la sp, _stacks",
    "addi t0, a0, 1",
    "slli t0, t0, 13",
    "add sp, sp, t0",
    "jr t2",
    ".balign 4",
    "interrupt_entry:", // Only the others come here, and only from `sleep`.
    "csrci sip, 2",     // SSIP.
    "la t0, {interrupts}",
    "li t1, 1",
    "amoadd.d zero, t1, (t0)",
    "csrr t0, sepc",
    "addi t0, t0, 4", // Over the WFI, or the second one behind it.
    "csrw sepc, t0",
    "sret",
    ".popsection",
    main = sym main,
    second = sym second_main,
    interrupts = sym INTERRUPTS,
);

unsafe extern "C" {
    fn second_start();
    fn interrupt_entry();
}

/// Notes which hart the machine started.
pub fn note_first(hart: usize) {
    FIRST.store(hart, Ordering::Relaxed);
}

/// All other harts of the machine.
pub fn others<'a>(tree: &Fdt<'a>) -> impl Iterator<Item = usize> + use<'a> {
    let first = FIRST.load(Ordering::Relaxed);
    tree.harts().map(|hart| hart as usize).filter(move |&hart| hart != first && hart < HARTS_MAX)
}

/// The other harts as a mask with base 0.
pub fn others_mask(tree: &Fdt<'_>) -> usize {
    others(tree).fold(0, |mask, hart| mask | 1 << hart)
}

/// Starts a hart: SBI's error.
pub fn start(hart: usize) -> isize {
    let entry: unsafe extern "C" fn() = second_start;
    call(hsm::EID_HSM, hsm::HART_START, [hart, entry as usize, OPAQUE, 0, 0]).0
}

/// SBI's state of a hart.
pub fn state(hart: usize) -> usize {
    call(hsm::EID_HSM, hsm::HART_GET_STATUS, [hart, 0, 0, 0, 0]).1
}

/// Waits until `condition` holds, but not for ever.
pub fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    (0..10_000_000).any(|_| {
        core::hint::spin_loop();
        condition()
    })
}

/// Tells the other harts to stop, and wakes them so that they see it.
pub fn stop_others(mask: usize) {
    STOP.store(true, Ordering::Release);
    call(spi::EID_SPI, spi::SEND_IPI, [mask, 0, 0, 0, 0]);
}

extern "C" fn second_main(hart: usize, opaque: usize) -> ! {
    let entry: unsafe extern "C" fn() = interrupt_entry;
    // SAFETY: this hart takes software interrupts, while it sleeps.
    unsafe {
        csr_write!(stvec, entry as usize);
        csr_set!(sie, SIE_SSIE);
    }
    let in_order = opaque == OPAQUE && hart < HARTS_MAX && csr_read!(satp) == 0;
    UP.fetch_add(usize::from(in_order), Ordering::AcqRel);
    while !STOP.load(Ordering::Acquire) {
        sleep();
    }
    call(hsm::EID_HSM, hsm::HART_STOP, [0; 5]);
    unreachable!("a stopped hart goes on")
}

/// Waits for an interrupt and takes it.
fn sleep() {
    // SAFETY: the handler changes t0 and t1, and returns behind the WFI: an
    // interrupt comes at one of these instructions, all four bytes long.
    unsafe {
        core::arch::asm!(
            ".option push",
            ".option norvc",
            "csrs sstatus, {sie}",
            "wfi",
            "nop",
            "nop",
            ".option pop",
            sie = in(reg) SSTATUS_SIE,
            out("t0") _,
            out("t1") _,
            options(nostack)
        );
        csr_clear!(sstatus, SSTATUS_SIE);
    }
}
