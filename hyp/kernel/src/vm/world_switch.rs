//! In and out of the guest. What is written on every entry is what every entry
//! needs: 31 registers, `sepc`, `sstatus`, `hstatus`. The way out is in the trap
//! vector (`guest_exit`), which returns from here.

use core::arch::{asm, global_asm};
use core::mem::offset_of;

use crate::trap::EntryRecord;

/// What `enter_guest` leaves on the kernel stack: where to go on, s0, s1.
pub const SWITCH_FRAME: usize = 32;

/// The guest's registers while it does not run.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
pub struct GuestFrame {
    /// x0 (never used) to x31.
    pub x: [u64; 32],
    /// Where it goes on.
    pub pc: u64,
    /// `sstatus` to enter with: SPP tells VS from VU, FS is the guest's.
    pub sstatus: u64,
    /// `hstatus` to enter with.
    pub hstatus: u64,
}

global_asm!(
    ".section .text.trap, \"ax\"",
    // Ends `enter_guest` from a system call of a UER handler: the frames above
    // it on the kernel stack are forgotten.
    ".global abandon_guest",
    "abandon_guest:",
    "    mv    tp, a0",
    "    mv    a0, a1",
    "    j     return_from_guest",

    // Fetches 16 bits of guest code; a1 = 0 when it went well.
    ".global fetch_guest_code",
    ".option push",
    ".option arch, +h",
    "fetch_guest_code:",
    "    hlvx.hu a0, (a0)",
    ".option pop",
    "    li    a1, 0",
    "    ret",
    "fetch_guest_code_failed:",
    "    li    a1, 1",
    "    ret",

    // Reads huectl, the sign of HA-IOV; a1 = 0 when it is there.
    ".global probe_huectl",
    "probe_huectl:",
    "    csrr  a0, {HUECTL}",
    "    li    a1, 0",
    "    ret",

    // The same for hveictl, the sign of VEI and HCS.
    ".global probe_hveictl",
    "probe_hveictl:",
    "    csrr  a0, {HVEICTL}",
    "    li    a1, 0",
    "    ret",

    // And husave, the sign of HCS.
    ".global probe_husave",
    "probe_husave:",
    "    csrr  a0, {HUSAVE}",
    "    li    a1, 0",
    "    ret",

    // And hstateen0, the sign of Smstateen.
    ".global probe_hstateen",
    "probe_hstateen:",
    "    csrr  a0, 0x60c",
    "    li    a1, 0",
    "    ret",

    // Instructions of the kernel that may trap, and where to go on then.
    ".section .rodata.fixups, \"a\"",
    ".balign 8",
    ".global fixups",
    "fixups:",
    "    .quad fetch_guest_code, fetch_guest_code_failed",
    "    .quad probe_huectl, fetch_guest_code_failed",
    "    .quad probe_hveictl, fetch_guest_code_failed",
    "    .quad probe_husave, fetch_guest_code_failed",
    "    .quad probe_hstateen, fetch_guest_code_failed",

    HUECTL = const super::uer::HUECTL,
    HVEICTL = const crate::vei::regs::HVEICTL,
    HUSAVE = const crate::vei::regs::HUSAVE,
);

/// Runs the guest until it exits, and tells `scause`. In line, so that the
/// compiler saves the callee-saved registers once, around the run loop, and not
/// on every entry; s0 and s1 are the ones that it does not let us name.
///
/// # Safety
/// `entry` is the current thread's and names `frame` as its guest; the guest's
/// vCPU is loaded; interrupts are off. No reference to the frame or to what the
/// thread's system calls use may be alive: a UER handler may make some before
/// this returns.
#[inline(always)]
pub unsafe fn enter_guest(entry: *mut EntryRecord, frame: *mut GuestFrame) -> u64 {
    let cause;
    // SAFETY: the way back (`guest_exit`) restores sp, tp, s0 and s1 and goes on
    // at label 2; everything else is listed.
    unsafe {
        asm!(
            "lla   t3, 2f",
            "ld    t0, {PC}(a1)",
            "ld    t1, {SSTATUS}(a1)",
            "ld    t2, {HSTATUS}(a1)",
            "addi  sp, sp, -{SWITCH_FRAME}",
            "sd    t3, 0*8(sp)",
            "sd    s0, 1*8(sp)",
            "sd    s1, 2*8(sp)",
            "sd    sp, {KERNEL_SP}(a0)",
            "csrw  sscratch, a0",
            "csrw  sepc, t0",
            "csrw  sstatus, t1",
            "csrw  hstatus, t2",
            "ld ra, 1*8(a1)", "ld sp, 2*8(a1)", "ld gp, 3*8(a1)", "ld tp, 4*8(a1)",
            "ld t0, 5*8(a1)", "ld t1, 6*8(a1)", "ld t2, 7*8(a1)", "ld s0, 8*8(a1)",
            "ld s1, 9*8(a1)", "ld a0, 10*8(a1)", "ld a2, 12*8(a1)", "ld a3, 13*8(a1)",
            "ld a4, 14*8(a1)", "ld a5, 15*8(a1)", "ld a6, 16*8(a1)", "ld a7, 17*8(a1)",
            "ld s2, 18*8(a1)", "ld s3, 19*8(a1)", "ld s4, 20*8(a1)", "ld s5, 21*8(a1)",
            "ld s6, 22*8(a1)", "ld s7, 23*8(a1)", "ld s8, 24*8(a1)", "ld s9, 25*8(a1)",
            "ld s10, 26*8(a1)", "ld s11, 27*8(a1)", "ld t3, 28*8(a1)", "ld t4, 29*8(a1)",
            "ld t5, 30*8(a1)", "ld t6, 31*8(a1)",
            "ld a1, 11*8(a1)",
            "sret",
            "2:",
            PC = const offset_of!(GuestFrame, pc),
            SSTATUS = const offset_of!(GuestFrame, sstatus),
            HSTATUS = const offset_of!(GuestFrame, hstatus),
            KERNEL_SP = const offset_of!(EntryRecord, kernel_sp),
            SWITCH_FRAME = const SWITCH_FRAME,
            inlateout("a0") entry => cause,
            inlateout("a1") frame => _,
            lateout("ra") _, lateout("t0") _, lateout("t1") _, lateout("t2") _,
            lateout("a2") _, lateout("a3") _, lateout("a4") _, lateout("a5") _,
            lateout("a6") _, lateout("a7") _, lateout("s2") _, lateout("s3") _,
            lateout("s4") _, lateout("s5") _, lateout("s6") _, lateout("s7") _,
            lateout("s8") _, lateout("s9") _, lateout("s10") _, lateout("s11") _,
            lateout("t3") _, lateout("t4") _, lateout("t5") _, lateout("t6") _,
        );
    }
    cause
}

/// Two registers: a value, and 0 when it is valid.
#[repr(C)]
struct Checked {
    value: usize,
    failed: usize,
}

unsafe extern "C" {
    /// Makes the `enter_guest` that is under way return `cause`.
    ///
    /// # Safety
    /// There is one, of the current thread, and nothing on the kernel stack
    /// above it needs to be dropped.
    pub fn abandon_guest(entry: *mut EntryRecord, cause: u64) -> !;

    fn fetch_guest_code(address: u64) -> Checked;
    fn probe_huectl() -> Checked;
    fn probe_hveictl() -> Checked;
    fn probe_husave() -> Checked;
    fn probe_hstateen() -> Checked;
    static fixups: [[usize; 2]; 5];
}

/// Where the kernel goes on after a trap at `pc`, if it was ready for one.
pub fn fetch_fixup(pc: usize) -> Option<usize> {
    // SAFETY: a constant table, written above.
    let table = unsafe { &fixups };
    table.iter().find(|[from, _]| *from == pc).map(|[_, to]| *to)
}

/// Whether the machine has HA-IOV.
pub fn has_huectl() -> bool {
    // SAFETY: reads a CSR; when it does not exist, the fixup answers.
    unsafe { probe_huectl() }.failed == 0
}

/// Whether the machine has VEI.
pub fn has_hveictl() -> bool {
    // SAFETY: as above.
    unsafe { probe_hveictl() }.failed == 0
}

/// Whether it has HCS.
pub fn has_husave() -> bool {
    // SAFETY: as above.
    unsafe { probe_husave() }.failed == 0
}

/// Whether it has Smstateen.
pub fn has_hstateen() -> bool {
    // SAFETY: as above.
    unsafe { probe_hstateen() }.failed == 0
}

/// The instruction at a guest's pc, as the guest itself would fetch it. Only
/// right after an exit, while `hstatus.SPVP` tells the guest's privilege.
pub fn fetch_instruction(pc: u64) -> Option<u32> {
    // SAFETY: HLVX does what the guest may do, and the fixup catches its faults.
    let parcel = |address| unsafe {
        let Checked { value, failed } = fetch_guest_code(address);
        (failed == 0).then_some(value as u32)
    };
    let low = parcel(pc)?;
    if low & 3 == 3 { Some(low | parcel(pc + 2)? << 16) } else { Some(low) }
}
