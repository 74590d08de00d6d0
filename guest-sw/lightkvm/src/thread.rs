//! Threads, by the bare system call: each has a stack of its own and runs until the program ends.

use crate::sys::{self, Error, File};

const STACK_SIZE: usize = 0x1_0000;
/// Memory, file system, files, signal handlers and the process are shared; the thread is one of ours.
#[cfg(target_arch = "riscv64")]
const FLAGS: usize = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000;

/// What a new thread finds at the bottom of its stack.
#[repr(C, align(16))]
struct Start {
    function: extern "C" fn(usize) -> !,
    argument: usize,
}

/// Starts a thread that runs `function` with `argument`.
///
/// # Errors
/// There is no memory for its stack, or the kernel refuses.
pub fn spawn(function: extern "C" fn(usize) -> !, argument: usize) -> Result<(), Error> {
    let stack = sys::map_memory(STACK_SIZE, "mapping a thread's stack")?;
    // SAFETY: the structure fits into the fresh mapping, and is aligned as its end is.
    let top = unsafe {
        let start = stack.add(STACK_SIZE - size_of::<Start>()).cast::<Start>();
        start.write(Start { function, argument });
        start
    };
    match start(top) {
        0.. => Ok(()),
        error => Err(Error { what: "starting a thread", errno: -error as i32 }),
    }
}

#[cfg(target_arch = "riscv64")]
fn start(stack: *mut Start) -> isize {
    let result: isize;
    // SAFETY: the new thread begins on its own stack, takes what it needs from there, and never returns here.
    unsafe {
        core::arch::asm!(
            "ecall",
            "bnez a0, 1f",
            "ld a0, 8(sp)",
            "ld t0, 0(sp)",
            "jalr t0",
            "unimp",
            "1:",
            in("a7") 220_usize,
            inlateout("a0") FLAGS as isize => result,
            in("a1") stack,
            in("a2") 0,
            in("a3") 0,
            in("a4") 0,
        );
    }
    result
}

/// Only riscv64 Linux has these threads.
#[cfg(not(target_arch = "riscv64"))]
fn start(_stack: *mut Start) -> isize {
    -38
}

/// Says why the program can't go on, and ends it.
pub fn fail(error: Error) -> ! {
    File::STDERR.print(format_args!("lightkvm: {error}\n"));
    sys::exit(1)
}
