//! System calls about threads and time.

use alloc::sync::Arc;

use hyp_abi::Error;
use hyp_kernel::addr::USER_LIMIT;

use crate::arch::time;
use crate::mm::frame;
use crate::sched::hart::harts;
use crate::sched::thread::{ANY_HART, Thread, UserStart};
use crate::sched::{self, current};

pub fn exit(code: usize) -> ! {
    if let Some(process) = current().process.as_ref() {
        process.exit(code as i32);
    }
    sched::exit_thread()
}

pub fn exit_thread() -> ! {
    sched::exit_thread()
}

pub fn create(entry: usize, stack_top: usize, argument: usize) -> Result<usize, Error> {
    if entry >= USER_LIMIT || stack_top >= USER_LIMIT || !stack_top.is_multiple_of(16) {
        return Err(Error::InvalidArgument);
    }
    frame::admit()?;
    let process = current().process.as_ref().ok_or(Error::PermissionDenied)?;
    let start = UserStart { pc: entry, sp: stack_top, args: [argument, 0] };
    let thread = Thread::new_user(process, start)?;
    process.add_thread(&thread)?;
    let id = thread.id;
    sched::start(Arc::clone(&thread));
    Ok(id)
}

pub fn pin(hart: usize) -> Result<(), Error> {
    if hart != ANY_HART && hart >= harts().len() {
        return Err(Error::InvalidArgument);
    }
    let thread = current();
    if thread.vei.context().is_some() || thread.vei.is_activity() {
        // Handlers stay on their hart.
        return Err(Error::Busy);
    }
    sched::pin(hart);
    Ok(())
}

/// Holds nothing that would have to be dropped while it sleeps: the process may
/// end meanwhile.
pub fn sleep_until(deadline: usize) -> Result<(), Error> {
    while time() < deadline as u64 {
        sched::park(Some(deadline as u64));
    }
    Ok(())
}
