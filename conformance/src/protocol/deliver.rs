//! Delivery at the target hart, between two instructions (8.6, D2 to D6).

use super::change;
use super::rules::{Protocol, Steps, say};
use super::search::Verdict;
use super::state::{HartState, State, activity, at, mode};

/// The slot's context is the one of the thread that `hucur` names.
pub fn own(protocol: &Protocol, entry: &HartState) -> bool {
    entry.slot != 0 && entry.current == protocol.thread_of(entry.slot - 1) + 1
}

/// Its own thread runs in U.
fn in_own_thread(protocol: &Protocol, entry: &HartState) -> bool {
    own(protocol, entry) && entry.mode == mode::OWN
}

fn hcs_ok(protocol: &Protocol, entry: &HartState) -> bool {
    entry.slot != 0 && entry.mode == mode::GUEST && protocol.scenario.hcs
}

fn plain_ok(protocol: &Protocol, state: &State, entry: &HartState) -> bool {
    let thread = &state.threads[entry.thread as usize];
    in_own_thread(protocol, entry) && thread.uie == 1 && thread.activity != activity::PLAIN
}

/// D3: the doorbell is a function of state. (`in_own_thread` covers both plain delivery and its waiting.)
pub fn doorbell(protocol: &Protocol, entry: &HartState) -> bool {
    let handler = matches!(entry.mode, mode::HCS | mode::EVICT); // HCSA=1
    entry.slot != 0 && !handler && !hcs_ok(protocol, entry) && !in_own_thread(protocol, entry)
}

/// What delivery can do at `hart`.
pub fn steps(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let state = steps.from;
    let entry = state.harts[hart as usize];
    if hcs_ok(protocol, &entry) {
        activate(protocol, steps, hart, activity::HCS);
    }
    if plain_ok(protocol, &state, &entry) {
        activate(protocol, steps, hart, activity::PLAIN);
    }
    let to = match entry.mode {
        mode::GUEST | mode::FOREIGN | mode::EVICTED => mode::HOST,
        mode::OWN => mode::SYSCALL, // Another context's thread: `hucur` stays.
        _ => return,
    };
    if doorbell(protocol, &entry) {
        let label = say("hart @h: doorbell for context @c, trap to the kernel", hart, entry.slot - 1);
        steps.must(label, |state| state.harts[hart as usize].mode = to);
    }
}

/// Starts a handler, plain or in a guest's place.
fn activate(protocol: &Protocol, steps: &mut Steps, hart: u8, kind: u8) {
    let state = steps.from;
    let context = state.harts[hart as usize].slot - 1;
    let thread = protocol.thread_of(context);
    let plain = kind == activity::PLAIN;
    let label = if plain {
        say("hart @h: plain UVEI, the handler of thread @c starts", hart, thread)
    } else {
        say("hart @h: HCS, the handler of thread @c starts in the guest's place", hart, thread)
    };
    if state.threads[thread as usize].activity != activity::NONE {
        return steps.breaks(Verdict::Twice, label);
    }
    if change::moved_away(protocol, &state, context) {
        return steps.breaks(Verdict::Stale, label);
    }
    steps.must(label, |state| {
        state.threads[thread as usize].activity = kind;
        state.threads[thread as usize].at = at::UTOPVEI;
        let entry = &mut state.harts[hart as usize];
        entry.thread = thread;
        if !plain {
            entry.mode = mode::HCS;
        }
    });
}

/// `Mutation::StaleRunning` and `LateRunning`: an interrupt to the hart, believed to run the thread. Nobody keeps it if it doesn't.
pub fn interrupt_directly(protocol: &Protocol, state: &mut State, context: u8) {
    let entry = &mut state.harts[protocol.hart_of(context) as usize];
    let runs = entry.mode == mode::OWN && entry.current == protocol.thread_of(context) + 1;
    if runs && entry.slot == 0 && entry.fill == 0 {
        entry.slot = context + 1;
    }
}
