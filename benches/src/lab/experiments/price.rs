//! Prices of single operations: a guest that does one thing over and over, less what the loop around it takes.
//!
//! The guests are a dozen instructions each, assembled here. Operations that want something of the host beyond running the guest say so in
//! its command line (`price=NAME`); as long as the host knows nothing of it, they are listed and not run.

use rv_isa::asm::{self, A0, A1, A2, A6, A7, S0, S1, ZERO};

use crate::lab::case::Case;
use crate::lab::compose::{Composition, GUEST_MIB, HOST_MEMORY, Span, image};
use crate::lab::experiment::{Experiment, Metric, Slice, Workload};
use crate::lab::mechanism::{EMULATE, Mechanism, UER, VHOST, VHOST_USER_HCS, VHOST_VEI};
use crate::lab::results::Outcome;
use crate::lab::row::Work;

/// The experiment.
pub static PRICE: Experiment = Experiment {
    name: "price",
    about: "prices of single operations: exits, redirections, sends, swaps",
    headline: "the slides give no prices; published exits: 199 cycles (DuVisor) and 645 (KVM) for a hypercall on Rocket",
    size_is: "times",
    mechanisms: &[&EMULATE, &UER, &VHOST, &VHOST_VEI, &VHOST_USER_HCS],
    classic: None,
    subject: None,
    workloads: &WORKLOADS,
    quantum: 100,
    full: &[Slice { workloads: &NAMES, sizes: &[1000], ..NOTHING }],
    quick: &[Slice { workloads: &NAMES, sizes: &[200], ..NOTHING }],
    probe: Slice { workloads: &["ecall"], sizes: &[200], ..NOTHING },
    images: &["hyp", "vmm"],
    compose,
    check,
};

const NOTHING: Slice =
    Slice { workloads: &[], sizes: &[], suppression: &[], queue_depth: &[], sharing: &[], banks: &[] };

/// One operation.
pub struct Operation {
    /// Its name.
    pub name: &'static str,
    /// The mechanism that the host is told.
    pub mechanism: &'static Mechanism,
    /// The loop's body; `A1` holds the UART's address.
    body: fn() -> Vec<u32>,
    /// What the host must set up, as words of its command line; such operations need a host that knows them.
    pub setup: Option<&'static str>,
}

/// The loop around nothing, which is subtracted from all others.
pub const LOOP: &str = "loop";
/// Where hosts show a guest its UART, and the register that tells its state.
const UART: i32 = 0x1000_0000;
const LINE_STATUS: i32 = 5;
/// The send register of HA-IOV (manual, 8.5).
const VEISEND: u16 = 0x9f0;
/// Where the VMM puts a virtio device's QueueNotify.
const QUEUE_NOTIFY: i32 = 0x50;

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

fn send(request: i32) -> Vec<u32> {
    vec![asm::addi(A0, ZERO, request), asm::csrrw(ZERO, VEISEND, A0)]
}

macro_rules! operations {
    ($($name:literal, $about:literal, $mechanism:ident, $body:expr, $setup:expr;)*) => {
        /// All operations.
        pub static OPERATIONS: &[Operation] = &[$(
            Operation { name: $name, mechanism: &$mechanism, body: $body, setup: $setup }
        ),*];
        const NAMES: [&str; [$($name),*].len()] = [$($name),*];
        const WORKLOADS: [Workload; NAMES.len()] =
            [$(Workload { name: $name, about: $about, metric: Metric::Operations }),*];
    };
}

operations! {
    "loop", "nothing, to be subtracted from the others", EMULATE, Vec::new, None;
    "ecall", "a guest's call that its kernel answers, there and back", EMULATE, ecall, None;
    "mmio-exit", "a load from a device: exit to the kernel, to the VMM, and back", EMULATE, load, None;
    "uer-access", "the same load, redirected to the VMM's handler", UER, load, None;
    "ioeventfd", "a notification that the kernel takes: exit, event signalled, back", VHOST, notify, Some("price=ioeventfd");
    "vei-send-hit", "veisend, its mapping in the hart's cache, target masked", VHOST_VEI, || send(1), Some("price=send");
    "vei-send-miss", "veisend, its mapping fetched from memory", VHOST_VEI, || send(1), Some("price=send map-cache=0");
    "vei-send-trap", "veisend without a mapping: a trap to the kernel", VHOST_VEI, || send(63), Some("price=send");
    "hcs-bank-0", "a swap to an empty handler and back on the sender's own hart, BANK=0", VHOST_USER_HCS, || send(1), Some("price=hcs bank=0");
    "hcs-bank-1", "the same with the guest's registers banked, BANK=1", VHOST_USER_HCS, || send(1), Some("price=hcs bank=1");
}

/// The operation of this name.
pub fn find(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}

/// A guest that does the operation `times` times between two markers, reports that it printed nothing, and powers off.
fn guest(operation: &Operation, times: u64) -> Vec<u8> {
    const SYSTEM_RESET: u64 = 0x5352_5354;
    const GUEST_CALL: u64 = 0x0a00_0000;
    /// FNV-1a of no bytes: what the guest printed.
    const CHECKSUM: u64 = 0xcbf2_9ce4_8422_2325;
    let mut words = Vec::new();
    let constant = |words: &mut Vec<u32>, register, value| {
        let mut buffer = [0; asm::LI_MAX];
        words.extend(asm::li(register, value, &mut buffer));
    };
    constant(&mut words, S0, times);
    constant(&mut words, S1, 0);
    words.push(asm::lui(A1, UART));
    words.push(asm::slti(ZERO, ZERO, 1));
    let body = (operation.body)();
    let back = -4 * (body.len() as i32 + 1);
    words.extend(body);
    words.extend([asm::addi(S0, S0, -1), asm::bne(S0, ZERO, back)]);
    words.push(asm::slti(ZERO, ZERO, 2));
    constant(&mut words, A2, CHECKSUM);
    constant(&mut words, A7, GUEST_CALL);
    words.extend([asm::addi(A0, ZERO, 0), asm::addi(A1, ZERO, 0), asm::addi(A6, ZERO, 0), asm::ecall()]);
    constant(&mut words, A7, SYSTEM_RESET);
    words.extend([asm::addi(A0, ZERO, 0), asm::addi(A1, ZERO, 0), asm::addi(A6, ZERO, 0), asm::ecall()]);
    words.push(asm::jal(ZERO, 0));
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn compose(case: &Case) -> Result<Composition, String> {
    let operation = find(case.workload.name).ok_or("no such operation")?;
    let mut append = format!("mech={} lines=0 guest-memory={GUEST_MIB} console=capture", operation.mechanism.name);
    if let Some(setup) = operation.setup {
        append = format!("mech={} device=price guest-memory={GUEST_MIB} {setup}", operation.mechanism.name);
    }
    Ok(Composition {
        memory: HOST_MEMORY,
        kernel: image("hyp")?,
        archive: vec![("vmm", image("vmm")?), ("guest", guest(operation, case.size))],
        append,
        map_cache: None,
        span: Span::Markers,
        insns_max: 500_000_000 + case.size * 1_000_000,
        exit_codes: &[0],
    })
}

fn check(case: &Case, _output: &[u8]) -> Result<Outcome, String> {
    Ok(Outcome { work: Work { ops: case.size, messages: None, bytes: 0 }, ..Outcome::default() })
}

/// The cases that this build's host can run: each operation under its own mechanism.
pub fn runnable(case: &Case) -> bool {
    find(case.workload.name).is_some_and(|operation| operation.mechanism == case.mechanism && operation.setup.is_none())
}

/// Sets prices: cycles for each operation, less those of the empty loop of the same model.
pub fn set_prices(rows: &mut [crate::lab::row::Row]) {
    let loops: std::collections::BTreeMap<_, f64> = rows
        .iter()
        .filter(|row| row.experiment == PRICE.name && row.workload == LOOP && row.ok)
        .filter_map(|row| Some(((row.cost_model.clone(), row.size, row.options.clone()), row.cycles_per_op?)))
        .collect();
    for row in rows.iter_mut().filter(|row| row.experiment == PRICE.name && row.ok) {
        let base = loops.get(&(row.cost_model.clone(), row.size, row.options.clone()));
        row.price = base.and_then(|base| Some(row.cycles_per_op? - base));
    }
}
