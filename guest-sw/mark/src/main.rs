//! Marks what the lab measures in a guest that runs Linux, whose kernel and programs know nothing of the lab.
//!
//! `mark end` executes the end marker. `mark PROGRAM WORDS...` runs a program between the markers, and waits until all that it wrote to the
//! terminal has left; its exit code is the program's. No C library, and nothing allocated: the few calls are Linux's own (Linux
//! `include/uapi/asm-generic/unistd.h`).
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::ffi::{CStr, c_char};
use core::panic::PanicInfo;
use core::ptr;

const IOCTL: usize = 29;
const EXIT: usize = 93;
const CLONE: usize = 220;
const EXECVE: usize = 221;
const WAIT4: usize = 260;

/// A child's end is told as after `fork`.
const SIGCHLD: usize = 17;
/// "Wait until all output has left", with an argument other than 0.
const TCSBRK: usize = 0x5409;
const STANDARD_OUTPUT: usize = 1;

/// Exit code when there is nothing to run, or it can't be run.
const UNUSABLE: usize = 126;

global_asm!(
    ".section .text._start, \"ax\"",
    ".global _start",
    "_start:",
    "    mv   a0, sp",
    "    andi sp, sp, -16",
    "    tail {start}",
    start = sym start,
);

/// A system call of Linux. A negative result is an error.
///
/// # Safety
/// The arguments are right for the call.
unsafe fn call(number: usize, args: [usize; 4]) -> isize {
    let result;
    // SAFETY: Linux keeps all registers but a0; the rest is the caller's promise.
    unsafe {
        asm!("ecall", inlateout("a0") args[0] => result, in("a1") args[1], in("a2") args[2], in("a3") args[3],
            in("a4") 0, in("a7") number, options(nostack));
    }
    result
}

fn exit(code: usize) -> ! {
    // SAFETY: no pointers; it doesn't return.
    unsafe { call(EXIT, [code, 0, 0, 0]) };
    unreachable!("the process has ended")
}

/// What is measured begins.
fn begin() {
    // SAFETY: a HINT; nothing changes.
    unsafe { asm!("slti x0, x0, 1", options(nomem, nostack)) }
}

/// What is measured ends.
fn end() {
    // SAFETY: a HINT; nothing changes.
    unsafe { asm!("slti x0, x0, 2", options(nomem, nostack)) }
}

/// `stack` is what Linux leaves there: how many words there are, the words, a null pointer, the environment.
unsafe extern "C" fn start(stack: *const usize) -> ! {
    // SAFETY: as Linux describes it; the strings live as long as the process.
    let (words, environment) = unsafe {
        let count = *stack;
        let words = stack.add(1).cast::<*const c_char>();
        (words, words.add(count + 1))
    };
    // SAFETY: the list of words ends with a null pointer, and the first is the program's own name.
    let program = unsafe { *words.add(1) };
    if program.is_null() {
        exit(UNUSABLE);
    }
    // SAFETY: a string of the list.
    if unsafe { CStr::from_ptr(program) } == c"end" {
        end();
        exit(0);
    }
    begin();
    // SAFETY: the lists are Linux's own, without the first word.
    let code = unsafe { run(program, words.add(1), environment) };
    // SAFETY: no pointers. What is no terminal has nothing to wait for.
    unsafe { call(IOCTL, [STANDARD_OUTPUT, TCSBRK, 1, 0]) };
    end();
    exit(code);
}

/// Runs a program to its end; its exit code.
///
/// # Safety
/// `program` is a path; the others are lists of strings that end with null pointers.
unsafe fn run(program: *const c_char, words: *const *const c_char, environment: *const *const c_char) -> usize {
    // SAFETY: the child has a copy of this memory.
    let child = unsafe { call(CLONE, [SIGCHLD, 0, 0, 0]) };
    if child == 0 {
        // SAFETY: the caller's promise.
        unsafe { call(EXECVE, [program as usize, words as usize, environment as usize, 0]) };
        exit(UNUSABLE);
    }
    let mut status = 0i32;
    // SAFETY: Linux writes the status only.
    let waited = unsafe { call(WAIT4, [child as usize, ptr::from_mut(&mut status) as usize, 0, 0]) };
    if child < 0 || waited != child { UNUSABLE } else { (status >> 8 & 0xff) as usize | (status & 0x7f) as usize }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(UNUSABLE)
}
