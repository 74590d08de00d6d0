//! Counters and timers (Zicntr, Zihpm; "Hardware Performance Monitor"). The 29 programmable counters exist and read 0.

use super::{Row, field, number};
use crate::hart::Hart;
use crate::mode::Mode;
use crate::state::{Counter, HartState};
use crate::trap::Refusal;

const CYCLE: u32 = 0;
const TIME: u32 = 1;
const INSTRET: u32 = 2;

macro_rules! programmable {
    ($($counter:literal)*) => { [$(
        Row::constant(number::CYCLE + $counter, |_| 0).gated(|state| gate(state, $counter)),
        Row::constant(number::MCYCLE + $counter, |_| 0),
        Row::constant(number::MCOUNTINHIBIT + $counter, |_| 0),
    )*] };
}

const PROGRAMMABLE: [Row; 87] = programmable! {
    3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
};

const FIXED: [Row; 6] = [
    Row::constant(number::CYCLE, |h| h.state.mcycle()).gated(|state| gate(state, CYCLE)),
    Row::constant(number::TIME, read_time).gated(|state| gate(state, TIME)),
    Row::constant(number::INSTRET, |h| h.state.minstret()).gated(|state| gate(state, INSTRET)),
    Row::new(
        number::MCYCLE,
        |h| h.state.mcycle(),
        |h, v| {
            let now = h.state.cycles;
            set(&mut h.state.csr.mcycle, v, now, h.state.csr.mcountinhibit & 1 == 0);
        },
    ),
    // The write takes the place of the writing instruction's own increment, which comes afterwards.
    Row::new(
        number::MINSTRET,
        |h| h.state.minstret(),
        |h, v| {
            let after = h.state.retired + 1;
            set(&mut h.state.csr.minstret, v, after, h.state.csr.mcountinhibit & 4 == 0);
        },
    ),
    Row { write: write_inhibit, ..field!(MCOUNTINHIBIT, mcountinhibit) },
];

pub(super) const ROWS: &[Row] = &joined(FIXED, PROGRAMMABLE);

/// One table of the fixed and the programmable rows.
const fn joined(fixed: [Row; 6], programmable: [Row; 87]) -> [Row; 93] {
    let mut rows = [FIXED[0]; 93];
    let mut index = 0;
    while index < rows.len() {
        rows[index] = if index < 6 { fixed[index] } else { programmable[index - 6] };
        index += 1;
    }
    rows
}

/// Makes `counter` read `value` from the live count `from` on.
fn set(counter: &mut Counter, value: u64, from: u64, running: bool) {
    counter.base = if running { value.wrapping_sub(from) } else { value };
}

/// At V=1 `time` is shifted by htimedelta.
fn read_time(hart: &Hart) -> u64 {
    let time = hart.state.time();
    if hart.state.mode.virt() { time.wrapping_add(hart.state.csr.htimedelta) } else { time }
}

/// A counter that starts or stops keeps its value. The writing instruction itself still counts by the old setting.
fn write_inhibit(hart: &mut Hart, value: u64) {
    let live = [hart.state.cycles, hart.state.retired + 1];
    let csr = &mut hart.state.csr;
    let changed = (csr.mcountinhibit ^ value) & 5;
    for (counter, bit, live) in [(&mut csr.mcycle, 1, live[0]), (&mut csr.minstret, 4, live[1])] {
        match (changed & bit != 0, value & bit != 0) {
            (true, true) => counter.base = counter.base.wrapping_add(live),
            (true, false) => counter.base = counter.base.wrapping_sub(live),
            (false, _) => {}
        }
    }
    csr.mcountinhibit = value & 5;
}

/// mcounteren, hcounteren and scounteren each open counter `index` for the modes below their own.
fn gate(state: &HartState, index: u32) -> Result<(), Refusal> {
    let csr = &state.csr;
    let open = |enable: u64| enable >> index & 1 != 0;
    match state.mode {
        Mode::M => Ok(()),
        _ if !open(csr.mcounteren) => Err(Refusal::Illegal),
        mode if mode.virt() && !open(csr.hcounteren) => Err(Refusal::Virtual),
        Mode::U if !open(csr.scounteren) => Err(Refusal::Illegal),
        Mode::VU if !open(csr.scounteren) => Err(Refusal::Virtual),
        _ => Ok(()),
    }
}
