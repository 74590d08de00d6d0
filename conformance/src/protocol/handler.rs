//! Handlers: the loop around `utopvei`, and URET (8.7). The same steps whether hardware delivered, or the handler was evicted.

use super::deliver;
use super::mutation::Mutation;
use super::rules::{Protocol, Steps, say};
use super::search::Label;
use super::state::{State, Thread, activity, at, mode};

/// What the handler on `hart` can do, if there is one.
pub fn steps(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let entry = steps.from.harts[hart as usize];
    let thread = steps.from.threads[entry.thread as usize];
    let runs = match entry.mode {
        mode::OWN => thread.activity == activity::PLAIN,
        mode::HCS => thread.activity == activity::HCS,
        mode::EVICTED => thread.activity == activity::EVICTED,
        _ => false,
    };
    if !runs {
        return;
    }
    let index = entry.thread as usize;
    let empty = move |to: u8| {
        move |state: &mut State| {
            state.harts[hart as usize].slot = 0;
            state.threads[index].at = to;
        }
    };
    let label = |text| say(text, hart, entry.thread);
    match thread.at {
        at::UTOPVEI => utopvei(protocol, steps, hart),
        at::SERVE => serve(protocol, steps, hart),
        at::EMPTY_THEN_SERVE => steps.must(label("hart @h, utopvei: none is left, hvslot := 0"), empty(at::SERVE)),
        at::EMPTY_THEN_URET => steps.must(label("hart @h, utopvei: none is left, hvslot := 0"), empty(at::URET)),
        at::URET if entry.mode == mode::HCS => {
            steps.must(label("hart @h, URET: back to the guest, hvslot := 0"), empty(at::RECHECK));
        }
        at::URET => uret(steps, hart),
        at::RECHECK => recheck(protocol, steps, hart),
        _ => {}
    }
}

/// The context that `utopvei` works on: the slot's in a guest's place, else the thread's own.
fn context_of(state: &State, hart: u8) -> u8 {
    let entry = &state.harts[hart as usize];
    let in_guests_place = entry.mode == mode::HCS;
    if in_guests_place { entry.slot - 1 } else { state.threads[entry.thread as usize].home }
}

/// `csrrw utopvei`: takes the lowest vector out of the PIR. If none is left and the thread owns the slot, the slot is emptied.
fn utopvei(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let state = steps.from;
    let entry = state.harts[hart as usize];
    let index = entry.thread as usize;
    let context = context_of(&state, hart) as usize;
    let pir = state.contexts[context].pir;
    let owns = entry.mode == mode::OWN && deliver::own(protocol, &entry);
    if protocol.lacks(Mutation::RelaxedTake) && state.early == 0 {
        steps.must(
            say("hart @h, handler of thread @c: reads its rings ahead of utopvei", hart, entry.thread),
            |state| {
                state.early = 1 << 4 | state.fresh;
            },
        );
    }
    if pir == 0 {
        let next = if owns { at::EMPTY_THEN_URET } else { at::URET };
        return steps.must(say("hart @h, handler of thread @c: utopvei returns 0", hart, entry.thread), |state| {
            state.threads[index].at = next;
        });
    }
    let vector = pir.trailing_zeros() as u8;
    let left = pir & !(1 << vector);
    let text = "hart @h, handler of thread @c: utopvei takes vector @v out of the PIR";
    steps.must(Label { text, hart, context: entry.thread, number: vector }, |state| {
        state.contexts[context].pir = left;
        state.threads[index].vector = vector;
        state.threads[index].at = if owns && left == 0 { at::EMPTY_THEN_SERVE } else { at::SERVE };
    });
}

/// The handler looks at the rings behind a vector and does the work. Afterwards it takes the next, or returns early.
fn serve(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let state = steps.from;
    let index = state.harts[hart as usize].thread as usize;
    let vector = state.threads[index].vector;
    // The rings of both senders behind this vector.
    let rings = 0b0101 << vector;
    let seen = if state.early != 0 { state.early & rings } else { rings };
    let serve = |to: u8| {
        move |state: &mut State| {
            state.fresh &= !seen;
            state.early = 0;
            state.threads[index].vector = 0;
            state.threads[index].at = to;
        }
    };
    let label = |text| Label { text, hart, context: index as u8, number: vector };
    steps.must(label("hart @h, handler of thread @c: serves the ring of vector @v"), serve(at::UTOPVEI));
    if protocol.scenario.lazy {
        steps.may(
            label("hart @h, handler of thread @c: serves the ring of vector @v, and will return"),
            serve(at::URET),
        );
    }
}

/// The end of a handler of a thread: plain, URET; evicted, URET traps and the kernel restores the thread's frame.
fn uret(steps: &mut Steps, hart: u8) {
    let entry = steps.from.harts[hart as usize];
    let index = entry.thread as usize;
    let text = if entry.mode == mode::OWN {
        "hart @h: URET, thread @c goes on"
    } else {
        "hart @h: URET of the evicted handler traps, the kernel switches to thread @c"
    };
    steps.must(say(text, hart, entry.thread), |state| {
        end(&mut state.threads[index]);
        if entry.mode == mode::EVICTED {
            let entry = &mut state.harts[hart as usize];
            entry.mode = if state.change.moving == 1 { mode::HOST } else { mode::SCHEDULE };
            state.threads[index].queued |= state.change.moving;
        }
    });
}

fn end(thread: &mut Thread) {
    thread.activity = activity::NONE;
    thread.at = at::UTOPVEI;
}

/// The last part of URET from HCS: PIR not 0 sets hucpend.
fn recheck(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let entry = steps.from.harts[hart as usize];
    let index = entry.thread as usize;
    let context = steps.from.threads[index].home;
    let again = steps.from.contexts[context as usize].pir != 0 && !protocol.lacks(Mutation::NoRecheck);
    let again = again && !protocol.lacks(Mutation::NoRecheckLazy);
    let text = if again {
        "hart @h, URET: PIR(@c) has a vector, hucpend is set; the guest goes on"
    } else {
        "hart @h, URET: the guest goes on"
    };
    steps.must(say(text, hart, context), |state| {
        end(&mut state.threads[index]);
        let entry = &mut state.harts[hart as usize];
        entry.mode = mode::GUEST;
        entry.thread = 0;
        entry.pending |= u8::from(again) << context;
    });
}
