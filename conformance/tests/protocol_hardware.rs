//! The built hardware in every interleaving (ha-iov 8.13, item 7): a guest on hart 0 posts and sends, instruction by instruction, while hart 1
//! goes through its kernel, a guest, the kernel again and the thread that is sent to.
//!
//! Two real harts execute real programs; a step is an instruction or the taking of an interrupt. Schedules are replayed from the start, and
//! one that reaches a state seen before is not followed further: every interleaving is covered.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use conformance::suite::assembler::{Assembler, Label};
use conformance::{Memory, RAM};
use ha_iov_ext::fields::{huct, huectl, hveictl, hveidir, hvslot, sip, uip, ustatus};
use ha_iov_ext::model::{Config, Haiov};
use ha_iov_ext::vei::{Affinity, Context, DirectoryEntry, MapEntry, Target};
use ha_iov_ext::{csr as own, insn};
use rv_hart::{Costs, Hart, Mode, Ram};
use rv_isa::asm::{
    A0, A1, A2, A3, S0, T0, T1, T2, T3, ZERO, add, addi, amoand_d, amoor_d, andi, bge, bne, csrrc, csrrs, csrrw,
    csrrwi, ecall, jal, ld, sd, slli, sret,
};
use rv_isa::fields::{hstatus, mstatus, pmpcfg, pte, satp};
use rv_isa::{IsaSet, csr};

const SIZE: u64 = 16 << 20;
/// Where U sees memory, and where HS does; guests see it where it is.
const USER: u64 = 0;
const KERNEL: u64 = 0x4000_0000;

// Offsets in memory.
const SENDER: u64 = 0x10_0000;
const GUEST: u64 = 0x11_0000;
const THREAD: u64 = 0x12_0000;
const HANDLER: u64 = 0x13_0000;
const HOST: u64 = 0x20_0000;
const VARIABLES: u64 = 0x40_0000;
const SHARED: u64 = 0x50_0000;
const CONTEXTS: u64 = 0x60_0000;
const SAVE: u64 = 0x61_0000;
const DIRECTORY: u64 = 0x62_0000;
const MAP: u64 = 0x63_0000;
const ROOT: u64 = 0x64_0000;
const GUEST_ROOT: u64 = 0x68_0000;

// The kernel's variables.
const PHASE: i32 = 0;
const QUEUED: i32 = 8;
// Shared by driver and handler: two rings, what the handler saw of each, how often it was entered.
const SEEN: i32 = 16;
const ENTRIES: i32 = 32;

const VMID: u64 = 1;
const LEAF: u64 = pte::V | pte::R | pte::W | pte::X | pte::A | pte::D;

/// What the kernel of hart 1 runs when nothing is owed the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Guest,
    Thread,
}

/// One exploration.
#[derive(Clone, Copy, Debug)]
struct Setup {
    phases: &'static [Phase],
    hveictl: u64,
    /// The kernel writes hucur before SN := ON := 0.
    wrong_order: bool,
}

const SETUP: Setup =
    Setup { phases: &[Phase::Guest, Phase::Thread], hveictl: hveictl::UVE | hveictl::BANK, wrong_order: false };

struct Machine {
    harts: [Hart; 2],
    memory: Memory,
}

fn words(code: &mut Assembler, words: &[u32]) {
    words.iter().for_each(|word| code.emit(*word));
}

/// The driver: twice an entry in a ring, a fence, a send. It ends in a jump to itself.
fn sender() -> Vec<u8> {
    let mut code = Assembler::new(RAM + SENDER);
    let fence = 0x0ff0_000f;
    words(&mut code, &[sd(A1, A0, 0), fence, csrrw(ZERO, own::VEISEND, A2)]);
    words(&mut code, &[sd(A1, A0, 8), fence, csrrw(ZERO, own::VEISEND, A3)]);
    words(&mut code, &[jal(ZERO, 0)]);
    code.finish()
}

/// Where the sender is when it is through.
const SENT: u64 = RAM + SENDER + 6 * 4;

fn guest() -> Vec<u8> {
    let mut code = Assembler::new(RAM + GUEST);
    words(&mut code, &[addi(ZERO, ZERO, 0), addi(ZERO, ZERO, 0), ecall()]);
    code.finish()
}

/// The thread: open, closed, open again, into the kernel.
fn thread() -> Vec<u8> {
    let mut code = Assembler::new(USER + THREAD);
    code.li(T0, ustatus::UIE);
    words(&mut code, &[csrrc(ZERO, own::USTATUS, T0), addi(ZERO, ZERO, 0)]);
    words(&mut code, &[csrrs(ZERO, own::USTATUS, T0), addi(ZERO, ZERO, 0), ecall()]);
    code.finish()
}

/// The handler: every vector that utopvei gives, and its ring.
fn handler() -> Vec<u8> {
    let mut code = Assembler::new(USER + HANDLER);
    let (again, out) = (code.label(), code.label());
    code.li(T2, USER + SHARED);
    words(&mut code, &[ld(T3, T2, ENTRIES), addi(T3, T3, 1), sd(T3, T2, ENTRIES)]);
    code.bind(again);
    code.li(T2, USER + SHARED);
    words(&mut code, &[csrrw(T0, own::UTOPVEI, ZERO)]);
    code.to(out, |offset| bge(T0, ZERO, offset));
    words(&mut code, &[andi(T1, T0, 1), slli(T1, T1, 3), add(T2, T2, T1), ld(T3, T2, 0), sd(T3, T2, SEEN)]);
    code.jump(again);
    code.bind(out);
    code.emit(insn::URET);
    code.finish()
}

/// Labels of the kernel.
struct Ways {
    next: Label,
    schedule: Label,
}

/// The kernel of hart 1: a doorbell is claimed, what was claimed is scheduled, and otherwise it goes through its phases and idles.
fn kernel(setup: &Setup) -> Vec<u8> {
    let mut code = Assembler::new(KERNEL + HOST);
    let ways = Ways { next: code.label(), schedule: code.label() };
    code.li(S0, KERNEL + VARIABLES);
    words(&mut code, &[csrrs(T0, csr::SCAUSE, ZERO)]);
    let next = ways.next;
    code.to(next, |offset| bge(T0, ZERO, offset));
    // A doorbell: SN := 1; fence; hvslot := 0; runnable.
    words(&mut code, &[csrrs(T1, own::HVSLOT, ZERO)]);
    code.to(next, |offset| bge(T1, ZERO, offset));
    code.li(T2, KERNEL + CONTEXTS);
    code.li(T3, Context::SN);
    words(&mut code, &[amoor_d(ZERO, T3, T2), 0x0ff0_000f, csrrwi(ZERO, own::HVSLOT, 0)]);
    code.li(T3, 1);
    words(&mut code, &[sd(T3, S0, QUEUED)]);
    // What next?
    code.bind(next);
    words(&mut code, &[csrrwi(ZERO, own::HUCUR, 0), ld(T1, S0, QUEUED)]);
    let schedule = ways.schedule;
    code.to(schedule, |offset| bne(T1, ZERO, offset));
    words(&mut code, &[ld(T1, S0, PHASE), addi(T3, T1, 1), sd(T3, S0, PHASE)]);
    for (number, phase) in setup.phases.iter().enumerate() {
        let other = code.label();
        code.li(T2, number as u64);
        code.to(other, |offset| bne(T1, T2, offset));
        match phase {
            Phase::Guest => enter_guest(&mut code),
            Phase::Thread => code.jump(schedule),
        }
        code.bind(other);
    }
    code.li(T1, setup.phases.len() as u64); // The same state each time.
    words(&mut code, &[sd(T1, S0, PHASE), addi(T3, ZERO, 0)]);
    code.li(T1, mstatus::SIE);
    words(&mut code, &[csrrs(ZERO, csr::SSTATUS, T1), jal(ZERO, 0)]);
    enter_thread(&mut code, schedule, setup.wrong_order);
    code.finish()
}

fn enter_guest(code: &mut Assembler) {
    code.set_csr(csr::SEPC, RAM + GUEST, T1);
    code.li(T1, hstatus::SPV);
    words(code, &[csrrs(ZERO, csr::HSTATUS, T1)]);
    code.li(T1, mstatus::SPP);
    words(code, &[csrrs(ZERO, csr::SSTATUS, T1), sret()]);
}

/// SN := ON := 0; fence; hucur; into the thread.
fn enter_thread(code: &mut Assembler, schedule: Label, wrong_order: bool) {
    code.bind(schedule);
    words(code, &[sd(ZERO, S0, QUEUED)]);
    code.li(T2, KERNEL + CONTEXTS);
    code.li(T3, !(Context::SN | Context::ON));
    code.li(T1, hvslot::V);
    let release = [amoand_d(ZERO, T3, T2), 0x0ff0_000f];
    let name = [csrrw(ZERO, own::HUCUR, T1)];
    let order: [&[u32]; 2] = if wrong_order { [&name, &release] } else { [&release, &name] };
    order.iter().for_each(|part| words(code, part));
    code.set_csr(csr::SEPC, USER + THREAD, T1);
    code.li(T1, hstatus::SPV);
    words(code, &[csrrc(ZERO, csr::HSTATUS, T1)]);
    code.li(T1, mstatus::SPP);
    words(code, &[csrrc(ZERO, csr::SSTATUS, T1)]);
    code.li(T1, ustatus::UIE);
    words(code, &[csrrs(ZERO, own::USTATUS, T1), sret()]);
}

impl Machine {
    fn new(setup: &Setup) -> Machine {
        let mut memory = Memory(Ram::new(&[(RAM, SIZE)]).expect("a little memory"));
        let mut extensions = Haiov::machine(Config::default(), 2);
        let harts = [0, 1].map(|number| {
            let isa = IsaSet::standard();
            Hart::new(number, RAM, isa, Costs::FLAT, extensions(number)).expect("extensions that don't clash")
        });
        tables(&mut memory);
        let programs =
            [(SENDER, sender()), (GUEST, guest()), (THREAD, thread()), (HANDLER, handler()), (HOST, kernel(setup))];
        for (at, code) in programs {
            for (place, bytes) in (RAM + at..).step_by(4).zip(code.chunks(4)) {
                let word = u32::from_le_bytes(bytes.try_into().expect("whole instructions"));
                assert!(memory.0.store(place, 4, word.into()));
            }
        }
        let mut machine = Machine { harts, memory };
        machine.prepare(setup);
        machine
    }

    fn set(&mut self, hart: usize, number: u16, value: u64) {
        assert!(self.harts[hart].csr_poke_on(&mut self.memory, number, value), "no CSR {number:#x}");
    }

    fn prepare(&mut self, setup: &Setup) {
        for hart in [0, 1] {
            self.set(hart, csr::PMPADDR0, u64::MAX);
            self.set(hart, csr::PMPCFG0, (pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X).into());
            self.set(hart, csr::MEDELEG, u64::MAX);
            self.set(hart, csr::MIDELEG, u64::MAX);
            self.set(hart, csr::STVEC, KERNEL + HOST);
            self.set(hart, csr::HGATP, satp::SV39 | VMID << 44 | (RAM + GUEST_ROOT) >> 12);
            self.set(hart, csr::SATP, satp::SV39 | (RAM + ROOT) >> 12);
            self.set(hart, own::HVEIDIR, hveidir::of(RAM + DIRECTORY, 2));
        }
        self.set(0, own::HVEICTL, hveictl::VSE);
        self.set(1, own::HVEICTL, setup.hveictl);
        self.set(1, own::HUCT, huct::of(RAM + CONTEXTS));
        self.set(1, own::HUSAVE, RAM + SAVE);
        self.set(1, own::HUECTL, huectl::NE);
        self.set(1, own::UTVEC, USER + HANDLER);
        self.set(1, own::UIE, uip::UVEIP);
        self.set(1, csr::SIE, sip::SVDBP);
        let sender = &mut self.harts[0].state;
        (sender.mode, sender.pc) = (Mode::VS, RAM + SENDER);
        for (register, value) in [(A0, RAM + SHARED), (A1, 1), (A2, 1), (A3, 2)] {
            sender.x[usize::from(register)] = value;
        }
        let target = &mut self.harts[1].state;
        (target.mode, target.pc) = (Mode::HS, KERNEL + HOST);
        self.harts.iter_mut().for_each(Hart::refresh);
    }

    /// A step of one hart, at a time that both have.
    fn step(&mut self, hart: usize) {
        let now = self.harts.iter().map(|hart| hart.state.cycles).max().unwrap_or(0);
        self.harts.iter_mut().for_each(|hart| hart.state.cycles = now);
        self.harts[hart].step(&mut self.memory);
        assert_ne!(self.harts[hart].state.mode, Mode::M, "hart {hart}: {:#x}", self.harts[hart].state.pc);
    }

    fn load(&self, at: u64) -> u64 {
        self.memory.0.load(RAM + at, 8).expect("memory")
    }

    /// Everything that decides on what comes, but for time.
    fn key(&self) -> u64 {
        const REGISTERS: [u16; 9] = [
            csr::MSTATUS,
            csr::HSTATUS,
            csr::SATP,
            csr::SEPC,
            csr::SCAUSE,
            csr::SSCRATCH,
            csr::MIP,
            csr::MIE,
            csr::STVAL,
        ];
        let mut hash = DefaultHasher::new();
        for hart in &self.harts {
            (hart.state.pc, hart.state.x, format!("{:?}", hart.state.mode)).hash(&mut hash);
            REGISTERS.iter().for_each(|&number| hart.csr_peek(number).hash(&mut hash));
            hart.extension_registers().hash(&mut hash);
        }
        for (start, count) in [(VARIABLES, 2), (SHARED, 5), (CONTEXTS, 8), (SAVE, 32)] {
            (0..count).for_each(|word| self.load(start + 8 * word).hash(&mut hash));
        }
        hash.finish()
    }

    /// What has gone wrong when nothing moves any more.
    fn complaint(&self) -> Option<String> {
        let [first, second] = [0, 8].map(|ring| (self.load(SHARED + ring), self.load(SHARED + SEEN as u64 + ring)));
        let (pir, entries) = (self.load(CONTEXTS + Context::PIR), self.load(SHARED + ENTRIES as u64));
        let good = pir == 0 && entries >= 1 && [first, second].iter().all(|(ring, seen)| ring == seen && *ring == 1);
        let mode = self.harts[1].state.mode;
        (!good).then(|| {
            format!("PIR {pir:#b}, {entries} wake-ups, rings and what was seen {first:?} {second:?}, {mode:?}")
        })
    }
}

/// Page tables, directory, map, context.
fn tables(memory: &mut Memory) {
    let mut store = |at: u64, value: u64| assert!(memory.0.store(RAM + at, 8, value));
    let gigapage = RAM >> 12 << 10 | LEAF;
    store(ROOT, gigapage | pte::U);
    store(ROOT + 8, gigapage);
    store(GUEST_ROOT + 2 * 8, gigapage | pte::U);
    store(DIRECTORY + 8 * VMID, DirectoryEntry { map: RAM + MAP, log2_entries: 2 }.encode());
    for vector in [0, 1] {
        let target = Target::User { context: 0, vector };
        let [low, high] = MapEntry { hart: 1, target, gap: 0, affinity: Affinity::Fixed }.encode();
        let at = MAP + MapEntry::SIZE * u64::from(vector + 1);
        store(at + 8, high);
        store(at, low);
    }
    let suatp = satp::SV39 | (RAM + ROOT) >> 12;
    let context = Context { dom: 1, utvec: USER + HANDLER, suatp, ..Context::default() };
    for (place, word) in (CONTEXTS..).step_by(8).zip(context.encode()) {
        store(place, word);
    }
}

/// What an exploration saw.
#[derive(Debug, Default)]
struct Explored {
    states: usize,
    ends: usize,
    /// Ends by how often the handler was entered.
    entries: [usize; 3],
    complaint: Option<String>,
}

/// All interleavings. A schedule is a list of harts.
fn explore(setup: &Setup) -> Explored {
    let mut seen = HashSet::new();
    let mut explored = Explored::default();
    let mut todo: Vec<Vec<usize>> = vec![Vec::new()];
    while let Some(mut schedule) = todo.pop() {
        let mut machine = Machine::new(setup);
        schedule.iter().for_each(|&hart| machine.step(hart));
        let mut key = machine.key();
        if !seen.insert(key) {
            continue;
        }
        loop {
            let sent = machine.harts[0].state.pc == SENT;
            if !sent {
                todo.push(schedule.iter().copied().chain([0]).collect());
            }
            machine.step(1);
            schedule.push(1);
            assert!(schedule.len() < 5000, "it doesn't end");
            let before = std::mem::replace(&mut key, machine.key());
            if sent && key == before {
                explored.ends += 1;
                explored.entries[machine.load(SHARED + ENTRIES as u64).min(2) as usize] += 1;
                explored.complaint = explored.complaint.or_else(|| machine.complaint());
            }
            if !seen.insert(key) {
                break;
            }
        }
    }
    explored.states = seen.len();
    explored
}

fn holds(name: &str, setup: &Setup) {
    let explored = explore(setup);
    println!("{name}: {explored:?}");
    assert_eq!(explored.complaint, None, "{name}");
    assert!(explored.ends > 0);
}

#[test]
fn no_wake_up_is_lost_by_the_hardware_context_switch() {
    holds("HCS", &SETUP);
    holds("guest twice", &Setup { phases: &[Phase::Guest, Phase::Thread, Phase::Guest], ..SETUP });
    holds("thread first", &Setup { phases: &[Phase::Thread, Phase::Guest], ..SETUP });
}

#[test]
fn no_wake_up_is_lost_by_doorbells() {
    holds("doorbell", &Setup { hveictl: 0, ..SETUP });
    holds("another domain", &Setup { hveictl: hveictl::UVE | 2 << hveictl::DOM_SHIFT, ..SETUP });
}

#[test]
fn the_exploration_sees_a_kernel_that_loses_wake_ups() {
    let explored = explore(&Setup { wrong_order: true, hveictl: 0, ..SETUP });
    println!("wrong order: {explored:?}");
    assert!(explored.complaint.is_some());
}
