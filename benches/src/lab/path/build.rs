//! From the steps of a record to those of a path.
//!
//! Each hart's time is cut wherever something passes between two who work: traps and returns, interrupts sent, what hardware did, and the moments
//! at which one sees what another has written. What lies between is work. The order is that in which the machine executed the steps, so a cause
//! comes before what it causes, although clocks of harts may differ by a turn.

use std::collections::BTreeMap;

use rv_hart::Mode;
use rv_hart::cost::Costs;

use super::label::{self, WFI};
use super::programs::{Programs, RETURNS, Role};
use super::record::{Half, Rare, Seen, Trapped};
use super::request::Request;
use super::sequence::{Lane, Part, Step, Timed, What};

/// What a page leaves of an address.
const OFFSET: u64 = 0xfff;
/// Functions that are named, at most, and the share of the work's instructions that makes one worth it.
const FUNCTIONS_MAX: usize = 3;
const SHARE_MIN: u64 = 12;

/// Work that goes on.
struct Open {
    lane: usize,
    from: u64,
    to: u64,
    insns: u64,
    /// In the order in which they came.
    functions: Vec<Part>,
}

/// What is made.
pub struct Built {
    /// Who takes part.
    pub lanes: Vec<Lane>,
    /// What happens.
    pub steps: Vec<Timed>,
}

/// A record, and who made its steps.
pub struct Record<'a> {
    /// The steps.
    pub seen: &'a [Seen],
    /// The program of each.
    pub owners: &'a [usize],
    /// The programs.
    pub programs: &'a Programs,
    /// What events cost.
    pub costs: Costs,
    /// Harts of the machine.
    pub harts: usize,
}

struct Builder<'a> {
    record: &'a Record<'a>,
    request: Request,
    zero: u64,
    after: bool,
    lanes: Vec<Lane>,
    steps: Vec<Timed>,
    open: Vec<Option<Open>>,
    /// The lane that waits on each hart.
    waiting: Vec<Option<usize>>,
    hvip: Vec<u64>,
    /// The available ring's new index was seen, and by whom the used ring's was written.
    taken: bool,
    publisher: Option<usize>,
    names: BTreeMap<(usize, u64), String>,
}

/// The path of a request; `next` is where the next one begins.
pub fn build(record: &Record<'_>, request: Request, next: usize) -> Built {
    let mut builder = Builder::new(record, request);
    for index in request.start..=request.end {
        // A register's request ends before the guest's next instruction.
        if request.index.is_some() || index < request.end {
            builder.step(index);
        }
    }
    for hart in 0..record.harts {
        builder.flush(hart, None);
        builder.rest_until(hart, request);
    }
    builder.after = true;
    let mut rests: Vec<bool> = (0..record.harts).map(|hart| builder.rests(hart, request.end)).collect();
    for index in request.end + 1..next {
        let hart = record.seen[index].hart;
        if !rests[hart] {
            builder.step(index);
            rests[hart] = builder.rests(hart, index);
        }
    }
    builder.done()
}

impl<'a> Builder<'a> {
    fn new(record: &'a Record<'a>, request: Request) -> Builder<'a> {
        let mut builder = Builder {
            record,
            request,
            zero: record.seen[request.start].from,
            after: false,
            lanes: Vec::new(),
            steps: Vec::new(),
            open: (0..record.harts).map(|_| None).collect(),
            waiting: vec![None; record.harts],
            hvip: vec![0; record.harts],
            taken: false,
            publisher: None,
            names: BTreeMap::new(),
        };
        for index in 0..request.start {
            let step = &record.seen[index];
            let waits = step.raw == WFI && step.trap().is_none();
            builder.waiting[step.hart] = waits.then(|| builder.lane(index));
            let hvip = step.rare.as_ref().and_then(|rare| rare.hvip);
            builder.hvip[step.hart] = hvip.unwrap_or(builder.hvip[step.hart]);
        }
        builder
    }

    fn role(&self, index: usize) -> Role {
        self.record.programs.get(self.record.owners[index]).role
    }

    fn lane(&mut self, index: usize) -> usize {
        let step = &self.record.seen[index];
        let (role, hart, mode) = (self.role(index), step.hart, step.mode);
        self.lane_of(role, hart, mode)
    }

    fn lane_of(&mut self, role: Role, hart: usize, mode: Mode) -> usize {
        if let Some(index) = self.lanes.iter().position(|lane| (lane.role, lane.hart) == (role, hart)) {
            return index;
        }
        self.lanes.push(Lane { name: role.name().to_owned(), hart, mode: mode.name(), role });
        self.lanes.len() - 1
    }

    /// The hart's next step.
    fn next(&self, index: usize) -> Option<usize> {
        let seen = self.record.seen;
        (index + 1..seen.len()).find(|next| seen[*next].hart == seen[index].hart)
    }

    fn rests(&self, hart: usize, index: usize) -> bool {
        let seen = self.record.seen;
        let next = if seen[index].hart == hart { self.next(index) } else { None };
        let next = next.or_else(|| (index + 1..seen.len()).find(|next| seen[*next].hart == hart));
        let elsewhere = |next: usize| matches!(self.role(next), Role::Work | Role::Guest);
        hart == self.request.hart || self.waiting[hart].is_some() || next.is_none_or(elsewhere)
    }

    /// A hart that waits when the request ends has waited since its last step.
    fn rest_until(&mut self, hart: usize, request: Request) {
        let seen = self.record.seen;
        let last = seen[..=request.end].iter().rev().find(|step| step.hart == hart);
        let begin = last.map_or(self.zero, |step| step.to.max(self.zero));
        let idle = self.zero + request.cycles(seen);
        if let Some(lane) = self.waiting[hart].filter(|_| idle > begin) {
            self.push(begin, idle - begin, Step::Wait { lane });
        }
    }

    fn push(&mut self, from: u64, cycles: u64, step: Step) {
        let at = from as i64 - self.zero as i64;
        self.steps.push(Timed { at, cycles, after: self.after, step });
    }

    fn arrow(&mut self, (from, to): (usize, usize), what: What, label: String, (at, cycles): (u64, u64)) {
        self.push(at, cycles, Step::Arrow { from, to, what, label });
    }

    /// The hart's work is over, for now.
    fn flush(&mut self, hart: usize, ends: Option<String>) {
        let Some(open) = self.open[hart].take() else { return };
        let Open { lane, from, to, insns, functions } = open;
        if insns > 0 {
            self.push(from, to - from, Step::Work { lane, insns, functions: notable(functions, insns), ends });
        }
    }

    /// One more instruction of the hart's work, which has taken it to `to`.
    fn work(&mut self, index: usize, from: u64, to: u64) {
        let (hart, pc, owner) = (self.record.seen[index].hart, self.record.seen[index].pc, self.record.owners[index]);
        let lane = self.lane(index);
        let programs = self.record.programs;
        let name =
            self.names.entry((owner, pc)).or_insert_with(|| programs.get(owner).function(pc).unwrap_or_default());
        let open = self.open[hart].get_or_insert_with(|| Open { lane, from, to, insns: 0, functions: Vec::new() });
        open.to = to;
        open.insns += 1;
        match open.functions.iter_mut().find(|part| part.function == *name) {
            Some(part) => part.insns += 1,
            None => open.functions.push(Part { function: name.clone(), insns: 1 }),
        }
    }

    /// If the hart has waited: until when.
    fn wake(&mut self, index: usize) -> u64 {
        let step = &self.record.seen[index];
        let begin = step.from.max(self.zero.min(step.to));
        let Some(lane) = self.waiting[step.hart].take() else { return step.from };
        let own = if step.trap().is_some() { self.record.costs.trap_entry } else { self.record.costs.insn };
        let idle = (step.to - begin).saturating_sub(u64::from(own));
        if idle > 0 {
            self.push(begin, idle, Step::Wait { lane });
        }
        begin + idle
    }

    fn step(&mut self, index: usize) {
        let step = &self.record.seen[index];
        let from = self.wake(index);
        if let Some(trap) = step.trap() {
            self.flush(step.hart, None);
            return self.trap(index, *trap, from);
        }
        if RETURNS.contains(&step.raw) {
            // The instruction is work, its cost is the arrow's.
            self.work(index, from, from);
            self.flush(step.hart, None);
            return self.returns(index, from);
        }
        self.work(index, from, step.to);
        if step.raw == WFI {
            self.flush(step.hart, Some("waits".to_owned()));
            self.waiting[step.hart] = Some(self.lane(index));
        }
        if let Some(half) = step.half {
            self.ring(index, half);
        }
        if let Some(rare) = step.rare.clone() {
            self.rare(index, &rare);
        }
    }

    fn trap(&mut self, index: usize, trap: Trapped, from: u64) {
        let Some(next) = self.next(index) else { return };
        let step = &self.record.seen[index];
        let ends = (self.lane(index), self.lane(next));
        let events: &[_] = step.rare.as_ref().map_or(&[], |rare| &rare.events);
        let (what, label) = label::trap(step.mode, &trap, events);
        self.arrow(ends, what, label, (from, step.to - from));
    }

    fn returns(&mut self, index: usize, from: u64) {
        let Some(next) = self.next(index) else { return };
        let step = &self.record.seen[index];
        let ends = (self.lane(index), self.lane(next));
        let swapped = step.rare.as_ref().is_some_and(|rare| rare.events.iter().any(|event| event.name == "hcs_return"));
        // Interrupts that are pending are taken in the mode that was returned to.
        let (what, label) = label::returns(step.mode, self.record.seen[next].mode, swapped);
        self.arrow(ends, what, label.to_owned(), (from, step.to - from));
    }

    /// The indices of the request's rings.
    fn ring(&mut self, index: usize, half: Half) {
        let Some(indices) = self.request.index else { return };
        let step = &self.record.seen[index];
        let (hart, value, place) = (step.hart, half.value, half.addr & OFFSET);
        let others = !step.mode.virt();
        if index == self.request.start {
            self.flush(hart, Some(format!("avail.idx = {value}")));
        } else if index == self.request.end {
            self.flush(hart, None);
            let ends = (self.publisher.unwrap_or_default(), self.lane(index));
            self.arrow(ends, What::Seen, format!("sees used.idx = {value}"), (step.to, 0));
        } else if others && half.store && (place, value) == (indices.used, indices.done) && self.publisher.is_none() {
            self.publisher = Some(self.lane(index));
            self.flush(hart, Some(format!("used.idx = {value}")));
        } else if others && !half.store && (place, value) == (indices.available, indices.value) && !self.taken {
            self.taken = true;
            self.flush(hart, None);
            let guest = self.lane_of(Role::Guest, self.request.hart, Mode::VS);
            let ends = (guest, self.lane(index));
            self.arrow(ends, What::Seen, format!("sees avail.idx = {value}"), (step.to, 0));
        }
    }

    fn rare(&mut self, index: usize, rare: &Rare) {
        let step = &self.record.seen[index];
        let lane = self.lane(index);
        let new = rare.hvip.map_or(0, |hvip| hvip & !std::mem::replace(&mut self.hvip[step.hart], hvip));
        if new != 0 {
            self.flush(step.hart, None);
            let guest = self.lane_of(Role::Guest, step.hart, Mode::VS);
            self.arrow((lane, guest), What::Inject, label::inject(new), (step.to, 0));
        }
        if let Some(hart) = rare.ipi {
            self.flush(step.hart, None);
            let target = self.lane_of(Role::Kernel, hart as usize, Mode::HS);
            self.arrow((lane, target), What::Ipi, format!("IPI to hart {hart}"), (step.to, 0));
        }
        for event in rare.events.iter().filter(|event| event.name == "vei_send") {
            self.flush(step.hart, None);
            let (hart, user, label) = label::send(event);
            let (role, mode) = if user { (Role::Backend, Mode::U) } else { (Role::Kernel, Mode::HS) };
            let target = self.lane_of(role, hart, mode);
            self.arrow((lane, target), What::Send, label, (step.to, 0));
        }
    }

    /// Orders the lanes: the guest's hart from the guest down, the others from the kernel up, so that what passes between kernels is short.
    fn done(self) -> Built {
        let depth = |role: Role| match role {
            Role::Guest => 0,
            Role::Work => 4,
            Role::Vmm | Role::Backend | Role::Peer | Role::Process => 1,
            Role::Kernel => 2,
            Role::Firmware => 3,
        };
        let guests = self.request.hart;
        let key = |lane: &Lane| match (lane.hart == guests, lane.role) {
            (true, role) => (0, depth(role)),
            (false, Role::Work) => (lane.hart + 1, depth(Role::Work)),
            (false, role) => (lane.hart + 1, 3 - depth(role)),
        };
        let mut used: Vec<usize> = (0..self.lanes.len()).filter(|lane| takes_part(&self.steps, *lane)).collect();
        used.sort_by_key(|lane| key(&self.lanes[*lane]));
        let place = |lane: usize| used.iter().position(|used| *used == lane).unwrap_or_default();
        let mut steps = in_order(&self.lanes, self.steps);
        steps.retain(|timed| used.contains(&timed.step.lane()));
        for timed in &mut steps {
            match &mut timed.step {
                Step::Work { lane, .. } | Step::Wait { lane } => *lane = place(*lane),
                Step::Arrow { from, to, .. } => (*from, *to) = (place(*from), place(*to)),
            }
        }
        Built { lanes: used.iter().map(|lane| self.lanes[*lane].clone()).collect(), steps }
    }
}

/// Orders steps by when they begin. What one hart sees of another is never before it: where a clock is behind, steps are put later.
fn in_order(lanes: &[Lane], mut steps: Vec<Timed>) -> Vec<Timed> {
    let mut ends: BTreeMap<usize, i64> = BTreeMap::new();
    let mut published: BTreeMap<usize, i64> = BTreeMap::new();
    for timed in &mut steps {
        let lane = timed.step.lane();
        let hart = match &timed.step {
            Step::Arrow { to, what: What::Seen, .. } => lanes[*to].hart,
            _ => lanes[lane].hart,
        };
        let cause = match &timed.step {
            Step::Arrow { what: What::Seen, .. } => published.get(&lane).copied().unwrap_or(0),
            _ => 0,
        };
        timed.at = timed.at.max(cause).max(ends.get(&hart).copied().unwrap_or(0));
        ends.insert(hart, timed.at);
        if matches!(timed.step, Step::Work { ends: Some(_), .. }) {
            published.insert(lane, timed.at + timed.cycles as i64);
        }
    }
    steps.sort_by_key(|timed| (timed.after, timed.at));
    steps
}

/// The lane does something, or something is done to it. Who only waits doesn't.
fn takes_part(steps: &[Timed], lane: usize) -> bool {
    steps.iter().any(|timed| match &timed.step {
        Step::Work { lane: of, .. } => *of == lane,
        Step::Arrow { from, to, .. } => *from == lane || *to == lane,
        Step::Wait { .. } => false,
    })
}

/// The functions that say what the work was.
fn notable(mut functions: Vec<Part>, insns: u64) -> Vec<Part> {
    functions.retain(|part| !part.function.is_empty());
    let mut sizes: Vec<u64> = functions.iter().map(|part| part.insns).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let least = sizes.get(FUNCTIONS_MAX - 1).copied().unwrap_or(0);
    functions.retain(|part| part.insns >= least && part.insns * SHARE_MIN >= insns);
    functions.truncate(FUNCTIONS_MAX);
    functions
}
