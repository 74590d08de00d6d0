//! System calls about child processes, and about what the kernel counts.

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use hyp_abi::Error;
use hyp_abi::process::{ARGUMENTS_MAX, NO_CHANNEL, PROCESSES_MAX, ProcessSpec};
use hyp_abi::stats::{HartStats, HostStats, ThreadStats};
use hyp_kernel::addr::UserVirt;

use crate::arch::time;
use crate::csr_read;
use crate::mm::{frame, heap};
use crate::proc::child::Child;
use crate::proc::load::{self, Start};
use crate::proc::process::{Object, Process};
use crate::proc::user;
use crate::sched::current;
use crate::sched::hart::{Hart, harts};
use crate::sched::signal::Deadline;
use crate::stats::{COALESCED, INJECTED, Kind, live};
use crate::syscall::ipc::finish;
use crate::syscall::memory::NAME_MAX;
use crate::syscall::process;
use crate::vm::hardware;

/// Text of the caller's.
fn read_text(process: &Process, start: u64, len: u64, max: usize) -> Result<Vec<u8>, Error> {
    let len = usize::try_from(len).ok().filter(|len| *len <= max).ok_or(Error::InvalidArgument)?;
    let mut bytes = vec![0; len];
    user::read(process, UserVirt(start as usize), &mut bytes)?;
    Ok(bytes)
}

pub fn spawn(spec: usize) -> Result<usize, Error> {
    frame::admit()?;
    let process = process()?;
    let spec: ProcessSpec = user::read_value(process, UserVirt(spec))?;
    let name = read_text(process, spec.name, spec.name_len, NAME_MAX)?;
    let arguments = read_text(process, spec.arguments, spec.arguments_len, ARGUMENTS_MAX)?;
    let channel = match spec.channel {
        NO_CHANNEL => None,
        handle => Some(process.channel(handle as usize)?),
    };
    if live(Kind::Process) >= PROCESSES_MAX {
        return Err(Error::OutOfMemory);
    }
    let name = core::str::from_utf8(&name).map_err(|_| Error::NotFound)?;
    let arguments = core::str::from_utf8(&arguments).map_err(|_| Error::InvalidArgument)?;
    let child = load::spawn(Start { name, arguments, channel, initial: false })?;
    // If there is no room for the handle, the child dies with this reference.
    process.add_handle(Object::Child(Child::new(&child)))
}

pub fn wait(handle: usize, deadline: usize) -> Result<usize, Error> {
    let wait = || process()?.child(handle)?.wait(Deadline::from_abi(deadline));
    finish(wait()).map(|code| code as u32 as usize)
}

pub fn kill(handle: usize) -> Result<(), Error> {
    process()?.child(handle)?.kill();
    Ok(())
}

pub fn thread_stats(target: usize, id: usize) -> Result<(), Error> {
    let process = process()?;
    let thread = if id == 0 { current().to_arc() } else { process.thread(id)? };
    let hart = harts()[thread.last_hart.load(Ordering::Relaxed)];
    let now = if thread.on_cpu.load(Ordering::Relaxed) { hart.cycles_since_switch() } else { 0 };
    let stats = ThreadStats {
        id: thread.id as u64,
        run_cycles: thread.run_cycles.load(Ordering::Relaxed) + now,
        switches: thread.switches.load(Ordering::Relaxed),
        hart: hart.index as u64,
    };
    user::write_value(process, UserVirt(target), &stats)
}

pub fn host_stats(target: usize, harts_target: usize, count: usize) -> Result<usize, Error> {
    let process = process()?;
    let count = count.min(harts().len());
    for (index, hart) in harts()[..count].iter().enumerate() {
        let address = harts_target.checked_add(index * size_of::<HartStats>()).ok_or(Error::BadAddress)?;
        user::write_value(process, UserVirt(address), &hart_stats(hart))?;
    }
    let alive = |kind| live(kind) as u64;
    let stats = HostStats {
        cycles: csr_read!("cycle"),
        time: time(),
        harts: harts().len() as u64,
        free_pages: frame::free_pages() as u64,
        heap_pages: heap::pages() as u64,
        processes: alive(Kind::Process),
        threads: alive(Kind::Thread),
        vms: alive(Kind::Vm),
        vcpus: alive(Kind::Vcpu),
        vmids: hardware::vmids_taken() as u64,
        events: alive(Kind::Event),
        shared: alive(Kind::Shared),
        shared_pages: alive(Kind::SharedPage),
        channels: alive(Kind::Channel),
        messages: alive(Kind::Message),
        io_events: alive(Kind::IoEvent),
        irq_events: alive(Kind::IrqEvent),
        injected: INJECTED.load(Ordering::Relaxed),
        coalesced: COALESCED.load(Ordering::Relaxed),
    };
    user::write_value(process, UserVirt(target), &stats)?;
    Ok(count)
}

fn hart_stats(hart: &Hart) -> HartStats {
    let counters = &hart.counters;
    HartStats {
        idle_cycles: hart.idle_cycles(),
        switches: counters.switches.load(Ordering::Relaxed),
        ipis_sent: counters.ipis_sent.load(Ordering::Relaxed),
        ipis_saved: counters.ipis_saved.load(Ordering::Relaxed),
    }
}
