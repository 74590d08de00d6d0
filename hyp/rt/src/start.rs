//! From the ELF entry point to `main`, and the panic handler.

use core::arch::global_asm;
use core::ffi::{CStr, c_char};
use core::panic::PanicInfo;

use crate::{eprintln, sys};

global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    ".option push",
    ".option norelax",
    "    lla gp, __global_pointer$",
    ".option pop",
    "    tail {start}",
    ".weak __global_pointer$",
    start = sym start,
);

/// The program's arguments; an iterator over strings.
#[derive(Clone, Debug)]
pub struct Args {
    next: *const *const c_char,
    left: usize,
}

impl Iterator for Args {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: the kernel built an array of `argc` pointers to NUL-terminated
        // strings that live as long as the process, and `left` counts them.
        let text = unsafe {
            let text = CStr::from_ptr(*self.next);
            self.next = self.next.add(1);
            text
        };
        Some(text.to_str().unwrap_or("?"))
    }
}

/// Type of a program's `main`.
pub type Main = fn(Args) -> i32;

unsafe extern "Rust" {
    safe static HYP_MAIN: Main;
}

/// Names the program's `main`.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[unsafe(no_mangle)]
        static HYP_MAIN: $crate::start::Main = $main;
    };
}

extern "C" fn start(argc: usize, argv: *const *const c_char) -> ! {
    let code = HYP_MAIN(Args { next: argv, left: argc });
    sys::exit(code)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    eprintln!("user program: {info}");
    sys::exit(101)
}
