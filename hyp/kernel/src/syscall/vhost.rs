//! System calls about vhost devices.

use hyp_abi::Error;
use hyp_abi::vhost::{VhostQueue, VhostSpec};
use hyp_kernel::addr::UserVirt;

use crate::mm::frame;
use crate::proc::process::Object;
use crate::proc::user;
use crate::syscall::ipc::finish;
use crate::syscall::process;
use crate::vhost::Vhost;

// Apart: a device on its way into its box takes a good part of a kernel stack, which other calls need not have.
#[inline(never)]
pub fn create(spec: usize) -> Result<usize, Error> {
    frame::admit()?;
    let process = process()?;
    let spec: VhostSpec = user::read_value(process, UserVirt(spec))?;
    process.add_handle(Object::Vhost(Vhost::new(process, &spec)?))
}

pub fn queue(handle: usize, queue: usize) -> Result<(), Error> {
    finish(hand_over(handle, queue))
}

fn hand_over(handle: usize, queue: usize) -> Result<(), Error> {
    let process = process()?;
    let queue: VhostQueue = user::read_value(process, UserVirt(queue))?;
    process.vhost(handle)?.queue(queue)
}

pub fn stop(handle: usize) -> Result<(), Error> {
    let stop = || process()?.vhost(handle)?.stop();
    finish(stop())
}

pub fn status(handle: usize, status: usize) -> Result<(), Error> {
    let process = process()?;
    let current = process.vhost(handle)?.status();
    user::write_value(process, UserVirt(status), &current)
}
