//! How the machine ends: power off with a code, and the kernel's panic.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::arch::{sbi, wait_for_interrupt};
use crate::console;

const FINISHER_FAIL: u32 = 0x3333;
/// Exit code after a panic.
const PANIC_CODE: i32 = 255;

/// Direct-map address of a `sifive,test0` finisher, or 0.
static FINISHER: AtomicUsize = AtomicUsize::new(0);

/// Tells where the finisher is; it can report a code, which SBI cannot.
pub fn set_finisher(base: usize) {
    FINISHER.store(base, Ordering::Relaxed);
}

/// Powers off. 0 is success; other codes reach the outside through the finisher
/// if there is one, else as "system failure" through SBI.
pub fn off(code: i32) -> ! {
    let finisher = FINISHER.load(Ordering::Relaxed);
    if code != 0 && finisher != 0 {
        let register: *mut u32 = core::ptr::with_exposed_provenance_mut(finisher);
        // SAFETY: the device tree says that the finisher's register is there.
        unsafe { register.write_volatile(FINISHER_FAIL | (code as u32 & 0xff) << 16) };
    }
    sbi::shutdown(code != 0);
    loop {
        wait_for_interrupt();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    console::print_anyway(format_args!("hyp: kernel panic: {info}\n"));
    off(PANIC_CODE)
}
