//! Threads: a closure on a stack of its own.

use alloc::boxed::Box;
use core::ptr;

use hyp_abi::PAGE_SIZE;
use hyp_abi::syscall::THREAD_PIN;

use crate::memory::Mapping;
use crate::sys;

type Job = Box<dyn FnOnce() + Send>;

/// Starts a thread with `stack_size` bytes of stack (backed when touched; the
/// stack stays mapped after the thread's end). Returns the thread's number.
pub fn spawn(stack_size: usize, job: impl FnOnce() + Send + 'static) -> sys::Result {
    let stack = Mapping::new(stack_size.max(PAGE_SIZE))?;
    let top = stack.addr() + stack.size();
    let job: Box<Job> = Box::new(Box::new(job));
    let arg = Box::into_raw(job);
    // SAFETY: `run` takes the job and never returns; the stack is new.
    let result = unsafe { sys::thread_create(run as *const () as usize, top, arg.expose_provenance()) };
    if result.is_err() {
        // SAFETY: no thread was made, so the job is still ours.
        drop(unsafe { Box::from_raw(arg) });
    }
    result
}

/// Keeps the calling thread on the hart with this index.
pub fn pin(hart: usize) -> sys::Result<()> {
    // SAFETY: no pointers.
    unsafe { sys::syscall(THREAD_PIN, [hart, 0, 0]) }.map(drop)
}

/// Lets the calling thread run on any hart again.
pub fn unpin() -> sys::Result<()> {
    pin(usize::MAX)
}

extern "C" fn run(arg: usize) -> ! {
    // SAFETY: `spawn` made this pointer with `Box::into_raw` and gave it away.
    let job: Box<Job> = unsafe { Box::from_raw(ptr::with_exposed_provenance_mut(arg)) };
    job();
    sys::thread_exit()
}
