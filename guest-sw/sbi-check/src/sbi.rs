//! SBI calls.

use core::arch::asm;

use sbi_spec::srst;

/// What a call returns: error and value.
pub type Answer = (isize, usize);

/// Makes a call.
pub fn call(extension: usize, function: usize, arguments: [usize; 5]) -> Answer {
    let (error, value);
    // SAFETY: the firmware changes a0 and a1, and memory only where a check
    // asks it to.
    unsafe {
        asm!(
            "ecall",
            inlateout("a0") arguments[0] => error,
            inlateout("a1") arguments[1] => value,
            in("a2") arguments[2],
            in("a3") arguments[3],
            in("a4") arguments[4],
            in("a6") function,
            in("a7") extension,
            options(nostack)
        );
    }
    (error, value)
}

/// Ends the machine.
pub fn shut_down(reason: u32) -> ! {
    let arguments = [srst::RESET_TYPE_SHUTDOWN as usize, reason as usize, 0, 0, 0];
    call(srst::EID_SRST, srst::SYSTEM_RESET, arguments);
    loop {
        core::hint::spin_loop();
    }
}
