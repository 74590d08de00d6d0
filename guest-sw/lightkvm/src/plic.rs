//! The guest's interrupt controller where the kernel has none for it: a PLIC ("RISC-V Platform-Level Interrupt Controller Specification"
//! 1.0.0) with one context for each vCPU, its S-mode.

use crate::kvm::VCPUS_MAX;

/// Sources, numbered from 1; 0 means none.
const SOURCES: usize = 32;

const PENDING: u64 = 0x1000;
const ENABLE: u64 = 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
const CONTEXT: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;

/// The controller. Any change may concern any context: whoever makes one looks at all of them.
#[derive(Debug, Default)]
pub struct Plic {
    priority: [u32; SOURCES],
    /// Lines that are up.
    lines: u32,
    pending: u32,
    /// Claimed and not yet completed: its gateway passes nothing on.
    claimed: u32,
    enable: [u32; VCPUS_MAX],
    threshold: [u32; VCPUS_MAX],
}

/// What a register's offset stands for.
enum Register {
    Priority(usize),
    Pending,
    Enable(usize),
    Threshold(usize),
    Claim(usize),
    Nothing,
}

fn register(offset: u64) -> Register {
    let context = |base: u64, stride: u64| {
        let index = ((offset - base) / stride) as usize;
        (index < VCPUS_MAX).then_some((index, (offset - base) % stride))
    };
    match offset {
        0..PENDING if offset / 4 < SOURCES as u64 => Register::Priority((offset / 4) as usize),
        PENDING => Register::Pending,
        ENABLE..CONTEXT => match context(ENABLE, ENABLE_STRIDE) {
            Some((index, 0)) => Register::Enable(index),
            _ => Register::Nothing,
        },
        CONTEXT.. => match context(CONTEXT, CONTEXT_STRIDE) {
            Some((index, 0)) => Register::Threshold(index),
            Some((index, 4)) => Register::Claim(index),
            _ => Register::Nothing,
        },
        _ => Register::Nothing,
    }
}

impl Plic {
    /// Bytes of its registers.
    pub const SIZE: u64 = 0x60_0000;
    /// Its sources, without the one that is none.
    pub const SOURCES: u32 = SOURCES as u32 - 1;

    /// Sets the level of a source's line.
    pub fn set_line(&mut self, source: u32, up: bool) {
        debug_assert!(0 < source && source < SOURCES as u32);
        let bit = 1 << (source % SOURCES as u32);
        self.lines = if up { self.lines | bit } else { self.lines & !bit };
        self.pass();
    }

    /// Gateways pass on what is up and not being served.
    fn pass(&mut self) {
        self.pending |= self.lines & !self.claimed;
    }

    /// The source that a context would claim, and 0 for none: the one of highest priority, of those the lowest number.
    fn best(&self, context: usize) -> u32 {
        let candidates = self.pending & self.enable[context] & !1;
        let mut best = (0, 0);
        for source in 1..SOURCES {
            let priority = self.priority[source];
            if candidates >> source & 1 != 0 && priority > best.1 {
                best = (source as u32, priority);
            }
        }
        best.0
    }

    /// Whether the context's interrupt is up.
    pub fn interrupts(&self, context: usize) -> bool {
        let source = self.best(context);
        source != 0 && self.priority[source as usize] > self.threshold[context]
    }

    /// Reads the register at `offset`.
    pub fn read(&mut self, offset: u64) -> u32 {
        match register(offset) {
            Register::Priority(source) => self.priority[source],
            Register::Pending => self.pending,
            Register::Enable(context) => self.enable[context],
            Register::Threshold(context) => self.threshold[context],
            Register::Claim(context) => {
                let source = self.best(context);
                let bit = (1_u32 << source) & !1;
                self.pending &= !bit;
                self.claimed |= bit;
                source
            }
            Register::Nothing => 0,
        }
    }

    /// Writes the register at `offset`.
    pub fn write(&mut self, offset: u64, value: u32) {
        match register(offset) {
            Register::Priority(source) if source != 0 => self.priority[source] = value & 7,
            Register::Enable(context) => self.enable[context] = value & !1,
            Register::Threshold(context) => self.threshold[context] = value & 7,
            Register::Claim(context) => {
                // Completions of sources that the context doesn't have are ignored.
                if value < SOURCES as u32 && self.enable[context] >> value & 1 != 0 {
                    self.claimed &= !(1 << value);
                    self.pass();
                }
            }
            Register::Priority(_) | Register::Pending | Register::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Plic {
        let mut plic = Plic::default();
        plic.write(4, 1);
        plic.write(8, 2);
        plic.write(ENABLE + ENABLE_STRIDE, 0b111);
        plic
    }

    #[test]
    fn the_highest_priority_is_claimed_first_and_a_level_comes_again() {
        let mut plic = ready();
        plic.set_line(1, true);
        plic.set_line(2, true);
        assert!(plic.interrupts(1) && !plic.interrupts(0));
        let claim = CONTEXT + CONTEXT_STRIDE + 4;
        assert_eq!([plic.read(claim), plic.read(claim), plic.read(claim)], [2, 1, 0]);
        plic.set_line(2, false);
        plic.write(claim, 2);
        assert!(!plic.interrupts(1));
        plic.write(claim, 1);
        assert_eq!(plic.read(claim), 1);
    }

    #[test]
    fn thresholds_and_enables_hold_back() {
        let mut plic = ready();
        plic.set_line(1, true);
        plic.write(CONTEXT + CONTEXT_STRIDE, 1);
        assert!(!plic.interrupts(1));
        plic.write(CONTEXT + CONTEXT_STRIDE, 0);
        assert!(plic.interrupts(1));
        plic.write(ENABLE + ENABLE_STRIDE, 0);
        assert!(!plic.interrupts(1));
    }

    #[test]
    fn every_offset_answers() {
        let mut plic = ready();
        for offset in (0..Plic::SIZE).step_by(4) {
            plic.write(offset, u32::MAX);
            plic.read(offset);
        }
        assert_eq!((plic.read(0), plic.read(ENABLE) & 1), (0, 0));
    }
}
