//! What is done with each exit of a guest.

use ha_iov_ext::cause::{LOAD_MMIO_GUEST_FAULT, STORE_MMIO_GUEST_FAULT, VEI_MAP_MISS};
use ha_iov_ext::csr::VEISEND;
use hyp_abi::vm::{DebugExit, InternalError, exit as reason};
use hyp_kernel::addr::GuestPhys;
use hyp_kernel::insn;

use crate::arch::csr::{SSTATUS_SPIE, SSTATUS_SPP, cause};
use crate::sched;
use crate::vei;
use crate::vm::gstage::Touch;
use crate::vm::uer::Redirected;
use crate::vm::vcpu::Vcpu;
use crate::vm::world_switch::fetch_instruction;
use crate::vm::{mmio, sbi};
use crate::{csr_read, csr_write};

/// How the run loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Into the guest again.
    Resume,
    /// Back to the VMM; the run page says why.
    Leave,
    /// The guest waits for an interrupt.
    Wait,
}

const WFI: u32 = 0x1050_0073;
/// `vsstatus` bits of a trap: SIE moves to SPIE, SPP tells the privilege.
const VSSTATUS_SIE: u64 = 1 << 1;
/// Mask of the base address in `vstvec`.
const TVEC_BASE: u64 = !3;

/// Serves an exit by exception. `stval`, `htval` and `htinst` are still those
/// of the exit. Device accesses come first and in line: they are what there is
/// most of, and what is measured.
#[inline(always)]
pub fn handle(vcpu: &mut Vcpu, cause: u64) -> Outcome {
    match cause {
        cause::LOAD_GUEST_PAGE | LOAD_MMIO_GUEST_FAULT => data_fault(vcpu, cause, false),
        cause::STORE_GUEST_PAGE | STORE_MMIO_GUEST_FAULT => data_fault(vcpu, cause, true),
        cause::ECALL_VS => sbi::call(vcpu),
        _ => handle_rare(vcpu, cause),
    }
}

#[inline(never)]
fn handle_rare(vcpu: &mut Vcpu, cause: u64) -> Outcome {
    match cause {
        cause::FETCH_GUEST_PAGE => fetch_fault(vcpu),
        cause::VIRTUAL => virtual_instruction(vcpu),
        VEI_MAP_MISS => vei_map_miss(vcpu),
        cause::BREAKPOINT => breakpoint(vcpu),
        cause::FETCH_ACCESS | cause::LOAD_ACCESS | cause::STORE_ACCESS => {
            // The VMM's memory has no such addresses, so this is the guest's.
            inject(vcpu, cause, csr_read!("stval"))
        }
        _ => internal_error(vcpu, cause),
    }
}

/// The guest physical address of a fault.
#[inline]
fn fault_gpa() -> GuestPhys {
    GuestPhys(csr_read!("htval") << 2 | csr_read!("stval") & 3)
}

/// A load, store or AMO without translation: memory, or a device.
#[inline(always)]
fn data_fault(vcpu: &mut Vcpu, cause: u64, store: bool) -> Outcome {
    let gpa = fault_gpa();
    if store && vcpu.io_table.may_hold(gpa) && signal_event(vcpu, gpa) {
        return Outcome::Resume;
    }
    match touch(vcpu, gpa, store) {
        Ok(Touch::Mapped) => Outcome::Resume,
        Ok(Touch::Device) => match decode(vcpu) {
            Some(access) => mmio::exit(vcpu, gpa, &access),
            None => not_for_devices(vcpu, store),
        },
        Err(_) => internal_error(vcpu, cause),
    }
}

/// A store that is bound to an event ends here, before anything is looked up.
/// Apart from the run loop, which would else prepare on each of its rounds what
/// this needs.
#[inline(never)]
fn signal_event(vcpu: &mut Vcpu, gpa: GuestPhys) -> bool {
    let Some(insn::Access { kind: insn::Kind::Store { rs2 }, size_log2, insn_len }) = decode(vcpu) else {
        return false;
    };
    let unused = 64 - (8 << size_log2);
    let value = vcpu.frame.x[rs2] << unused >> unused;
    let signalled = vcpu.io_table.signal(gpa, value, size_log2);
    if signalled {
        vcpu.frame.pc += insn_len as u64;
    }
    signalled
}

#[inline]
fn touch(vcpu: &Vcpu, gpa: GuestPhys, store: bool) -> Result<Touch, hyp_abi::Error> {
    if vcpu.vm.is_outside(gpa) { Ok(Touch::Device) } else { touch_memory(vcpu, gpa, store) }
}

#[inline(never)]
fn touch_memory(vcpu: &Vcpu, gpa: GuestPhys, store: bool) -> Result<Touch, hyp_abi::Error> {
    let process = sched::current().process.as_ref().ok_or(hyp_abi::Error::PermissionDenied)?;
    vcpu.vm.touch(process, gpa, store)
}

/// The access, from the transformed instruction if there is one.
#[inline]
fn decode(vcpu: &Vcpu) -> Option<insn::Access> {
    match csr_read!("htinst") {
        0 => fetch_and_decode(vcpu.frame.pc),
        htinst => insn::decode_transformed(htinst),
    }
}

#[cold]
#[inline(never)]
fn fetch_and_decode(pc: u64) -> Option<insn::Access> {
    fetch_instruction(pc).and_then(insn::decode)
}

/// AMO, LR/SC, floating point, or a page table in a device: what a real bus
/// answers with an access fault.
#[cold]
#[inline(never)]
fn not_for_devices(vcpu: &mut Vcpu, store: bool) -> Outcome {
    let cause = if store { cause::STORE_ACCESS } else { cause::LOAD_ACCESS };
    inject(vcpu, cause, csr_read!("stval"))
}

fn fetch_fault(vcpu: &mut Vcpu) -> Outcome {
    match touch(vcpu, fault_gpa(), false) {
        Ok(Touch::Mapped) => Outcome::Resume,
        Ok(Touch::Device) => inject(vcpu, cause::FETCH_ACCESS, csr_read!("stval")),
        Err(_) => internal_error(vcpu, cause::FETCH_GUEST_PAGE),
    }
}

/// WFI is served; everything else that is virtual is nothing this hypervisor
/// offers, hence illegal for the guest.
fn virtual_instruction(vcpu: &mut Vcpu) -> Outcome {
    let instruction = match csr_read!("stval") as u32 {
        0 => fetch_instruction(vcpu.frame.pc).unwrap_or(0),
        instruction => instruction,
    };
    if instruction == WFI && vcpu.frame.sstatus & SSTATUS_SPP != 0 {
        vcpu.frame.pc += 4;
        return Outcome::Wait;
    }
    if is_send(instruction) && vcpu.vm.vei.may_send() {
        // The VM got its map after this vCPU was loaded.
        vei::hart::let_send();
        return Outcome::Resume;
    }
    inject(vcpu, cause::ILLEGAL, u64::from(instruction))
}

/// An access to `veisend`.
fn is_send(instruction: u32) -> bool {
    instruction & 0x7f == 0x73 && instruction >> 12 & 3 != 0 && (instruction >> 20) as u16 == VEISEND
}

/// The guest sent what the hardware has no entry for: the kernel delivers what
/// it has a route for, and asks the VMM about everything else.
fn vei_map_miss(vcpu: &mut Vcpu) -> Outcome {
    let veirq = csr_read!("stval");
    if vei::route::deliver(&vcpu.vm, veirq) {
        vcpu.frame.pc += 4;
        return Outcome::Resume;
    }
    leave_with(vcpu, reason::VEI_MISS, VEI_MAP_MISS)
}

/// Makes the guest take an exception at its pc, as the hardware would have.
pub fn inject(vcpu: &mut Vcpu, cause: u64, value: u64) -> Outcome {
    let was_supervisor = vcpu.frame.sstatus & SSTATUS_SPP != 0;
    let vsstatus = csr_read!("vsstatus");
    let spie = if vsstatus & VSSTATUS_SIE != 0 { SSTATUS_SPIE } else { 0 };
    let spp = if was_supervisor { SSTATUS_SPP } else { 0 };
    let kept = vsstatus & !(VSSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP);
    csr_write!("vsstatus", kept | spie | spp);
    csr_write!("vsepc", vcpu.frame.pc);
    csr_write!("vscause", cause);
    csr_write!("vstval", value);
    vcpu.frame.pc = csr_read!("vstvec") & TVEC_BASE;
    vcpu.frame.sstatus |= SSTATUS_SPP;
    Outcome::Resume
}

/// Not delegated: the VMM wants to see it.
fn breakpoint(vcpu: &mut Vcpu) -> Outcome {
    let debug = DebugExit { pc: vcpu.frame.pc };
    let page = vcpu.run_page();
    // SAFETY: the page lives as long as the vCPU; nobody has a reference to it.
    unsafe {
        (*page).exit_reason = reason::DEBUG;
        (*page).debug = debug;
    }
    Outcome::Leave
}

/// Nobody can serve this: the VMM decides what becomes of the guest.
#[cold]
#[inline(never)]
fn internal_error(vcpu: &mut Vcpu, cause: u64) -> Outcome {
    leave_with(vcpu, reason::INTERNAL_ERROR, cause)
}

/// An exit to the VMM that tells the trap.
fn leave_with(vcpu: &mut Vcpu, reason: u32, cause: u64) -> Outcome {
    let error = InternalError { scause: cause, sepc: vcpu.frame.pc, stval: csr_read!("stval"), gpa: fault_gpa().0 };
    let page = vcpu.run_page();
    // SAFETY: the page lives as long as the vCPU; nobody has a reference to it.
    unsafe {
        (*page).exit_reason = reason;
        (*page).internal = error;
    }
    Outcome::Leave
}

/// The access that a UER handler handed back, as if it had come here at once.
pub fn redirected(vcpu: &mut Vcpu, redirected: &Redirected) -> Outcome {
    match insn::decode_transformed(redirected.tinst) {
        Some(access) => mmio::exit(vcpu, GuestPhys(redirected.gpa), &access),
        None => internal_error(vcpu, redirected.cause),
    }
}
