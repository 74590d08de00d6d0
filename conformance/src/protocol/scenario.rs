//! What is searched: harts, guests that send, threads that are sent to, and what changes meanwhile.

use super::state::{SENDERS, State, mode};

/// What the kernel changes while guests send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Nothing.
    None,
    /// The map entry is taken out, and used again for another context (8.5, S7).
    Entry,
    /// The map's page is replaced, and the old one freed (S7).
    Page,
    /// The VM is destroyed, and its VMID goes to another one (S7, 8.10.6).
    Vmid,
    /// The thread moves to another hart (8.10.7).
    Move,
}

/// How long a search takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// A second.
    Small,
    /// Seconds.
    Medium,
    /// A minute, or several.
    Large,
}

/// A guest that sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The hart it runs on.
    pub hart: u8,
    /// The context that it is mapped to.
    pub target: u8,
    /// The vectors it sends, in order.
    pub vectors: &'static [u8],
}

/// A scenario. Bounds, not rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// How many harts.
    pub harts: u8,
    /// The hart of each context.
    pub contexts: &'static [u8],
    /// How many of them belong to a thread from the start.
    pub threads: u8,
    /// Who sends.
    pub senders: &'static [Plan],
    /// What changes.
    pub change: ChangeKind,
    /// The hart whose kernel changes it.
    pub changer: u8,
    /// Handlers may return before `utopvei` says 0.
    pub lazy: bool,
    /// Guests are interrupted by HCS; otherwise by a doorbell (UVE=0).
    pub hcs: bool,
    /// The kernel may evict handlers (BANK=1).
    pub evict: bool,
    /// Threads turn UIE off and on.
    pub uie: bool,
    /// Threads without a context run too.
    pub foreign: bool,
    /// Threads run whenever they like; otherwise only when a claim, an eviction or a move has made them runnable.
    pub eager: bool,
    /// How long a search takes.
    pub size: Size,
}

const PLAIN: Scenario = Scenario {
    name: "",
    about: "",
    harts: 2,
    contexts: &[1],
    threads: 1,
    senders: &[],
    change: ChangeKind::None,
    changer: 0,
    lazy: false,
    hcs: true,
    evict: true,
    uie: true,
    foreign: true,
    eager: true,
    size: Size::Small,
};

const fn from(hart: u8, target: u8, vectors: &'static [u8]) -> Plan {
    Plan { hart, target, vectors }
}

/// What the scenarios of a changing map have in common: two threads with contexts on hart 1, one of which gets what the other one got.
const CHANGING: Scenario = Scenario {
    contexts: &[1, 1],
    threads: 2,
    senders: &[from(0, 0, &[0, 0])],
    changer: 1,
    uie: false,
    foreign: false,
    evict: false,
    size: Size::Medium,
    ..PLAIN
};

/// All scenarios, by name.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "one-context",
        about: "a guest on hart 0 sends three times, with two vectors, to a thread on hart 1; handlers drain",
        senders: &[from(0, 0, &[0, 1, 0])],
        ..PLAIN
    },
    Scenario {
        name: "lazy-handler",
        about: "the same with two sends, and handlers that may return early",
        senders: &[from(0, 0, &[0, 1])],
        lazy: true,
        ..PLAIN
    },
    Scenario {
        name: "doorbell-only",
        about: "HCS is off (UVE=0): a guest in the target's way is interrupted by doorbell",
        senders: &[from(0, 0, &[0, 1, 0])],
        hcs: false,
        ..PLAIN
    },
    Scenario {
        name: "two-contexts",
        about: "two threads with contexts on hart 1, two guests on hart 0 take turns to send to one each",
        contexts: &[1, 1],
        threads: 2,
        senders: &[from(0, 0, &[0]), from(0, 1, &[0])],
        uie: false,
        foreign: false,
        size: Size::Medium,
        ..PLAIN
    },
    Scenario {
        name: "each-other",
        about: "on both harts a guest sends to a thread on the other one, and is itself in that thread's way",
        contexts: &[1, 0],
        threads: 2,
        senders: &[from(0, 0, &[0]), from(1, 1, &[0])],
        uie: false,
        foreign: false,
        evict: false,
        eager: false,
        size: Size::Medium,
        ..PLAIN
    },
    Scenario {
        name: "two-senders",
        about: "guests on harts 0 and 2 send with a vector each to one thread on hart 1",
        harts: 3,
        senders: &[from(0, 0, &[0, 0]), from(2, 0, &[1, 1])],
        size: Size::Medium,
        ..PLAIN
    },
    Scenario {
        name: "map-entry",
        about: "the map entry is taken out and used again for another context, while a guest sends through it",
        change: ChangeKind::Entry,
        ..CHANGING
    },
    Scenario {
        name: "map-entry-3",
        about: "the same on three harts, with a guest on two of them",
        harts: 3,
        senders: &[from(0, 0, &[0, 0]), from(2, 0, &[1])],
        change: ChangeKind::Entry,
        changer: 2,
        eager: false,
        size: Size::Large,
        ..CHANGING
    },
    Scenario {
        name: "map-page",
        about: "the map's page is replaced by another one and freed, while a guest sends through it",
        change: ChangeKind::Page,
        ..CHANGING
    },
    Scenario {
        name: "vmid-reuse",
        about: "a VM dies while it sends; another gets its VMID, runs on the same hart and sends to another context",
        senders: &[from(0, 0, &[0, 0]), from(0, 1, &[0])],
        change: ChangeKind::Vmid,
        ..CHANGING
    },
    Scenario {
        name: "move",
        about: "the thread moves from hart 1 to hart 0 or 2 while a guest on hart 0 sends to it",
        harts: 3,
        contexts: &[1, 2],
        senders: &[from(0, 0, &[0, 0])],
        change: ChangeKind::Move,
        changer: 2,
        foreign: false,
        uie: false,
        size: Size::Medium,
        ..PLAIN
    },
    Scenario {
        name: "two-senders-large",
        about: "two guests on two harts send twice each, with both vectors; handlers may return early",
        harts: 3,
        senders: &[from(0, 0, &[0, 1]), from(2, 0, &[1, 0])],
        lazy: true,
        size: Size::Large,
        ..PLAIN
    },
    Scenario {
        name: "two-contexts-large",
        about: "two contexts on hart 1, guests on harts 0 and 2, UIE off and on, foreign threads, eviction",
        harts: 3,
        contexts: &[1, 1],
        threads: 2,
        senders: &[from(0, 0, &[0, 0]), from(2, 1, &[0])],
        size: Size::Large,
        ..PLAIN
    },
    Scenario {
        name: "each-other-large",
        about: "two harts send to each other, with eviction; threads run whenever they like",
        contexts: &[1, 0],
        threads: 2,
        senders: &[from(0, 0, &[0]), from(1, 1, &[0])],
        uie: false,
        foreign: false,
        size: Size::Large,
        ..PLAIN
    },
    Scenario {
        name: "move-large",
        about: "the thread moves from hart 1 to hart 2 while guests on harts 0 and 2 send to it; UIE, foreign threads",
        harts: 3,
        contexts: &[1, 2],
        senders: &[from(0, 0, &[0, 0]), from(2, 0, &[1])],
        change: ChangeKind::Move,
        changer: 2,
        size: Size::Large,
        ..PLAIN
    },
    Scenario {
        name: "map-entry-large",
        about: "the map entry is taken out and used again, with eviction and UIE at the targets",
        harts: 3,
        senders: &[from(0, 0, &[0, 0]), from(2, 0, &[1])],
        change: ChangeKind::Entry,
        changer: 2,
        size: Size::Large,
        uie: true,
        evict: true,
        ..CHANGING
    },
];

impl Scenario {
    /// The scenario of this name.
    pub fn named(name: &str) -> Option<&'static Scenario> {
        SCENARIOS.iter().find(|scenario| scenario.name == name)
    }

    /// Whether hart `hart` has threads with contexts. Other harts run their guests and nothing else.
    pub fn is_target(&self, hart: u8) -> bool {
        self.contexts.contains(&hart)
    }

    /// Whether sends look the map up. Where nothing changes it, the lookup is left out.
    pub fn has_map(&self) -> bool {
        self.change != ChangeKind::None
    }

    /// The states it starts in: each target hart in a guest, a foreign thread or the kernel.
    pub fn initial(&self) -> Vec<State> {
        let mut state = State { dw0: 1, dw1: 1, directory: 1, ..State::default() };
        for thread in 0..self.threads {
            state.threads[thread as usize].uie = 1;
            state.threads[thread as usize].home = thread;
        }
        if self.change == ChangeKind::Move {
            state.contexts[1].sn = 1; // Nobody's yet.
        }
        assert!(self.senders.len() <= SENDERS);
        for (sender, plan) in state.senders.iter_mut().zip(self.senders) {
            sender.left = plan.vectors.len() as u8;
        }
        let modes: &[u8] =
            if self.foreign { &[mode::GUEST, mode::FOREIGN, mode::HOST] } else { &[mode::GUEST, mode::HOST] };
        let mut states = vec![state];
        for hart in (0..self.harts).filter(|&hart| self.is_target(hart)) {
            let with = |state: State, mode| {
                let mut state = state;
                state.harts[hart as usize].mode = mode;
                state
            };
            states = states.into_iter().flat_map(|state| modes.iter().map(move |&mode| with(state, mode))).collect();
        }
        states
    }
}
