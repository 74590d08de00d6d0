//! System calls about virtual machines. Handles and pointers are checked here;
//! `vm` does the work.

use hyp_abi::Error;
use hyp_abi::event::{IoEvent, IrqEvent};
use hyp_abi::vm::{DEBUG_BREAKPOINT, MemoryRegion, UER_CAUSES, reg};
use hyp_kernel::addr::{GuestPhys, UserVirt};

use crate::arch::MARKER_INJECT;
use crate::arch::csr::INT_VSEI;
use crate::marker;
use crate::mm::frame;
use crate::proc::process::Object;
use crate::proc::user;
use crate::sched::current;
use crate::syscall::process;
use crate::vm::line::{Hsm, request};
use crate::vm::vcpu::Vcpu;
use crate::vm::{Vm, extensions, uer};

pub fn create_vm() -> Result<usize, Error> {
    frame::admit()?;
    let process = process()?;
    process.add_handle(Object::Vm(Vm::new(process)?))
}

pub fn close(handle: usize) -> Result<(), Error> {
    let process = process()?;
    let thread = current();
    if let Ok(line) = process.vcpu_line(handle) {
        if thread.in_guest() && line.belongs_to(thread) {
            return Err(Error::Busy);
        }
        if line.belongs_to(thread) {
            thread.release_vcpu();
        } else if !line.is_dead() {
            return Err(Error::PermissionDenied);
        }
    }
    drop(process.remove_handle(handle)?);
    Ok(())
}

pub fn create_vcpu(vm: usize, number: usize) -> Result<usize, Error> {
    frame::admit()?;
    let process = process()?;
    let vm = process.vm(vm)?;
    let thread = current();
    if !thread.vcpu().is_null() || thread.vei.context().is_some() {
        return Err(Error::Busy);
    }
    let number = (number != usize::MAX).then_some(number);
    let vcpu = Vcpu::new(vm, number, thread, process)?;
    let line = vcpu.line.clone();
    thread.set_vcpu(vcpu);
    let handle = process.add_handle(Object::Vcpu(line)).inspect_err(|_| thread.release_vcpu())?;
    own_vcpu_unchecked().handle = handle;
    Ok(handle)
}

/// The calling thread's vCPU, which must exist and not be running.
fn own_vcpu_unchecked() -> &'static mut Vcpu {
    let thread = current();
    assert!(!thread.vcpu().is_null() && !thread.in_guest());
    // SAFETY: the vCPU belongs to this thread, which is in a system call and not
    // in the run loop, so this is the only reference until the call returns.
    unsafe { &mut *thread.vcpu() }
}

/// The calling thread's vCPU if `handle` names it and it is not running.
fn own_vcpu(handle: usize) -> Result<&'static mut Vcpu, Error> {
    let thread = current();
    if thread.vcpu().is_null() {
        return Err(Error::BadHandle);
    }
    if thread.in_guest() {
        return Err(Error::Busy);
    }
    let vcpu = own_vcpu_unchecked();
    if vcpu.handle == handle { Ok(vcpu) } else { Err(Error::BadHandle) }
}

pub fn run_page(handle: usize) -> Result<usize, Error> {
    own_vcpu(handle).map(|vcpu| vcpu.run_page_address())
}

pub fn set_memory_region(vm: usize, region: usize) -> Result<(), Error> {
    let process = process()?;
    let region: MemoryRegion = user::read_value(process, UserVirt(region))?;
    process.vm(vm)?.set_region(process, &region)
}

pub fn get_register(vcpu: usize, id: usize, value: usize) -> Result<(), Error> {
    let vcpu = own_vcpu(vcpu)?;
    let known = match id {
        reg::STARTED => Some(u64::from(vcpu.line.hsm() != Hsm::Stopped)),
        reg::HART_ID => Some(vcpu.line.number()),
        reg::WFI_EXITS => Some(vcpu.wfi_exits().into()),
        _ => None,
    };
    if let Some(known) = known {
        return user::write_value(process()?, UserVirt(value), &known);
    }
    vcpu.unload();
    let register = vcpu.register(id).ok_or(Error::InvalidArgument)?;
    let current = *register;
    user::write_value(process()?, UserVirt(value), &current)
}

pub fn set_register(vcpu: usize, id: usize, value: usize) -> Result<(), Error> {
    let vcpu = own_vcpu(vcpu)?;
    if matches!(id, reg::MODE | reg::STARTED | reg::WFI_EXITS) && value > 1 {
        return Err(Error::InvalidArgument);
    }
    if id == reg::STARTED {
        vcpu.line.set_started(value != 0);
        return Ok(());
    }
    vcpu.unload();
    if id == reg::WFI_EXITS {
        vcpu.set_wfi_exits(value != 0);
        return Ok(());
    }
    *vcpu.register(id).ok_or(Error::InvalidArgument)? = value as u64;
    Ok(())
}

pub fn interrupt(vcpu: usize, level: usize) -> Result<(), Error> {
    marker!(MARKER_INJECT);
    let line = process()?.vcpu_line(vcpu)?;
    line.set(INT_VSEI, level != 0);
    // A UER handler that interrupts its own guest returns to it by itself.
    current().flush_interrupts();
    Ok(())
}

pub fn kick(vcpu: usize) -> Result<(), Error> {
    process()?.vcpu_line(vcpu)?.ask(request::KICK);
    current().flush_interrupts();
    Ok(())
}

pub fn set_guest_debug(vcpu: usize, flags: usize) -> Result<(), Error> {
    let vcpu = own_vcpu(vcpu)?;
    if flags & !DEBUG_BREAKPOINT != 0 {
        return Err(Error::InvalidArgument);
    }
    vcpu.unload();
    vcpu.set_debug(flags & DEBUG_BREAKPOINT != 0);
    Ok(())
}

pub fn io_event(vm: usize, spec: usize) -> Result<(), Error> {
    frame::admit()?;
    let process = process()?;
    let vm = process.vm(vm)?;
    let spec: IoEvent = user::read_value(process, UserVirt(spec))?;
    vm.change_io_event(&spec, process.event(spec.event as usize)?)
}

pub fn irq_event(vm: usize, spec: usize) -> Result<(), Error> {
    frame::admit()?;
    let process = process()?;
    let vm = process.vm(vm)?;
    let spec: IrqEvent = user::read_value(process, UserVirt(spec))?;
    vm.change_irq_event(&spec, process.event(spec.event as usize)?)
}

pub fn extensions(start: usize, len: usize) -> Result<usize, Error> {
    let names = extensions::names().as_bytes();
    user::write(process()?, UserVirt(start), &names[..names.len().min(len)])?;
    Ok(names.len())
}

pub fn set_uer(vm: usize, gpa: usize, size: usize) -> Result<(), Error> {
    let vm = process()?.vm(vm)?;
    if !uer::is_supported() {
        return Err(Error::NotSupported);
    }
    vm.set_uer(GuestPhys(gpa as u64), size as u64)
}

pub fn set_huedeleg(vcpu: usize, causes: usize) -> Result<(), Error> {
    let vcpu = own_vcpu(vcpu)?;
    if !uer::is_supported() {
        return Err(Error::NotSupported);
    }
    if causes & !UER_CAUSES != 0 {
        return Err(Error::InvalidArgument);
    }
    vcpu.unload();
    vcpu.set_redirected_causes(causes as u64);
    // SAFETY: the thread itself; no other reference is alive.
    unsafe { current().user_traps().enable(causes != 0 || current().vei.context().is_some()) };
    Ok(())
}
