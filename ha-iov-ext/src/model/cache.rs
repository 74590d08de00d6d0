//! The map cache of a hart (ha-iov 8.5, S2): mappings found before, by VMID and VEIRQ. What isn't there is never remembered.

use serde::{Deserialize, Serialize};

use crate::fields::hveifence;
use crate::vei::MapEntry;

/// First in, first out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MapCache {
    lines: Vec<Line>,
    /// The line that is replaced next, once all are used.
    next: usize,
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
        let line = Line { vmid, veirq, entry: entry.encode() };
        if size == 0 {
            return;
        }
        self.lines.truncate(size);
        if self.lines.len() < size {
            self.lines.push(line);
        } else {
            let place = self.next % size;
            self.lines[place] = line;
            self.next = (place + 1) % size;
        }
    }

    /// Drops what a write of `scope` to hveifence drops.
    pub(super) fn drop(&mut self, scope: u64) {
        let all = scope & (hveifence::BY_VMID | hveifence::BY_VEIRQ) == 0;
        let vmid = (scope >> hveifence::VMID_SHIFT & 0x3fff) as u16;
        let one = (scope & hveifence::BY_VEIRQ != 0).then_some(scope as u16);
        let hit = |line: &Line| all || line.vmid == vmid && one.is_none_or(|veirq| veirq == line.veirq);
        self.lines.retain(|line| !hit(line));
        self.next = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }
}
