//! Harts taking turns: the same run every time, however it is cut, and an end when nothing can happen any more.

mod common;

use common::{DATA, MTI, MTIMECMP, Program, finish, flat, machine, peek};
use rv_isa::asm::{self, A0, A1, A2, A3, A4, A5, T0, ZERO};
use rv_isa::csr;
use rv_machine::map::RAM_BASE;
use rv_machine::{Limits, Machine, MachineConfig, Software, Stop};

const LOG: u64 = DATA + 0x1000;
const MTIME: u64 = 0x200_bff8;
const ENTRIES: u64 = 3_000;

/// All harts write their number to the next place of one log, which they draw with LR/SC; the last one ends the run.
fn contention() -> Program {
    let mut program = Program::new();
    program.add(&[asm::csrrs(A0, csr::MHARTID, ZERO)]).li(A1, DATA).li(A2, LOG).li(A3, ENTRIES);
    let draw = program.here();
    program.add(&[asm::lr_d(A4, A1), asm::addi(A5, A4, 1), asm::sc_d(A5, A5, A1)]);
    program.add(&[asm::bne(A5, ZERO, -12)]);
    let full = program.hole();
    program.add(&[asm::add(A5, A2, A4), asm::sb(A0, A5, 0)]);
    let back = draw as i64 - program.here() as i64;
    program.add(&[asm::jal(ZERO, back as i32)]);
    program.land(full, |offset| asm::bgeu(A4, A3, offset)).pass();
    program
}

/// Runs it in slices of `slice` cycles; with `peeking`, looks at the counters between them.
fn run(quantum: u64, slice: Option<u64>, peeking: bool) -> (Vec<u8>, u64, String) {
    let config = MachineConfig { quantum, harts: 4, ..MachineConfig::default() };
    let mut machine = machine(config, &contention());
    loop {
        match machine.run(&Limits { max_insns: Some(10_000_000), slice }) {
            Stop::Slice if peeking => assert!(machine.snapshot().cycles > 0),
            Stop::Slice => {}
            stop => {
                assert_eq!(stop, Stop::Exit(0));
                break;
            }
        }
    }
    let mut log = vec![0; ENTRIES as usize];
    machine.board.ram.read_bytes(LOG, &mut log).unwrap();
    let states: Vec<_> = machine.harts().iter().map(|hart| &hart.state).collect();
    (log, machine.retired(), format!("{states:x?}"))
}

#[test]
fn the_same_run_every_time_however_it_is_cut() {
    for quantum in [100, 1_000] {
        let whole = run(quantum, None, false);
        for hart in 0..4 {
            assert!(whole.0.contains(&hart), "hart {hart} never got a place");
        }
        assert!(run(quantum, None, false) == whole, "again");
        for slice in [1, 777, 5_000, 1_000_003] {
            assert!(run(quantum, Some(slice), false) == whole, "in slices of {slice}");
        }
        assert!(run(quantum, Some(777), true) == whole, "looked at");
    }
    assert!(run(100, None, false).0 != run(1_000, None, false).0, "the quantum decides the interleaving");
}

/// Each hart sleeps twenty times, for a time of its own, and writes down when it woke; the last one ends the run.
fn sleepers() -> Program {
    let mut program = Program::new();
    program.csr(csr::MIE, MTI).add(&[asm::csrrs(A0, csr::MHARTID, ZERO)]);
    program.li(A1, MTIMECMP).add(&[asm::slli(A3, A0, 3), asm::add(A1, A1, A3)]);
    program.li(A2, MTIME).li(A4, LOG).add(&[asm::slli(A3, A0, 8), asm::add(A4, A4, A3), asm::addi(T0, ZERO, 20)]);
    let draw = program.here();
    program.add(&[asm::ld(A5, A2, 0), asm::slli(A3, A0, 5), asm::add(A5, A5, A3), asm::addi(A5, A5, 37)]);
    program.add(&[asm::sd(A5, A1, 0), asm::wfi(), asm::csrrs(A5, csr::MCYCLE, ZERO), asm::sd(A5, A4, 0)]);
    program.add(&[asm::addi(A4, A4, 8), asm::addi(T0, T0, -1)]);
    let back = draw as i64 - program.here() as i64;
    program.add(&[asm::bne(T0, ZERO, back as i32)]);
    program.li(A1, DATA).add(&[asm::addi(A3, ZERO, 1), asm::amoadd_d(A5, A3, A1), asm::addi(A3, ZERO, 3)]);
    let last = program.hole();
    program.wait();
    program.land(last, |offset| asm::beq(A5, A3, offset)).pass();
    program
}

#[test]
fn sleep_is_the_same_however_it_is_cut() {
    let run = |slice| {
        let mut machine = machine(MachineConfig { harts: 4, ..MachineConfig::default() }, &sleepers());
        let mut time = 0;
        loop {
            match machine.run(&Limits { max_insns: Some(1_000_000), slice }) {
                Stop::Slice => assert!(machine.now() > time, "time goes on"),
                stop => {
                    assert_eq!(stop, Stop::Exit(0));
                    break;
                }
            }
            time = machine.now();
        }
        let log: Vec<u64> = (0..4 * 32).map(|at| peek(&machine, LOG + 8 * at)).collect();
        assert!((0..4).all(|hart| log[32 * hart..][..20].is_sorted_by(|a, b| a < b)), "{log:?}");
        let states: Vec<_> = machine.harts().iter().map(|hart| &hart.state).collect();
        (log, format!("{states:x?}"), machine.snapshot().cycles)
    };
    let whole = run(None);
    for slice in [1, 100, 1_001, 50_000] {
        assert!(run(Some(slice)) == whole, "in slices of {slice}");
    }
}

/// What the host has for a machine that sleeps arrives at the end of a slice, not after the sleep.
#[test]
fn input_wakes_a_sleeping_machine() {
    const UART: u64 = 0x1000_0000;
    let mut program = Program::new();
    program.store(MTIMECMP, 1 << 40).csr(csr::MIE, MTI | 1 << 11);
    program.store_word(0xc00_0000 + 4 * 10, 1).store_word(0xc00_2000, 1 << 10).store_byte(UART + 1, 1);
    program.add(&[asm::wfi(), asm::csrrs(A0, csr::MCYCLE, ZERO)]).li(A1, DATA).add(&[asm::sd(A0, A1, 0)]).pass();
    for harts in [1, 3] {
        let mut machine = machine(MachineConfig { harts, ..MachineConfig::default() }, &program);
        let limits = Limits { max_insns: None, slice: Some(1_000_000) };
        for _ in 0..5 {
            assert_eq!(machine.run(&limits), Stop::Slice);
        }
        assert_eq!(machine.now(), 5_000_000);
        machine.board.push_input(b"x");
        assert_eq!(machine.run(&limits), Stop::Exit(0));
        assert!((5_000_000..5_010_000).contains(&peek(&machine, DATA)), "woke at {}", peek(&machine, DATA));
    }
}

#[test]
fn the_instruction_limit_is_exact() {
    let mut program = Program::new();
    program.li(A2, DATA).add(&[asm::addi(A0, A0, 1), asm::sd(A0, A2, 0), asm::mul(A1, A0, A0), asm::jal(ZERO, -12)]);
    for harts in [1, 3] {
        for config in [flat(harts), MachineConfig { harts, ..MachineConfig::default() }] {
            let mut machine = machine(config, &program);
            for limit in [0, 1, 2, 1_000, 1_001, 54_321] {
                let stop = machine.run(&Limits { max_insns: Some(limit), slice: None });
                assert_eq!((stop, machine.retired()), (Stop::InsnLimit, limit), "{harts} harts");
            }
        }
    }
}

#[test]
fn a_run_may_go_on_behind_its_limit() {
    let mut whole = machine(flat(4), &contention());
    assert_eq!(finish(&mut whole), Stop::Exit(0));
    let mut pieces = machine(flat(4), &contention());
    let mut limit = 0;
    loop {
        limit += 1_237;
        match pieces.run(&Limits { max_insns: Some(limit), slice: None }) {
            Stop::InsnLimit => {}
            stop => {
                assert_eq!(stop, Stop::Exit(0));
                break;
            }
        }
    }
    assert_eq!(pieces.retired(), whole.retired());
    assert!(peek(&pieces, LOG + 512) == peek(&whole, LOG + 512));
}

#[test]
fn waiting_for_what_cannot_come_is_told() {
    // The comparator is never reached: 0 enables nothing, the others lie behind the end of time.
    for (mie, compare) in [(0, 5), (MTI, u64::MAX), (MTI, u64::MAX - 1), (MTI, u64::MAX / 100), (MTI, 1 << 56)] {
        let mut program = Program::new();
        program.store(MTIMECMP, compare).csr(csr::MIE, mie).wait();
        for harts in [1, 3] {
            let mut machine = machine(flat(harts), &program);
            assert_eq!(finish(&mut machine), Stop::Idle, "mie {mie:#x}, mtimecmp {compare:#x}");
            let retired = machine.retired();
            assert_eq!(finish(&mut machine), Stop::Idle);
            assert_eq!(machine.retired(), retired, "nothing ran");
        }
    }
}

#[test]
fn every_hart_knows_its_number_and_finds_the_device_tree() {
    let mut program = Program::new();
    program.li(A2, DATA).add(&[asm::slli(A3, A0, 4), asm::add(A2, A2, A3)]);
    program.add(&[asm::addi(A0, A0, 100), asm::sd(A0, A2, 0), asm::lwu(A4, A1, 0), asm::sd(A4, A2, 8)]).wait();
    let mut machine = machine(flat(64), &program);
    assert_eq!(finish(&mut machine), Stop::Idle);
    for hart in 0..64 {
        assert_eq!(peek(&machine, DATA + 16 * hart), 100 + hart);
        assert_eq!(peek(&machine, DATA + 16 * hart + 8), 0xedfe_0dd0, "big-endian magic number");
    }
}

#[test]
fn impossible_machines_are_refused() {
    let error = |change: fn(&mut MachineConfig)| {
        let mut config = MachineConfig::default();
        change(&mut config);
        Machine::new(config).err().expect("must be refused").to_string()
    };
    assert!(error(|c| c.harts = 0).contains("1 to 64"));
    assert!(error(|c| c.harts = 65).contains("1 to 64"));
    assert!(error(|c| c.memory = 0).contains("multiple of 4 KiB"));
    assert!(error(|c| c.memory = 4097).contains("multiple of 4 KiB"));
    assert!(error(|c| c.memory = !0xfff).contains("address space"));
    assert!(error(|c| c.quantum = 99).contains("at least 100"));
}

/// Memory is reserved, not used: a machine with 64 GiB and a program at either end costs a few pages.
#[test]
fn untouched_memory_costs_nothing() {
    let memory = 64 << 30;
    let mut program = Program::new();
    program.store(RAM_BASE + memory - 8, 42).pass();
    let mut machine = Machine::new(MachineConfig { memory, ..MachineConfig::default() }).unwrap();
    machine.load(&Software::bare(program.image(&[]))).unwrap();
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    assert_eq!(peek(&machine, RAM_BASE + memory - 8), 42);
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        eprintln!("SKIPPED: this host does not tell how much memory a process uses");
        return;
    };
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux has it");
    let kib: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kib < 512 << 10, "{kib} KiB are resident");
}
