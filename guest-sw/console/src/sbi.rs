//! Calls to whoever runs the guest: its monitor, or the machine's firmware.

use core::arch::asm;

use proto::{Checksum, exit, guest_call};
use sbi_spec::srst;

/// A call; its result is SBI's error code.
fn call(extension: usize, function: usize, arguments: [usize; 3]) -> isize {
    let error;
    // SAFETY: the callee changes a0 and a1 and nothing that Rust knows of.
    unsafe {
        asm!(
            "ecall",
            inlateout("a0") arguments[0] => error,
            inlateout("a1") arguments[1] => _,
            in("a2") arguments[2],
            in("a6") function,
            in("a7") extension,
            options(nostack)
        );
    }
    error
}

/// Tells the monitor what was printed. A firmware that doesn't know the call
/// is no error: there is nobody who could compare.
pub fn report_done(lines: usize, bytes: usize, checksum: Checksum) -> Result<(), isize> {
    let arguments = [lines, bytes, checksum.value() as usize];
    match call(guest_call::EXTENSION, guest_call::DONE, arguments) {
        0 | guest_call::NOT_SUPPORTED => Ok(()),
        error => Err(error),
    }
}

/// Ends the machine.
pub fn exit(code: u16) -> ! {
    let reason = match code {
        0 => srst::RESET_REASON_NO_REASON,
        code => exit::reason(code),
    };
    let arguments = [srst::RESET_TYPE_SHUTDOWN as usize, reason as usize, 0];
    call(srst::EID_SRST, srst::SYSTEM_RESET, arguments);
    loop {
        // SAFETY: waiting has no effect on memory. Only a monitor without
        // system reset lets the guest come here.
        unsafe { asm!("wfi", options(nomem, nostack)) };
    }
}
