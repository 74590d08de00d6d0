//! Time: cycles, which all harts share and which go on while a hart waits, and `time` for what has a unit.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

use rt::{csr_clear, csr_read, csr_set};

use crate::{interrupts, sbi};

/// Cycles.
#[inline]
pub fn cycles() -> u64 {
    let cycles: u64;
    // SAFETY: it reads a counter.
    unsafe { asm!("rdcycle {0}", out(reg) cycles, options(nomem, nostack, preserves_flags)) };
    cycles
}

/// The register `time`.
#[inline]
pub fn ticks() -> u64 {
    csr_read!(time) as u64
}

/// The register `time` in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    frequency: u64,
}

const MICROS: u64 = 1_000_000;

/// When the timer will interrupt; the largest number: never.
static ARMED: AtomicU64 = AtomicU64::new(u64::MAX);

impl Clock {
    /// A clock of so many ticks per second.
    pub const fn new(frequency: u64) -> Self {
        Self { frequency }
    }

    /// Now.
    #[inline]
    pub fn micros(&self) -> u64 {
        let per_micro = self.frequency / MICROS;
        if per_micro > 0 && self.frequency.is_multiple_of(MICROS) {
            ticks() / per_micro
        } else {
            ticks() * MICROS / self.frequency
        }
    }

    /// Sees to it that there is a timer interrupt at `micros` at the latest. One that is earlier stays, as in
    /// kernels with a timer wheel: deadlines move all the time, and hardly any comes.
    pub fn arm(&self, micros: u64) {
        let deadline = (u128::from(micros) * u128::from(self.frequency)).div_ceil(u128::from(MICROS)) as u64;
        if deadline < ARMED.load(Ordering::Relaxed) {
            ARMED.store(deadline, Ordering::Relaxed);
            sbi::set_timer(deadline);
            // SAFETY: the trap handler knows the interrupt.
            unsafe { csr_set!(sie, interrupts::TIMER) };
        }
    }
}

/// The timer has interrupted: it isn't armed any more.
pub(crate) fn fired() {
    ARMED.store(u64::MAX, Ordering::Relaxed);
    // SAFETY: no more interrupts of the timer until it is armed again.
    unsafe { csr_clear!(sie, interrupts::TIMER) };
}
