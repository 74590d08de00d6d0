//! The system calls, one typed function each. What they mean is written at
//! their numbers in [`hyp_abi::syscall`].

use core::arch::asm;

use hyp_abi::error::decode;
use hyp_abi::syscall::{
    CONSOLE_READ, CONSOLE_WRITE, EXIT, FILE_MAP, FileMapping, MAP, SLEEP_UNTIL, THREAD_CREATE, THREAD_EXIT, TIMEBASE,
    UNMAP, YIELD,
};

use crate::abi::Error;

/// Outcome of a system call.
pub type Result<T = usize> = core::result::Result<T, Error>;

/// The system call `number` with up to three arguments.
///
/// # Safety
/// The arguments must be right for the call: it may write through pointers,
/// unmap memory, or start code at an address.
#[inline(always)]
pub unsafe fn syscall(number: usize, args: [usize; 3]) -> Result {
    let result;
    // SAFETY: the kernel keeps every register but those listed here; what it
    // does to memory is the caller's promise.
    unsafe {
        asm!(
            "ecall",
            inlateout("a0") args[0] => result,
            inlateout("a1") args[1] => _,
            inlateout("a2") args[2] => _,
            inlateout("a7") number => _,
            lateout("a3") _, lateout("a4") _, lateout("a5") _, lateout("a6") _,
            lateout("t0") _, lateout("t1") _, lateout("t2") _, lateout("t3") _,
            lateout("t4") _, lateout("t5") _, lateout("t6") _,
            options(nostack),
        );
    }
    decode(result)
}

/// Ends the process.
pub fn exit(code: i32) -> ! {
    // SAFETY: no pointers.
    let _ = unsafe { syscall(EXIT, [code as usize, 0, 0]) };
    unreachable!("EXIT returned")
}

/// Starts a thread; see [`crate::thread::spawn`] for the comfortable form.
///
/// # Safety
/// `entry` must be a function that takes one argument and never returns, and
/// `stack_top` the 16-byte aligned end of memory that nothing else uses.
pub unsafe fn thread_create(entry: usize, stack_top: usize, arg: usize) -> Result {
    // SAFETY: passed on to the caller.
    unsafe { syscall(THREAD_CREATE, [entry, stack_top, arg]) }
}

/// Ends the calling thread.
pub fn thread_exit() -> ! {
    // SAFETY: no pointers.
    let _ = unsafe { syscall(THREAD_EXIT, [0; 3]) };
    unreachable!("THREAD_EXIT returned")
}

/// Lets another thread run.
pub fn yield_now() {
    // SAFETY: no pointers.
    let _ = unsafe { syscall(YIELD, [0; 3]) };
}

/// Sleeps until the `time` CSR reaches `time`.
pub fn sleep_until(time: u64) {
    // SAFETY: no pointers.
    let _ = unsafe { syscall(SLEEP_UNTIL, [time as usize, 0, 0]) };
}

/// Frequency of [`time`] in Hz.
pub fn timebase() -> u64 {
    // SAFETY: no pointers.
    unsafe { syscall(TIMEBASE, [0; 3]) }.unwrap_or(0) as u64
}

/// The `time` CSR.
pub fn time() -> u64 {
    let now;
    // SAFETY: reads a counter that the kernel opens for user mode.
    unsafe { asm!("rdtime {}", out(reg) now, options(nomem, nostack)) };
    now
}

/// Writes to the machine's console.
pub fn console_write(bytes: &[u8]) -> Result {
    // SAFETY: the kernel only reads the slice.
    unsafe { syscall(CONSOLE_WRITE, [bytes.as_ptr() as usize, bytes.len(), 0]) }
}

/// Reads what was typed so far; 0 when nothing was.
pub fn console_read(bytes: &mut [u8]) -> Result {
    // SAFETY: the kernel writes initialised bytes into the slice only.
    unsafe { syscall(CONSOLE_READ, [bytes.as_mut_ptr() as usize, bytes.len(), 0]) }
}

/// Maps zeroed memory; `flags` is 0 or [`hyp_abi::syscall::MAP_HUGE`].
pub fn map(size: usize, flags: usize) -> Result {
    // SAFETY: the kernel maps only where nothing is mapped.
    unsafe { syscall(MAP, [size, flags, 0]) }
}

/// Gives memory back.
///
/// # Safety
/// Nothing may use the range any more.
pub unsafe fn unmap(addr: usize, size: usize) -> Result {
    // SAFETY: passed on to the caller.
    unsafe { syscall(UNMAP, [addr, size, 0]) }
}

/// Maps a file of the initial archive.
pub fn file_map(name: &str) -> Result<FileMapping> {
    let mut info = FileMapping::default();
    let args = [name.as_ptr() as usize, name.len(), &raw mut info as usize];
    // SAFETY: the kernel reads the name and fills `info`, both alive here.
    unsafe { syscall(FILE_MAP, args) }?;
    debug_assert_ne!(info.addr, 0);
    Ok(info)
}
