//! Behaviour of the SSWI: a write sends an edge, which sets SSIP at the hart when it arrives. Clearing is the hart's own
//! business.

use super::registers::{HARTS_MAX, decode};
use super::state::SswiState;
use crate::{AccessError, Cycles, Device, Persist, RestoreError, Width};

/// Supervisor software interrupts of all harts.
#[derive(Debug, Clone)]
pub struct Sswi {
    state: SswiState,
}

impl Sswi {
    /// A device for `harts` harts, whose interrupts need `wire_cycles` to arrive. `None` if the window has no room for so
    /// many.
    pub fn new(harts: usize, wire_cycles: u64) -> Option<Self> {
        (harts <= HARTS_MAX).then(|| Self { state: SswiState { wire_cycles, arrivals: vec![None; harts] } })
    }

    /// Takes the edge that has arrived at `hart` by cycle `now`, if there is one.
    pub fn take_edge(&mut self, hart: usize, now: Cycles) -> bool {
        let arrived = self.arrival(hart).is_some_and(|at| at <= now);
        if arrived {
            self.state.arrivals[hart] = None;
        }
        arrived
    }

    /// When the edge that is on its way to `hart` arrives.
    pub fn arrival(&self, hart: usize) -> Option<Cycles> {
        self.state.arrivals.get(hart).copied().flatten()
    }
}

impl Device for Sswi {
    /// SETSSIP reads as 0 (ACLINT 4.1).
    fn read(&mut self, offset: u64, width: Width, _now: Cycles) -> Result<u64, AccessError> {
        decode(offset, width, self.state.arrivals.len()).map(|_| 0)
    }

    /// Writing 1 to the lowest bit sends an edge; 0 does nothing, and the other bits are ignored (ACLINT 4.1).
    fn write(&mut self, offset: u64, width: Width, value: u64, now: Cycles) -> Result<(), AccessError> {
        let hart = decode(offset, width, self.state.arrivals.len())?;
        if value & 1 != 0 {
            // Two edges on their way are one pending bit in the end: the first one's arrival counts.
            self.state.arrivals[hart].get_or_insert(now.saturating_add(self.state.wire_cycles));
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.state.arrivals.fill(None);
    }
}

impl Persist for Sswi {
    type State = SswiState;

    fn save(&self) -> SswiState {
        self.state.clone()
    }

    fn restore(state: SswiState) -> Result<Self, RestoreError> {
        if state.arrivals.len() > HARTS_MAX {
            return Err(RestoreError { device: "sswi", reason: "more harts than the layout has room for" });
        }
        Ok(Self { state })
    }
}
