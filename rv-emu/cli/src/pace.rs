//! How fast virtual time may go: not ahead of the host's clock, while somebody out there is to be waited for.
//!
//! A machine whose harts all wait could jump to its next timer at once. Then a guest's time-outs would be over before a human
//! has typed, or another computer has answered. So such a machine waits as long as a real one; where nothing can come
//! from outside, it jumps.

use std::time::{Duration, Instant};

/// A modelled second has so many cycles.
const CYCLES_PER_SECOND: u64 = 1_000_000_000;
/// So far ahead time may be: waiting for less isn't worth a system call.
const SLACK: Duration = Duration::from_millis(1);

/// Both clocks, from when they were last the same.
pub struct Pace {
    host: Instant,
    cycles: u64,
}

impl Pace {
    /// Starts both clocks.
    pub fn new() -> Self {
        Self { host: Instant::now(), cycles: 0 }
    }

    /// How long the host should wait, when virtual time is `cycles`. A machine that is behind stays so: it doesn't hurry afterwards.
    pub fn ahead(&mut self, cycles: u64) -> Option<Duration> {
        let ran =
            Duration::from_nanos(cycles.saturating_sub(self.cycles).saturating_mul(1_000_000_000 / CYCLES_PER_SECOND));
        let passed = self.host.elapsed();
        if ran <= passed {
            *self = Self { host: Instant::now(), cycles };
            return None;
        }
        Some(ran - passed).filter(|ahead| *ahead > SLACK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_machine_that_is_ahead_waits() {
        let mut pace = Pace::new();
        let wait = pace.ahead(CYCLES_PER_SECOND).expect("a second ahead");
        assert!(wait > Duration::from_millis(500) && wait <= Duration::from_secs(1));
        let mut late = Pace { host: Instant::now() - Duration::from_secs(2), cycles: 0 };
        assert_eq!(late.ahead(CYCLES_PER_SECOND), None);
        assert!(late.ahead(2 * CYCLES_PER_SECOND).is_some(), "what was lost is not made up for");
    }
}
