//! State enables (Smstateen, Ssstateen): what state lower modes reach. Of the state that the registers can guard there are here the environment
//! configurations, interrupt registers (see [`super::aia`]) and the registers themselves.

use rv_isa::Isa;

use super::aia::stateen_bits;
use super::{Row, number};
use crate::hart::Hart;
use crate::state::{HartState, SE};
use crate::trap::Refusal;

/// henvcfg and senvcfg, in register 0.
const ENVCFG: u64 = 1 << 62;
/// Bits of mstateen0 and hstateen0 that are not read-only 0 on any hart.
const HSTATEEN0: u64 = SE | ENVCFG;

/// Writable bits of register `index` on this hart, whose extensions may have some of their own.
fn writable(hart: &Hart, index: usize) -> u64 {
    if index == 0 { HSTATEEN0 | stateen_bits(&hart.state) | hart.bits.stateen } else { SE }
}

/// The bits of sstateen0 that are not read-only 0: those of extensions, where the levels above open them.
fn supervisor(hart: &Hart, index: usize) -> u64 {
    let csr = &hart.state.csr;
    let above = csr.mstateen[index] & if hart.state.mode.virt() { csr.hstateen[index] } else { u64::MAX };
    if index == 0 { hart.bits.stateen & above } else { 0 }
}

macro_rules! registers {
    ($($index:literal)*) => { &[$(
        Row::new(
            number::MSTATEEN0 + $index,
            |h| h.state.csr.mstateen[$index],
            |h, v| h.state.csr.mstateen[$index] = v & writable(h, $index),
        )
        .of(Isa::Smstateen),
        Row::new(
            number::HSTATEEN0 + $index,
            |h| h.state.csr.hstateen[$index] & h.state.csr.mstateen[$index] & writable(h, $index),
            |h, v| {
                let mask = writable(h, $index) & h.state.csr.mstateen[$index];
                let old = h.state.csr.hstateen[$index];
                h.state.csr.hstateen[$index] = old & !mask | v & mask;
            },
        )
        .of(Isa::H)
        .of(Isa::Ssstateen)
        .opened_by_machine(|state| opened(state, $index)),
        // No state of user software is guarded but that of extensions.
        Row::new(
            number::SSTATEEN0 + $index,
            |h| h.state.csr.sstateen & supervisor(h, $index),
            |h, v| {
                let mask = supervisor(h, $index);
                h.state.csr.sstateen = h.state.csr.sstateen & !mask | v & mask;
            },
        )
            .of(Isa::Ssstateen)
            .opened_by_machine(|state| opened(state, $index))
            .gated(|state| opened_to_guest(state, $index)),
    )*] };
}

pub(super) const ROWS: &[Row] = registers! { 0 1 2 3 };

fn opened(state: &HartState, index: usize) -> bool {
    state.csr.mstateen[index] & SE != 0
}

fn opened_to_guest(state: &HartState, index: usize) -> Result<(), Refusal> {
    let open = !state.mode.virt() || state.csr.hstateen[index] & SE != 0;
    if open { Ok(()) } else { Err(Refusal::Virtual) }
}

/// Whether mstateen0 lets modes below M reach the environment configurations.
pub(super) fn machine_opens_envcfg(state: &HartState) -> bool {
    state.csr.mstateen[0] & ENVCFG != 0
}

/// Whether hstateen0 lets a guest reach senvcfg.
pub(super) fn hypervisor_opens_envcfg(state: &HartState) -> Result<(), Refusal> {
    let open = !state.mode.virt() || state.csr.hstateen[0] & ENVCFG != 0;
    if open { Ok(()) } else { Err(Refusal::Virtual) }
}
