//! The guest of the console experiment: prints lines to a 16550 UART, as fast
//! as its driver can, and reports what it printed.
//!
//! It is a small kernel like any other: it runs in supervisor mode, of a guest
//! or of the machine itself, is told about its machine by a device tree, has
//! page tables and a trap handler, and ends by the SBI. The command line says
//! how many lines: `lines=N`.
#![no_std]
#![no_main]

mod memory;
mod sbi;
mod start;
mod trap;

use core::fmt::Write;

use fdt::Fdt;
use proto::Checksum;
use rt::uart::Uart;

const LINE: &[u8] = b"hello,world\n";
const DEFAULT_LINES: usize = 1000;

/// What the guest does, from its start code with the device tree's address.
extern "C" fn main(_hart: usize, blob: *const u8) -> ! {
    // SAFETY: the boot protocol puts a device tree in a1.
    let Ok(tree) = (unsafe { Fdt::at(blob) }) else {
        sbi::exit(2); // Without it there is not even a console to complain on.
    };
    let Some((base, _)) = console_of(&tree) else {
        sbi::exit(3);
    };
    memory::map(&tree, base as usize);
    // SAFETY: the device tree says that it is there.
    let mut uart = unsafe { Uart::new(base as usize) };
    let lines = match tree.bootarg("lines").map(str::parse) {
        None => DEFAULT_LINES,
        Some(Ok(lines)) => lines,
        Some(Err(_)) => {
            let _ = writeln!(uart, "console: lines= wants a number");
            sbi::exit(4)
        }
    };
    let checksum = print(&mut uart, lines);
    let bytes = lines * LINE.len();
    match sbi::report_done(lines, bytes, checksum) {
        Ok(()) => sbi::exit(0),
        Err(error) => {
            let _ = writeln!(uart, "console: the monitor disagrees: error {error}");
            sbi::exit(5)
        }
    }
}

/// The first UART of the tree that is a 16550.
fn console_of(tree: &Fdt<'_>) -> Option<(u64, u64)> {
    tree.compatible("ns16550a").next()?.regions().next()
}

/// Prints, and sums up what it printed.
fn print(uart: &mut Uart, lines: usize) -> Checksum {
    let mut checksum = Checksum::new();
    for _ in 0..lines {
        checksum = checksum.bytes(LINE);
        uart.send(LINE);
    }
    checksum
}
