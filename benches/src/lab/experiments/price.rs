//! Prices of single operations: a guest that does one thing over and over, less what goes on without it; and how long it takes to reach
//! somebody on another hart.
//!
//! The guests are some dozen instructions each, assembled here. Operations that want something of the host beyond running the guest say so
//! in its command line (`price=NAME`).

use std::collections::BTreeMap;

use rv_isa::asm::{self, A0, A1, A2, A6, A7, S0, S1, S2, S3, T0, T1, T2, ZERO};

use crate::lab::case::Case;
use crate::lab::compose::{Composition, GUEST_MIB, HARTS, HOST_MEMORY, Span, image};
use crate::lab::experiment::{Experiment, Metric, Slice, Workload};
use crate::lab::mechanism::{EMULATE, Mechanism, UER, VHOST, VHOST_USER, VHOST_USER_HCS, VHOST_VEI};
use crate::lab::results::{self, Outcome};
use crate::lab::row::{Row, Work};
use crate::lab::stats;

/// The experiment.
pub static PRICE: Experiment = Experiment {
    name: "price",
    about: "prices of single operations: exits, redirections, sends, swaps",
    headline: "the slides give no prices; published exits: 199 cycles (DuVisor) and 645 (KVM) for a hypercall on Rocket",
    size_is: "times",
    mechanisms: &[&EMULATE, &UER, &VHOST, &VHOST_VEI, &VHOST_USER, &VHOST_USER_HCS],
    classic: None,
    subject: None,
    workloads: &WORKLOADS,
    quantum: 100,
    full: &[Slice { workloads: &NAMES, sizes: &[1000], ..NOTHING }],
    quick: &[Slice { workloads: &NAMES, sizes: &[200], ..NOTHING }],
    probe: Slice { workloads: &[LOOP, IN_TURN], sizes: &[200], ..NOTHING },
    images: &["hyp", "vmm"],
    needs: || Ok(()),
    compose,
    check,
};

const NOTHING: Slice =
    Slice { workloads: &[], sizes: &[], suppression: &[], queue_depth: &[], sharing: &[], banks: &[] };

/// How an operation is measured.
#[derive(Clone, Copy, Debug)]
pub enum Measure {
    /// The guest does it, and nothing else: cycles of the guest, without those of the loop around it.
    Loop(fn() -> Vec<u32>),
    /// Another guest, on another hart, does it when it is asked; the guest computes meanwhile. What it takes longer for that is the price.
    Stolen,
    /// The same; the time until it has arrived is the price.
    StolenLatency,
    /// The guest does it, and waits until it has arrived at somebody on another hart: the time from here to there.
    Latency(fn() -> Vec<u32>),
}

/// One operation.
pub struct Operation {
    /// Its name.
    pub name: &'static str,
    /// The mechanism that the host is told.
    pub mechanism: &'static Mechanism,
    /// How it is measured; loops' bodies find the UART's address in `A1`.
    pub measure: Measure,
    /// What the host must set up, as words of its command line.
    pub setup: &'static str,
    /// Entries of the cache of the VEI map, if not the hardware's default.
    pub map_cache: Option<u32>,
}

/// The loop around nothing, which is subtracted from all that are loops.
pub const LOOP: &str = "loop";
/// The guest that nobody interrupts, which is subtracted from those that somebody does.
pub const BYSTANDER: &str = "bystander";
/// Sends of several VEIRQs in turn, for sweeps over the size of the map's cache.
pub const IN_TURN: &str = "vei-send-8";
/// Where hosts show a guest its UART, and the register that tells its state.
const UART: i32 = 0x1000_0000;
const LINE_STATUS: i32 = 5;
/// The send register of HA-IOV (manual, 8.5).
const VEISEND: u16 = 0x9f0;
/// Where the VMM puts a virtio device's QueueNotify.
const QUEUE_NOTIFY: i32 = 0x50;
const SCOUNTEREN: u16 = 0x106;
const CYCLE: u16 = 0xc00;
/// Stores before sends: fence w, o.
const FENCE_W_O: i32 = 0x14;
/// What guest and host share, at the start of guest memory: the first four are the host's too (`Words` in hyp's monitor).
const SHARED: u64 = 0x8000_0000;
const SENT: i32 = 0;
const ARRIVED: i32 = 8;
const ASKED: i32 = 16;
const MADE: i32 = 24;
/// All ones when what is sent counts, 0 before.
const COUNTS: i32 = 32;
/// Operations before those that count, so that everybody's code and data are there.
const WARM_UP: u64 = 16;
/// Rounds of a loop between two of them, so that whoever was woken sleeps again.
const PAUSE: u64 = 2000;
/// The same where nobody sleeps.
const SHORT_PAUSE: u64 = 400;

fn ecall() -> Vec<u32> {
    // Base extension, get_spec_version.
    vec![asm::addi(A7, ZERO, 0x10), asm::addi(A6, ZERO, 0), asm::ecall()]
}

fn load() -> Vec<u32> {
    vec![asm::lbu(A0, A1, LINE_STATUS)]
}

fn notify() -> Vec<u32> {
    vec![asm::lui(A0, UART + 0x1000), asm::sw(ZERO, A0, QUEUE_NOTIFY)]
}

fn send() -> Vec<u32> {
    vec![asm::addi(A0, ZERO, 1), asm::csrrw(ZERO, VEISEND, A0)]
}

/// VEIRQs 1 to 8: eight sends each of all sets that the bits of a number make, so of 1, 2, 4 or 8 VEIRQs in turn.
fn send_in_turn() -> Vec<u32> {
    vec![
        asm::srli(T1, S1, 3),
        asm::and(A0, S1, T1),
        asm::andi(A0, A0, 7),
        asm::addi(S1, S1, 1),
        asm::addi(A0, A0, 1),
        asm::csrrw(ZERO, VEISEND, A0),
    ]
}

macro_rules! operations {
    ($($name:literal, $about:literal, $mechanism:ident, $measure:expr, $setup:literal, $map_cache:expr;)*) => {
        /// All operations.
        pub static OPERATIONS: &[Operation] = &[$(
            Operation { name: $name, mechanism: &$mechanism, measure: $measure, setup: $setup, map_cache: $map_cache }
        ),*];
        const NAMES: [&str; [$($name),*].len()] = [$($name),*];
        const WORKLOADS: [Workload; NAMES.len()] =
            [$(Workload { name: $name, about: $about, metric: Metric::Operations }),*];
    };
}

use Measure::{Latency, Loop, Stolen, StolenLatency};
operations! {
    "loop", "nothing, to be subtracted from the guest's own operations", EMULATE, Loop(Vec::new), "", None;
    "ecall", "a guest's call that its kernel answers, there and back", EMULATE, Loop(ecall), "", None;
    "mmio-exit", "a load from a device: exit to the kernel, to the VMM, and back", EMULATE, Loop(load), "", None;
    "uer-access", "the same load, redirected to the VMM's handler", UER, Loop(load), "", None;
    "ioeventfd", "a store that signals an event at which nobody waits: exit to the kernel, and back",
        VHOST, Loop(notify), "price=ioeventfd", None;
    "vei-send-hit", "veisend to such an event, its mapping in the hart's cache: no exit",
        VHOST_VEI, Loop(send), "price=send", None;
    "vei-send-miss", "the same without a cache: the mapping is fetched from memory",
        VHOST_VEI, Loop(send), "price=send", Some(0);
    "vei-send-trap", "the same without an entry in the table: the kernel delivers what it has a route for",
        VHOST_VEI, Loop(send), "price=send-trap", None;
    "vei-send-8", "veisend of 1, 2, 4 and 8 VEIRQs in turn (four more instructions), for sweeps over the cache",
        VHOST_VEI, Loop(send_in_turn), "price=send", None;
    "bystander", "nothing happens to a guest that another hart could interrupt, to be subtracted from the next two",
        VHOST_VEI, Stolen, "price=bystander", None;
    "hcs-bank-0", "what HCS takes from the guest on its hart: swap, empty handler that saves what it uses, back; BANK=0",
        VHOST_USER_HCS, Stolen, "price=hcs bank=0", None;
    "hcs-bank-1", "the same, the guest's registers banked and zeroed by hardware; BANK=1",
        VHOST_USER_HCS, Stolen, "price=hcs bank=1", None;
    "hcs-latency-0", "latency of a user VEI to a hart that runs a guest: from veisend to the handler; BANK=0",
        VHOST_USER_HCS, StolenLatency, "price=hcs-latency bank=0", None;
    "hcs-latency-1", "the same; BANK=1", VHOST_USER_HCS, StolenLatency, "price=hcs-latency bank=1", None;
    "plain-latency-0", "latency of a user VEI: from veisend to the handler in the middle of its own thread; BANK=0",
        VHOST_USER_HCS, Latency(send), "price=plain bank=0", None;
    "plain-latency-1", "the same; BANK=1 changes nothing in it", VHOST_USER_HCS, Latency(send), "price=plain bank=1", None;
    "doorbell-latency", "latency of a user VEI to an idle hart: from veisend by the kernel and its thread to the handler",
        VHOST_USER_HCS, Latency(send), "price=doorbell", None;
    "vei-latency", "latency of a supervisor VEI: from veisend to a thread that waited at the event, on an idle hart",
        VHOST_VEI, Latency(send), "price=wake-vei", None;
    "ioeventfd-latency", "the same by an exit: from the store to the thread that waited at the event",
        VHOST_USER, Latency(notify), "price=wake-store", None;
}

/// The operation of this name.
pub fn find(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}

/// A program under construction.
#[derive(Default)]
struct Program(Vec<u32>);

impl Program {
    fn add(&mut self, words: &[u32]) {
        self.0.extend(words);
    }

    /// Loads a constant.
    fn set(&mut self, register: u8, value: u64) {
        let mut buffer = [0; asm::LI_MAX];
        self.0.extend(asm::li(register, value, &mut buffer));
    }

    /// Does `body` as often as `counter` says, which is 0 then.
    fn repeat(&mut self, counter: u8, times: u64, body: impl FnOnce(&mut Program)) {
        self.set(counter, times);
        let start = self.0.len();
        body(self);
        self.add(&[asm::addi(counter, counter, -1)]);
        let back = self.back(start);
        self.add(&[asm::bne(counter, ZERO, back)]);
    }

    /// Offset from the next instruction back to the one at `start`.
    fn back(&self, start: usize) -> i32 {
        -4 * (self.0.len() - start) as i32
    }

    /// Loads a shared word until it is (or isn't) that in S3.
    fn await_word(&mut self, offset: i32, branch: fn(u8, u8, i32) -> u32) {
        self.add(&[asm::ld(T1, S2, offset), branch(T1, S3, -4)]);
    }

    /// Leaves the time for whoever is reached, and does the operation.
    fn stamped(&mut self, operation: &[u32]) {
        self.add(&[asm::ld(T1, S2, COUNTS), asm::csrrs(T0, CYCLE, ZERO), asm::and(T0, T0, T1), asm::sd(T0, S2, SENT)]);
        self.add(&[asm::fence(FENCE_W_O)]);
        self.add(operation);
    }

    /// One operation of a guest that knows of the host; S3 counts them.
    fn round(&mut self, measure: Measure, warm_up: bool) {
        self.add(&[asm::addi(S3, S3, 1)]);
        match measure {
            Loop(body) => self.add(&body()),
            Stolen | StolenLatency => {
                self.add(&[asm::sd(S3, S2, ASKED)]);
                if warm_up {
                    self.await_word(MADE, asm::bne);
                }
                self.repeat(T2, SHORT_PAUSE, |_| ());
            }
            Latency(body) => {
                self.stamped(&body());
                self.await_word(ARRIVED, asm::bne);
                self.repeat(T2, PAUSE, |_| ());
            }
        }
    }

    /// For ever: waits until the other guest asks for it, and sends.
    fn sender(&mut self) {
        let start = self.0.len();
        self.await_word(ASKED, asm::beq);
        self.add(&[asm::addi(S3, T1, 0)]);
        self.stamped(&send());
        self.add(&[asm::sd(S3, S2, MADE)]);
        let back = self.back(start);
        self.add(&[asm::jal(ZERO, back)]);
    }

    /// Reports that nothing was printed, and powers off.
    fn end(&mut self) {
        const SYSTEM_RESET: u64 = 0x5352_5354;
        const GUEST_CALL: u64 = 0x0a00_0000;
        /// FNV-1a of no bytes: what the guest printed.
        const CHECKSUM: u64 = 0xcbf2_9ce4_8422_2325;
        self.set(A2, CHECKSUM);
        for call in [GUEST_CALL, SYSTEM_RESET] {
            self.set(A7, call);
            self.add(&[asm::addi(A0, ZERO, 0), asm::addi(A1, ZERO, 0), asm::addi(A6, ZERO, 0), asm::ecall()]);
        }
        self.add(&[asm::jal(ZERO, 0)]);
    }
}

/// A guest that does the operation `times` times between two markers. Started with another a0 than 0, it is the one that sends when asked.
fn guest(operation: &Operation, times: u64) -> Vec<u8> {
    let mut sender = Program::default();
    sender.sender();
    let mut program = Program::default();
    program.set(S2, SHARED);
    // Handlers read the clock, under the guest's scounteren.
    program.add(&[asm::addi(S3, ZERO, 0), asm::addi(T0, ZERO, 7), asm::csrrw(ZERO, SCOUNTEREN, T0)]);
    program.add(&[asm::beq(A0, ZERO, 4 * (sender.0.len() as i32 + 1))]);
    program.add(&sender.0);
    program.add(&[asm::addi(S1, ZERO, 0), asm::lui(A1, UART)]);
    program.repeat(S0, WARM_UP, |program| program.round(operation.measure, true));
    program.add(&[asm::addi(T0, ZERO, -1), asm::sd(T0, S2, COUNTS)]);
    program.add(&[asm::slti(ZERO, ZERO, 1)]);
    program.repeat(S0, times, |program| program.round(operation.measure, false));
    program.add(&[asm::slti(ZERO, ZERO, 2)]);
    program.end();
    program.0.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn compose(case: &Case) -> Result<Composition, String> {
    let operation = find(case.workload.name).ok_or("no such operation")?;
    let Operation { mechanism, setup, map_cache, .. } = operation;
    let mut append = format!("mech={} hart=0 lines=0 guest-memory={GUEST_MIB} console=capture", mechanism.name);
    if !setup.is_empty() {
        append = format!("{append} idle-guest=0 {setup}");
    }
    if matches!(operation.measure, Stolen | StolenLatency) {
        // Harts take turns by number. What one does is seen by a later one at its exact time, by an earlier one in its next turn only: whoever
        // sends comes first.
        append = append.replace("hart=0", "hart=2 peer-hart=0");
    }
    Ok(Composition {
        memory: HOST_MEMORY,
        harts: HARTS,
        kernel: image("hyp")?,
        archive: vec![("vmm", image("vmm")?), ("guest", guest(operation, case.size))],
        initrd: None,
        append,
        disk: None,
        map_cache: case.options.map_cache.or(*map_cache),
        span: Span::Markers,
        insns_max: 500_000_000 + case.size * 1_000_000,
        exit_codes: &[0],
    })
}

/// The guest has checked that all it printed, which is nothing, has arrived; the host that no send was lost. Latencies are the host's.
fn check(case: &Case, output: &[u8]) -> Result<Outcome, String> {
    let mut results = results::parse(output)?;
    let mut latency = None;
    for result in results.iter_mut().filter(|result| result["who"] == "price") {
        let hist = result.as_object_mut().and_then(|result| result.remove("hist")).unwrap_or_default();
        let hist: Vec<(u64, u64)> = serde_json::from_value(hist).map_err(|error| format!("latencies: {error}"))?;
        latency = latency.or(stats::Latency::from_histogram(&hist));
    }
    let noted = latency.as_ref().map_or(0, |latency| latency.hist.iter().map(|(_, count)| count).sum::<u64>());
    let is_latency =
        find(case.workload.name).is_some_and(|operation| matches!(operation.measure, Latency(_) | StolenLatency));
    if is_latency && noted != case.size {
        return Err(format!("{noted} of {} sends were noted; the last words: {}", case.size, results::tail(output)));
    }
    Ok(Outcome { work: Work { ops: case.size, messages: None, bytes: 0 }, latency, results })
}

/// Each operation runs under its own mechanism only; other experiments have nothing of the kind.
pub fn runnable(case: &Case) -> bool {
    case.experiment != &PRICE || find(case.workload.name).is_some_and(|operation| operation.mechanism == case.mechanism)
}

/// Sets prices: cycles for each operation without those of what goes on without it, under the same model; or the mean latency.
pub fn set_prices(rows: &mut [Row]) {
    let key = |row: &Row| (row.workload.clone(), row.cost_model.clone(), row.size, row.options.clone(), row.quantum);
    let bases: BTreeMap<_, f64> = rows
        .iter()
        .filter(|row| row.experiment == PRICE.name && [LOOP, BYSTANDER].contains(&row.workload.as_str()) && row.ok)
        .filter_map(|row| Some((key(row), row.cycles_per_op?)))
        .collect();
    for row in rows.iter_mut().filter(|row| row.experiment == PRICE.name && row.ok) {
        let base = |name: &str| {
            let base = bases.get(&key(&Row { workload: name.to_owned(), ..row.clone() }))?;
            Some(row.cycles_per_op? - base)
        };
        row.price = match find(&row.workload).map(|operation| operation.measure) {
            Some(Loop(_)) => base(LOOP),
            Some(Stolen) => base(BYSTANDER),
            Some(Latency(_) | StolenLatency) => row.latency.as_ref().map(|latency| latency.mean),
            None => None,
        };
    }
}
