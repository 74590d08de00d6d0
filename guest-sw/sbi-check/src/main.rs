//! Checks of the firmware from the supervisor's side: each call is made, and
//! what it promises is looked for. It prints one line per check and ends the
//! machine with 0, or with the number of the check that failed.
//!
//! It takes any SBI implementation with the same extensions: a firmware that
//! somebody else wrote shows whether the checks themselves are right.
#![no_std]
#![no_main]

mod checks;
mod harts;
mod sbi;

use core::fmt::Write;
use core::panic::PanicInfo;

use fdt::Fdt;
use rt::uart::{self, Uart};

/// What the first hart does.
extern "C" fn main(hart: usize, blob: *const u8) -> ! {
    // SAFETY: the boot protocol puts a device tree in a1.
    let tree = unsafe { Fdt::at(blob) }.expect("a device tree in a1");
    harts::note_first(hart);
    for (number, (name, check)) in (1..).zip(checks::ALL) {
        let passed = check(&tree);
        say(format_args!("sbi-check: {name}: {}\n", if passed { "ok" } else { "FAILED" }));
        if !passed {
            sbi::shut_down(proto::exit::reason(number));
        }
    }
    sbi::shut_down(0)
}

fn say(line: core::fmt::Arguments<'_>) {
    // SAFETY: the board has it there, and translation is off.
    let _ = unsafe { Uart::attach(uart::BOARD_ADDRESS) }.write_fmt(line);
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say(format_args!("sbi-check: {}\n", info.message()));
    sbi::shut_down(proto::exit::reason(70))
}
