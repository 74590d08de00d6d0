//! The protocol as a model: who may take a step, in what order the files of this folder are asked, and what all of them ask themselves.

use super::memory::Store;
use super::mutation::Mutation;
use super::scenario::{ChangeKind, Scenario};
use super::search::{Label, Model, Step, Verdict};
use super::state::{State, activity, at, mode};
use super::{change, deliver, fill, handler, kernel, send};

/// A scenario, and perhaps a rule that is switched off.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// The scenario.
    pub scenario: &'static Scenario,
    /// What is wrong on purpose.
    pub mutation: Option<Mutation>,
    /// A store and the fence behind it are three steps (store, visible, fence) and not one.
    pub stepwise: bool,
}

/// Steps from one state, as they are found.
pub struct Steps<'a> {
    /// The state.
    pub from: State,
    list: &'a mut Vec<Step>,
}

/// Words for a step of `hart`, about context or thread `context`.
pub fn say(text: &'static str, hart: u8, context: u8) -> Label {
    Label { text, hart, context, number: 0 }
}

impl Steps<'_> {
    /// Hardware or the kernel does this sooner or later.
    pub fn must(&mut self, label: Label, change: impl FnOnce(&mut State)) {
        self.step(true, label, change);
    }

    /// Somebody may do this, or never.
    pub fn may(&mut self, label: Label, change: impl FnOnce(&mut State)) {
        self.step(false, label, change);
    }

    /// One or the other.
    pub fn step(&mut self, fair: bool, label: Label, change: impl FnOnce(&mut State)) {
        let mut to = self.from;
        change(&mut to);
        self.list.push(Step { fair, label, to, breaks: None });
    }

    /// What is done here breaks a property.
    pub fn breaks(&mut self, verdict: Verdict, label: Label) {
        self.list.push(Step { fair: true, label, to: self.from, breaks: Some(verdict) });
    }

    /// A store with a fence right behind it: `next` goes on by so many steps of the program. Neither the store's own step nor the fence's can
    /// be told apart by others from its becoming visible, so all three are one step unless the search is `stepwise`.
    pub fn fenced(&mut self, protocol: &Protocol, label: Label, store: Store, next: impl Fn(&mut State, u8)) {
        if protocol.stepwise {
            self.issue(label, store, |state| next(state, 1));
        } else if self.from.harts[label.hart as usize].drained() {
            self.must(label, |state| {
                store.perform(state);
                next(state, 2);
            });
        }
    }

    /// Puts a store on its way, if there is room, and goes on.
    pub fn issue(&mut self, label: Label, store: Store, change: impl FnOnce(&mut State)) {
        if self.from.harts[label.hart as usize].accepts(store) {
            self.must(label, |state| {
                state.harts[label.hart as usize].issue(store);
                change(state);
            });
        }
    }

    /// A fence: goes on when all stores of the hart are visible.
    pub fn fence(&mut self, hart: u8, change: impl FnOnce(&mut State)) {
        if self.from.harts[hart as usize].drained() {
            self.must(say("hart @h: fence, all its stores are visible", hart, 0), change);
        }
    }
}

impl Protocol {
    /// Whether this rule is switched off.
    pub fn lacks(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// The hart that delivers a context.
    pub fn hart_of(&self, context: u8) -> u8 {
        self.scenario.contexts[context as usize]
    }

    /// The thread of a context. In a move both contexts are the one thread's.
    pub fn thread_of(&self, context: u8) -> u8 {
        if self.scenario.change == ChangeKind::Move { 0 } else { context }
    }

    /// Threads whose context is on this hart now.
    pub fn threads_at(&self, state: &State, hart: u8) -> impl Iterator<Item = u8> {
        let homes = state.threads.map(|thread| thread.home);
        let here = move |&thread: &u8| self.hart_of(homes[thread as usize]) == hart;
        (0..self.scenario.threads).filter(here)
    }

    /// The VEI unit works for a guest of this hart: the hart is inside of its `csrw veisend`.
    pub fn sending(&self, state: &State, hart: u8) -> bool {
        let here = |&(plan, _): &(&super::scenario::Plan, _)| plan.hart == hart;
        let mut senders = self.scenario.senders.iter().zip(&state.senders).filter(here);
        senders.any(|(_, sender)| send::inside(sender.pc))
    }

    /// A guest on this hart has something left to send.
    pub fn wants_guest(&self, state: &State, hart: u8) -> bool {
        let mut senders = self.scenario.senders.iter().zip(&state.senders);
        senders.any(|(plan, sender)| plan.hart == hart && (sender.left > 0 || sender.pc > 0))
    }

    /// The kernel owes the CPU of this hart to a thread other than `running`: its timer sees to it.
    pub fn owes(&self, state: &State, hart: u8, running: Option<u8>) -> bool {
        self.threads_at(state, hart).any(|thread| {
            let entry = &state.threads[thread as usize];
            let waits = entry.queued == 1 || entry.activity == activity::EVICTED;
            waits && Some(thread) != running && !(state.change.moving == 1 && thread == 0)
        })
    }

    /// Whether the hart can be interrupted in what it does: it is between two instructions.
    pub fn between(&self, state: &State, hart: u8) -> bool {
        let entry = &state.harts[hart as usize];
        let thread = &state.threads[entry.thread as usize];
        let hardware = matches!(thread.at, at::EMPTY_THEN_SERVE | at::EMPTY_THEN_URET | at::RECHECK);
        let in_handler = match entry.mode {
            mode::OWN => thread.activity == activity::PLAIN,
            mode::HCS | mode::EVICTED => true,
            _ => false,
        };
        let inside = in_handler && hardware || self.sending(state, hart);
        !inside
    }
}

impl Model for Protocol {
    fn initial(&self) -> Vec<State> {
        self.scenario.initial()
    }

    fn steps(&self, state: &State, out: &mut Vec<Step>) {
        let mut steps = Steps { from: *state, list: out };
        for hart in 0..self.scenario.harts {
            for store in state.harts[hart as usize].stores() {
                let (text, context, number) = store.words();
                steps.must(Label { text, hart, context, number }, |state| {
                    state.harts[hart as usize].retire(store);
                    store.perform(state);
                });
            }
        }
        for sender in 0..self.scenario.senders.len() {
            send::steps(self, &mut steps, sender);
        }
        for hart in (0..self.scenario.harts).filter(|&hart| self.scenario.is_target(hart)) {
            fill::steps(self, &mut steps, hart);
            if self.between(state, hart) {
                deliver::steps(self, &mut steps, hart);
                kernel::steps(self, &mut steps, hart);
            }
            handler::steps(self, &mut steps, hart);
        }
        change::steps(self, &mut steps);
    }

    fn done(&self, state: &State) -> bool {
        let sent = state.senders.iter().all(|sender| sender.left == 0 && sender.pc == 0);
        let served = state.fresh == 0 && state.contexts.iter().all(|context| context.pir == 0);
        sent && served && change::over(self, state)
    }
}
