//! The fill unit: from a context in memory to the slot of the hart (8.6, D1).

use super::memory::Store;
use super::mutation::Mutation;
use super::rules::{Protocol, Steps, say};
use super::state::State;

const IDLE: u8 = 0;
const CLEAR_ON: u8 = 1;
const READ: u8 = 2;
/// SN was read as 0, PIR is read next.
const READ_PIR: u8 = 3;
/// PIR was read and isn't 0, SN is read next.
const READ_SN: u8 = 4;

/// What the fill unit of `hart` can do.
pub fn steps(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let entry = steps.from.harts[hart as usize];
    let context = entry.filling;
    let set = move |to: u8| move |state: &mut State| set_fill(state, hart, to);
    match entry.fill {
        IDLE if entry.slot == 0 && entry.pending != 0 => {
            let first = entry.pending.trailing_zeros() as u8;
            steps.must(say("hart @h, fill unit: takes bit @c of hucpend", hart, first), |state| {
                let entry = &mut state.harts[hart as usize];
                entry.pending &= !(1 << first);
                entry.filling = first;
                entry.fill = CLEAR_ON;
            });
        }
        CLEAR_ON if protocol.lacks(Mutation::NoOnClear) => {
            steps.must(say("hart @h, fill unit: leaves ON(@c)", hart, context), set(READ));
        }
        CLEAR_ON if protocol.lacks(Mutation::RelaxedFill) => {
            let label = say("hart @h, fill unit: ON(@c) := 0, without order", hart, context);
            steps.issue(label, Store::ClearOn(context), set(READ));
        }
        CLEAR_ON => steps.must(say("hart @h, fill unit: ON(@c) := 0", hart, context), |state| {
            state.contexts[context as usize].on = 0;
            set_fill(state, hart, READ);
        }),
        READ => {
            read_sn(protocol, steps, hart, READ_PIR);
            read_pir(steps, hart, READ_SN);
        }
        READ_PIR => read_pir(steps, hart, IDLE),
        READ_SN => read_sn(protocol, steps, hart, IDLE),
        _ => {}
    }
}

fn set_fill(state: &mut State, hart: u8, to: u8) {
    let entry = &mut state.harts[hart as usize];
    entry.fill = to;
    if to == IDLE {
        entry.filling = 0;
    }
}

fn read_sn(protocol: &Protocol, steps: &mut Steps, hart: u8, next: u8) {
    let context = steps.from.harts[hart as usize].filling;
    let gate = steps.from.contexts[context as usize].sn == 1 && !protocol.lacks(Mutation::NoSnGate);
    if gate {
        let label = say("hart @h, fill unit: reads SN(@c) = 1: nothing to load", hart, context);
        return steps.must(label, |state| set_fill(state, hart, IDLE));
    }
    steps.must(say("hart @h, fill unit: SN(@c) doesn't stop it", hart, context), |state| load(state, hart, next));
}

fn read_pir(steps: &mut Steps, hart: u8, next: u8) {
    let context = steps.from.harts[hart as usize].filling;
    if steps.from.contexts[context as usize].pir == 0 {
        let label = say("hart @h, fill unit: reads PIR(@c) = 0: nothing to load", hart, context);
        return steps.must(label, |state| set_fill(state, hart, IDLE));
    }
    steps.must(say("hart @h, fill unit: PIR(@c) has a vector", hart, context), |state| load(state, hart, next));
}

/// Both reads say yes: the slot is loaded.
fn load(state: &mut State, hart: u8, next: u8) {
    if next == IDLE {
        state.harts[hart as usize].slot = state.harts[hart as usize].filling + 1;
    }
    set_fill(state, hart, next);
}
