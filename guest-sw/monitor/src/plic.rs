//! The interrupt controller of a guest that is an operating system: a PLIC with one context for each hart's supervisor.
//!
//! RISC-V Platform-Level Interrupt Controller Specification 1.0.0, "Memory Map" and the sections after it.

/// Bytes of the register window: contexts of 16 harts.
pub const SIZE: u64 = 0x21_0000;
/// Sources are numbered from 1 to this.
pub const SOURCES: u32 = 31;
/// Harts that the window has room for.
pub const HARTS_MAX: usize = 16;

const PENDING: u64 = 0x1000;
const ENABLE: u64 = 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
const CONTEXT: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;
const CLAIM: u64 = 4;
/// Priorities and thresholds have three bits.
const PRIORITY_MASK: u32 = 7;
/// Source 0 doesn't exist.
const SOURCE_BITS: u32 = !1;

/// What a hart's supervisor has set.
#[derive(Clone, Copy, Debug, Default)]
struct Context {
    enable: u32,
    threshold: u32,
}

/// The controller. Bits of its words are sources.
#[derive(Clone, Debug)]
pub struct Plic {
    priority: [u32; SOURCES as usize + 1],
    level: u32,
    pending: u32,
    claimed: u32,
    contexts: [Context; HARTS_MAX],
    harts: usize,
}

/// A register that exists.
enum Register {
    Priority(usize),
    Pending,
    Enable(usize),
    Threshold(usize),
    Claim(usize),
}

impl Plic {
    /// A controller after reset for so many harts, [`HARTS_MAX`] at most.
    pub fn new(harts: usize) -> Plic {
        let contexts = [Context::default(); HARTS_MAX];
        Plic { priority: [0; _], level: 0, pending: 0, claimed: 0, contexts, harts: harts.min(HARTS_MAX) }
    }

    /// The wire of `source`, 1 to [`SOURCES`]. A request that is under way stays although the wire falls ("Interrupt Gateways").
    pub fn set_level(&mut self, source: u32, high: bool) {
        let bit = 1 << source & SOURCE_BITS;
        if high {
            self.level |= bit;
            self.pending |= bit & !self.claimed;
        } else {
            self.level &= !bit;
        }
    }

    /// Whether a hart's external interrupt is up: a request that it enabled is above its threshold.
    pub fn is_pending(&self, hart: usize) -> bool {
        self.contexts.get(hart).is_some_and(|context| self.best(context).1 > context.threshold)
    }

    /// The enabled request of the highest priority, of equals the lowest, with its priority; both 0 if there is none.
    fn best(&self, context: &Context) -> (u32, u32) {
        let mut waiting = self.pending & context.enable;
        let mut best = (0, 0);
        while waiting != 0 {
            let source = waiting.trailing_zeros();
            let priority = self.priority[source as usize];
            if priority > best.1 {
                best = (source, priority);
            }
            waiting &= waiting - 1;
        }
        best
    }

    /// Reads a register, of which there are only words; everything else is 0. Reading a claim register claims.
    pub fn read(&mut self, offset: u64, len: u32) -> u64 {
        let Some(register) = self.decode(offset, len) else { return 0 };
        let value = match register {
            Register::Priority(source) => self.priority[source],
            Register::Pending => self.pending,
            Register::Enable(hart) => self.contexts[hart].enable,
            Register::Threshold(hart) => self.contexts[hart].threshold,
            Register::Claim(hart) => self.claim(hart),
        };
        value.into()
    }

    /// Writes a register. Writing to a claim register completes.
    pub fn write(&mut self, offset: u64, len: u32, value: u64) {
        let Some(register) = self.decode(offset, len) else { return };
        let value = value as u32;
        match register {
            Register::Priority(source) => self.priority[source] = value & PRIORITY_MASK,
            Register::Pending => {}
            Register::Enable(hart) => self.contexts[hart].enable = value & SOURCE_BITS,
            Register::Threshold(hart) => self.contexts[hart].threshold = value & PRIORITY_MASK,
            Register::Claim(hart) => self.complete(hart, value),
        }
    }

    /// The threshold doesn't matter here ("Interrupt Claim Process").
    fn claim(&mut self, hart: usize) -> u32 {
        let (source, _) = self.best(&self.contexts[hart]);
        let bit = 1 << source & SOURCE_BITS;
        self.pending &= !bit;
        self.claimed |= bit;
        source
    }

    /// What the hart has not enabled is ignored ("Interrupt Completion").
    fn complete(&mut self, hart: usize, source: u32) {
        let bit = 1u32.checked_shl(source).unwrap_or(0) & self.contexts[hart].enable;
        self.claimed &= !bit;
        self.pending |= bit & self.level;
    }

    fn decode(&self, offset: u64, len: u32) -> Option<Register> {
        if len != 4 || !offset.is_multiple_of(4) {
            return None;
        }
        let index = |base: u64, stride: u64| {
            let hart = usize::try_from((offset - base) / stride).ok()?;
            (hart < self.harts).then_some((hart, (offset - base) % stride))
        };
        match offset {
            0..PENDING => {
                let source = (offset / 4) as usize;
                (1..=SOURCES as usize).contains(&source).then_some(Register::Priority(source))
            }
            PENDING => Some(Register::Pending),
            ENABLE..CONTEXT => match index(ENABLE, ENABLE_STRIDE)? {
                (hart, 0) => Some(Register::Enable(hart)),
                _ => None,
            },
            CONTEXT.. => match index(CONTEXT, CONTEXT_STRIDE)? {
                (hart, 0) => Some(Register::Threshold(hart)),
                (hart, CLAIM) => Some(Register::Claim(hart)),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM_0: u64 = CONTEXT + CLAIM;

    /// Source `n` at priority `n`, all enabled for hart 0.
    fn plic() -> Plic {
        let mut plic = Plic::new(2);
        (1..=7).for_each(|source| plic.write(4 * source, 4, source));
        plic.write(ENABLE, 4, u64::MAX);
        plic
    }

    #[test]
    fn a_request_is_claimed_once_until_it_is_completed() {
        let mut plic = plic();
        assert!(!plic.is_pending(0));
        plic.set_level(3, true);
        assert!(plic.is_pending(0) && !plic.is_pending(1));
        assert_eq!(plic.read(CLAIM_0, 4), 3);
        assert_eq!(plic.read(CLAIM_0, 4), 0);
        plic.set_level(3, true);
        assert!(!plic.is_pending(0), "its gateway is shut");
        plic.write(CLAIM_0, 4, 3);
        assert!(plic.is_pending(0), "the wire is still high");
        assert_eq!(plic.read(CLAIM_0, 4), 3);
        plic.set_level(3, false);
        plic.write(CLAIM_0, 4, 3);
        assert!(!plic.is_pending(0));
    }

    #[test]
    fn the_highest_priority_comes_first_and_of_equals_the_lowest_source() {
        let mut plic = plic();
        plic.write(4 * 2, 4, 5);
        [2, 4, 5].into_iter().for_each(|source| plic.set_level(source, true));
        assert_eq!(plic.read(PENDING, 4), 0b11_0100);
        assert_eq!([0; 4].map(|_| plic.read(CLAIM_0, 4)), [2, 5, 4, 0]);
    }

    #[test]
    fn thresholds_and_priority_0_keep_requests_back() {
        let mut plic = plic();
        plic.set_level(4, true);
        plic.write(CONTEXT, 4, 4);
        assert!(!plic.is_pending(0));
        plic.write(CONTEXT, 4, 3);
        assert!(plic.is_pending(0));
        plic.write(4 * 4, 4, 0);
        assert!(!plic.is_pending(0));
        assert_eq!(plic.read(CLAIM_0, 4), 0);
        plic.set_level(4, false);
        assert_eq!(plic.read(PENDING, 4), 1 << 4, "what has passed its gateway stays");
    }

    #[test]
    fn each_hart_has_its_own() {
        let mut plic = plic();
        plic.write(ENABLE, 4, 1 << 1);
        plic.write(ENABLE + ENABLE_STRIDE, 4, 1 << 2);
        plic.set_level(2, true);
        assert!(!plic.is_pending(0) && plic.is_pending(1));
        assert_eq!(plic.read(CLAIM_0, 4), 0);
        assert_eq!(plic.read(CLAIM_0 + CONTEXT_STRIDE, 4), 2);
        plic.write(CLAIM_0, 4, 2);
        assert!(!plic.is_pending(1), "completed by a hart that hasn't enabled it");
        plic.write(CLAIM_0 + CONTEXT_STRIDE, 4, 2);
        assert!(plic.is_pending(1));
    }

    #[test]
    fn every_offset_answers() {
        let mut plic = plic();
        for offset in (0..SIZE).step_by(4) {
            plic.write(offset, 4, u64::MAX);
            plic.read(offset, 4);
        }
        assert_eq!((plic.read(0, 4), plic.read(ENABLE, 4) & 1), (0, 0));
    }

    #[test]
    fn nonsense_has_no_effect() {
        let mut plic = plic();
        for offset in [
            0,
            2,
            4 * 32,
            ENABLE + 4,
            ENABLE + 2 * ENABLE_STRIDE,
            CONTEXT + 8,
            CONTEXT + 2 * CONTEXT_STRIDE,
            u64::MAX - 3,
        ] {
            plic.write(offset, 4, u64::MAX);
            assert_eq!(plic.read(offset, 4), 0, "{offset:#x}");
        }
        plic.write(4, 8, 7);
        assert_eq!((plic.read(4, 4), plic.read(4, 1)), (1, 0));
        plic.write(CLAIM_0, 4, 0xffff_ffff);
        plic.set_level(0, true);
        assert_eq!(plic.read(PENDING, 4), 0);
        plic.write(4, 4, u64::MAX);
        assert_eq!(plic.read(4, 4), PRIORITY_MASK.into());
    }
}
