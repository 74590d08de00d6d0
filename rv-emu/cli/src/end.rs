//! When a run is to end, if software doesn't end it: by instructions, by virtual time, by the host's clock.

use std::time::{Duration, Instant};

use rv_machine::Limits;
use rv_machine::board::{CYCLES_PER_TICK, TIMEBASE_HZ};

use crate::args::RunArgs;

/// Exit code of a run whose time on the host's clock was over.
const TIMEOUT: u8 = 123;
/// Exit code of a run that reached its limit of instructions or virtual time.
pub const LIMIT: u8 = 124;

/// The ends of a run.
pub struct End {
    max_insns: Option<u64>,
    /// Virtual time in cycles.
    max_cycles: u64,
    deadline: Option<Instant>,
}

impl End {
    /// As the options say; a time on the host's clock begins now.
    pub fn of(args: &RunArgs) -> End {
        let cycles =
            |time: Duration| time.as_nanos() * u128::from(CYCLES_PER_TICK) * u128::from(TIMEBASE_HZ) / 1_000_000_000;
        End {
            max_insns: args.max_insns,
            max_cycles: args.max_seconds.map_or(u64::MAX, |time| u64::try_from(cycles(time)).unwrap_or(u64::MAX)),
            deadline: args.timeout.and_then(|time| Instant::now().checked_add(time)),
        }
    }

    /// How far to run next, when virtual time is `now`: no longer than `slice` cycles.
    pub fn limits(&self, now: u64, slice: u64) -> Limits {
        Limits { max_insns: self.max_insns, slice: Some(self.max_cycles.saturating_sub(now).clamp(1, slice)) }
    }

    /// Whether the end is reached between two slices, by virtual time or by the host's clock: what to say, and the exit code.
    pub fn reached(&self, now: u64) -> Option<(&'static str, u8)> {
        if now >= self.max_cycles {
            Some(("the limit of virtual time is reached", LIMIT))
        } else if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Some(("the time is over", TIMEOUT))
        } else {
            None
        }
    }
}
