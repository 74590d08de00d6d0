//! What the interrupt controller keeps for each hart: pending maps, and where its user contexts are.
//!
//! All harts of a machine share one [`Controller`]. A send posts at the target's port at once; it becomes visible there when it arrives.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bitvec::array::BitArray;
use bitvec::order::Lsb0;
use serde::{Deserialize, Serialize};

const BITS: usize = 64;

/// A pending map whose bits arrive some time after they were sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Saved", try_from = "Saved")]
pub(super) struct Pending {
    bits: BitArray<[u64; 1], Lsb0>,
    /// When each bit of `bits` arrives.
    arrival: [u64; BITS],
    /// When each bit was last set or, if it was held back, when it was to arrive; 0 if never.
    notified: [u64; BITS],
}

/// [`Pending`] in a snapshot.
#[derive(Serialize, Deserialize)]
struct Saved {
    bits: u64,
    arrival: Vec<u64>,
    notified: Vec<u64>,
}

impl From<Pending> for Saved {
    fn from(pending: Pending) -> Saved {
        let Pending { bits, arrival, notified } = pending;
        Saved { bits: bits.into_inner()[0], arrival: arrival.to_vec(), notified: notified.to_vec() }
    }
}

impl TryFrom<Saved> for Pending {
    type Error = String;

    fn try_from(saved: Saved) -> Result<Pending, String> {
        let times = |times: Vec<u64>| times.try_into().map_err(|_| format!("a pending map has {BITS} times"));
        let (arrival, notified) = (times(saved.arrival)?, times(saved.notified)?);
        Ok(Pending { bits: BitArray::new([saved.bits]), arrival, notified })
    }
}

impl Default for Pending {
    fn default() -> Pending {
        Pending { bits: BitArray::ZERO, arrival: [0; BITS], notified: [0; BITS] }
    }
}

impl Pending {
    /// Sets `bit` from the cycle `arrival` on. False if it is on its way already: then the earlier arrival counts for both.
    pub(super) fn post(&mut self, bit: u8, arrival: u64, notified: u64) -> bool {
        let bit = usize::from(bit) % BITS;
        let new = !self.bits[bit];
        self.arrival[bit] = if new { arrival } else { arrival.min(self.arrival[bit]) };
        if new {
            self.notified[bit] = notified.max(self.notified[bit]);
        }
        self.bits.set(bit, true);
        new
    }

    /// The first cycle at which a mapping with the rate limit `gap` may notify `bit` again.
    pub(super) fn free_at(&self, bit: u8, gap: u8) -> u64 {
        match (gap, self.notified[usize::from(bit) % BITS]) {
            (0, _) | (_, 0) => 0,
            (_, notified) => notified.saturating_add(1 << gap),
        }
    }

    /// The bits that have arrived.
    pub(super) fn at(&self, now: u64) -> u64 {
        let arrived = self.bits.iter_ones().filter(|bit| self.arrival[*bit] <= now);
        arrived.fold(0, |bits, bit| bits | 1 << bit)
    }

    /// The bits that haven't.
    pub(super) fn on_wire(&self, now: u64) -> u64 {
        self.bits.into_inner()[0] & !self.at(now)
    }

    /// When the next one arrives; `u64::MAX` if none is on its way.
    pub(super) fn next(&self, now: u64) -> u64 {
        let times = self.bits.iter_ones().map(|bit| self.arrival[bit]);
        times.filter(|arrival| *arrival > now).min().unwrap_or(u64::MAX)
    }

    pub(super) fn clear(&mut self, bit: u8) {
        self.bits.set(usize::from(bit) % BITS, false);
    }

    /// Software writes the map: what has arrived becomes `value`, and what is on its way stays so.
    pub(super) fn assign(&mut self, now: u64, value: u64) {
        let old = self.at(now);
        for bit in 0..BITS as u8 {
            match (old >> bit & 1 != 0, value >> bit & 1 != 0) {
                (false, true) => {
                    self.post(bit, now, 0);
                }
                (true, false) => self.clear(bit),
                _ => {}
            }
        }
    }

    /// Lets what would come until `then` arrive now. Gives the latest of those times, or `now`.
    pub(super) fn hurry(&mut self, now: u64, then: u64) -> u64 {
        let mut latest = now;
        for bit in self.bits.iter_ones() {
            if (now..=then).contains(&self.arrival[bit]) {
                latest = latest.max(self.arrival[bit]);
                self.arrival[bit] = 0;
            }
        }
        latest
    }
}

/// What is kept for one hart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Port {
    /// CSR huct: where its user contexts are.
    pub(super) huct: u64,
    /// Supervisor VEIs.
    pub(super) supervisor: Pending,
    /// CSR hucpend.
    pub(super) contexts: Pending,
    /// Counts what was sent to it.
    #[serde(skip)]
    pub(super) changes: u64,
}

/// The interrupt controller of a machine.
#[derive(Debug)]
pub(super) struct Controller {
    ports: Vec<Mutex<Port>>,
}

impl Controller {
    /// With a port for each of `harts` harts.
    pub(super) fn new(harts: usize) -> Controller {
        Controller { ports: (0..harts).map(|_| Mutex::default()).collect() }
    }

    /// The port of hart `index`, if there is such a hart.
    pub(super) fn port(&self, index: usize) -> Option<MutexGuard<'_, Port>> {
        // A port is whole between any two statements: nothing of it is lost if another thread panicked.
        self.ports.get(index).map(|port| port.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Harts.
    pub(super) fn len(&self) -> usize {
        self.ports.len()
    }
}
