//! Interrupts of the one device that a guest drives: messages, which cost it no access to any device, or a line,
//! with or without an interrupt controller between.

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use rt::{csr_clear, csr_set};
use virtio::mmio::register;

use crate::clock;

const INTERRUPT: usize = 1 << 63;
const CAUSE_SOFTWARE: usize = INTERRUPT | 1;
const CAUSE_TIMER: usize = INTERRUPT | 5;
const CAUSE_EXTERNAL: usize = INTERRUPT | 9;

/// In `sie` and `sip`.
const SOFTWARE: usize = 1 << 1;
/// The same for the timer.
pub(crate) const TIMER: usize = 1 << 5;
const EXTERNAL: usize = 1 << 9;

/// `sstatus.SIE`.
const ENABLED: usize = 1 << 1;

/// In `InterruptStatus`: the device's configuration, or its state, has changed.
const CONFIGURATION: u32 = 2;

/// How the device interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// By a message, which arrives as the supervisor software interrupt.
    Message,
    /// By a line to the hart.
    Line,
    /// By line number `source` of an interrupt controller.
    Plic {
        /// The controller's registers.
        base: usize,
        /// Which of its contexts is this hart's supervisor mode.
        context: usize,
        /// The line.
        source: usize,
    },
}

/// Registers of a PLIC ("RISC-V Platform-Level Interrupt Controller Specification", "Memory Map").
mod plic {
    pub const PRIORITY: usize = 0;
    pub const ENABLE: usize = 0x2000;
    pub const ENABLE_STRIDE: usize = 0x80;
    pub const CONTEXT: usize = 0x20_0000;
    pub const CONTEXT_STRIDE: usize = 0x1000;
    pub const CLAIM: usize = 4;
}

/// Interrupts taken that were the device's.
static COUNT: AtomicU64 = AtomicU64::new(0);
/// Whether the device has said that its configuration or state has changed.
static CHANGED: AtomicBool = AtomicBool::new(false);
/// The device's registers; 0 if its interrupts are messages.
static DEVICE: AtomicUsize = AtomicUsize::new(0);
/// The interrupt controller's claim register; 0 if there is none.
static CLAIM: AtomicUsize = AtomicUsize::new(0);

/// Turns the interrupts of the device at `base` on.
pub fn enable(style: Style, base: usize) {
    let bit = match style {
        Style::Message => SOFTWARE,
        Style::Line => {
            DEVICE.store(base, Relaxed);
            EXTERNAL
        }
        Style::Plic { base: plic, context, source } => {
            DEVICE.store(base, Relaxed);
            let registers = plic + plic::CONTEXT + context * plic::CONTEXT_STRIDE;
            CLAIM.store(registers + plic::CLAIM, Relaxed);
            let enable = plic + plic::ENABLE + context * plic::ENABLE_STRIDE + source / 32 * 4;
            write(plic + plic::PRIORITY + source * 4, 1);
            write(enable, read(enable) | 1 << (source % 32));
            write(registers, 0);
            EXTERNAL
        }
    };
    // SAFETY: the trap handler knows them.
    unsafe {
        csr_set!(sie, bit);
        csr_set!(sstatus, ENABLED);
    }
}

/// Waits for an interrupt, unless `ready` says that there is no need. It is asked while none can be taken, so one
/// that comes after its look isn't lost; the interrupt is taken before this returns.
#[inline]
pub fn wait_unless(ready: impl FnOnce() -> bool) {
    // SAFETY: interrupts that come meanwhile stay pending.
    unsafe { csr_clear!(sstatus, ENABLED) };
    if !ready() {
        // SAFETY: pending interrupts end it, though none is taken; memory may be another's afterwards.
        unsafe { core::arch::asm!("wfi", options(nostack)) };
    }
    // SAFETY: the trap handler knows all that are enabled.
    unsafe { csr_set!(sstatus, ENABLED) };
}

/// Interrupts of the device that were taken.
pub fn count() -> u64 {
    COUNT.load(Relaxed)
}

/// Whether the device has said that something else than a ring has changed.
pub fn configuration_changed() -> bool {
    CHANGED.load(Relaxed)
}

/// Handles an interrupt; whether it was one that the guest has asked for.
pub(crate) fn handle(cause: usize) -> bool {
    match cause {
        CAUSE_SOFTWARE => {
            // SAFETY: the message has arrived.
            unsafe { csr_clear!(sip, SOFTWARE) };
            count_one();
        }
        CAUSE_EXTERNAL => external(),
        CAUSE_TIMER => clock::fired(),
        _ => return false,
    }
    true
}

/// The device's line: it goes down when the driver has said that it saw why it is up (4.2.3.4 of virtio).
fn external() {
    let claim = CLAIM.load(Relaxed);
    let source = if claim == 0 { 0 } else { read(claim) };
    let device = DEVICE.load(Relaxed);
    let status = read(device + register::INTERRUPT_STATUS);
    if status != 0 {
        write(device + register::INTERRUPT_ACK, status);
    }
    if status & CONFIGURATION != 0 {
        CHANGED.store(true, Relaxed);
    }
    if source != 0 {
        write(claim, source);
    }
    count_one();
}

fn count_one() {
    // One hart, and the handler isn't interrupted.
    COUNT.store(COUNT.load(Relaxed) + 1, Relaxed);
}

fn read(address: usize) -> u32 {
    // SAFETY: a register of the device or the interrupt controller.
    unsafe { ptr::read_volatile(address as *const u32) }
}

fn write(address: usize, value: u32) {
    // SAFETY: as above.
    unsafe { ptr::write_volatile(address as *mut u32, value) };
}
