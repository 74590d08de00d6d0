//! The handler of redirected accesses: the hardware brings each to [`entry`], in this process, past the kernel.
//!
//! The handler finds the guest's registers. It saves those that compiled code may change, and the others only if the access needs one of
//! them, serves the access, and returns to the guest with URET (HA-IOV manual 2.5).

use alloc::boxed::Box;
use core::arch::{asm, naked_asm};
use core::mem::offset_of;

use ha_iov_ext::{csr, insn};
use hyp_abi::vm::{UER_CAUSES, UerFrame};
use hyp_rt::sys;
use hyp_rt::vm::Vcpu;

use crate::device::Bus;
use crate::redirect;

/// Bytes of the handler's own stack.
const STACK_SIZE: usize = 16 << 10;

/// Registers that the handler always saves: those that compiled code may change, and sp. Code for this target doesn't use gp and tp: nothing
/// is addressed relative to gp unless the linker is asked for it, and there is no thread-local data.
const SAVED: u32 = mask(&[1, 2, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31]);

const fn mask(registers: &[u32]) -> u32 {
    let mut bits = 0;
    let mut index = 0;
    while index < registers.len() {
        bits |= 1 << registers[index];
        index += 1;
    }
    bits
}

/// What `uscratch` points to.
#[repr(C)]
struct Frame {
    guest: UerFrame,
    /// Top of the handler's stack.
    stack: usize,
    /// Serves an access; `devices` is its first argument.
    serve: unsafe extern "C" fn(*mut (), &mut UerFrame, u64, u64) -> usize,
    devices: *mut (),
}

/// From now on, accesses of this thread's guest to redirected pages are served by `devices`.
///
/// # Errors
/// The machine has no user-level exception redirection.
///
/// # Safety
/// `devices` lives as long as the thread, and nobody uses it while the guest runs.
pub unsafe fn install<B: Bus>(vcpu: &mut Vcpu, devices: *mut B) -> sys::Result<()> {
    let stack = Box::leak(Box::new([0u128; STACK_SIZE / size_of::<u128>()]));
    let frame = Box::leak(Box::new(Frame {
        guest: UerFrame { x: [0; 32] },
        stack: stack.as_mut_ptr_range().end as usize,
        serve: serve::<B>,
        devices: devices.cast(),
    }));
    // SAFETY: the hardware is told of the handler before the guest runs.
    unsafe { vcpu.set_huedeleg(UER_CAUSES) }?;
    tell(frame);
    Ok(())
}

/// Tells the hardware where the handler and its data are.
fn tell(frame: *mut Frame) {
    // SAFETY: the kernel has opened these CSRs for this thread; they matter only while its guest runs.
    unsafe {
        asm!(
            "csrw {utvec}, {entry}",
            "csrw {uscratch}, {frame}",
            utvec = const csr::UTVEC,
            uscratch = const csr::USCRATCH,
            // The assembler puts the alignment behind the symbol.
            entry = in(reg) (entry as *const () as usize).next_multiple_of(4),
            frame = in(reg) frame,
            options(nostack)
        );
    }
}

/// Serves a redirected access. 0 if it is served; else it is not for the handler.
///
/// # Safety
/// `devices` must be the frame's, and not in use. Called by [`entry`] only.
unsafe extern "C" fn serve<B: Bus>(devices: *mut (), guest: &mut UerFrame, utinst: u64, gpa: u64) -> usize {
    // SAFETY: the caller's promise.
    let devices = unsafe { &mut *devices.cast::<B>() };
    match redirect::serve(devices, &mut guest.x, utinst, gpa) {
        Some(length) => {
            advance(length);
            0
        }
        None => 1,
    }
}

/// The guest goes on behind the access.
#[inline(always)]
fn advance(length: u64) {
    // SAFETY: in the handler uepc is the guest's pc, and ours to change.
    unsafe {
        asm!(
            "csrr {pc}, {uepc}",
            "add {pc}, {pc}, {length}",
            "csrw {uepc}, {pc}",
            uepc = const csr::UEPC,
            pc = out(reg) _,
            length = in(reg) length,
            options(nomem, nostack)
        );
    }
}

/// Saves or restores registers `x<n>` at their places in the frame that a0 points to.
macro_rules! each {
    ($op:literal, $($n:literal)*) => { concat!($($op, " x", $n, ", 8*", $n, "(a0)\n"),*) };
}

/// Where the hardware enters. `uscratch` is the frame, always: it is put back at once.
#[unsafe(naked)]
extern "C" fn entry() {
    naked_asm!(
        ".balign 4",
        "csrrw a0, {uscratch}, a0",
        each!("sd", 1 2 5 6 7 11 12 13 14 15 16 17 28 29 30 31),
        "csrrw t0, {uscratch}, a0",
        "sd t0, 8*10(a0)",
        "ld sp, {stack}(a0)",
        "csrr a2, {utinst}",
        "csrr a3, {utval}",
        // The register's number is at bit 20 of a store and at bit 7 of a load; bit 5 of the opcode tells which.
        "andi t0, a2, 0x20",
        "srli t1, a2, 7",
        "beqz t0, 1f",
        "srli t1, a2, 20",
        "1: andi t1, t1, 31",
        "li t2, {saved}",
        "srl t2, t2, t1",
        "andi t2, t2, 1",
        "beqz t2, 3f",
        "mv a1, a0",
        "ld t0, {serve}(a0)",
        "ld a0, {devices}(a0)",
        "jalr t0",
        "bnez a0, 4f",
        "csrr a0, {uscratch}",
        "2:",
        each!("ld", 1 2 5 6 7 11 12 13 14 15 16 17 28 29 30 31),
        "ld a0, 8*10(a0)",
        ".4byte {uret}",
        // The access is of a register that compiled code keeps: save them all, and fetch them all from the frame afterwards.
        "3:",
        each!("sd", 3 4 8 9 18 19 20 21 22 23 24 25 26 27),
        "mv a1, a0",
        "ld t0, {serve}(a0)",
        "ld a0, {devices}(a0)",
        "jalr t0",
        "bnez a0, 4f",
        "csrr a0, {uscratch}",
        each!("ld", 3 4 8 9 18 19 20 21 22 23 24 25 26 27),
        "j 2b",
        // Not for the handler: the kernel makes an ordinary exit of it, with all registers in the frame.
        "4: csrr a0, {uscratch}",
        each!("sd", 3 4 8 9 18 19 20 21 22 23 24 25 26 27),
        "tail {exit}",
        uscratch = const csr::USCRATCH,
        utinst = const csr::UTINST,
        utval = const csr::UTVAL,
        stack = const offset_of!(Frame, stack),
        serve = const offset_of!(Frame, serve),
        devices = const offset_of!(Frame, devices),
        // Sign-extended, which takes one instruction less: only bits 31 to 0 are looked at. x0 needs no saving either.
        saved = const (SAVED | 1) as i32,
        uret = const insn::URET,
        exit = sym exit_to_kernel,
    )
}

/// Hands the access to the kernel. Comes back never: a refusal means that the kernel's book-keeping is broken.
extern "C" fn exit_to_kernel(frame: *mut UerFrame) -> ! {
    // SAFETY: `entry` has saved all registers, and leaves its stack for good.
    let error = unsafe { hyp_rt::vm::uer_exit(frame) };
    panic!("a redirected access without a vCPU run: {error}");
}
