//! What the kernel changes while guests send: the map, a VMID's owner, a thread's hart (8.5 S7; 8.10, 6 and 7).

use super::memory::Store;
use super::mutation::Mutation;
use super::rules::{Protocol, Steps, say};
use super::scenario::ChangeKind;
use super::search::Label;
use super::send;
use super::state::{SENDERS, Sender, State, activity, mode};

/// A step of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// A store.
    Store(Store, &'static str),
    /// A fence.
    Fence,
    /// `hveifence` on all harts.
    FenceHarts,
    /// The VM's guests are stopped.
    Stop,
    /// From now on nothing may go the old way.
    TornDown,
    /// The new VM's guests may run.
    Start,
    /// The thread gets locked: nobody schedules it.
    Lock,
    /// The old hart is cleared of the context.
    Drain,
    /// PIR(0) is taken.
    Take,
    /// PIR(1) gets it.
    Give,
    /// The thread is runnable on the new hart.
    Unlock,
}

use Act::{Drain, Fence, FenceHarts, Give, Lock, Start, Stop, Take, TornDown, Unlock};

const INVALID: Act = Act::Store(Store::Dw0(0), "hart @h, kernel: V := 0 in the map entry");
const SECOND_HALF: Act = Act::Store(Store::Dw1, "hart @h, kernel: new second half of the map entry");
const FIRST_HALF: Act = Act::Store(Store::Dw0(2), "hart @h, kernel: new first half of the map entry, V := 1");
const NO_MAP: Act = Act::Store(Store::Directory(0), "hart @h, kernel: V := 0 in the directory");
const NEW_MAP: Act = Act::Store(Store::Directory(2), "hart @h, kernel: the directory names the new map");
const SUPPRESS: Act = Act::Store(Store::Suppress(0), "hart @h, kernel: SN(0) := 1");

/// The phases of a move. What is signalled no longer starts anything,
const SILENCE: &[Act] = &[SUPPRESS, Fence];
/// nobody finds the old context,
const UNMAP: &[Act] = &[INVALID, Fence, FenceHarts, Drain, TornDown];
/// the new one gets what the old one was sent,
const HAND_OVER: &[Act] = &[Take, Give];
/// and everybody finds that.
const REMAP: &[Act] = &[SECOND_HALF, Fence, FIRST_HALF, Fence];

const MOVE: [Act; 15] = join(&[&[Lock], SILENCE, UNMAP, HAND_OVER, REMAP, &[Unlock]]);
const MOVE_COPIES_EARLY: [Act; 15] = join(&[&[Lock], SILENCE, HAND_OVER, UNMAP, REMAP, &[Unlock]]);
const MOVE_NO_SN: [Act; 13] = join(&[&[Lock], UNMAP, HAND_OVER, REMAP, &[Unlock]]);
const MOVE_IN_PLACE: [Act; 12] =
    join(&[&[Lock], SILENCE, &[FIRST_HALF, SECOND_HALF, Fence, FenceHarts, Drain, TornDown], HAND_OVER, &[Unlock]]);

/// Phases one behind the other, `N` steps in all.
const fn join<const N: usize>(phases: &[&[Act]]) -> [Act; N] {
    let mut acts = [Fence; N];
    let (mut count, mut phase) = (0, 0);
    while phase < phases.len() {
        let mut step = 0;
        while step < phases[phase].len() {
            acts[count] = phases[phase][step];
            (count, step) = (count + 1, step + 1);
        }
        phase += 1;
    }
    assert!(count == N);
    acts
}

/// The change as a list of steps, as specified or as the mutation has it.
fn acts(protocol: &Protocol) -> &'static [Act] {
    match (protocol.scenario.change, protocol.mutation) {
        (ChangeKind::None, _) => &[],
        (ChangeKind::Entry, Some(Mutation::NoMapFence)) => {
            &[INVALID, FenceHarts, TornDown, SECOND_HALF, Fence, FIRST_HALF, Fence]
        }
        (ChangeKind::Entry, _) => &[INVALID, Fence, FenceHarts, TornDown, SECOND_HALF, Fence, FIRST_HALF, Fence],
        (ChangeKind::Page, Some(Mutation::FreedEarly)) => &[NO_MAP, Fence, TornDown, FenceHarts, NEW_MAP, Fence],
        (ChangeKind::Page, _) => &[NO_MAP, Fence, FenceHarts, TornDown, NEW_MAP, Fence],
        (ChangeKind::Vmid, Some(Mutation::VmidBeforeFence)) => {
            &[Stop, NO_MAP, Fence, NEW_MAP, Fence, Start, FenceHarts, TornDown]
        }
        (ChangeKind::Vmid, _) => &[Stop, NO_MAP, Fence, FenceHarts, TornDown, NEW_MAP, Fence, Start],
        (ChangeKind::Move, Some(Mutation::MoveInPlace)) => &MOVE_IN_PLACE,
        (ChangeKind::Move, Some(Mutation::MoveCopiesEarly)) => &MOVE_COPIES_EARLY,
        (ChangeKind::Move, Some(Mutation::MoveNoSn)) => &MOVE_NO_SN,
        (ChangeKind::Move, _) => &MOVE,
    }
}

fn passed(protocol: &Protocol, state: &State, act: Act) -> bool {
    acts(protocol)[..state.change.pc as usize].contains(&act)
}

/// The change is complete.
pub fn over(protocol: &Protocol, state: &State) -> bool {
    state.change.pc as usize == acts(protocol).len()
}

/// The old mapping is gone: nothing may use it from now on.
pub fn torn_down(protocol: &Protocol, state: &State) -> bool {
    passed(protocol, state, TornDown)
}

/// Whether a map page is free memory.
pub fn freed(protocol: &Protocol, state: &State, page: u8) -> bool {
    page == 1 && torn_down(protocol, state)
}

/// The thread lives in another context now.
pub fn moved_away(protocol: &Protocol, state: &State, context: u8) -> bool {
    protocol.scenario.change == ChangeKind::Move && context == 0 && torn_down(protocol, state)
}

/// The map in memory has a valid entry.
pub fn mapped(protocol: &Protocol, state: &State) -> bool {
    match protocol.scenario.change {
        ChangeKind::Page | ChangeKind::Vmid => state.directory != 0,
        _ => state.dw0 != 0,
    }
}

/// Whether the guest of this sender exists.
pub fn may_send(protocol: &Protocol, state: &State, sender: usize) -> bool {
    protocol.scenario.change != ChangeKind::Vmid || sender == 0 || passed(protocol, state, Start)
}

/// The next step of the change.
pub fn steps(protocol: &Protocol, steps: &mut Steps) {
    let state = steps.from;
    let hart = protocol.scenario.changer;
    let Some(&act) = acts(protocol).get(state.change.pc as usize) else { return };
    let next = |state: &mut State| state.change.pc += 1;
    let label = |text| say(text, hart, 0);
    match act {
        Act::Store(store, text) => match acts(protocol).get(state.change.pc as usize + 1) {
            Some(Fence) => steps.fenced(protocol, label(text), store, |state, by| state.change.pc += by),
            _ => steps.issue(label(text), store, next),
        },
        Fence => steps.fence(hart, next),
        FenceHarts => fence_harts(protocol, steps),
        Stop => stop(protocol, steps),
        TornDown => {
            steps.must(label("hart @h, kernel: the old mapping is torn down, its memory may be used again"), next)
        }
        Start => steps.must(label("hart @h, kernel: another VM runs with the VMID"), next),
        Lock => lock(steps, label("hart @h, kernel: locks thread 0, to move it")),
        Drain => drain(protocol, steps),
        Take => steps.must(label("hart @h, kernel: takes PIR(0)"), |state| {
            state.change.pir = std::mem::take(&mut state.contexts[0].pir);
            next(state);
        }),
        Give => steps.must(label("hart @h, kernel: PIR(1) gets what PIR(0) had"), |state| {
            state.contexts[1].pir |= std::mem::take(&mut state.change.pir);
            next(state);
        }),
        Unlock => steps.must(label("hart @h, kernel: thread 0 is runnable on its new hart"), |state| {
            state.change.moving = 0;
            state.threads[0].home = 1;
            state.threads[0].queued = 1;
            next(state);
        }),
    }
}

/// `hveifence` by IPI: each hart, between two instructions. With a `veisend` under way it comes after it.
fn fence_harts(protocol: &Protocol, steps: &mut Steps) {
    let state = steps.from;
    let all = (1 << protocol.scenario.harts) - 1;
    if state.change.acks == all {
        let label = say("hart @h, kernel: all harts have done hveifence", protocol.scenario.changer, 0);
        return steps.must(label, |state| {
            state.change.acks = 0;
            state.change.pc += 1;
        });
    }
    let waits = !protocol.lacks(Mutation::FenceDoesNotWait) && !protocol.lacks(Mutation::PageFenceDoesNotWait);
    let skips = protocol.lacks(Mutation::NoFenceOnOneHart) || protocol.lacks(Mutation::VmidNoFence);
    for hart in (0..protocol.scenario.harts).filter(|hart| state.change.acks >> hart & 1 == 0) {
        if waits && protocol.sending(&state, hart) {
            continue;
        }
        let skipped = skips && hart == 0;
        let text = if skipped { "hart @h: no hveifence here" } else { "hart @h: hveifence, its map cache is empty" };
        steps.must(say(text, hart, 0), |state| {
            state.change.acks |= 1 << hart;
            if !skipped {
                state.harts[hart as usize].cache = 0;
            }
        });
    }
}

/// The VM's guests leave their harts: between two instructions, and with their stores visible. What they were about to send is dropped.
fn stop(protocol: &Protocol, steps: &mut Steps) {
    let state = steps.from;
    let hart = protocol.scenario.senders[0].hart;
    if send::inside(state.senders[0].pc) || !state.harts[hart as usize].drained() {
        return;
    }
    steps.must(say("hart @h: the VM is stopped for ever", hart, 0), |state| {
        state.senders[0] = Sender::default();
        state.fresh &= !0b0011;
        state.change.pc += 1;
    });
}

/// The scheduler's lock of the thread: nobody is in the middle of switching to it, or of evicting its handler.
fn lock(steps: &mut Steps, label: Label) {
    let busy = |mode| matches!(mode, mode::SCHEDULE | mode::EVICT | mode::LEAVE | mode::CLAIM);
    if !steps.from.harts.iter().any(|hart| busy(hart.mode)) {
        steps.must(label, |state| {
            state.change.moving = 1;
            state.change.pc += 1;
        });
    }
}

/// By IPI on the old hart: the thread leaves the CPU, and slot and hucpend lose its context. A handler in a guest's place ends first, or is
/// evicted; so does a fill.
fn drain(protocol: &Protocol, steps: &mut Steps) {
    let state = steps.from;
    let hart = protocol.hart_of(0);
    let entry = state.harts[hart as usize];
    let reachable =
        matches!(entry.mode, mode::GUEST | mode::FOREIGN | mode::OWN | mode::HOST | mode::SYSCALL | mode::EVICTED);
    let filling = entry.fill != 0 && !protocol.lacks(Mutation::MoveIgnoresFill);
    if !reachable || filling || !protocol.between(&state, hart) || state.threads[0].activity == activity::HCS {
        return;
    }
    steps.must(
        say("hart @h, kernel: empties slot and hucpend of context 0; thread 0 is off the CPU", hart, 0),
        |state| {
            let entry = &mut state.harts[hart as usize];
            if entry.slot == 1 && !protocol.lacks(Mutation::MoveNoSlotDrain) {
                entry.slot = 0;
            }
            if !protocol.lacks(Mutation::MoveNoPendDrain) {
                entry.pending &= !1;
            }
            if matches!(entry.mode, mode::OWN | mode::SYSCALL | mode::EVICTED) {
                entry.mode = mode::HOST;
                entry.current = 0;
                entry.thread = 0;
            }
            state.change.pc += 1;
        },
    );
}

const _: () = assert!(SENDERS == 2, "`stop` and `may_send` know two guests");
