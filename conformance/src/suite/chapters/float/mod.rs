//! Floating point: F, D, Zfh, Zfhmin and Zfa.
//!
//! Reading order: `subject` (what belongs to which instruction), `arithmetic` and `selection` (what it must give), `operands`, `values`
//! (walks over tables of both), `memory`, `rounding`, `state`.

mod arithmetic;
mod memory;
mod operands;
mod rounding;
mod selection;
mod state;
mod subject;
mod values;

use rv_isa::{Class, Isa, Op};

use crate::suite::case::Case;

/// Tests of one instruction, to be run in all modes.
pub fn of_row(op: Op) -> Vec<Case> {
    let row = op.row();
    if row.class == Class::FpLoad {
        return memory::load(op);
    }
    if row.class == Class::FpStore {
        return memory::store(op);
    }
    let Some(subject) = subject::subject(op) else { return vec![values::constants(op)] };
    let mut cases = vec![values::values(&subject)];
    cases.extend(values::boxing(&subject));
    cases.extend(rounding::reserved(&subject));
    cases
}

/// Tests of what instructions share, each in the chapter of its extension.
pub fn directed(isa: Isa) -> Vec<Case> {
    let rows =
        Op::rows().iter().filter(|row| matches!(row.class, Class::Fp | Class::FpDiv | Class::FpLoad | Class::FpStore));
    let mine = rows.filter(|row| super::home(row.isa) == isa);
    let mut cases: Vec<Case> = mine.flat_map(|row| state::off(row.op)).collect();
    if isa == Isa::F {
        cases.extend(state::csrs());
        cases.extend(state::dirty());
        cases.extend(rounding::fcsr());
    }
    if isa == Isa::D {
        cases.extend(memory::raw());
    }
    cases
}
