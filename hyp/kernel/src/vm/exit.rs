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

/// Causes of a load or store without translation.
const DATA_FAULTS: u64 = 1 << cause::LOAD_GUEST_PAGE
    | 1 << cause::STORE_GUEST_PAGE
    | 1 << LOAD_MMIO_GUEST_FAULT
    | 1 << STORE_MMIO_GUEST_FAULT;
/// Those of them that are stores.
const STORE_FAULTS: u64 = 1 << cause::STORE_GUEST_PAGE | 1 << STORE_MMIO_GUEST_FAULT;

/// Whether an exit is [`data_fault`]'s.
#[inline(always)]
pub fn is_data_fault(cause: u64) -> bool {
    cause < 64 && DATA_FAULTS >> cause & 1 != 0
}

/// Serves another exit by exception. `stval`, `htval` and `htinst` are still
/// those of the exit.
#[inline(never)]
pub fn handle(vcpu: &mut Vcpu, cause: u64) -> Outcome {
    match cause {
        cause::ECALL_VS => sbi::call(vcpu),
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

/// A load, store or AMO without translation: memory, or a device. In line in the
/// run loop, as far as a device's access goes: that is what there is most of, and
/// what is measured.
#[inline(always)]
pub fn data_fault(vcpu: &mut Vcpu, cause: u64) -> Outcome {
    let gpa = fault_gpa();
    match touch(vcpu, gpa, is_store(cause)) {
        Ok(Touch::Mapped) => return Outcome::Resume,
        Ok(Touch::Device) => {}
        Err(_) => return internal_error(vcpu, cause),
    }
    match insn::decode_transformed(csr_read!("htinst")) {
        Some(access) => mmio::exit(vcpu, gpa, access),
        None => not_transformed(vcpu, gpa, cause),
    }
}

fn is_store(cause: u64) -> bool {
    STORE_FAULTS >> cause & 1 != 0
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

/// Hardware may leave the instruction to be fetched. What is then no plain load
/// or store (AMO, LR/SC, floating point, or a page table in a device) gets what
/// a real bus answers: an access fault.
#[cold]
#[inline(never)]
fn not_transformed(vcpu: &mut Vcpu, gpa: GuestPhys, fault: u64) -> Outcome {
    let fetched = if csr_read!("htinst") == 0 { fetch_instruction(vcpu.frame.pc) } else { None };
    match fetched.and_then(insn::decode) {
        Some(access) => mmio::exit(vcpu, gpa, access),
        None => {
            let cause = if is_store(fault) { cause::STORE_ACCESS } else { cause::LOAD_ACCESS };
            inject(vcpu, cause, csr_read!("stval"))
        }
    }
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
        Some(access) => mmio::exit(vcpu, GuestPhys(redirected.gpa), access),
        None => internal_error(vcpu, redirected.cause),
    }
}
