//! The G-stage leaf check (manual 2.1; ha-iov 8.3, G1 to G5).

use rv_hart::HartState;
use rv_hart::ext::ReservedLeaf;
use rv_hart::trap::{AccessKind, Source};
use rv_isa::fields::pte as standard;

use super::Haiov;
use crate::{cause, pte};

/// Bits that must be 0 beside MMIO: N, PBMT, and the rest of the reserved field (G3).
const MUST_BE_ZERO: u64 = standard::N | standard::PBMT | standard::RESERVED & !pte::MMIO;

impl Haiov {
    /// The exception in place of a guest-page fault, if the entry is a well-formed MMIO leaf and the access is eligible.
    pub(super) fn mmio_leaf(&self, hart: &HartState, leaf: &ReservedLeaf) -> Option<u64> {
        let entry = leaf.pte;
        let marked = entry & pte::MMIO != 0; // G1
        let own_guest = hart.mode.virt() && self.owns_guest(hart); // G2
        if marked && own_guest && well_formed(entry) && !leaf.implicit { eligible(entry, leaf) } else { None }
    }
}

/// G3: readable, not executable, user, nothing else reserved. A pointer to a table isn't readable.
fn well_formed(entry: u64) -> bool {
    let kind = entry & (standard::R | standard::X | standard::U);
    kind == standard::R | standard::U && entry & MUST_BE_ZERO == 0
}

/// G4: explicit, aligned, integer loads and stores only.
fn eligible(entry: u64, leaf: &ReservedLeaf) -> Option<u64> {
    let access = &leaf.access;
    if access.source != Source::Int || !access.aligned() {
        return None;
    }
    match access.kind {
        AccessKind::Load => Some(cause::LOAD_MMIO_GUEST_FAULT),
        AccessKind::Store if entry & standard::W != 0 => Some(cause::STORE_MMIO_GUEST_FAULT),
        AccessKind::Store | AccessKind::Fetch => None,
    }
}
