//! What a hart counts for its observers: instructions and cycles by mode, traps by origin, destination and cause.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::mode::Mode;

/// Causes told apart per kind (exceptions, interrupts); higher codes share the last slot.
const CODES: usize = 64;
const MODES: usize = Mode::ALL.len();

/// Counters of one hart since reset. Architectural counters (`minstret`, `mcycle`) are kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Retired instructions, by [`Mode`].
    pub instret: [u64; MODES],
    /// Cycles that were not idle, by [`Mode`].
    pub cycles: [u64; MODES],
    /// Cycles spent waiting for an interrupt.
    pub idle: u64,
    /// Page-table entries read or updated by hardware walks.
    pub pte_reads: u64,
    /// Device reads and writes.
    pub mmio: [u64; 2],
    /// What extensions count, by name; filled in where counters are shown.
    pub named: BTreeMap<String, u64>,
    traps: Vec<u64>,
}

impl Default for Counters {
    fn default() -> Self {
        Counters {
            instret: [0; MODES],
            cycles: [0; MODES],
            idle: 0,
            pte_reads: 0,
            mmio: [0; 2],
            named: BTreeMap::new(),
            traps: vec![0; MODES * MODES * 2 * CODES],
        }
    }
}

/// How often one trap was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TrapCount {
    /// The mode that was left.
    pub from: Mode,
    /// The mode that was entered.
    pub to: Mode,
    /// An interrupt rather than an exception.
    pub interrupt: bool,
    /// The code, as at the trap's origin (before the shift of VS-level interrupts).
    pub code: u64,
    /// How often.
    pub count: u64,
}

impl Counters {
    fn index(from: Mode, to: Mode, interrupt: bool, code: u64) -> usize {
        let code = (code as usize).min(CODES - 1);
        ((from as usize * MODES + to as usize) * 2 + usize::from(interrupt)) * CODES + code
    }

    /// Counts a trap.
    pub(crate) fn trap(&mut self, from: Mode, to: Mode, interrupt: bool, code: u64) {
        self.traps[Self::index(from, to, interrupt, code)] += 1;
    }

    /// All traps taken at least once, in a fixed order.
    pub fn traps(&self) -> impl Iterator<Item = TrapCount> + '_ {
        self.traps.iter().enumerate().filter(|(_, count)| **count != 0).map(|(index, &count)| TrapCount {
            from: Mode::ALL[index / (MODES * 2 * CODES)],
            to: Mode::ALL[index / (2 * CODES) % MODES],
            interrupt: index / CODES % 2 == 1,
            code: (index % CODES) as u64,
            count,
        })
    }

    /// Counts since `earlier`, an older copy of these counters.
    pub fn since(&self, earlier: &Counters) -> Counters {
        let mut delta = self.clone();
        for mode in 0..MODES {
            delta.instret[mode] -= earlier.instret[mode];
            delta.cycles[mode] -= earlier.cycles[mode];
        }
        delta.idle -= earlier.idle;
        delta.pte_reads -= earlier.pte_reads;
        delta.mmio[0] -= earlier.mmio[0];
        delta.mmio[1] -= earlier.mmio[1];
        for (name, count) in &mut delta.named {
            *count -= earlier.named.get(name).copied().unwrap_or(0);
        }
        for (now, before) in delta.traps.iter_mut().zip(&earlier.traps) {
            *now -= before;
        }
        delta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_keep_their_key_and_subtract() {
        let mut counters = Counters::default();
        counters.trap(Mode::VU, Mode::HS, false, 21);
        let before = counters.clone();
        counters.trap(Mode::VU, Mode::HS, false, 21);
        counters.trap(Mode::M, Mode::M, true, 7);
        let all: Vec<_> = counters.since(&before).traps().collect();
        assert_eq!(
            all,
            [
                TrapCount { from: Mode::M, to: Mode::M, interrupt: true, code: 7, count: 1 },
                TrapCount { from: Mode::VU, to: Mode::HS, interrupt: false, code: 21, count: 1 },
            ]
        );
    }
}
