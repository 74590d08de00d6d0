//! Traps. The guest polls and asks for no interrupt, so each is a mistake.

use core::fmt::Write;
use core::panic::PanicInfo;

use rt::csr_read;
use rt::uart::{self, Uart};

use crate::sbi;

const EXIT_CODE: u16 = 70;

// What was interrupted never goes on, so no register needs to survive.
core::arch::global_asm!(
    ".pushsection .text, \"ax\"",
    ".balign 4",
    "console_trap_entry:",
    "la sp, _stack_top",
    "tail {report}",
    ".popsection",
    report = sym report,
);

unsafe extern "C" {
    #[link_name = "console_trap_entry"]
    pub fn entry();
}

extern "C" fn report() -> ! {
    let (cause, pc, value) = (csr_read!(scause), csr_read!(sepc), csr_read!(stval));
    panic!("unexpected trap: scause {cause:#x} sepc {pc:#x} stval {value:#x}");
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // SAFETY: where every board of this kind has it; a trap in here would only
    // lose the message.
    let mut uart = unsafe { Uart::attach(uart::BOARD_ADDRESS) };
    let _ = writeln!(uart, "\nconsole: {}", info.message());
    sbi::exit(EXIT_CODE)
}
