//! Calls to whoever runs the guest: its monitor, or the machine's firmware.

use core::arch::asm;

use proto::guest_call;
use rt::sbi::call;
use sbi_spec::{base, dbcn, legacy, srst, time};

/// Whether there is an extension.
pub fn has(extension: usize) -> bool {
    let (error, value) = call(base::EID_BASE, base::PROBE_EXTENSION, [extension, 0, 0]);
    error == 0 && value != 0
}

/// Writes to the debug console, or, where there is none, to the legacy one.
pub fn write(bytes: &[u8]) {
    let mut rest = bytes;
    while has(dbcn::EID_DBCN) && !rest.is_empty() {
        // Memory is mapped one to one.
        let arguments = [rest.len(), rest.as_ptr() as usize, 0];
        let (error, written) = call(dbcn::EID_DBCN, dbcn::CONSOLE_WRITE, arguments);
        if error != 0 || written == 0 {
            break;
        }
        rest = rest.get(written..).unwrap_or(&[]);
    }
    for &byte in rest {
        call(legacy::LEGACY_CONSOLE_PUTCHAR, 0, [usize::from(byte), 0, 0]);
    }
}

/// What is measured comes next: waits for other guests that are measured together with this one.
pub fn ready() {
    // Whoever doesn't know the call has no other guests.
    call(guest_call::EXTENSION, guest_call::READY, [0; 3]);
}

/// Asks for a timer interrupt when `time` has the value `deadline`.
pub fn set_timer(deadline: u64) {
    call(time::EID_TIME, time::SET_TIMER, [deadline as usize, 0, 0]);
}

/// Ends the machine: without a reason, or with "system failure".
pub fn exit(well: bool) -> ! {
    let reason = if well { srst::RESET_REASON_NO_REASON } else { srst::RESET_REASON_SYSTEM_FAILURE };
    let arguments = [srst::RESET_TYPE_SHUTDOWN as usize, reason as usize, 0];
    call(srst::EID_SRST, srst::SYSTEM_RESET, arguments);
    // Only where there is no system reset does the guest come here.
    call(legacy::LEGACY_SHUTDOWN, 0, [0; 3]);
    loop {
        // SAFETY: waiting has no effect on memory.
        unsafe { asm!("wfi", options(nomem, nostack)) };
    }
}
