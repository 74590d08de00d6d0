//! What a hart is set to before a supervisor runs on it: which traps go
//! straight to the supervisor, what memory and which features it may use.
//!
//! All of these registers are WARL: a bit that the hart doesn't have reads
//! back as zero, so each is written with all that would be welcome, and
//! nothing depends on the name of a machine.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use rt::{csr_probe, csr_read, csr_write};

use crate::start::stack_top;

/// Exceptions for the supervisor: all that a user or a guest can cause, and
/// those that tell it about its own mistakes. Left out are calls from S and
/// from M (9, 11), which are for the firmware. Causes 24 to 26 are among those
/// that the Privileged specification sets apart for custom use ("Machine Cause
/// Register"); where a hart has them, they are for the supervisor as well.
const DELEGATED_EXCEPTIONS: usize = 0x1ff // Misaligned, access, illegal, break, U call.
    | 1 << 10 // Call from VS.
    | 1 << 12 | 1 << 13 | 1 << 15 // Page faults.
    | 1 << 18 | 1 << 19 // Software check, hardware error.
    | 0b1111 << 20 // Guest page faults and virtual instruction.
    | 0b111 << 24;

/// Interrupts for the supervisor: its own three, the guest's three, guest
/// external and counter overflow. Causes from 16 on are for platform use; 24
/// and 25 go to the supervisor where a hart has them.
const DELEGATED_INTERRUPTS: usize =
    1 << 1 | 1 << 5 | 1 << 9 | 1 << 2 | 1 << 6 | 1 << 10 | 1 << 12 | 1 << 13 | 0b11 << 24;

/// menvcfg: cache-block instructions (CBIE, CBCFE, CBZE), Svpbmt, Svadu, Sstc.
const ENVIRONMENT: usize = 0b1111 << 4 | 1 << 61 | 1 << 62 | MENVCFG_STCE;
/// menvcfg.STCE: the supervisor has a timer of its own, `stimecmp`.
const MENVCFG_STCE: usize = 1 << 63;

/// scounteren: cycle, time and instret for users. The register is the supervisor's, but supervisors expect to find it like this: Linux maps
/// code into every process that reads `time`, and sets the register only on machines whose performance counters it drives itself.
const USER_COUNTERS: usize = 0b111;

/// Address matching NAPOT (3), read, write, execute.
const PMP_ALL: usize = 3 << 3 | 0b111;

const MSTATUS_MPP_S: usize = 1 << 11;

/// Machine software interrupts: how harts reach each other.
pub const MIE_MSIE: usize = 1 << 3;
/// Machine timer interrupts.
pub const MIE_MTIE: usize = 1 << 7;

/// Sets this hart up. It takes no interrupts here: they are off in M-mode throughout.
pub fn this_hart() {
    // SAFETY: this hart runs the firmware alone, and nothing in the firmware
    // depends on any of these registers.
    unsafe {
        csr_write!(medeleg, DELEGATED_EXCEPTIONS);
        csr_write!(mideleg, DELEGATED_INTERRUPTS);
        csr_write!(mcounteren, usize::MAX);
        csr_write!(scounteren, USER_COUNTERS);
        if csr_probe!(menvcfg).is_some() {
            csr_write!(menvcfg, ENVIRONMENT);
            // The bit alone proves nothing: an emulator is known that keeps it
            // without the register behind it.
            let enabled = csr_read!(menvcfg) & MENVCFG_STCE != 0;
            STIMECMP.store(enabled && csr_probe!(stimecmp).is_some(), Ordering::Relaxed);
        }
        if csr_probe!(mstateen0).is_some() {
            csr_write!(mstateen0, usize::MAX);
        }
        if csr_probe!(pmpcfg0).is_some() {
            csr_write!(pmpaddr0, usize::MAX);
            csr_write!(pmpcfg0, PMP_ALL);
        }
    }
}

/// Whether supervisors have a timer of their own. Noted at set-up: looking for
/// it costs mepc its value, which belongs to the supervisor afterwards.
static STIMECMP: AtomicBool = AtomicBool::new(false);

/// Whether the supervisor's timer is `stimecmp` (Sstc).
pub fn has_stimecmp() -> bool {
    STIMECMP.load(Ordering::Relaxed)
}

/// Starts a supervisor on this hart, in the state that the SBI specification
/// gives a started hart ("Hart State Management", table of initial registers).
pub fn enter_supervisor(entry: usize, hart: usize, opaque: usize) -> ! {
    // SAFETY: nothing of the firmware is in use on this hart any more, and the
    // next trap begins on its stack from the top.
    unsafe {
        csr_write!(mie, MIE_MSIE);
        csr_write!(mip, 0);
        csr_write!(satp, 0);
        asm!(
            "sfence.vma",
            "fence.i",
            "csrw mscratch, {stack}",
            "csrw mepc, {entry}",
            "csrw mstatus, {mstatus}",
            "mret",
            stack = in(reg) stack_top(hart),
            entry = in(reg) entry,
            mstatus = in(reg) MSTATUS_MPP_S,
            in("a0") hart,
            in("a1") opaque,
            options(noreturn)
        )
    }
}

/// The interrupts that are pending and enabled on this hart.
pub fn pending_interrupts() -> usize {
    csr_read!(mip) & csr_read!(mie)
}
