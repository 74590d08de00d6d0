//! Interrupts between harts: by a store where the machine has an ACLINT SSWI, else by a call of the firmware.

use core::sync::atomic::{AtomicUsize, Ordering, fence};

use crate::arch::sbi;

/// Direct-map address of the SSWI's registers, or 0.
static SSWI: AtomicUsize = AtomicUsize::new(0);

/// Tells where the SSWI is.
pub fn set_sswi(base: usize) {
    SSWI.store(base, Ordering::Relaxed);
}

/// Makes a supervisor software interrupt pending at a hart, after everything that was written before.
pub fn send(hartid: usize) {
    let base = SSWI.load(Ordering::Relaxed);
    if base == 0 {
        sbi::send_ipi(hartid).expect("the firmware cannot send interrupts");
        return;
    }
    let register: *mut u32 = core::ptr::with_exposed_provenance_mut(base + 4 * hartid);
    // Memory before device output.
    fence(Ordering::SeqCst);
    // SAFETY: the device tree says that the registers are there, one for each hart (ACLINT 4.1).
    unsafe { register.write_volatile(1) };
}
