//! Sending and routing (manual 4; ha-iov 8.5, S1 to S7).

use rv_hart::ext::Outside;
use rv_hart::trap::Trap;
use rv_hart::{HartState, Mode};
use rv_isa::fields::satp;

use super::{Haiov, context_address};
use crate::cause;
use crate::fields::{hveictl, hveidir, topvei};
use crate::vei::{Context, DirectoryEntry, MapEntry, Target};

impl Haiov {
    /// A write of `veirq` to veisend. S3: if nobody gets it, HS hears of that, and nothing has happened.
    pub(super) fn send(&mut self, hart: &mut HartState, outside: &mut Outside<'_>, veirq: u64) -> Result<(), Trap> {
        let vmid = (hart.csr.hgatp & satp::VMID) >> satp::ASID_SHIFT; // S1
        outside.charge(self.config.prices.vei_send);
        self.counts.vei_sends += 1;
        let names = [("vmid", vmid), ("veirq", veirq)];
        let entry = self.mapping(hart, outside, vmid as u16, veirq);
        let sent = entry.and_then(|entry| self.deliver(hart, outside, entry, &names));
        if sent.is_some() {
            hart.reservation = None;
            return Ok(());
        }
        self.counts.vei_faults += 1;
        outside.tell("vei_miss", &names);
        Err(Trap::exception(cause::VEI_MAP_MISS, veirq))
    }

    /// A4: a guest may send if VSE says so. What VU and U may is in the number.
    pub(super) fn may_send(&self, hart: &HartState) -> bool {
        hart.mode != Mode::VS || self.state.hveictl & hveictl::VSE != 0
    }

    /// S2: the cache, or directory and map.
    fn mapping(&mut self, hart: &HartState, outside: &mut Outside<'_>, vmid: u16, veirq: u64) -> Option<MapEntry> {
        let directory = self.state.hveidir;
        if directory & hveidir::EN == 0 || veirq == 0 || veirq > u16::MAX.into() {
            return None;
        }
        let cached = self.state.cache.find(vmid, veirq as u16);
        let prices = self.config.prices;
        let (count, price) = match cached {
            Some(_) => (&mut self.counts.vei_map_hits, prices.vei_map_hit),
            None => (&mut self.counts.vei_map_misses, prices.vei_map_miss),
        };
        *count += 1;
        self.counts.vei_map_cycles += u64::from(price);
        outside.charge(price);
        if cached.is_some() {
            return cached;
        }
        let entry = walk(directory, hart, outside, vmid, veirq)?;
        if usize::from(entry.hart) >= self.controller.len() {
            return None;
        }
        self.state.cache.insert(self.config.map_cache as usize, vmid, veirq as u16, entry);
        Some(entry)
    }

    /// S4, S5. `None` if the context isn't there.
    fn deliver(
        &mut self,
        hart: &HartState,
        outside: &mut Outside<'_>,
        entry: MapEntry,
        names: &[(&str, u64); 2],
    ) -> Option<()> {
        let [vmid, veirq] = *names;
        let to = ("hart", u64::from(entry.hart));
        match entry.target {
            Target::Supervisor { veiid } => {
                self.post_supervisor(hart, outside, entry, veiid)?;
                outside.tell("vei_send", &[vmid, veirq, to, ("veiid", veiid.into())]);
            }
            Target::User { context, vector } => {
                self.post_user(hart, outside, entry, context, vector)?;
                outside.tell("vei_send", &[vmid, veirq, to, ("ctx", context.into()), ("vec", vector.into())]);
            }
        }
        Some(())
    }

    /// S4.
    fn post_supervisor(&mut self, hart: &HartState, outside: &Outside<'_>, entry: MapEntry, veiid: u8) -> Option<()> {
        let mut port = self.controller.port(entry.hart.into())?;
        let (now, wired) = times(hart, outside);
        let free = port.supervisor.free_at(veiid, entry.gap);
        let arrival = wired.max(free);
        let new = port.supervisor.post(veiid, arrival, now.max(free));
        port.changes += 1;
        drop(port);
        self.counts.vei_supervisor += 1;
        self.counts.vei_held_back += u64::from(new && free > now);
        self.counts.vei_merged += u64::from(!new);
        Some(())
    }

    /// S5: post, then notify. A send that its mapping's rate limit holds back leaves ON alone, so that others are not held back with it.
    fn post_user(
        &mut self,
        hart: &HartState,
        outside: &mut Outside<'_>,
        entry: MapEntry,
        context: u8,
        vector: u8,
    ) -> Option<()> {
        let table = self.controller.port(entry.hart.into())?.huct;
        let at = context_address(table, context)?;
        outside.charge(self.config.prices.vei_post);
        let there = outside.read(hart, at)? & Context::V != 0;
        if !there || !outside.writable(hart, at, Context::SIZE) {
            return None;
        }
        outside.amo(hart, at + Context::PIR, |pir| pir | 1 << vector)?;
        self.counts.vei_user += 1;
        let (now, wired) = times(hart, outside);
        let mut port = self.controller.port(entry.hart.into())?;
        let free = port.contexts.free_at(context, entry.gap);
        let outstanding = if free > now { 0 } else { Context::ON };
        let old = outside.amo(hart, at, |status| status | outstanding)?;
        if old & Context::SN != 0 {
            self.counts.vei_suppressed += 1;
        } else if old & Context::ON != 0 || !port.contexts.post(context, wired.max(free), now.max(free)) {
            self.counts.vei_merged += 1;
        } else {
            self.counts.vei_held_back += u64::from(free > now);
        }
        port.changes += 1;
        Some(())
    }

    /// stopvei: the lowest supervisor VEI that has arrived.
    pub(super) fn top_supervisor(&self, hart: &HartState) -> u64 {
        let pending = self.controller.port(self.index).map_or(0, |port| port.supervisor.at(hart.cycles));
        if pending == 0 { 0 } else { topvei::V | u64::from(pending.trailing_zeros()) }
    }

    /// A write of stopvei clears the one that it reads.
    pub(super) fn claim_supervisor(&mut self, hart: &HartState) {
        let top = self.top_supervisor(hart);
        if top != 0
            && let Some(mut port) = self.controller.port(self.index)
        {
            port.supervisor.clear((top & topvei::NUMBER) as u8);
            drop(port);
            self.counts.vei_claims += 1;
        }
    }

    /// S7: a write of hveifence. Nothing that this hart sent before it is on its way after it.
    pub(super) fn fence(&mut self, hart: &HartState, outside: &mut Outside<'_>, scope: u64) {
        self.state.cache.drop(scope);
        let (now, wired) = times(hart, outside);
        let mut latest = now;
        for index in 0..self.controller.len() {
            let Some(mut port) = self.controller.port(index) else { continue };
            let supervisor = port.supervisor.hurry(now, wired);
            let contexts = port.contexts.hurry(now, wired);
            if supervisor.max(contexts) > now {
                port.changes += 1;
            }
            latest = latest.max(supervisor).max(contexts);
        }
        outside.charge(self.config.prices.vei_fence.saturating_add((latest - now) as u32));
        outside.tell("vei_fence", &[("scope", scope)]);
    }
}

/// The cycle now, and the one at which a send arrives. The wire is latency of the target, and no charge on the sender.
fn times(hart: &HartState, outside: &Outside<'_>) -> (u64, u64) {
    (hart.cycles, hart.cycles.saturating_add(outside.costs().ipi_wire.into()))
}

/// Directory and map. Whatever is not exactly as it should be is not there.
fn walk(directory: u64, hart: &HartState, outside: &Outside<'_>, vmid: u16, veirq: u64) -> Option<MapEntry> {
    let log2_vmids = (directory & hveidir::K) >> hveidir::K_SHIFT;
    if u64::from(vmid) >> log2_vmids != 0 {
        return None;
    }
    let base = (directory & hveidir::PPN) >> hveidir::PPN_SHIFT << 12;
    let found = outside.read(hart, base + u64::from(vmid) * DirectoryEntry::SIZE)?;
    let found = DirectoryEntry::decode(found)?;
    if veirq >> found.log2_entries != 0 {
        return None;
    }
    let at = found.map + veirq * MapEntry::SIZE;
    MapEntry::decode([outside.read(hart, at)?, outside.read(hart, at + 8)?])
}
