//! Calls to whoever runs the guest: its monitor, or the machine's firmware.

use core::arch::asm;

use proto::{Checksum, exit, guest_call};
use rt::sbi::call;
use sbi_spec::srst;

/// Tells the monitor what was printed. A firmware that doesn't know the call
/// is no error: there is nobody who could compare.
pub fn report_done(lines: usize, bytes: usize, checksum: Checksum) -> Result<(), isize> {
    let arguments = [lines, bytes, checksum.value() as usize];
    match call(guest_call::EXTENSION, guest_call::DONE, arguments) {
        (0 | guest_call::NOT_SUPPORTED, _) => Ok(()),
        (error, _) => Err(error),
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
