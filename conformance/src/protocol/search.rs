//! Breadth-first search through all reachable states, with shortest counterexamples and a check that everything ends well.

use super::state::{Key, State};

/// A property that a step breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Every property holds in every reachable state.
    Holds,
    /// A vector is posted and nothing will ever serve it.
    Lost,
    /// Steps go on for ever and a vector may never be served.
    Livelock,
    /// A busy context was activated again.
    Twice,
    /// A send went through a mapping, or a context was used, after its teardown was complete.
    Stale,
    /// A send reached a context of somebody else.
    WrongContext,
    /// The VEI unit read a map page that was free.
    FreedPage,
    /// The search stopped at its limit.
    Unfinished,
}

impl Verdict {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Lost => "wake-up lost",
            Verdict::Livelock => "livelock",
            Verdict::Twice => "activated twice",
            Verdict::Stale => "stale mapping",
            Verdict::WrongContext => "wrong context",
            Verdict::FreedPage => "freed page used",
            Verdict::Unfinished => "unfinished",
        }
    }
}

/// What a step does, in words: `@h`, `@c`, `@v` stand for hart, context or thread, and vector or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The words.
    pub text: &'static str,
    /// For `@h`.
    pub hart: u8,
    /// For `@c`.
    pub context: u8,
    /// For `@v`.
    pub number: u8,
}

impl Label {
    /// The words with their numbers.
    pub fn words(&self) -> String {
        let number = |value: u8| value.to_string();
        self.text
            .replace("@h", &number(self.hart))
            .replace("@c", &number(self.context))
            .replace("@v", &number(self.number))
    }
}

/// A step that is possible.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Hardware and kernel do it sooner or later; other steps are up to programs.
    pub fair: bool,
    /// What it does.
    pub label: Label,
    /// Where it leads.
    pub to: State,
    /// What it breaks.
    pub breaks: Option<Verdict>,
}

/// Something whose states can be searched.
pub trait Model {
    /// Where it may start.
    fn initial(&self) -> Vec<State>;
    /// All steps from a state.
    fn steps(&self, state: &State, out: &mut Vec<Step>);
    /// Everything sent has been served.
    fn done(&self, state: &State) -> bool;
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The verdict.
    pub verdict: Verdict,
    /// States reached.
    pub states: usize,
    /// Steps taken between them.
    pub steps: u64,
    /// The longest of all shortest ways to a state.
    pub depth: u32,
    /// The shortest way to what is wrong: each step, and the state behind it.
    pub trace: Vec<(Label, State)>,
    /// Where the trace starts.
    pub start: State,
}

const NOBODY: u32 = u32::MAX;

/// States by number, found by their contents. Open addressing: a slot holds a number, and the keys are in one array.
struct Table {
    slots: Vec<u32>,
    keys: Vec<Key>,
}

impl Table {
    fn new() -> Table {
        Table { slots: vec![NOBODY; 1 << 12], keys: Vec::new() }
    }

    fn slot(&self, key: &Key) -> usize {
        // FNV's idea on words, finished so that high bits reach the low ones.
        let mix = |hash: u64, word: &u64| (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = key.iter().fold(0, mix);
        (hash ^ hash >> 32) as usize & (self.slots.len() - 1)
    }

    /// The number of `key`, and whether it is new.
    fn insert(&mut self, key: Key) -> (u32, bool) {
        let mut at = self.slot(&key);
        loop {
            match self.slots[at] {
                NOBODY => break,
                number if self.keys[number as usize] == key => return (number, false),
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
        let number = self.keys.len() as u32;
        self.slots[at] = number;
        self.keys.push(key);
        if self.keys.len() * 3 > self.slots.len() * 2 {
            self.grow();
        }
        (number, true)
    }

    fn grow(&mut self) {
        self.slots = vec![NOBODY; self.slots.len() * 2];
        for number in 0..self.keys.len() {
            let mut at = self.slot(&self.keys[number]);
            while self.slots[at] != NOBODY {
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = number as u32;
        }
    }
}

/// A search under way.
struct Search<'a, M> {
    model: &'a M,
    table: Table,
    parents: Vec<u32>,
    /// Fair steps only, by state: `edges[ends[n - 1]..ends[n]]`.
    edges: Vec<u32>,
    ends: Vec<usize>,
    steps: u64,
    depth: u32,
}

/// Looks at every state that can be reached, up to `limit` states. `progress` hears of states, and of those not looked at, now and then.
pub fn search<M: Model>(model: &M, limit: usize, progress: &mut dyn FnMut(usize, usize)) -> Found {
    let mut search = Search {
        model,
        table: Table::new(),
        parents: Vec::new(),
        edges: Vec::new(),
        ends: Vec::new(),
        steps: 0,
        depth: 0,
    };
    for state in model.initial() {
        search.reach(state, NOBODY);
    }
    let mut next = 0;
    let mut level = search.parents.len();
    let mut out = Vec::new();
    while next < search.parents.len() {
        if next == level {
            search.depth += 1;
            level = search.parents.len();
        }
        if next % (1 << 20) == 0 && next > 0 {
            progress(search.parents.len(), search.parents.len() - next);
        }
        if let Some((verdict, last)) = search.expand(next as u32, &mut out) {
            return search.found(verdict, next as u32, last);
        }
        next += 1;
        if search.parents.len() > limit {
            return search.found(Verdict::Unfinished, NOBODY, None);
        }
    }
    match search.hopeless() {
        Some(state) => search.found(Verdict::Livelock, state, None),
        None => search.found(Verdict::Holds, NOBODY, None),
    }
}

impl<M: Model> Search<'_, M> {
    fn reach(&mut self, state: State, parent: u32) -> u32 {
        let (number, new) = self.table.insert(state.pack());
        if new {
            self.parents.push(parent);
        }
        number
    }

    fn state(&self, number: u32) -> State {
        State::unpack(&self.table.keys[number as usize])
    }

    /// Takes every step from a state; what is wrong with one of them, or with there being none.
    fn expand(&mut self, number: u32, out: &mut Vec<Step>) -> Option<(Verdict, Option<Step>)> {
        let state = self.state(number);
        out.clear();
        self.model.steps(&state, out);
        self.steps += out.len() as u64;
        for step in out.iter() {
            if let Some(verdict) = step.breaks {
                return Some((verdict, Some(*step)));
            }
            let to = self.reach(step.to, number);
            if step.fair && to != number {
                self.edges.push(to);
            }
        }
        self.ends.push(self.edges.len());
        let stuck = !out.iter().any(|step| step.fair);
        (stuck && !self.model.done(&state)).then_some((Verdict::Lost, None))
    }

    /// The first state from which no fair steps lead to the end of all work. A state outside of any such way would lie in, or lead to, a
    /// terminal strongly connected component without such an end: what this finds is exactly a livelock.
    fn hopeless(&self) -> Option<u32> {
        let count = self.parents.len();
        let mut starts = vec![0u32; count + 1];
        self.edges.iter().for_each(|&to| starts[to as usize + 1] += 1);
        (0..count).for_each(|n| starts[n + 1] += starts[n]);
        let mut fill = starts.clone();
        let mut sources = vec![0u32; self.edges.len()];
        let mut begin = 0;
        for (from, &end) in self.ends.iter().enumerate() {
            for &to in &self.edges[begin..end] {
                let place = &mut fill[to as usize];
                sources[*place as usize] = from as u32;
                *place += 1;
            }
            begin = end;
        }
        let mut hopeful: Vec<bool> = (0..count).map(|n| self.model.done(&self.state(n as u32))).collect();
        let mut todo: Vec<u32> = (0..count as u32).filter(|&n| hopeful[n as usize]).collect();
        while let Some(to) = todo.pop() {
            for &from in &sources[starts[to as usize] as usize..starts[to as usize + 1] as usize] {
                if !hopeful[from as usize] {
                    hopeful[from as usize] = true;
                    todo.push(from);
                }
            }
        }
        hopeful.iter().position(|hopeful| !hopeful).map(|n| n as u32)
    }

    fn found(&self, verdict: Verdict, end: u32, last: Option<Step>) -> Found {
        let mut path = Vec::new();
        let mut at = end;
        while at != NOBODY {
            path.push(at);
            at = self.parents[at as usize];
        }
        path.reverse();
        let mut trace: Vec<(Label, State)> =
            path.windows(2).map(|pair| self.step_between(self.state(pair[0]), self.state(pair[1]))).collect();
        trace.extend(last.map(|step| (step.label, step.to)));
        let start = path.first().map_or_else(State::default, |&first| self.state(first));
        Found { verdict, states: self.parents.len(), steps: self.steps, depth: self.depth, trace, start }
    }

    fn step_between(&self, from: State, to: State) -> (Label, State) {
        let mut out = Vec::new();
        self.model.steps(&from, &mut out);
        let step = out.iter().find(|step| step.to == to).expect("a parent has a step to its child");
        (step.label, to)
    }
}
