//! The processor: CSRs, fences, hints and the SBI below us.

pub mod csr;
pub mod ipi;
pub mod sbi;

use core::arch::asm;

/// Zeroes whole pages. Sixteen stores a round: zeroing is most of what a first
/// touch costs.
///
/// # Safety
/// `start..start + bytes` must be memory that nothing else uses; `bytes` is a
/// multiple of 128 and not 0, `start` of 8.
pub unsafe fn zero_pages(start: usize, bytes: usize) {
    debug_assert!(bytes != 0 && bytes.is_multiple_of(128));
    // SAFETY: writes exactly the range that the caller gave us.
    unsafe {
        asm!(
            "2:",
            "sd zero, 0({p})", "sd zero, 8({p})", "sd zero, 16({p})", "sd zero, 24({p})",
            "sd zero, 32({p})", "sd zero, 40({p})", "sd zero, 48({p})", "sd zero, 56({p})",
            "sd zero, 64({p})", "sd zero, 72({p})", "sd zero, 80({p})", "sd zero, 88({p})",
            "sd zero, 96({p})", "sd zero, 104({p})", "sd zero, 112({p})", "sd zero, 120({p})",
            "addi {p}, {p}, 128",
            "bltu {p}, {end}, 2b",
            p = inout(reg) start => _,
            end = in(reg) start + bytes,
            options(nostack),
        );
    }
}

/// The `time` CSR.
#[inline(always)]
pub fn time() -> u64 {
    let now;
    // SAFETY: reading a counter has no effect.
    unsafe { asm!("rdtime {}", out(reg) now, options(nomem, nostack)) };
    now
}

/// Waits until an enabled interrupt is pending, whether or not `SIE` is set.
pub fn wait_for_interrupt() {
    // SAFETY: only waits. Memory may have changed afterwards.
    unsafe { asm!("wfi", options(nostack)) };
}

/// Orders everything before, CSR accesses too, with everything after.
pub fn fence_all() {
    // SAFETY: a fence.
    unsafe { asm!("fence iorw, iorw", options(nostack)) };
}

/// Makes new instructions visible to this hart.
pub fn fence_i() {
    // SAFETY: a fence.
    unsafe { asm!("fence.i", options(nostack)) };
}

/// Forgets this hart's translations, all of them.
pub fn sfence_vma_all() {
    // SAFETY: a fence.
    unsafe { asm!("sfence.vma", options(nostack)) };
}

/// Forgets this hart's translations of one page.
pub fn sfence_vma(address: usize) {
    // SAFETY: a fence.
    unsafe { asm!("sfence.vma {}, zero", in(reg) address, options(nostack)) };
}

/// Forgets what this hart knows of one guest physical page.
pub fn hfence_gvma(gpa: u64) {
    // SAFETY: a fence; its operand is the address shifted right by 2.
    unsafe {
        asm!(".option push", ".option arch, +h", "hfence.gvma {}, zero", ".option pop",
            in(reg) gpa >> 2, options(nostack));
    }
}

/// Forgets all G-stage translations of this hart.
pub fn hfence_gvma_all() {
    // SAFETY: a fence.
    unsafe {
        asm!(".option push", ".option arch, +h", "hfence.gvma", ".option pop", options(nostack));
    }
}

/// Forgets the VS-stage translations of the current `hgatp.VMID` on this hart.
pub fn hfence_vvma_all() {
    // SAFETY: a fence.
    unsafe {
        asm!(".option push", ".option arch, +h", "hfence.vvma", ".option pop", options(nostack));
    }
}

/// A software marker: `slti x0, x0, N`, a HINT that the lab's machine records.
#[macro_export]
macro_rules! marker {
    ($number:expr) => {
        // SAFETY: writes x0, hence nothing.
        unsafe {
            ::core::arch::asm!("slti x0, x0, {}", const $number, options(nomem, nostack))
        }
    };
}

/// KVM would return to user space here, for an MMIO exit.
pub const MARKER_EXIT_TO_USER: i32 = 16;
/// An exit is served in the kernel: a hypercall, a store that signals an event, a send that finds no mapping.
pub const MARKER_KERNEL_EXIT: i32 = 17;
/// User space injects an interrupt.
pub const MARKER_INJECT: i32 = 18;
/// One vCPU interrupts another.
pub const MARKER_VCPU_IPI: i32 = 19;
/// A blocked thread is woken.
pub const MARKER_WAKE: i32 = 20;
