//! What the machine tells afterwards: counters between markers, signatures, HTIF.

mod common;

use common::{DATA, Program, finish, flat, machine, printed};
use rv_hart::marker;
use rv_isa::asm::{self, A0, A1, A2, A3, ZERO};
use rv_isa::csr;
use rv_machine::map::RAM_BASE;
use rv_machine::{CostModel, Limits, Machine, MachineConfig, Report, Software, Stop};

/// The report of what lies between markers 1 and 2.
fn window(machine: &Machine) -> Report {
    let at = |number| &machine.snapshots().iter().find(|(marker, _)| *marker == number).unwrap().1;
    at(2).since(at(1))
}

#[test]
fn markers_bound_what_is_counted() {
    let mut program = Program::new();
    program.li(A0, 7).add(&[marker::encode(1)]);
    program.add(&[asm::addi(A0, A0, 1); 25]).add(&[marker::encode(2)]).li(A0, 3).pass();
    let mut machine = machine(flat(2), &program);
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    let numbers: Vec<u16> = machine.snapshots().iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers[..2], [1, 2]);
    let report = window(&machine);
    assert_eq!(report.instret_by_mode["M"], 26, "25 additions and the second marker");
    assert_eq!((report.instret_by_hart[0], report.busy_by_hart[0], report.elapsed_cycles), (26, 26, 26));
    assert_eq!(report.instret_by_mode["VS"], 0);
    assert_eq!((report.mmio_reads, report.mmio_writes, report.pte_reads), (0, 0, 0));
}

#[test]
fn traps_and_device_accesses_are_counted_by_kind() {
    let setup = |program: &mut Program| {
        program.add(&[marker::encode(1), asm::ecall(), asm::ecall(), asm::ecall(), 0]);
        program.li(A1, common::UART).add(&[asm::lbu(A0, A1, 5), asm::sb(A0, A1, 7), asm::sb(A0, A1, 7)]);
        program.add(&[marker::encode(2)]).pass();
    };
    let handler = |program: &mut Program| {
        program.add(&[asm::csrrs(A0, csr::MEPC, ZERO), asm::addi(A0, A0, 4), asm::csrrw(ZERO, csr::MEPC, A0)]);
        program.add(&[asm::mret()]);
    };
    let mut machine = machine(flat(1), &Program::handler(setup, handler));
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    let report = window(&machine);
    let traps: Vec<_> = report.traps.iter().map(|trap| (trap.from, trap.to, trap.code, trap.count)).collect();
    assert_eq!(traps, [("M", "M", 2, 1), ("M", "M", 11, 3)]);
    assert!(report.traps[1].name.contains("environment call"));
    assert_eq!((report.mmio_reads, report.mmio_writes), (1, 2));
    assert!(report.guest_traps_to(&["M", "HS"]).is_empty(), "none of them left a guest");
}

/// Padding points cost nothing under the default model, and the published figure under the padded one.
#[test]
fn padding_is_charged_where_software_marks_it() {
    let cycles = |model: &str| {
        let mut program = Program::new();
        program.add(&[marker::encode(1)]).add(&[marker::encode(16); 3]).add(&[marker::encode(20)]);
        program.add(&[marker::encode(2)]).pass();
        let costs = CostModel::built_in(model).unwrap();
        let mut machine = machine(MachineConfig { costs, ..MachineConfig::default() }, &program);
        assert_eq!(finish(&mut machine), Stop::Exit(0));
        let report = window(&machine);
        assert_eq!(report.padding_points.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>(), [(16, 3), (20, 1)]);
        assert_eq!(report.instret_by_mode["M"], 5, "padding is time, not instructions");
        report.elapsed_cycles
    };
    let linux = CostModel::built_in("linux").unwrap();
    assert_eq!(cycles("default"), 5);
    assert_eq!(cycles("linux"), 5 + 3 * linux.padding(16) + linux.padding(20));
}

/// A change of `satp` leaves the walker its entries, since hardware's have ASIDs; a fence takes them ("Supervisor Memory-Management
/// Fence Instruction": only it orders page-table accesses).
#[test]
fn fences_alone_empty_the_walker() {
    let satp = |asid: u64| 8 << 60 | asid << 44 | DATA >> 12;
    let mut program = Program::new();
    // A gigapage at where memory is, in the table at DATA.
    program.li(A0, DATA).li(A1, (RAM_BASE >> 12) << 10 | 0xcf).add(&[asm::sd(A1, A0, 16)]);
    // Loads as S-mode does them, which needs the leave of the PMP.
    program.csr(csr::PMPADDR0, u64::MAX >> 10).csr(csr::PMPCFG0, 0x1f);
    program.li(A2, 1 << 17 | 1 << 11).add(&[asm::csrrs(ZERO, csr::MSTATUS, A2)]);
    let mut load = |first: u16, prepare: &[u32]| {
        program.add(prepare).add(&[marker::encode(first), asm::lb(A3, A0, 0), marker::encode(first + 1)]);
    };
    load(1, &[&asm::li64(A1, satp(1))[..], &[asm::csrrw(ZERO, csr::SATP, A1)]].concat());
    load(3, &[&asm::li64(A1, satp(2))[..], &[asm::csrrw(ZERO, csr::SATP, A1)]].concat());
    load(5, &[asm::sfence_vma(ZERO, ZERO)]);
    program.add(&[asm::csrrc(ZERO, csr::MSTATUS, A2)]).pass();
    let costs = CostModel::built_in("default").unwrap();
    let mut machine = machine(MachineConfig { costs, ..MachineConfig::default() }, &program);
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    let costs = [1, 3, 5].map(|first| {
        let at = |number| &machine.snapshots().iter().find(|(marker, _)| *marker == number).unwrap().1;
        let report = at(first + 1).since(at(first));
        (report.pte_reads, report.elapsed_cycles)
    });
    let [cold, other_space, fenced] = costs;
    assert_eq!([cold.0, other_space.0, fenced.0], [1; 3], "each of them walks");
    assert_eq!(cold.1, fenced.1);
    assert_eq!(cold.1 - other_space.1, 11, "pte_read 12, pte_cached 1");
}

/// An instruction that lies in two pages is fetched through translations that are there, as any other.
#[test]
fn an_instruction_across_pages_walks_once() {
    let code = DATA + 0x2ffe;
    let turns = 100;
    let setup = |program: &mut Program| {
        program.li(A0, DATA).li(A1, (RAM_BASE >> 12) << 10 | 0xcf).add(&[asm::sd(A1, A0, 16)]);
        program.csr(csr::PMPADDR0, u64::MAX >> 10).csr(csr::PMPCFG0, 0x1f).csr(csr::SATP, 8 << 60 | DATA >> 12);
        // addi a3, a3, -1; bnez a3, back; ecall
        let words = [asm::addi(A3, A3, -1), asm::bne(A3, ZERO, -4), asm::ecall()];
        program.li(A0, code);
        for (index, half) in words.iter().flat_map(|word| [word & 0xffff, word >> 16]).enumerate() {
            program.li(A1, half.into()).add(&[asm::sh(A1, A0, 2 * index as i32)]);
        }
        program.li(A3, turns).csr(csr::MEPC, code).li(A2, 1 << 11).add(&[asm::csrrs(ZERO, csr::MSTATUS, A2)]);
        program.add(&[marker::encode(1), asm::mret()]);
    };
    let handler = |program: &mut Program| {
        program.add(&[marker::encode(2)]).pass();
    };
    let mut machine = machine(flat(1), &Program::handler(setup, handler));
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    let report = window(&machine);
    assert!(report.instret_by_mode["HS"] >= 2 * turns);
    assert_eq!(report.pte_reads, 2, "a gigapage's one entry, for each of both pages");
}

#[test]
fn software_cannot_fill_the_host_with_snapshots() {
    let mut program = Program::new();
    program.li(A0, 5_000).add(&[marker::encode(3), asm::addi(A0, A0, -1), asm::bne(A0, ZERO, -8)]).pass();
    let mut machine = machine(flat(1), &program);
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    assert_eq!(machine.snapshots().len(), 1000);
}

#[test]
fn idle_and_busy_add_up() {
    let mut program = Program::new();
    program.store(common::MTIMECMP, 100).csr(csr::MIE, common::MTI).add(&[asm::wfi()]).pass();
    let mut machine = machine(MachineConfig::default(), &program);
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    let snapshot = machine.snapshot();
    let counters = &snapshot.harts[0];
    assert!(counters.idle > 9_000);
    assert_eq!(counters.cycles.iter().sum::<u64>() + counters.idle, snapshot.cycles);
}

fn with_symbols(program: &Program, symbols: &[(&str, u64)]) -> Machine {
    let mut machine = Machine::new(flat(1)).unwrap();
    machine.load(&Software::bare(program.image(symbols))).unwrap();
    machine
}

#[test]
fn the_signature_is_the_words_between_the_symbols() {
    let mut program = Program::new();
    program.store(DATA, 0x1122_3344_aabb_ccdd).store(DATA + 8, 0x5566).pass();
    let mut machine = with_symbols(&program, &[("begin_signature", DATA), ("end_signature", DATA + 12)]);
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    assert_eq!(machine.signature(4).unwrap(), "aabbccdd\n11223344\n00005566\n");
    assert_eq!(machine.signature(8).unwrap(), "11223344aabbccdd\n0000000000005566\n");
    assert_eq!(machine.signature(1).unwrap().lines().count(), 12);
}

#[test]
fn a_signature_that_is_not_there_is_told() {
    let error = |symbols: &[(&str, u64)]| with_symbols(Program::new().pass(), symbols).signature(4).unwrap_err();
    assert!(error(&[]).contains("no symbol begin_signature"));
    assert!(error(&[("begin_signature", DATA)]).contains("no symbol end_signature"));
    assert!(error(&[("begin_signature", DATA), ("end_signature", DATA - 4)]).contains("before begin_signature"));
    assert!(error(&[("begin_signature", DATA), ("end_signature", u64::MAX)]).contains("outside of memory"));
}

/// A program with `tohost` in its data.
fn htif(program: &Program) -> Machine {
    with_symbols(program, &[("tohost", DATA), ("fromhost", DATA + 64)])
}

#[test]
fn htif_ends_the_run() {
    for (value, code) in [(1, 0), (0x55, 0x2a)] {
        let mut program = Program::new();
        program.store(DATA, value).add(&[asm::jal(ZERO, 0)]);
        assert_eq!(finish(&mut htif(&program)), Stop::Exit(code));
    }
    // As 32-bit tests do it: the low half, then the high.
    let mut program = Program::new();
    program.store_word(DATA, 7).store_word(DATA + 4, 0).add(&[asm::jal(ZERO, 0)]);
    assert_eq!(finish(&mut htif(&program)), Stop::Exit(3));
}

#[test]
fn without_the_symbol_those_words_are_memory() {
    let mut program = Program::new();
    program.store(DATA, 1).pass();
    assert_eq!(finish(&mut machine(flat(1), &program)), Stop::Exit(0));
}

#[test]
fn htif_prints_by_system_call_and_waits_for_its_answer() {
    let block = DATA + 0x100;
    let mut program = Program::new();
    program.store(block, 64).store(block + 8, 1).store(block + 16, DATA + 0x200).store(block + 24, 3);
    program.store(DATA + 0x200, u64::from_le_bytes(*b"abc\0\0\0\0\0")).store(DATA, block);
    program.li(A2, DATA + 64).add(&[asm::ld(A0, A2, 0), asm::beq(A0, ZERO, -4), asm::sd(ZERO, A2, 0)]);
    program.li(A2, block).add(&[asm::ld(A0, A2, 0)]).exit_with(A0);
    let mut machine = htif(&program);
    assert_eq!(finish(&mut machine), Stop::Exit(3), "the result is the number of bytes");
    assert_eq!(printed(&mut machine), "abc");
}

#[test]
fn htif_reads_what_is_typed() {
    let mut program = Program::new();
    program.store(DATA, 1 << 56).li(A2, DATA + 64).add(&[asm::ld(A0, A2, 0), asm::beq(A0, ZERO, -4)]);
    program.add(&[asm::andi(A0, A0, 0xff), asm::addi(A3, A0, 0)]).exit_with(A0);
    let mut machine = htif(&program);
    let limits = Limits { max_insns: None, slice: Some(1000) };
    assert_eq!(machine.run(&limits), Stop::Slice, "it waits");
    machine.board.push_input(b"z");
    assert_eq!(machine.run(&limits), Stop::Exit(u64::from(b'z')));
    assert_eq!(machine.board.unread_input(), 0);
}
