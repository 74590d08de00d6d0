//! Calls to the SBI firmware (RISC-V SBI Specification).

use core::arch::asm;

/// Extension ids.
const EXT_TIME: usize = 0x5449_4d45;
const EXT_IPI: usize = 0x0073_5049;
const EXT_RFENCE: usize = 0x5246_4e43;
const EXT_HSM: usize = 0x0048_534d;
const EXT_SRST: usize = 0x5352_5354;
const EXT_LEGACY_PUTCHAR: usize = 1;

const RFENCE_FENCE_I: usize = 0;
const RFENCE_SFENCE_VMA: usize = 1;
const RFENCE_HFENCE_GVMA: usize = 4;
const RFENCE_HFENCE_VVMA: usize = 6;

/// An SBI error code (negative).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SbiError(pub isize);

fn call(extension: usize, function: usize, args: [usize; 5]) -> Result<usize, SbiError> {
    let (error, value): (isize, usize);
    // SAFETY: the firmware keeps every register but a0 and a1, and of our memory
    // touches only what the called function says.
    unsafe {
        asm!(
            "ecall",
            inlateout("a0") args[0] => error,
            inlateout("a1") args[1] => value,
            in("a2") args[2], in("a3") args[3], in("a4") args[4],
            in("a6") function, in("a7") extension,
            options(nostack),
        );
    }
    if error == 0 { Ok(value) } else { Err(SbiError(error)) }
}

/// Sets the next timer interrupt of this hart (on machines without Sstc).
pub fn set_timer(time: u64) -> Result<(), SbiError> {
    call(EXT_TIME, 0, [time as usize, 0, 0, 0, 0]).map(drop)
}

/// Sends a supervisor software interrupt to one hart.
pub fn send_ipi(hartid: usize) -> Result<(), SbiError> {
    call(EXT_IPI, 0, [1, hartid, 0, 0, 0]).map(drop)
}

/// Mask base that means every hart.
const ALL_HARTS: usize = usize::MAX;

/// `fence.i` on every hart.
pub fn remote_fence_i() -> Result<(), SbiError> {
    call(EXT_RFENCE, RFENCE_FENCE_I, [0, ALL_HARTS, 0, 0, 0]).map(drop)
}

/// `sfence.vma` for a range on every hart.
pub fn remote_sfence_vma(start: usize, size: usize) -> Result<(), SbiError> {
    call(EXT_RFENCE, RFENCE_SFENCE_VMA, [0, ALL_HARTS, start, size, 0]).map(drop)
}

/// `hfence.gvma` for a guest physical range on every hart.
pub fn remote_hfence_gvma(start: u64, size: u64) -> Result<(), SbiError> {
    let args = [0, ALL_HARTS, start as usize, size as usize, 0];
    call(EXT_RFENCE, RFENCE_HFENCE_GVMA, args).map(drop)
}

/// `hfence.vvma` for a range of the calling hart's `hgatp.VMID`, on every hart.
pub fn remote_hfence_vvma(start: u64, size: u64) -> Result<(), SbiError> {
    let args = [0, ALL_HARTS, start as usize, size as usize, 0];
    call(EXT_RFENCE, RFENCE_HFENCE_VVMA, args).map(drop)
}

/// Starts a hart in S-mode at a physical address with `a1` = `opaque`.
pub fn hart_start(hartid: usize, entry: usize, opaque: usize) -> Result<(), SbiError> {
    call(EXT_HSM, 0, [hartid, entry, opaque, 0, 0]).map(drop)
}

/// Powers the machine off. Returns only when the firmware cannot.
pub fn shutdown(failure: bool) {
    let _ = call(EXT_SRST, 0, [0, usize::from(failure), 0, 0, 0]);
}

/// Writes one byte to the firmware's console.
pub fn console_putchar(byte: u8) {
    // Legacy calls answer in a0 only; nothing can be done about an error.
    let _ = call(EXT_LEGACY_PUTCHAR, 0, [usize::from(byte), 0, 0, 0, 0]);
}
