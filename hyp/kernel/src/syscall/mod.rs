//! System calls. One function each; this file finds it by number.

mod ipc;
mod machine;
mod memory;
mod processes;
mod threads;
mod vhost;

use alloc::sync::Arc;

use hyp_abi::error::{Error, encode};
use hyp_abi::syscall as number;
use hyp_kernel::addr::UserVirt;

use crate::disk;
use crate::proc::process::Process;
use crate::sched;
use crate::vei;
use crate::vm::run;

/// The process whose thread calls.
pub fn process() -> Result<&'static Arc<Process>, Error> {
    sched::current().process.as_ref().ok_or(Error::PermissionDenied)
}

/// Entered by the trap vector with the registers of the caller as arguments.
pub extern "C" fn syscall(
    a0: usize,
    a1: usize,
    a2: usize,
    _a3: usize,
    _a4: usize,
    _a5: usize,
    _a6: usize,
    call: usize,
) -> usize {
    // The one that matters for speed comes before the jump table.
    let result = if call == number::VCPU_RUN { run::run(a0) } else { slow(call, [a0, a1, a2]) };
    encode(result)
}

/// All others. The thread may have slept, and its handler have been started.
fn slow(call: usize, arguments: [usize; 3]) -> Result<usize, Error> {
    let result = dispatch(call, arguments);
    vei::context::yield_to_activity(sched::current());
    result
}

fn dispatch(call: usize, [a0, a1, a2]: [usize; 3]) -> Result<usize, Error> {
    let done = |()| 0;
    match call {
        number::EXIT => threads::exit(a0),
        number::THREAD_CREATE => threads::create(a0, a1, a2),
        number::THREAD_EXIT => threads::exit_thread(),
        number::YIELD => {
            sched::yield_now();
            Ok(0)
        }
        number::SLEEP_UNTIL => threads::sleep_until(a0).map(done),
        number::TIMEBASE => Ok(sched::timer::timebase() as usize),
        number::THREAD_PIN => threads::pin(a0).map(done),
        number::THREAD_STATS => processes::thread_stats(a0, a1).map(done),
        number::CONSOLE_WRITE => memory::console_write(a0, a1),
        number::CONSOLE_READ => memory::console_read(a0, a1),
        number::MAP => memory::map(a0, a1),
        number::UNMAP => memory::unmap(a0, a1).map(done),
        number::FILE_MAP => memory::file_map(a0, a1, a2).map(done),
        number::VM_CREATE..=number::VCPU_KICK => dispatch_machine(call, [a0, a1, a2]),
        number::GUEST_EXTENSIONS => machine::extensions(a0, a1),
        number::EVENT_CREATE => ipc::create_event(),
        number::EVENT_SIGNAL => ipc::signal_event(a0, a1).map(done),
        number::EVENT_WAIT => ipc::wait_event(a0, a1),
        number::SHARED_CREATE => ipc::create_shared(a0, a1),
        number::SHARED_MAP => ipc::map_shared(a0),
        number::CHANNEL_CREATE => ipc::create_channel(a0).map(done),
        number::CHANNEL_SEND => ipc::send(a0, a1).map(done),
        number::CHANNEL_RECEIVE => ipc::receive(a0, a1, a2).map(done),
        number::CHANNEL_EVENT => ipc::set_channel_event(a0, a1, a2).map(done),
        number::PROCESS_SPAWN => processes::spawn(a0),
        number::PROCESS_WAIT => processes::wait(a0, a1),
        number::PROCESS_KILL => processes::kill(a0).map(done),
        number::IO_EVENT => machine::io_event(a0, a1).map(done),
        number::IRQ_EVENT => machine::irq_event(a0, a1).map(done),
        number::HOST_STATS => processes::host_stats(a0, a1, a2),
        number::DISK_SIZE => disk::size(),
        number::DISK_READ => disk::read(process()?, a0, UserVirt(a1), a2).map(done),
        number::DISK_WRITE => disk::write(process()?, a0, UserVirt(a1), a2).map(done),
        number::DISK_FLUSH => disk::flush().map(done),
        number::VHOST_CREATE => vhost::create(a0),
        number::VHOST_QUEUE => vhost::queue(a0, a1).map(done),
        number::VHOST_STOP => vhost::stop(a0).map(done),
        number::VHOST_STATUS => vhost::status(a0, a1).map(done),
        number::VEI_ROUTE => vei::calls::route(a0, a1).map(done),
        number::VEI_UNROUTE => vei::calls::unroute(a0, a1).map(done),
        number::USER_CONTEXT_CREATE => vei::calls::create_context(a0),
        number::USER_CONTEXT_WAIT => vei::context::wait(a0),
        number::VEI_DOMAIN => vei::calls::join_domain(a0, a1),
        number::VEI_INFO => vei::calls::info(a0).map(done),
        _ => Err(Error::NotSupported),
    }
}

fn dispatch_machine(call: usize, [a0, a1, a2]: [usize; 3]) -> Result<usize, Error> {
    let done = |()| 0;
    match call {
        number::VM_CREATE => machine::create_vm(),
        number::CLOSE => machine::close(a0).map(done),
        number::VCPU_CREATE => machine::create_vcpu(a0, a1),
        number::VCPU_RUN_PAGE => machine::run_page(a0),
        number::SET_MEMORY_REGION => machine::set_memory_region(a0, a1).map(done),
        number::VCPU_GET_REG => machine::get_register(a0, a1, a2).map(done),
        number::VCPU_SET_REG => machine::set_register(a0, a1, a2).map(done),
        number::VCPU_INTERRUPT => machine::interrupt(a0, a1).map(done),
        number::SET_UER => machine::set_uer(a0, a1, a2).map(done),
        number::SET_HUEDELEG => machine::set_huedeleg(a0, a1).map(done),
        number::SET_GUEST_DEBUG => machine::set_guest_debug(a0, a1).map(done),
        number::VCPU_KICK => machine::kick(a0).map(done),
        number::UER_EXIT => run::uer_exit(a0),
        _ => Err(Error::NotSupported),
    }
}
