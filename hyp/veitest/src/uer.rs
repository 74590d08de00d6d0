//! A UER handler that only counts: for a guest that keeps redirecting while HCS
//! interrupts it.

use alloc::boxed::Box;
use alloc::format;
use core::arch::{asm, naked_asm};

use ha_iov_ext::csr::{UEPC, USCRATCH, UTVEC};
use ha_iov_ext::insn::URET;
use hyp_abi::vm::UER_CAUSES;
use hyp_rt::vm::Vcpu;

use crate::Result;
use crate::guest::{DEVICE, Machine};

/// What `uscratch` points to.
#[repr(C)]
pub struct Frame {
    spill: u64,
    /// Accesses so far.
    pub count: u64,
}

/// Redirects the guest's device to a handler of the calling thread.
pub fn install(machine: &Machine, vcpu: &mut Vcpu) -> Result<*mut Frame> {
    let frame = Box::into_raw(Box::new(Frame { spill: 0, count: 0 }));
    machine.vm.set_uer(DEVICE, 4096).map_err(|error| format!("a UER page: {error}"))?;
    // SAFETY: the handler is installed right here.
    unsafe { vcpu.set_huedeleg(UER_CAUSES) }.map_err(|error| format!("huedeleg: {error}"))?;
    // SAFETY: the kernel has opened these CSRs for this thread.
    unsafe {
        asm!("csrw {}, {}", const UTVEC, in(reg) entry as *const () as usize, options(nostack));
        asm!("csrw {}, {}", const USCRATCH, in(reg) frame, options(nostack));
    }
    Ok(frame)
}

/// Whether the handler's registers are as `install` left them.
pub fn is_intact(frame: *mut Frame) -> bool {
    let (utvec, uscratch): (usize, usize);
    // SAFETY: as above.
    unsafe {
        asm!("csrr {}, {}", out(reg) utvec, const UTVEC, options(nostack));
        asm!("csrr {}, {}", out(reg) uscratch, const USCRATCH, options(nostack));
    }
    utvec == entry as *const () as usize && uscratch == frame as usize
}

/// Where the hardware enters: the access is one of 4 bytes.
#[unsafe(naked)]
extern "C" fn entry() {
    naked_asm!(
        ".balign 4",
        "csrrw a0, {uscratch}, a0",
        "sd    t0, 0(a0)",
        "ld    t0, 8(a0)",
        "addi  t0, t0, 1",
        "sd    t0, 8(a0)",
        "csrr  t0, {uepc}",
        "addi  t0, t0, 4",
        "csrw  {uepc}, t0",
        "ld    t0, 0(a0)",
        "csrrw a0, {uscratch}, a0",
        ".4byte {uret}",
        uscratch = const USCRATCH,
        uepc = const UEPC,
        uret = const URET,
    )
}
