//! Several harts: sends over the wire, waking, destruction while another hart sends (ha-iov 8.5, 8.9; 8.13, 7 and 8), and any input at all.

mod common;

use common::Bench;
use common::vei::{CONTEXTS, CSRS, DIRECTORY, HANDLER, MAP, READY, SAVE, context, supervisor, user};
use conformance::{HS_HANDLER, Memory};
use ha_iov_ext::fields::{huct, hveictl, hveidir, hveifence, hvslot, sip, topvei};
use ha_iov_ext::model::{Config, Haiov, cost_model};
use ha_iov_ext::vei::{Context, DirectoryEntry, MapEntry};
use ha_iov_ext::{csr, insn};
use proptest::prelude::{Just, any, prop_oneof, proptest};
use proptest::strategy::Strategy;
use rv_hart::{Costs, Hart, Mode, Ram, StepEvent};
use rv_isa::asm::{self, A0, A1, ZERO};
use rv_isa::fields::{pmpcfg, satp};
use rv_isa::{IsaSet, csr as standard};
use rv_machine::{Limits, Machine, MachineConfig, Software, Stop};

const CODE: u64 = 0x8010_0000;
const NOP: u32 = 0x13;
const WIRE: u32 = 50;

/// Harts over one memory.
struct Harts {
    harts: Vec<Hart>,
    memory: Memory,
}

impl Harts {
    /// Each with PMP open, its own table of contexts, and interrupts of VEI open; sends take [`WIRE`] cycles.
    fn new(count: usize) -> Harts {
        let mut memory = Memory(Ram::new(&[(0x8000_0000, 16 << 20)]).unwrap());
        let mut extensions = Haiov::machine(Config::default(), count);
        let costs = Costs { ipi_wire: WIRE, ..Costs::FLAT };
        let new = |id| Hart::new(id, CODE, IsaSet::standard(), costs, extensions(id)).unwrap();
        let mut harts: Vec<Hart> = (0..count as u64).map(new).collect();
        for (hart, id) in harts.iter_mut().zip(0..) {
            let mut set = |number, value| assert!(hart.csr_poke_on(&mut memory, number, value));
            set(standard::PMPADDR0, u64::MAX);
            set(standard::PMPCFG0, (pmpcfg::A_NAPOT | pmpcfg::R | pmpcfg::W | pmpcfg::X).into());
            set(standard::STVEC, HS_HANDLER);
            set(standard::MEDELEG, u64::MAX);
            set(standard::MIDELEG, u64::MAX);
            set(standard::MIE, sip::ALL);
            set(csr::HVEIDIR, hveidir::of(DIRECTORY, 4));
            set(csr::HUCT, huct::of(CONTEXTS + id * 4096));
            set(csr::HUSAVE, SAVE + 0x10_0000 + id * 256);
            set(csr::HVEICTL, READY);
            set(standard::HGATP, 5 << 44);
        }
        let mut all = Harts { harts, memory };
        all.store(DIRECTORY + 5 * 8, DirectoryEntry { map: MAP + 0x10_0000, log2_entries: 5 }.encode());
        all
    }

    fn store(&mut self, at: u64, value: u64) {
        assert!(self.memory.0.store(at, 8, value));
    }

    fn map(&mut self, veirq: u64, entry: MapEntry) {
        let [low, high] = entry.encode();
        self.store(MAP + 0x10_0000 + 16 * veirq, low);
        self.store(MAP + 0x10_0000 + 16 * veirq + 8, high);
    }

    fn place(&mut self, hart: u64, index: u64, context: Context) {
        for (word, number) in context.encode().into_iter().zip(0..) {
            self.store(CONTEXTS + hart * 4096 + 64 * index + 8 * number, word);
        }
    }

    fn get(&self, hart: usize, number: u16) -> u64 {
        self.harts[hart].csr_peek(number).unwrap()
    }

    fn set(&mut self, hart: usize, number: u16, value: u64) {
        assert!(self.harts[hart].csr_poke_on(&mut self.memory, number, value));
    }

    /// Executes `raw` on a hart in `mode`.
    fn run(&mut self, hart: usize, mode: Mode, raw: u32) -> StepEvent {
        let pc = CODE + 0x1000 * hart as u64;
        assert!(self.memory.0.store(pc, 4, raw.into()));
        let hart = &mut self.harts[hart];
        (hart.state.mode, hart.state.pc) = (mode, pc);
        hart.refresh();
        hart.step(&mut self.memory)
    }

    fn send(&mut self, hart: usize, veirq: u64) -> StepEvent {
        self.harts[hart].state.x[10] = veirq;
        self.run(hart, Mode::VS, asm::csrrw(ZERO, csr::VEISEND, A0))
    }
}

fn on(hart: u16, entry: MapEntry) -> MapEntry {
    MapEntry { hart, ..entry }
}

/// The wire is latency at the target, and no charge on the sender; the target knows when to wake.
#[test]
fn a_send_arrives_after_the_wire() {
    let mut harts = Harts::new(3);
    harts.map(1, on(2, supervisor(7)));
    let sent = harts.harts[0].state.cycles;
    harts.send(0, 1);
    assert_eq!(harts.harts[0].state.cycles, sent + 1);
    let changes = harts.harts[2].changes();
    let arrival = sent + 1 + u64::from(WIRE);
    assert_eq!((harts.get(2, csr::STOPVEI), harts.harts[2].wakes_at()), (0, arrival));
    harts.harts[2].state.cycles = arrival;
    assert_eq!((harts.get(2, csr::STOPVEI), harts.get(1, csr::STOPVEI)), (topvei::V | 7, 0));
    assert_eq!((harts.harts[2].wakes_at(), harts.harts[2].changes()), (u64::MAX, changes));
    harts.send(0, 1);
    assert_ne!(harts.harts[2].changes(), changes, "a hart that sleeps is asked again");
}

/// A fence is a barrier for sends too: nothing that was sent before it arrives after it (8.10, 7).
#[test]
fn a_fence_waits_for_sends_under_way() {
    let mut harts = Harts::new(2);
    harts.map(1, on(1, supervisor(7)));
    harts.map(2, on(1, user(4, 1)));
    harts.place(1, 4, context());
    harts.send(0, 1);
    harts.send(0, 2);
    let before = harts.harts[0].state.cycles;
    harts.set(0, csr::HVEIFENCE, hveifence::ALL);
    assert_eq!(harts.harts[0].state.cycles, before + u64::from(WIRE));
    assert_eq!((harts.get(1, csr::STOPVEI), harts.get(1, csr::HUCPEND)), (topvei::V | 7, 1 << 4));
}

/// Software's writes of hucpend leave alone what is still on the wire.
#[test]
fn a_write_of_hucpend_loses_nothing_on_the_wire() {
    let mut harts = Harts::new(2);
    harts.map(2, on(1, user(4, 1)));
    harts.place(1, 4, context());
    harts.send(0, 2);
    harts.set(1, csr::HUCPEND, 1 << 9);
    harts.set(1, csr::HUCPEND, 0);
    harts.harts[1].state.cycles += 1000;
    assert_eq!(harts.get(1, csr::HUCPEND), 1 << 4);
}

/// 8.13, 7: sends in every interleaving with a target that goes HS -> V=1 -> HS: each is delivered, by the switch or the doorbell.
#[test]
fn every_interleaving_with_the_targets_mode() {
    let modes = [Mode::HS, Mode::VS, Mode::HS, Mode::VU, Mode::U, Mode::M, Mode::VS];
    for first in 0..modes.len() {
        for second in first..modes.len() {
            let mut harts = Harts::new(2);
            harts.map(2, on(1, user(4, 1)));
            harts.map(3, on(1, user(4, 2)));
            harts.place(1, 4, context());
            let mut told = 0;
            for (step, mode) in modes.into_iter().enumerate() {
                [first, second].iter().zip([2, 3]).filter(|(at, _)| **at == step).for_each(|(_, veirq)| {
                    harts.send(0, veirq);
                });
                harts.harts[1].state.cycles += u64::from(WIRE) * 2;
                harts.run(1, mode, NOP);
                let taken = harts.harts[1].state.pc == HANDLER;
                told += u64::from(taken || harts.get(1, standard::MIP) & sip::SVDBP != 0);
                if taken {
                    harts.set(1, csr::UTOPVEI, 0);
                    harts.set(1, csr::UTOPVEI, 0);
                    let control = harts.get(1, csr::HVEICTL);
                    harts.set(1, csr::HVEICTL, control & !hveictl::HCSA);
                    harts.set(1, csr::HVSLOT, 0);
                    harts.set(1, standard::SATP, 0);
                }
            }
            assert!(told >= 1, "{first} {second}");
            let posted = harts.memory.0.load(CONTEXTS + 4096 + 4 * 64 + 8, 8).unwrap();
            assert!(posted == 0 || harts.get(1, csr::HVSLOT) & hvslot::V != 0, "{first} {second}");
        }
    }
}

/// 8.13, 8: the VMID is destroyed while another hart sends. Until its own fence a hart may use what it has cached; after that nothing gets
/// through, and the next owner of the VMID starts with nothing.
#[test]
fn a_vmid_is_destroyed_and_reused() {
    let mut harts = Harts::new(2);
    harts.map(1, on(0, supervisor(7)));
    let got_through = |harts: &mut Harts| matches!(harts.send(1, 1), StepEvent::Retired { .. });
    assert!(got_through(&mut harts));
    harts.store(DIRECTORY + 5 * 8, DirectoryEntry::ABSENT);
    harts.set(0, csr::HVEIFENCE, hveifence::vmid(5));
    assert!(got_through(&mut harts), "its own cache");
    harts.set(1, csr::HVEIFENCE, hveifence::vmid(5));
    assert!(!got_through(&mut harts));
    harts.store(DIRECTORY + 5 * 8, DirectoryEntry { map: MAP + 0x10_0000, log2_entries: 5 }.encode());
    harts.map(1, on(0, supervisor(8)));
    assert!(got_through(&mut harts));
    harts.harts[0].state.cycles += 1000;
    harts.set(0, csr::STOPVEI, 0);
    assert_eq!(harts.get(0, csr::STOPVEI), topvei::V | 8);
}

/// On a machine: hart 1 waits in WFI for hart 0's send, and wakes at the wire's end whatever the quantum.
#[test]
fn a_waiting_hart_wakes() {
    // Both: mhartid; hart 1 goes to its own part.
    let mut code = vec![asm::csrrs(5, standard::MHARTID, ZERO), asm::bne(5, ZERO, 4 * 32)];
    let set = |code: &mut Vec<u32>, number: u16| code.push(asm::csrrw(ZERO, number, A1));
    let load = |code: &mut Vec<u32>, value: i64| {
        // lui and addi reach what is needed here.
        let high = (value + 0x800) >> 12;
        code.push((high as u32) << 12 | 11 << 7 | 0x37);
        code.push(asm::addi(A1, A1, (value - (high << 12)) as i32));
    };
    // Hart 0: PMP, directory at 0x8000_8000 (made below), a long wait, send 1, wait for ever.
    code.push(asm::addi(A1, ZERO, -1));
    set(&mut code, standard::PMPADDR0);
    code.push(asm::addi(A1, ZERO, 0x1f));
    set(&mut code, standard::PMPCFG0);
    load(&mut code, 0x2000_2000 | 1); // hveidir: PPN 0x80008, K 0, EN
    set(&mut code, csr::HVEIDIR);
    code.push(asm::addi(6, ZERO, 2000));
    code.push(asm::addi(6, 6, -1));
    code.push(asm::bne(6, ZERO, -4));
    code.push(asm::addi(A1, ZERO, 1));
    set(&mut code, csr::VEISEND);
    code.push(0x1050_0073);
    code.push(asm::jal(ZERO, -4));
    code.resize(33, NOP);
    // Hart 1: mie.SVEI, wfi, then tell the finisher.
    load(&mut code, 1 << 24);
    set(&mut code, standard::MIE);
    code.push(0x1050_0073);
    code.extend([0x0000_52b7, 0x5552_8293, 0x0010_0337, 0x0053_2023]);
    let mut program: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    program.resize(0xa000, 0);
    let mut put = |at: usize, value: u64| program[at..at + 8].copy_from_slice(&value.to_le_bytes());
    put(0x8000, DirectoryEntry { map: 0x8000_9000, log2_entries: 1 }.encode());
    let [low, high] = on(1, supervisor(3)).encode();
    put(0x9010, low);
    put(0x9018, high);
    let costs = cost_model("default").unwrap();
    let end = |quantum| {
        let config = Config::default().priced(&costs);
        let extensions = Haiov::machine(config, 2);
        let machine = MachineConfig { harts: 2, quantum, costs: costs.clone(), extensions, ..MachineConfig::default() };
        let mut machine = Machine::new(machine).unwrap();
        machine.load(&Software::raw("two harts", program.clone())).unwrap();
        let zero = machine.snapshot();
        assert_eq!(machine.run(&Limits { max_insns: Some(100_000), ..Limits::default() }), Stop::Exit(0));
        let report = machine.snapshot().since(&zero);
        assert_eq!((report.extension["vei_sends"], report.extension["vei_supervisor"]), (1, 1));
        assert_eq!(report.extension_by_hart[1]["vei_sends"], 0);
        machine.harts()[1].state.cycles
    };
    assert_eq!(end(100), end(137), "the time of the wire, not of the quantum");
}

/// Anything in any register, any memory, any order of doing things: an exception perhaps, but never a panic.
fn actions() -> impl Strategy<Value = (u8, u64, u64, u8)> {
    let value = prop_oneof![
        any::<u64>(),
        Just(u64::MAX),
        Just(0),
        (0u64..64).prop_map(|bit| 1 << bit),
        Just(SAVE),
        Just(satp::SV39)
    ];
    (any::<u8>(), value, any::<u64>(), 0u8..5)
}

/// A CSR of VEI and HCS, or one that decides on them.
fn number(choice: u64) -> u16 {
    const OTHERS: [u16; 5] = [csr::USTATUS, csr::UIE, csr::HUECTL, standard::HGATP, standard::MSTATUS];
    let index = choice as usize % (CSRS.len() + OTHERS.len());
    CSRS.iter().chain(&OTHERS).copied().nth(index).expect("within both")
}

proptest! {
    #[test]
    fn nothing_panics(actions in proptest::collection::vec(actions(), 1..60)) {
        let mut bench = Bench::vei();
        bench.place(4, context());
        bench.map(2, user(4, 9));
        bench.map(3, supervisor(9));
        for (kind, value, other, mode) in actions {
            let mode = Mode::ALL[usize::from(mode)];
            match kind % 8 {
                0..=2 => bench.set_any(number(other), value),
                3 => bench.place_raw(value % 64, [other; 8]),
                4 => bench.map_raw(value % 32, [other, value]),
                5 => { bench.send(mode, value % 40); }
                6 => { bench.run(mode, insn::URET); }
                _ => { bench.run(mode, asm::csrrw(A0, number(other), A1)); }
            }
            bench.hart.extension_registers();
            let saved = bench.hart.extensions()[0].save();
            assert_eq!(bench.hart.extensions_mut()[0].restore(&saved), Ok(()));
            assert_eq!(bench.hart.state.x[0], 0);
        }
    }

    #[test]
    fn any_snapshot_is_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bench = Bench::vei();
        let _ = bench.hart.extensions_mut()[0].restore(&bytes);
        bench.idle(Mode::VS);
    }
}
