//! The host's kernel on a target hart: what it does for contexts (8.6, 8.7, 8.10), one memory operation at a time.

use super::deliver;
use super::memory::Store;
use super::mutation::Mutation;
use super::rules::{Protocol, Steps, say};
use super::state::{State, activity, at, mode};

/// What the kernel can do at `hart`, and what programs there can ask of it.
pub fn steps(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let entry = steps.from.harts[hart as usize];
    let wanted = protocol.owes(&steps.from, hart, Some(entry.thread));
    let for_guest = protocol.wants_guest(&steps.from, hart);
    let interrupt = |steps: &mut Steps, fair, thread| {
        let label = say("hart @h: an interrupt takes it to the kernel", hart, thread);
        steps.step(fair, label, |state| state.harts[hart as usize].mode = mode::HOST);
    };
    match entry.mode {
        mode::GUEST => interrupt(steps, protocol.owes(&steps.from, hart, None), 0),
        mode::FOREIGN => interrupt(steps, for_guest || protocol.owes(&steps.from, hart, None), 0),
        mode::OWN => {
            user_thread(protocol, steps, hart);
            let label = say("hart @h, thread @c: a system call or an interrupt", hart, entry.thread);
            steps.step(wanted || for_guest, label, |state| state.harts[hart as usize].mode = mode::SYSCALL);
        }
        mode::HCS => may_evict(protocol, steps, hart),
        mode::HOST => host(protocol, steps, hart),
        mode::SYSCALL => system_call(protocol, steps, hart, wanted || for_guest),
        mode::EVICTED => interrupt(steps, wanted, entry.thread),
        mode::CLAIM => claim(protocol, steps, hart),
        mode::SCHEDULE => schedule(protocol, steps, hart),
        mode::EVICT => evict(protocol, steps, hart),
        mode::LEAVE => leave(protocol, steps, hart),
        _ => {}
    }
}

fn enter(state: &mut State, hart: u8, mode: u8, thread: u8) {
    let entry = &mut state.harts[hart as usize];
    entry.mode = mode;
    entry.pc = 0;
    entry.thread = thread;
}

/// A thread masks its interrupts, and lets them in again.
fn user_thread(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let index = steps.from.harts[hart as usize].thread;
    let thread = steps.from.threads[index as usize];
    if !protocol.scenario.uie || thread.activity != activity::NONE {
        return;
    }
    let toggle = |state: &mut State| state.threads[index as usize].uie ^= 1;
    if thread.uie == 1 {
        steps.may(say("hart @h, thread @c: UIE := 0", hart, index), toggle);
    } else {
        steps.must(say("hart @h, thread @c: UIE := 1", hart, index), toggle);
    }
}

fn may_evict(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let thread = steps.from.harts[hart as usize].thread;
    let interruptible = matches!(steps.from.threads[thread as usize].at, at::UTOPVEI | at::SERVE | at::URET);
    if protocol.scenario.evict && interruptible {
        let label = say("hart @h, kernel: the budget of thread @c's handler is over", hart, thread);
        steps.may(label, |state| enter(state, hart, mode::EVICT, thread));
    }
}

/// The kernel's main loop: answer doorbells, run what is owed the CPU, or anything else.
fn host(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let state = steps.from;
    let entry = state.harts[hart as usize];
    if deliver::doorbell(protocol, &entry) {
        begin_claim(protocol, steps, hart);
    }
    for thread in protocol.threads_at(&state, hart) {
        let about = state.threads[thread as usize];
        let beside = protocol.lacks(Mutation::ThreadBesideHandler);
        if state.change.moving == 1 && thread == 0 {
            continue; // Its lock is held.
        }
        if about.activity == activity::EVICTED {
            let label = say("hart @h, kernel: runs the evicted handler of thread @c", hart, thread);
            steps.must(label, |state| enter(state, hart, mode::EVICTED, thread));
        }
        if about.activity != activity::EVICTED || beside {
            let label = say("hart @h, kernel: begins to switch to thread @c", hart, thread);
            if about.queued == 1 || protocol.scenario.eager {
                steps.step(about.queued == 1, label, |state| enter(state, hart, mode::SCHEDULE, thread));
            }
        }
    }
    let label = say("hart @h, kernel: runs a guest", hart, 0);
    steps.step(protocol.wants_guest(&state, hart), label, |state| enter(state, hart, mode::GUEST, 0));
    if protocol.scenario.foreign {
        steps.may(say("hart @h, kernel: runs a foreign thread", hart, 0), |state| enter(state, hart, mode::FOREIGN, 0));
    }
}

/// In a system call of a context's thread: a doorbell, the way back, sleep.
fn system_call(protocol: &Protocol, steps: &mut Steps, hart: u8, wanted: bool) {
    let state = steps.from;
    let entry = state.harts[hart as usize];
    let index = entry.thread;
    if deliver::doorbell(protocol, &entry) {
        begin_claim(protocol, steps, hart);
    }
    let claimed = state.threads[index as usize].queued == 1;
    let moving = state.change.moving == 1 && index == 0;
    if claimed && !protocol.lacks(Mutation::ReturnIgnoresClaim) {
        if !moving {
            let label = say("hart @h, kernel: thread @c was claimed, switches to it anew", hart, index);
            steps.must(label, |state| enter(state, hart, mode::SCHEDULE, index));
        }
    } else {
        let label = say("hart @h, kernel: returns to thread @c", hart, index);
        steps.must(label, |state| enter(state, hart, mode::OWN, index));
    }
    let label = say("hart @h, kernel: thread @c sleeps or is preempted", hart, index);
    steps.step(wanted, label, |state| enter(state, hart, mode::LEAVE, index));
}

fn begin_claim(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let context = steps.from.harts[hart as usize].slot - 1;
    let thread = protocol.thread_of(context);
    let label = say("hart @h, kernel: takes the doorbell of context @c", hart, context);
    steps.must(label, |state| enter(state, hart, mode::CLAIM, thread));
}

/// 8.6, handling SVDB: SN := 1; hvslot := 0; mark the thread runnable.
fn claim(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let entry = steps.from.harts[hart as usize];
    let slot_first = protocol.lacks(Mutation::SlotBeforeSn);
    let by = move |state: &mut State, by: u8| state.harts[hart as usize].pc += by;
    let next = move |state: &mut State| by(state, 1);
    let context = if entry.slot != 0 { entry.slot - 1 } else { steps.from.threads[entry.thread as usize].home };
    let suppress = say("hart @h, kernel: SN(@c) := 1 for a claim", hart, context);
    match entry.pc {
        0 if protocol.lacks(Mutation::NoSnAtClaim) => {
            steps.must(say("hart @h, kernel: leaves SN(@c)", hart, context), move |state| {
                state.harts[hart as usize].pc = 2;
            });
        }
        0 if slot_first => {
            let label = say("hart @h, kernel: hvslot := 0 (context @c)", hart, context);
            steps.must(label, |state| {
                state.harts[hart as usize].slot = 0;
                next(state);
            });
        }
        1 if slot_first => steps.issue(suppress, Store::Suppress(context), next),
        0 if protocol.lacks(Mutation::NoClaimFence) => steps.issue(suppress, Store::Suppress(context), next),
        0 => steps.fenced(protocol, suppress, Store::Suppress(context), by),
        1 if protocol.lacks(Mutation::NoClaimFence) => {
            steps.must(say("hart @h, kernel: goes on without a fence", hart, 0), next);
        }
        1 => steps.fence(hart, next),
        _ => {
            let label = say("hart @h, kernel: hvslot := 0, thread @c is runnable", hart, entry.thread);
            steps.must(label, |state| {
                state.harts[hart as usize].slot = 0;
                state.threads[entry.thread as usize].queued = 1;
                match entry.current {
                    0 => enter(state, hart, mode::HOST, 0),
                    current => enter(state, hart, mode::SYSCALL, current - 1),
                }
            });
        }
    }
}

/// The steps of a switch to a thread, in the order in which they are done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Switch {
    Release,
    ClearOn,
    ClearSn,
    Fence,
    Name,
    Reevaluate,
}

/// 8.6, switching to a thread: SN := ON := 0 in one AMO; fence; hucur := {1, idx}, which looks at the PIR.
fn schedule(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let order: &[Switch] = match protocol.mutation {
        Some(Mutation::NoScheduleFence) => &[Switch::Release, Switch::Name, Switch::Reevaluate],
        Some(Mutation::ReevaluateFirst) => &[Switch::Name, Switch::Reevaluate, Switch::Release, Switch::Fence],
        Some(Mutation::OnStays) => &[Switch::ClearSn, Switch::Fence, Switch::Name, Switch::Reevaluate],
        Some(Mutation::NoReevaluation) => &[Switch::Release, Switch::Fence, Switch::Name],
        Some(Mutation::SnThenOn) => {
            &[Switch::ClearSn, Switch::ClearOn, Switch::Fence, Switch::Name, Switch::Reevaluate]
        }
        Some(Mutation::OnThenSn) => {
            &[Switch::ClearOn, Switch::ClearSn, Switch::Fence, Switch::Name, Switch::Reevaluate]
        }
        _ => &[Switch::Release, Switch::Fence, Switch::Name, Switch::Reevaluate],
    };
    let entry = steps.from.harts[hart as usize];
    let thread = entry.thread;
    let context = steps.from.threads[thread as usize].home;
    let by = move |state: &mut State, by: u8| {
        state.threads[thread as usize].queued = 0;
        if entry.pc + by == order.len() as u8 {
            enter(state, hart, mode::OWN, thread);
        } else {
            state.harts[hart as usize].pc += by;
        }
    };
    let next = move |state: &mut State| by(state, 1);
    let mut amo = |text, store| {
        let label = say(text, hart, context);
        match order.get(entry.pc as usize + 1) {
            Some(Switch::Fence) => steps.fenced(protocol, label, store, by),
            _ => steps.issue(label, store, next),
        }
    };
    match order[entry.pc as usize] {
        Switch::Release => amo("hart @h, kernel: SN(@c) := ON(@c) := 0", Store::Release(context)),
        Switch::ClearOn => amo("hart @h, kernel: ON(@c) := 0", Store::ClearOn(context)),
        Switch::ClearSn => amo("hart @h, kernel: SN(@c) := 0", Store::ClearSn(context)),
        Switch::Fence => steps.fence(hart, next),
        Switch::Name => steps.must(say("hart @h, kernel: hucur := thread @c", hart, thread), |state| {
            state.harts[hart as usize].current = thread + 1;
            next(state);
        }),
        Switch::Reevaluate => reevaluate(steps, hart, context, next),
    }
}

/// What a write to `hucur` does besides: PIR not 0 sets the context's hucpend bit.
fn reevaluate(steps: &mut Steps, hart: u8, context: u8, next: impl FnOnce(&mut State)) {
    let posted = steps.from.contexts[context as usize].pir != 0;
    let text =
        if posted { "hart @h, hucur: PIR(@c) has a vector, hucpend is set" } else { "hart @h, hucur: PIR(@c) is 0" };
    steps.must(say(text, hart, context), |state| {
        state.harts[hart as usize].pending |= u8::from(posted) << context;
        next(state);
    });
}

/// 8.7, evict: SN := 1; the handler becomes an activity; HCSA := 0; hvslot := 0; the guest goes on.
fn evict(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let entry = steps.from.harts[hart as usize];
    let context = entry.slot - 1;
    let by = move |state: &mut State, by: u8| state.harts[hart as usize].pc += by;
    let next = move |state: &mut State| by(state, 1);
    match entry.pc {
        0 if protocol.lacks(Mutation::EvictForgetsSn) => {
            steps.must(say("hart @h, kernel: leaves SN(@c)", hart, context), next);
        }
        0 if protocol.lacks(Mutation::NoEvictFence) => {
            steps.issue(say("hart @h, kernel: SN(@c) := 1", hart, context), Store::Suppress(context), next);
        }
        0 => steps.fenced(
            protocol,
            say("hart @h, kernel: SN(@c) := 1; fence", hart, context),
            Store::Suppress(context),
            by,
        ),
        1 if protocol.lacks(Mutation::NoEvictFence) => {
            steps.must(say("hart @h, kernel: goes on without a fence", hart, 0), next);
        }
        1 => steps.fence(hart, next),
        _ => {
            let label = say(
                "hart @h, kernel: evicts the handler of thread @c, hvslot := 0; the guest goes on",
                hart,
                entry.thread,
            );
            steps.must(label, |state| {
                state.threads[entry.thread as usize].activity = activity::EVICTED;
                state.harts[hart as usize].slot = 0;
                enter(state, hart, mode::GUEST, 0);
            });
        }
    }
}

/// Switching away from a thread. One that is in its handler, or has UIE=0, must not be entered by HCS: it is suppressed like a claimed one,
/// and the slot is taken back from its context, once no fill is under way.
fn leave(protocol: &Protocol, steps: &mut Steps, hart: u8) {
    let state = steps.from;
    let entry = state.harts[hart as usize];
    let thread = state.threads[entry.thread as usize];
    let busy = thread.activity == activity::PLAIN || thread.uie == 0;
    let by = move |state: &mut State, by: u8| state.harts[hart as usize].pc += by;
    let next = move |state: &mut State| by(state, 1);
    if !busy || protocol.lacks(Mutation::LeaveUnsuppressed) {
        let label = say("hart @h, kernel: hucur := 0, thread @c is off the CPU", hart, entry.thread);
        return steps.must(label, |state| off(state, hart, busy));
    }
    match entry.pc {
        0 => {
            let label = say("hart @h, kernel: SN(@c) := 1; fence", hart, thread.home);
            steps.fenced(protocol, label, Store::Suppress(thread.home), by);
        }
        1 => steps.fence(hart, next),
        _ if entry.fill != 0 && !protocol.lacks(Mutation::LeaveIgnoresFill) => {} // The CSR access waits.
        _ => {
            let label =
                say("hart @h, kernel: takes the slot back, hucur := 0, thread @c is off the CPU", hart, entry.thread);
            steps.must(label, |state| {
                let slot = &mut state.harts[hart as usize].slot;
                if *slot == thread.home + 1 && !protocol.lacks(Mutation::LeaveSlotStays) {
                    *slot = 0;
                }
                off(state, hart, true);
            });
        }
    }
}

fn off(state: &mut State, hart: u8, queued: bool) {
    let entry = &mut state.harts[hart as usize];
    entry.current = 0;
    let thread = entry.thread;
    state.threads[thread as usize].queued |= u8::from(queued);
    enter(state, hart, mode::HOST, 0);
}
