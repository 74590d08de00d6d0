//! Switching kernel stacks. The compiler's calling convention says what must be
//! kept: ra, sp and s0–s11; `tp` stays, since it names the hart.

use core::arch::global_asm;
use core::mem::offset_of;

/// Where a thread that does not run goes on.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Context {
    /// Return address.
    pub ra: usize,
    /// Stack pointer.
    pub sp: usize,
    /// s0–s11.
    pub s: [usize; 12],
}

global_asm!(
    ".section .text.switch, \"ax\"",
    ".global switch_context",
    "switch_context:",
    "    sd ra, {RA}(a0)", "    sd sp, {SP}(a0)",
    "    sd s0, {S}+0(a0)", "    sd s1, {S}+8(a0)", "    sd s2, {S}+16(a0)",
    "    sd s3, {S}+24(a0)", "    sd s4, {S}+32(a0)", "    sd s5, {S}+40(a0)",
    "    sd s6, {S}+48(a0)", "    sd s7, {S}+56(a0)", "    sd s8, {S}+64(a0)",
    "    sd s9, {S}+72(a0)", "    sd s10, {S}+80(a0)", "    sd s11, {S}+88(a0)",
    "    ld ra, {RA}(a1)", "    ld sp, {SP}(a1)",
    "    ld s0, {S}+0(a1)", "    ld s1, {S}+8(a1)", "    ld s2, {S}+16(a1)",
    "    ld s3, {S}+24(a1)", "    ld s4, {S}+32(a1)", "    ld s5, {S}+40(a1)",
    "    ld s6, {S}+48(a1)", "    ld s7, {S}+56(a1)", "    ld s8, {S}+64(a1)",
    "    ld s9, {S}+72(a1)", "    ld s10, {S}+80(a1)", "    ld s11, {S}+88(a1)",
    "    ret",
    // First code of a user thread: s0 = function that finishes the switch. Its
    // trap frame is on top of the stack.
    ".global user_thread_start",
    "user_thread_start:",
    "    jalr s0",
    "    tail return_to_user",
    // First code of a kernel thread: s0 = main, s1 = its argument.
    ".global kernel_thread_start",
    "kernel_thread_start:",
    "    mv   a0, s0",
    "    mv   a1, s1",
    "    tail {kernel_thread}",
    // A guest whose handler in HCS was evicted: s0 = its thread's entry record,
    // s1 = the cause with which its run loop goes on.
    ".global guest_resume_start",
    "guest_resume_start:",
    "    call {guest_resumes}",
    "    mv   a0, s0",
    "    mv   a1, s1",
    "    tail abandon_guest",
    RA = const offset_of!(Context, ra),
    SP = const offset_of!(Context, sp),
    S = const offset_of!(Context, s),
    kernel_thread = sym super::thread::kernel_thread,
    guest_resumes = sym crate::vei::activity::guest_resumes,
);

unsafe extern "C" {
    #[link_name = "switch_context"]
    fn switch_context(from: *mut Context, to: *mut Context);
    /// Not functions: places where new contexts begin.
    pub safe static user_thread_start: u8;
    /// See above.
    pub safe static kernel_thread_start: u8;
    /// See above.
    pub safe static guest_resume_start: u8;
}

/// Saves the current context in `from` and goes on in `to`.
///
/// # Safety
/// `to` was saved by this function, or made for a new thread; its stack is alive
/// and used by nobody else.
pub unsafe fn switch(from: *mut Context, to: *mut Context) {
    // SAFETY: passed on to the caller.
    unsafe { switch_context(from, to) }
}
