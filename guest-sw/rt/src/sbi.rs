//! Calls of the SBI ("Binary Encoding" in its specification), to whoever runs a kernel.

use core::arch::asm;

/// Makes a call; its error code, 0 for success, and its value.
pub fn call(extension: usize, function: usize, arguments: [usize; 3]) -> (isize, usize) {
    let (error, value);
    // SAFETY: the callee changes a0 and a1, and no memory that Rust doesn't know to be lent to it.
    unsafe {
        asm!(
            "ecall",
            inlateout("a0") arguments[0] => error,
            inlateout("a1") arguments[1] => value,
            in("a2") arguments[2],
            in("a6") function,
            in("a7") extension,
            options(nostack)
        );
    }
    (error, value)
}
