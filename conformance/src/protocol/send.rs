//! The sender: a guest's driver, and the VEI unit at work for it (8.5, S1 to S6).

use super::memory::Store;
use super::mutation::Mutation;
use super::rules::{Protocol, Steps};
use super::scenario::ChangeKind;
use super::search::{Label, Verdict};
use super::state::{Sender, State, mode};
use super::{change, deliver};

/// Steps of a send. Those from `LOOKUP` on, but for the miss, are one instruction of the guest.
pub mod pc {
    /// Nothing under way.
    pub const IDLE: u8 = 0;
    /// The ring has its entry.
    pub const FENCE: u8 = 1;
    /// Before `csrw veisend`.
    pub const SEND: u8 = 2;
    /// The VEI unit reads the directory.
    pub const DIRECTORY: u8 = 3;
    /// It reads the map entry's first half.
    pub const DW0: u8 = 4;
    /// It reads the second half.
    pub const DW1: u8 = 5;
    /// It posts.
    pub const POST: u8 = 6;
    /// It sets ON.
    pub const NOTIFY: u8 = 7;
    /// It sets hucpend.
    pub const PEND: u8 = 8;
    /// Exception 26 went to the kernel.
    pub const MISSED: u8 = 9;
    /// `Mutation::StaleRunning`, `LateRunning`: it looks whether the thread runs.
    pub const RUNNING: u8 = 10;
}

/// Whether the hart is inside of the instruction.
pub fn inside(at: u8) -> bool {
    !matches!(at, pc::IDLE | pc::FENCE | pc::SEND | pc::MISSED)
}

/// The ring of a vector of a sender.
fn ring(sender: usize, vector: u8) -> u8 {
    2 * sender as u8 + vector
}

/// What sender `index` can do.
pub fn steps(protocol: &Protocol, steps: &mut Steps, index: usize) {
    let state = steps.from;
    let sender = state.senders[index];
    let plan = &protocol.scenario.senders[index];
    if sender.left == 0 || !change::may_send(protocol, &state, index) {
        return;
    }
    let vector = plan.vectors[plan.vectors.len() - sender.left as usize];
    let label = |text| Label { text, hart: plan.hart, context: sender.token.saturating_sub(1), number: vector };
    let go = move |to: u8| move |state: &mut State| state.senders[index].pc = to;
    let hart = state.harts[plan.hart as usize];
    let runs = hart.mode == mode::GUEST;
    // A hart that senders share is in one veisend at a time.
    let free = inside(sender.pc) || !protocol.sending(&state, plan.hart);
    match sender.pc {
        pc::IDLE if runs && free => {
            let store = Store::Ring(ring(index, vector));
            let label = label("hart @h, driver: stores an entry in the ring of vector @v; fence");
            if protocol.lacks(Mutation::NoDriverFence) {
                let label = Label { text: "hart @h, driver: stores an entry in the ring of vector @v", ..label };
                return steps.issue(label, store, go(pc::FENCE));
            }
            steps.fenced(protocol, label, store, |state, by| state.senders[index].pc += by);
        }
        pc::FENCE if runs && free && protocol.lacks(Mutation::NoDriverFence) => {
            steps.must(label("hart @h, driver: goes on without a fence"), go(pc::SEND));
        }
        pc::FENCE if runs && free => steps.fence(plan.hart, go(pc::SEND)),
        pc::SEND if runs && free => begin(protocol, steps, index, label),
        pc::DIRECTORY..=pc::DW1 => lookup(protocol, steps, index, label),
        // The kernel's slow path waits until the map is whole again, and the guest sends once more.
        pc::MISSED if change::mapped(protocol, &state) => {
            steps.must(label("hart @h, kernel: the map has an entry again, the guest repeats veisend"), go(pc::SEND));
        }
        pc::POST | pc::NOTIFY | pc::PEND | pc::RUNNING => post(protocol, steps, index, label),
        _ => {}
    }
}

fn begin(protocol: &Protocol, steps: &mut Steps, index: usize, label: impl Fn(&'static str) -> Label) {
    let plan = &protocol.scenario.senders[index];
    let cached = steps.from.harts[plan.hart as usize].cache;
    if !protocol.scenario.has_map() {
        // Nothing to look up: what the instruction does first is its first step.
        let first = if protocol.lacks(Mutation::StaleRunning) { pc::RUNNING } else { pc::POST };
        let before = steps.from.senders[index];
        steps.from.senders[index] = Sender { pc: first, token: plan.target + 1, ..before };
        post(protocol, steps, index, |text| Label { context: plan.target, ..label(text) });
        steps.from.senders[index] = before;
    } else if cached != 0 {
        steps.must(label("hart @h, guest: veisend for vector @v; its map entry is cached"), |state| {
            state.senders[index] = Sender { pc: pc::POST, token: cached, ..state.senders[index] };
        });
    } else {
        let go = |state: &mut State| state.senders[index].pc = pc::DIRECTORY;
        steps.must(label("hart @h, guest: veisend for vector @v; its map entry is not cached"), go);
    }
}

/// S2 and S3: directory, map entry, miss.
fn lookup(protocol: &Protocol, steps: &mut Steps, index: usize, label: impl Fn(&'static str) -> Label) {
    let state = steps.from;
    let sender = state.senders[index];
    let plan = &protocol.scenario.senders[index];
    let miss = |state: &mut State| state.senders[index] = Sender { pc: pc::MISSED, token: 0, ..state.senders[index] };
    let pages = matches!(protocol.scenario.change, ChangeKind::Page | ChangeKind::Vmid);
    match sender.pc {
        pc::DIRECTORY if state.directory == 0 => {
            steps.must(label("hart @h, VEI unit: the directory has no map; exception 26"), miss);
        }
        pc::DIRECTORY => steps.must(label("hart @h, VEI unit: reads the directory"), |state| {
            state.senders[index] = Sender { pc: pc::DW0, token: state.directory, ..sender };
        }),
        pc::DW0 if pages && change::freed(protocol, &state, sender.token) => {
            steps.breaks(Verdict::FreedPage, label("hart @h, VEI unit: reads a map entry in a page that was freed"));
        }
        pc::DW0 if !pages && state.dw0 == 0 => {
            steps.must(label("hart @h, VEI unit: the map entry is not valid; exception 26"), miss);
        }
        pc::DW0 => steps.must(label("hart @h, VEI unit: reads the first half of the map entry"), |state| {
            let token = if pages { sender.token } else { state.dw0 };
            state.senders[index] = Sender { pc: pc::DW1, token, ..sender };
        }),
        _ => steps.must(label("hart @h, VEI unit: reads the second half of the map entry"), |state| {
            let second = if pages { sender.token } else { state.dw1 };
            let token = if second == sender.token { second } else { 3 };
            state.senders[index] = Sender { pc: pc::POST, token, ..sender };
            state.harts[plan.hart as usize].cache = token;
        }),
    }
}

/// S5: post, then notify.
fn post(protocol: &Protocol, steps: &mut Steps, index: usize, label: impl Fn(&'static str) -> Label) {
    let state = steps.from;
    let sender = state.senders[index];
    if let Some(verdict) = misdirected(protocol, &state, index) {
        return steps.breaks(verdict, label("hart @h, VEI unit: posts vector @v to context @c"));
    }
    let target = sender.token - 1;
    let notify_first = protocol.lacks(Mutation::NotifyFirst);
    let by_running = protocol.lacks(Mutation::StaleRunning) || protocol.lacks(Mutation::LateRunning);
    match sender.pc {
        pc::RUNNING => look_at_running(protocol, steps, index, label),
        pc::POST if notify_first && sender.notify == 0 => notify(steps, index, label, pc::NOTIFY),
        pc::NOTIFY if notify_first => send_post(protocol, steps, index, label, pc::PEND),
        pc::POST if protocol.lacks(Mutation::LateRunning) => send_post(protocol, steps, index, label, pc::RUNNING),
        pc::POST => send_post(protocol, steps, index, label, pc::NOTIFY),
        pc::NOTIFY if by_running && sender.notify == 1 => {
            steps.must(
                label("hart @h, VEI unit: the bit said that the thread runs: it interrupts its hart"),
                |state| {
                    deliver::interrupt_directly(protocol, state, target);
                    over(state, index);
                },
            );
        }
        pc::NOTIFY => notify(steps, index, label, pc::PEND),
        pc::PEND if sender.notify == 1 => {
            steps.must(label("hart @h, VEI unit: hucpend := hucpend | 1 << @c at the target"), |state| {
                state.harts[protocol.hart_of(target) as usize].pending |= 1 << target;
                over(state, index);
            });
        }
        _ => steps.must(label("hart @h, guest: veisend is over"), |state| over(state, index)),
    }
}

fn over(state: &mut State, index: usize) {
    let left = state.senders[index].left - 1;
    state.senders[index] = Sender { left, ..Sender::default() };
}

fn send_post(protocol: &Protocol, steps: &mut Steps, index: usize, label: impl Fn(&'static str) -> Label, next: u8) {
    let (target, number) = (steps.from.senders[index].token - 1, label("").number);
    let go = |state: &mut State| state.senders[index].pc = next;
    if protocol.lacks(Mutation::RelaxedSend) {
        let label = label("hart @h, VEI unit: PIR(@c) |= 1 << @v, relaxed");
        return steps.issue(label, Store::Post(target, number), go);
    }
    steps.must(label("hart @h, VEI unit: PIR(@c) |= 1 << @v"), |state| {
        state.contexts[target as usize].pir |= 1 << number;
        go(state);
    });
}

fn notify(steps: &mut Steps, index: usize, label: impl Fn(&'static str) -> Label, next: u8) {
    let target = steps.from.senders[index].token as usize - 1;
    let old = steps.from.contexts[target];
    let text = match (old.on, old.sn) {
        (0, 0) => "hart @h, VEI unit: sets ON(@c); it was 0, and so was SN: a notification is due",
        (0, _) => "hart @h, VEI unit: sets ON(@c); SN is set: no notification",
        (_, 0) => "hart @h, VEI unit: sets ON(@c), which is set already: no notification",
        (_, _) => "hart @h, VEI unit: sets ON(@c), which is set already, and SN is set: no notification",
    };
    steps.must(label(text), |state| {
        state.contexts[target].on = 1;
        let due = (old.on, old.sn) == (0, 0);
        state.senders[index].notify = u8::from(due);
        state.senders[index].pc = next;
        if next == pc::PEND && !due {
            over(state, index);
        }
    });
}

/// The known failure class: a bit that says whether the thread runs is read, and believed a moment later.
fn look_at_running(protocol: &Protocol, steps: &mut Steps, index: usize, label: impl Fn(&'static str) -> Label) {
    let target = steps.from.senders[index].token - 1;
    let thread = protocol.thread_of(target);
    let running = steps.from.harts[protocol.hart_of(target) as usize].current == thread + 1;
    let text = if running {
        "hart @h, VEI unit: reads the bit: thread @c is running"
    } else {
        "hart @h, VEI unit: reads the bit: thread @c is not running"
    };
    steps.must(label(text), |state| {
        state.senders[index].notify = u8::from(running);
        state.senders[index].pc = if protocol.lacks(Mutation::LateRunning) { pc::NOTIFY } else { pc::POST };
    });
}

/// Whether a post now would go where it must not.
fn misdirected(protocol: &Protocol, state: &State, index: usize) -> Option<Verdict> {
    let sender = &state.senders[index];
    if sender.pc != pc::POST {
        return None;
    }
    if sender.token > 2 {
        return Some(Verdict::WrongContext);
    }
    let target = sender.token - 1;
    match protocol.scenario.change {
        ChangeKind::None | ChangeKind::Vmid => {
            (target != protocol.scenario.senders[index].target).then_some(Verdict::WrongContext)
        }
        ChangeKind::Entry | ChangeKind::Page | ChangeKind::Move => {
            (target == 0 && change::torn_down(protocol, state)).then_some(Verdict::Stale)
        }
    }
}
