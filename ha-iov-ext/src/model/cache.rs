//! The map cache of a hart (ha-iov 8.5, S2): mappings found before, by VMID and VEIRQ. What isn't there is never remembered.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::fields::hveifence;
use crate::vei::MapEntry;

/// First in, first out: lines are in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MapCache {
    lines: VecDeque<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    vmid: u16,
    veirq: u16,
    entry: [u64; 2],
}

impl MapCache {
    pub(super) fn find(&self, vmid: u16, veirq: u16) -> Option<MapEntry> {
        let line = self.lines.iter().find(|line| (line.vmid, line.veirq) == (vmid, veirq))?;
        MapEntry::decode(line.entry)
    }

    /// Remembers a mapping, if the cache has room for `size` of them at all.
    pub(super) fn insert(&mut self, size: usize, vmid: u16, veirq: u16, entry: MapEntry) {
        if size == 0 {
            return;
        }
        while self.lines.len() >= size {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { vmid, veirq, entry: entry.encode() });
    }

    /// Drops what a write of `scope` to hveifence drops.
    pub(super) fn drop(&mut self, scope: u64) {
        let all = scope & hveifence::BY_VMID == 0;
        let vmid = (scope >> hveifence::VMID_SHIFT & 0x3fff) as u16;
        let one = (scope & hveifence::BY_VEIRQ != 0).then_some(scope as u16);
        let hit = |line: &Line| all || line.vmid == vmid && one.is_none_or(|veirq| veirq == line.veirq);
        self.lines.retain(|line| !hit(line));
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }
}
