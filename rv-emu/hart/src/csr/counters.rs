//! Counters and timers (Zicntr, Zihpm; "Hardware Performance Monitor"), filters by mode (Smcntrpmf), and overflow (Sscofpmf).
//!
//! [`HPM_COUNTERS`] of the 29 programmable counters count; the others exist and read 0. Events: 1 cycles, 2 instructions retired, 3 page-table
//! entries read or updated by walks, 4 device accesses.

use rv_isa::Isa;
use rv_isa::fields::{mhpmevent, mip};

use super::{Row, field, number};
use crate::hart::Hart;
use crate::mode::Mode;
use crate::state::{Csrs, HPM_COUNTERS, HartState, Hpm};
use crate::trap::Refusal;

const CYCLE: u32 = 0;
const TIME: u32 = 1;
const INSTRET: u32 = 2;
/// Index of the first programmable counter.
const FIRST: usize = 3;
/// Bits of mcountinhibit: all counters that can stand still.
const INHIBIT: u64 = 1 << CYCLE | 1 << INSTRET | ((1 << HPM_COUNTERS) - 1) << FIRST;
/// The part of mhpmevent that selects an event.
const SELECTOR: u64 = 0xff;
/// Filters that exist without H, and those of V=1.
const FILTERS: u64 = mhpmevent::MINH | mhpmevent::SINH | mhpmevent::UINH;
const GUEST_FILTERS: u64 = mhpmevent::VSINH | mhpmevent::VUINH;

macro_rules! programmable {
    ($($counter:literal)*) => { &[$(
        Row::constant(number::CYCLE + $counter, |h| read_hpm(h, $counter))
            .of(Isa::Zihpm)
            .opened_by_machine(|state| opened(state.csr.mcounteren, $counter))
            .gated(|state| gate(state, $counter)),
        Row::new(number::MCYCLE + $counter, |h| read_hpm(h, $counter), |h, v| write_hpm(h, $counter, v)),
        Row::new(number::MCOUNTINHIBIT + $counter, |h| read_event(h, $counter), |h, v| write_event(h, $counter, v)),
    )*] };
}

pub(super) const PROGRAMMABLE: &[Row] = programmable! {
    3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
};

macro_rules! unprivileged {
    ($number:ident, $index:ident, $read:expr) => {
        Row::constant(number::$number, $read)
            .of(Isa::Zicntr)
            .opened_by_machine(|state| opened(state.csr.mcounteren, $index))
            .gated(|state| gate(state, $index))
    };
}

pub(super) const FIXED: &[Row] = &[
    unprivileged!(CYCLE, CYCLE, |h| h.state.mcycle()),
    unprivileged!(TIME, TIME, read_time),
    unprivileged!(INSTRET, INSTRET, |h| h.state.minstret()),
    Row::new(
        number::MCYCLE,
        |h| h.state.mcycle(),
        |h, v| {
            let now = h.state.cycles;
            h.state.csr.mcycle.set(v, now);
        },
    ),
    // The write takes the place of the writing instruction's own increment, which comes afterwards.
    Row::new(
        number::MINSTRET,
        |h| h.state.minstret(),
        |h, v| {
            let after = h.state.retired + 1;
            h.state.csr.minstret.set(v, after);
        },
    ),
    // The writing instruction itself still counts by the old setting.
    Row { write: |h, v| configure(h, |csr| csr.mcountinhibit = v & INHIBIT), ..field!(MCOUNTINHIBIT, mcountinhibit) },
    Row {
        write: |h, v| configure_filter(h, v, |csr, v| csr.mcyclecfg = v),
        ..field!(MCYCLECFG, mcyclecfg).of(Isa::Smcntrpmf)
    },
    Row {
        write: |h, v| configure_filter(h, v, |csr, v| csr.minstretcfg = v),
        ..field!(MINSTRETCFG, minstretcfg).of(Isa::Smcntrpmf)
    },
    Row::constant(number::SCOUNTOVF, read_overflows).of(Isa::Sscofpmf),
];

/// At V=1 `time` is shifted by htimedelta.
fn read_time(hart: &Hart) -> u64 {
    let time = hart.state.time();
    if hart.state.mode.virt() { time.wrapping_add(hart.state.csr.htimedelta) } else { time }
}

fn opened(enable: u64, index: u32) -> bool {
    enable >> index & 1 != 0
}

/// hcounteren and scounteren each open counter `index` for the modes below their own, as mcounteren does for all.
fn gate(state: &HartState, index: u32) -> Result<(), Refusal> {
    let csr = &state.csr;
    match state.mode {
        mode if mode.virt() && !opened(csr.hcounteren, index) => Err(Refusal::Virtual),
        Mode::U if !opened(csr.scounteren, index) => Err(Refusal::Illegal),
        Mode::VU if !opened(csr.scounteren, index) => Err(Refusal::Virtual),
        _ => Ok(()),
    }
}

fn read_hpm(hart: &Hart, index: usize) -> u64 {
    let hpm = hart.state.csr.hpm.get(index - FIRST);
    hpm.map_or(0, |hpm| hpm.counter.value(hart.live(hpm)))
}

fn write_hpm(hart: &mut Hart, index: usize, value: u64) {
    let Some(hpm) = hart.state.csr.hpm.get(index - FIRST) else { return };
    let live = hart.live_after(hpm);
    let hpm = &mut hart.state.csr.hpm[index - FIRST];
    hpm.counter.set(value, live);
    hpm.seen = value;
    hart.attend();
}

fn read_event(hart: &Hart, index: usize) -> u64 {
    hart.state.csr.hpm.get(index - FIRST).map_or(0, |hpm| hpm.event)
}

/// A counter keeps its value when it is given another event.
fn write_event(hart: &mut Hart, index: usize, value: u64) {
    let Some(hpm) = hart.state.csr.hpm.get(index - FIRST) else { return };
    let before = hpm.counter.value(hart.live_after(hpm));
    let filters = match hart.state.isa.has(Isa::Sscofpmf) {
        true => mhpmevent::OF | filters(&hart.state),
        false => 0,
    };
    configure(hart, |csr| csr.hpm[index - FIRST].event = value & (SELECTOR | filters));
    write_hpm(hart, index, before);
}

/// Filters by mode that the hart has.
fn filters(state: &HartState) -> u64 {
    if state.isa.has(Isa::H) { FILTERS | GUEST_FILTERS } else { FILTERS }
}

fn configure_filter(hart: &mut Hart, value: u64, set: fn(&mut Csrs, u64)) {
    let value = value & filters(&hart.state);
    configure(hart, |csr| set(csr, value));
}

/// Changes what counts when. Counters that start or stop keep their values.
fn configure(hart: &mut Hart, change: impl FnOnce(&mut Csrs)) {
    change(&mut hart.state.csr);
    hart.pmu = Pmu::of(&hart.state.csr);
    hart.update_counters(1);
    hart.attend();
}

/// OF of every counter that the current mode may read.
fn read_overflows(hart: &Hart) -> u64 {
    let csr = &hart.state.csr;
    let readable = match hart.state.mode {
        Mode::M => u64::MAX,
        mode if mode.virt() => csr.mcounteren & csr.hcounteren,
        _ => csr.mcounteren,
    };
    let set = csr.hpm.iter().zip(FIRST..).filter(|(hpm, _)| hpm.event & mhpmevent::OF != 0);
    set.fold(0, |bits, (_, index)| bits | 1 << index) & readable
}

/// Whether a counter with the filters of `config` stands still in `mode`.
fn filtered(config: u64, mode: Mode) -> bool {
    let filter = match mode {
        Mode::M => mhpmevent::MINH,
        Mode::HS => mhpmevent::SINH,
        Mode::U => mhpmevent::UINH,
        Mode::VS => mhpmevent::VSINH,
        Mode::VU => mhpmevent::VUINH,
    };
    config & filter != 0
}

/// What the counters' configuration asks of the run loop.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pmu {
    /// Some counter has a filter: a change of mode may start or stop it.
    pub(crate) filters: bool,
    /// Some programmable counter counts, and may overflow.
    pub(crate) overflows: bool,
}

impl Pmu {
    pub(crate) fn of(csr: &Csrs) -> Pmu {
        let any = FILTERS | GUEST_FILTERS;
        Pmu {
            filters: (csr.mcyclecfg | csr.minstretcfg) & any != 0 || csr.hpm.iter().any(|hpm| hpm.event & any != 0),
            overflows: csr.hpm.iter().any(|hpm| hpm.event & SELECTOR != 0),
        }
    }
}

impl Hart {
    /// The count that `hpm` follows.
    fn live(&self, hpm: &Hpm) -> u64 {
        match hpm.event & SELECTOR {
            1 => self.state.cycles,
            2 => self.state.retired,
            3 => self.counters().pte_reads,
            4 => self.counters().mmio.iter().sum(),
            _ => 0,
        }
    }

    /// The same once the instruction that runs has retired.
    fn live_after(&self, hpm: &Hpm) -> u64 {
        self.live(hpm) + u64::from(hpm.event & SELECTOR == 2)
    }

    /// Starts and stops counters as inhibition, filters and the mode want it, from `retiring` instructions on: those that run, but are not
    /// counted yet.
    pub(crate) fn update_counters(&mut self, retiring: u64) {
        let (mode, inhibit) = (self.state.mode, self.state.csr.mcountinhibit);
        let (cycles, retired) = (self.state.cycles, self.state.retired + retiring);
        let stopped = |index: usize, config: u64| inhibit >> index & 1 != 0 || filtered(config, mode);
        let csr = &mut self.state.csr;
        csr.mcycle.stop(stopped(CYCLE as usize, csr.mcyclecfg), cycles);
        csr.minstret.stop(stopped(INSTRET as usize, csr.minstretcfg), retired);
        for index in 0..HPM_COUNTERS {
            let hpm = self.state.csr.hpm[index];
            let live = self.live(&hpm) + if hpm.event & SELECTOR == 2 { retiring } else { 0 };
            self.state.csr.hpm[index].counter.stop(stopped(FIRST + index, hpm.event), live);
        }
    }

    /// Looks for counters that have overflowed since the last look: each sets its OF, and the interrupt, unless OF was set already.
    #[cold]
    pub(crate) fn look_for_overflows(&mut self) {
        for index in 0..HPM_COUNTERS {
            let hpm = self.state.csr.hpm[index];
            let value = hpm.counter.value(self.live(&hpm));
            let csr = &mut self.state.csr;
            csr.hpm[index].seen = value;
            if value < hpm.seen && self.state.isa.has(Isa::Sscofpmf) && hpm.event & mhpmevent::OF == 0 {
                csr.hpm[index].event |= mhpmevent::OF;
                csr.mip |= mip::LCOFIP;
            }
        }
    }

    /// Cycles until the next overflow at the earliest: every event takes at least one.
    pub(crate) fn next_overflow(&self) -> u64 {
        let running = |hpm: &&Hpm| hpm.event & SELECTOR != 0 && hpm.event & mhpmevent::OF == 0 && !hpm.counter.stopped;
        let left = self.state.csr.hpm.iter().filter(running).map(|hpm| hpm.seen.wrapping_neg());
        left.filter(|left| *left != 0).min().map_or(u64::MAX, |left| self.state.cycles.saturating_add(left))
    }
}
