//! Floating-point CSRs (F extension, "Floating-Point Control and Status Register"). A reserved rounding mode can be written; only its use
//! is illegal.

use rv_isa::Isa;

use super::{Row, number};
use crate::hart::Hart;
use crate::state::HartState;
use crate::trap::Refusal;

pub(super) const ROWS: &[Row] = &[
    Row::new(
        number::FFLAGS,
        |h| h.state.csr.fflags.into(),
        |h, v| {
            let frm = h.state.csr.frm;
            set(h, v as u8, frm);
        },
    )
    .gated(gate)
    .of(Isa::F),
    Row::new(
        number::FRM,
        |h| h.state.csr.frm.into(),
        |h, v| {
            let flags = h.state.csr.fflags;
            set(h, flags, v as u8);
        },
    )
    .gated(gate)
    .of(Isa::F),
    Row::new(
        number::FCSR,
        |h| u64::from(h.state.csr.frm) << 5 | u64::from(h.state.csr.fflags),
        |h, v| set(h, v as u8, (v >> 5) as u8),
    )
    .gated(gate)
    .of(Isa::F),
];

fn gate(state: &HartState) -> Result<(), Refusal> {
    if state.fp_enabled() { Ok(()) } else { Err(Refusal::Illegal) }
}

fn set(hart: &mut Hart, flags: u8, frm: u8) {
    hart.state.csr.fflags = flags & 0x1f;
    hart.state.csr.frm = frm & 7;
    hart.dirty_fp();
}
