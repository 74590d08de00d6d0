//! User contexts at their hart: fetching one into the slot, who gets it, and the plain way (manual 5; ha-iov 8.6, D1 to D7).

use rv_hart::ext::{Entry, Interrupt, Outside, View};
use rv_hart::{HartState, Mode};
use rv_isa::Isa;
use rv_isa::fields::{mstatus, satp};
use serde::{Deserialize, Serialize};

use super::{Haiov, context_address};
use crate::cause;
use crate::fields::{hveictl, hvslot, topvei, uip, ustatus};
use crate::vei::Context;

/// The context that is prepared in the CPU; its register values are in suatp and its neighbours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Slot {
    pub(super) valid: bool,
    pub(super) bad: bool,
    pub(super) index: u8,
    pub(super) dom: u16,
}

impl Slot {
    /// As hvslot reads.
    pub(super) fn value(self) -> u64 {
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        match self.valid {
            true => hvslot::V | flag(self.bad, hvslot::BAD) | u64::from(self.index) & hvslot::IDX,
            false => 0,
        }
    }
}

impl Haiov {
    /// D1, between any two instructions: while the slot is empty, fetch the next pending context. Not while a handler runs by HCS: the
    /// slot's registers hold what it interrupted.
    pub(super) fn fill(&mut self, hart: &mut HartState, outside: &mut Outside<'_>) {
        while !self.state.slot.valid && !self.switched() {
            let Some(mut port) = self.controller.port(self.index) else { return };
            let pending = port.contexts.at(hart.cycles);
            let index = pending.trailing_zeros() as u8;
            let Some(at) = context_address(port.huct, index).filter(|_| pending != 0) else { return };
            port.contexts.clear(index);
            drop(port);
            self.fetch(hart, outside, index, at);
        }
    }

    /// ON is cleared before PIR is looked at: a send after that notifies again.
    fn fetch(&mut self, hart: &mut HartState, outside: &mut Outside<'_>, index: u8, at: u64) {
        let cleared = outside.amo(hart, at + Context::STATUS, |status| status & !Context::ON);
        let words = cleared.and_then(|_| read_context(hart, outside, at));
        self.counts.uct_fetches += 1;
        if let Some([status, pir, ..]) = words
            && (status & Context::SN != 0 || pir == 0)
        {
            self.counts.uct_void += 1;
            return;
        }
        let usable = |context: &Context| satp_mode(hart, context.suatp) && context.suatp & satp::MODE != satp::BARE;
        let context = words.and_then(Context::decode).filter(usable);
        let bad = context.is_none();
        let Context { dom, utvec, uscratch, suscratch, suatp } = context.unwrap_or_default();
        self.state.slot = Slot { valid: true, bad, index, dom };
        (self.state.sutvec, self.state.suuscratch) = (utvec, uscratch);
        (self.state.suscratch, self.state.suatp) = (suscratch, suatp);
        self.counts.uct_bad += u64::from(bad);
        if self.by_switch(hart) || self.by_plain_entry(hart) {
            outside.charge(self.config.prices.uct_fetch);
        }
        outside.tell("uct_fetch", &[("ctx", index.into()), ("bad", bad.into())]);
    }

    /// A handler runs by HCS (HCSA).
    pub(super) fn switched(&self) -> bool {
        self.state.hveictl & hveictl::HCSA != 0
    }

    /// D2, `own`: the slot's context is that of the current thread, which may use N.
    fn own(&self) -> bool {
        let Slot { valid, bad, index, .. } = self.state.slot;
        valid && !bad && self.state.hucur == hvslot::V | u64::from(index) && self.enabled()
    }

    /// D2, `hcs_ok`.
    pub(super) fn by_switch(&self, hart: &HartState) -> bool {
        let slot = self.state.slot;
        let control = self.state.hveictl;
        let dom = (control & hveictl::DOM) >> hveictl::DOM_SHIFT;
        let trusted = control & hveictl::BANK != 0 || dom != 0 && dom == u64::from(slot.dom);
        let live = slot.valid && !slot.bad && control & hveictl::UVE != 0 && hart.csr.mstatus & mstatus::TVM == 0;
        live && trusted && !self.switched() && hart.mode.virt()
    }

    /// D2, `plain_ok`.
    pub(super) fn by_plain_entry(&self, hart: &HartState) -> bool {
        let open = hart.csr.mstatus & ustatus::UIE != 0 && self.state.uvei_enable;
        self.own() && hart.mode == Mode::U && open && !self.state.upv && !self.switched()
    }

    /// D3: somebody must be told, and only HS can do something about it.
    pub(super) fn doorbell(&self, hart: &HartState) -> bool {
        let waits = self.own() && hart.mode == Mode::U;
        self.state.slot.valid && !self.switched() && !self.by_switch(hart) && !waits
    }

    /// uip.UVEI.
    pub(super) fn own_pending(&self) -> bool {
        self.own() && !self.switched()
    }

    /// D5: into the handler of the thread that runs.
    pub(super) fn plain_entry(&mut self, hart: &mut HartState, outside: &mut Outside<'_>) -> Interrupt {
        self.counts.uvei_plain += 1;
        outside.tell("uvei_plain", &[("ctx", self.state.slot.index.into()), ("pc", hart.pc)]);
        self.user_entry(hart, cause::USER_VEI)
    }

    /// The context that utopvei is about: the handler's, or the thread's.
    fn current(&self) -> Option<u8> {
        let Slot { valid, index, .. } = self.state.slot;
        match self.switched() {
            true => valid.then_some(index),
            false => (self.state.hucur & hvslot::V != 0).then_some((self.state.hucur & hvslot::IDX) as u8),
        }
    }

    /// Where PIR of context `index` of this hart is.
    fn posted_at(&self, index: u8) -> Option<u64> {
        let table = self.controller.port(self.index)?.huct;
        Some(context_address(table, index)? + Context::PIR)
    }

    /// utopvei: the lowest vector posted.
    pub(super) fn top_user(&self, hart: &HartState, view: View<'_>) -> u64 {
        let posted = self.current().and_then(|index| self.posted_at(index)).and_then(|at| view.read(hart, at));
        posted.filter(|posted| *posted != 0).map_or(0, |posted| topvei::V | u64::from(posted.trailing_zeros()))
    }

    /// A write of utopvei clears what it reads. If nothing is left, the thread gives the slot back; a handler by HCS keeps it until it
    /// returns.
    pub(super) fn claim_user(&mut self, hart: &mut HartState, outside: &mut Outside<'_>) {
        let Some(index) = self.current() else { return };
        outside.charge(self.config.prices.vei_claim);
        let claim = |posted: u64| posted & posted.wrapping_sub(1);
        let posted = self.posted_at(index).and_then(|at| outside.amo(hart, at, claim)).unwrap_or(0);
        self.counts.uvei_claims += u64::from(posted != 0);
        if posted != 0 {
            outside.tell("uvei_claim", &[("ctx", index.into()), ("vec", posted.trailing_zeros().into())]);
        }
        if claim(posted) == 0 && !self.switched() && self.state.slot.index == index {
            self.state.slot.valid = false;
        }
    }

    /// Posts the context anew if something waits in it: nothing is lost between a claim by HS and its scheduling.
    pub(super) fn evaluate(&mut self, hart: &HartState, outside: &Outside<'_>, index: u8) {
        let posted = self.posted_at(index).and_then(|at| outside.read(hart, at)).unwrap_or(0);
        if posted != 0
            && let Some(mut port) = self.controller.port(self.index)
        {
            port.contexts.post(index, hart.cycles, hart.cycles);
        }
    }

    /// The interrupt of N `number`, or the user VEI, as U takes it.
    pub(super) fn user_entry(&mut self, hart: &mut HartState, number: u64) -> Interrupt {
        self.state.utval = 0;
        self.state.utinst = 0;
        let vectored = self.state.utvec & 1 != 0;
        let entry: Entry = self.enter(hart, number | super::INTERRUPT, if vectored { 4 * number } else { 0 });
        Interrupt { number, entry }
    }
}

fn read_context(hart: &HartState, outside: &Outside<'_>, at: u64) -> Option<[u64; 8]> {
    let mut words = [0; 8];
    for (word, place) in words.iter_mut().zip((at..).step_by(8)) {
        *word = outside.read(hart, place)?;
    }
    Some(words)
}

/// A value of satp that the hart supports.
pub(super) fn satp_mode(hart: &HartState, value: u64) -> bool {
    match value & satp::MODE {
        satp::BARE => true,
        satp::SV39 => hart.isa.has(Isa::Sv39),
        satp::SV48 => hart.isa.has(Isa::Sv48),
        satp::SV57 => hart.isa.has(Isa::Sv57),
        _ => false,
    }
}

/// `uie` bits that are the extension's own.
pub(super) const OWN_ENABLE: u64 = uip::UVEIP;
