//! What the kernels of the speed benchmark share. Each is a program of its own
//! that begins in machine mode with nothing under it, computes for half a
//! second or so, compares its result with the one that is compiled in, prints
//! it, and ends the machine with 0, or with 1 if the result is wrong. So each
//! runs on any machine that has the `virt` board's UART and test finisher.
//!
//! A kernel is one function from nothing to a number; [`kernel!`] makes a
//! program of it. Those that need other privilege levels go there by
//! [`privilege`].
#![no_std]
#![cfg(target_arch = "riscv64")]

pub mod permutation;
pub mod privilege;
mod start;
pub mod trap;

use core::fmt::Write;
use core::panic::PanicInfo;

use rt::finisher::{self, Finisher};
use rt::uart::{self, Uart};

/// Makes a program of a kernel: its name, its function, and what the function
/// returns on every correct machine.
#[macro_export]
macro_rules! kernel {
    ($name:literal, $function:path, $expected:expr) => {
        #[unsafe(no_mangle)]
        extern "C" fn kernel_main() -> ! {
            let result: u64 = $function();
            $crate::finish($name, result, $expected)
        }
    };
}

fn console() -> Uart {
    // SAFETY: the board has it there, and every map here keeps it there.
    unsafe { Uart::new(uart::BOARD_ADDRESS) }
}

fn exit(code: u16) -> ! {
    // SAFETY: as above.
    unsafe { Finisher::new(finisher::BOARD_ADDRESS) }.exit(code)
}

/// Says what the kernel computed and ends the machine. A kernel that cannot
/// come back to machine mode calls it by itself.
pub fn finish(name: &str, result: u64, expected: u64) -> ! {
    let correct = result == expected;
    let verdict = if correct { "ok" } else { "WRONG" };
    let _ = writeln!(console(), "speed: {name} {result:#018x} {verdict}");
    exit(u16::from(!correct))
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(console(), "speed: {}", info.message());
    exit(70)
}

/// One step of a generator of pseudo-random numbers (xorshift64).
pub const fn random(state: u64) -> u64 {
    let state = state ^ state << 13;
    let state = state ^ state >> 7;
    state ^ state << 17
}
