//! Devices as a guest meets them: through the bus, with interrupts, and with faults where nothing is.

mod common;

use common::{
    DATA, FINISHER, MEI, MSI, MSIP, MTI, MTIME, MTIMECMP, PLIC, Program, UART, finish, flat, machine, peek, printed,
};
use rv_isa::asm::{self, A0, A1, A2, A3, A4, T0, T1, ZERO};
use rv_isa::csr;
use rv_machine::{Limits, MachineConfig, Stop};

/// Echoes what is typed, byte by byte in the interrupt handler, until a `q`.
fn echo() -> Program {
    let setup = |program: &mut Program| {
        program.store_word(PLIC + 4 * 10, 1).store_word(PLIC + 0x2000, 1 << 10);
        program.store_byte(UART + 1, 1).enable(MEI).wait();
    };
    let handler = |program: &mut Program| {
        program.li(A2, PLIC + 0x20_0004).li(A3, UART);
        program.add(&[asm::lw(A0, A2, 0), asm::lbu(A1, A3, 0), asm::sb(A1, A3, 0), asm::sw(A0, A2, 0)]);
        program.add(&[asm::addi(A4, A1, -i32::from(b'q'))]);
        let hole = program.hole();
        program.pass().land(hole, |offset| asm::bne(A4, ZERO, offset)).add(&[asm::mret()]);
    };
    Program::handler(setup, handler)
}

#[test]
fn typed_bytes_come_by_interrupt_and_are_echoed() {
    let mut machine = machine(MachineConfig::default(), &echo());
    assert_eq!(finish(&mut machine), Stop::Idle, "nothing was typed yet");
    machine.board.push_input(b"hello, ");
    machine.board.push_input(b"world");
    assert_eq!(finish(&mut machine), Stop::Idle);
    assert_eq!(printed(&mut machine), "hello, world");
    machine.board.push_input(b"!q and no more");
    assert_eq!(finish(&mut machine), Stop::Exit(0));
    assert_eq!(printed(&mut machine), "!q");
    assert_eq!(machine.board.unread_input(), " and no more".len());
}

#[test]
fn a_timer_wakes_at_its_tick_and_waiting_is_idle() {
    let setup = |program: &mut Program| {
        program.store(MTIMECMP, 5_000).enable(MTI).wait();
    };
    let handler = |program: &mut Program| {
        program.li(A2, MTIME).add(&[asm::ld(A0, A2, 0), asm::addi(A0, A0, -2048), asm::addi(A0, A0, -2048)]);
        program.exit_with(A0);
    };
    let mut machine = machine(flat(1), &Program::handler(setup, handler));
    assert_eq!(finish(&mut machine), Stop::Exit(5_000 - 4096), "the handler reads mtime 5000");
    let counters = machine.harts()[0].counters();
    assert!(counters.idle > 499_000 && counters.idle < 500_000, "{}", counters.idle);
    assert!(machine.retired() < 200);
}

/// From the store to the handler's first instruction: about 100 cycles, of which the wire is 50, and never 0.
#[test]
fn an_ipi_takes_its_time_over_the_wire() {
    let setup = |program: &mut Program| {
        program.enable(MSI).li(A2, MSIP).li(A3, 1);
        program.add(&[asm::csrrs(A0, csr::MCYCLE, ZERO), asm::sw(A3, A2, 0), asm::jal(ZERO, 0)]);
    };
    let handler = |program: &mut Program| {
        program.add(&[asm::csrrs(A1, csr::MCYCLE, ZERO), asm::sub(A0, A1, A0)]).exit_with(A0);
    };
    let mut machine = machine(MachineConfig::default(), &Program::handler(setup, handler));
    let Stop::Exit(latency) = finish(&mut machine) else { panic!("no exit") };
    assert!((70..=150).contains(&latency), "{latency}");
}

#[test]
fn an_ipi_wakes_another_hart() {
    let setup = |program: &mut Program| {
        program.li(T0, MSIP).add(&[asm::csrrs(A0, csr::MHARTID, ZERO)]);
        let hole = program.hole();
        // Hart 0 works for a while, then calls hart 1.
        program.li(A1, 5_000).add(&[asm::addi(A1, A1, -1), asm::bne(A1, ZERO, -4)]);
        program.store_word(MSIP + 4, 1).add(&[asm::jal(ZERO, 0)]);
        program.land(hole, |offset| asm::bne(A0, ZERO, offset)).enable(MSI).wait();
    };
    let handler = |program: &mut Program| {
        program.store_word(MSIP + 4, 0).add(&[asm::csrrs(A0, csr::MHARTID, ZERO), asm::addi(A0, A0, 40)]);
        program.exit_with(A0);
    };
    let mut machine = machine(flat(2), &Program::handler(setup, handler));
    assert_eq!(finish(&mut machine), Stop::Exit(41));
    let idle = machine.harts()[1].counters().idle;
    assert!((9_000..12_000).contains(&idle), "hart 1 waits while hart 0 works, {idle}");
}

/// Wherever in its quantum the interrupt arrives, its very last cycle included, it wakes the hart.
#[test]
fn no_ipi_is_lost() {
    for delay in 0..250 {
        let setup = |program: &mut Program| {
            program.add(&[asm::csrrs(A0, csr::MHARTID, ZERO)]);
            let hole = program.hole();
            program.li(A1, 1_000).add(&[asm::addi(A1, A1, -1), asm::bne(A1, ZERO, -4)]);
            program.add(&vec![asm::addi(ZERO, ZERO, 0); delay]);
            program.store_word(MSIP + 4, 1).add(&[asm::jal(ZERO, 0)]);
            program.land(hole, |offset| asm::bne(A0, ZERO, offset)).enable(MSI).wait();
        };
        let handler = |program: &mut Program| {
            program.pass();
        };
        let config = MachineConfig { harts: 2, quantum: 100, ..MachineConfig::default() };
        let mut machine = machine(config, &Program::handler(setup, handler));
        let stop = machine.run(&Limits { max_insns: Some(20_000), slice: None });
        assert_eq!(stop, Stop::Exit(0), "after {delay} cycles more");
    }
}

/// Runs one access that must fault, and gives mcause and mtval.
fn fault(access: &[u32]) -> (u64, u64) {
    let setup = |program: &mut Program| {
        program.add(access).li(A0, 99).exit_with(A0);
    };
    let handler = |program: &mut Program| {
        program.li(T0, DATA);
        program.add(&[asm::csrrs(T1, csr::MCAUSE, ZERO), asm::sd(T1, T0, 0)]);
        program.add(&[asm::csrrs(T1, csr::MTVAL, ZERO), asm::sd(T1, T0, 8)]).pass();
    };
    let mut machine = machine(MachineConfig::default(), &Program::handler(setup, handler));
    assert_eq!(finish(&mut machine), Stop::Exit(0), "{access:x?} did not fault");
    (peek(&machine, DATA), peek(&machine, DATA + 8))
}

#[test]
fn what_is_not_there_gives_an_access_fault() {
    let at = |addr: u64, access: u32| [&asm::li64(A0, addr)[..], &[access]].concat();
    let cases = [
        ("nothing is mapped", 5, 0x4000_0000, asm::lw(A1, A0, 0)),
        ("nothing is mapped", 7, 0x4000_0000, asm::sw(A1, A0, 0)),
        ("nothing is mapped", 1, 0x4000_0000, asm::jalr(ZERO, A0, 0)),
        ("address 0", 5, 0, asm::ld(A1, A0, 0)),
        ("behind the end of memory", 7, 0x8800_0000, asm::sd(A1, A0, 0)),
        ("a register takes words only", 5, PLIC + 0x1000, asm::lb(A1, A0, 0)),
        ("a register takes words only", 7, MSIP, asm::sd(A1, A0, 0)),
        ("no register here", 5, UART + 8, asm::lbu(A1, A0, 0)),
        ("a hart that does not exist", 7, MSIP + 4, asm::sw(A1, A0, 0)),
        ("devices hold no code", 1, UART, asm::jalr(ZERO, A0, 0)),
        ("an atomic on a device", 7, MTIME, asm::amoadd_d(A1, A1, A0)),
        ("ROM can't be written", 7, 0x1000, asm::sw(A1, A0, 0)),
    ];
    for (why, cause, addr, access) in cases {
        assert_eq!(fault(&at(addr, access)), (cause, addr), "{why}");
    }
}

#[test]
fn the_finisher_passes_the_exit_code_on() {
    for (value, code) in [(0x5555, 0), (0x3333 | 7 << 16, 7), (0x3333 | 0xffff << 16, 0xffff)] {
        let mut program = Program::new();
        program.store_word(FINISHER, value);
        assert_eq!(finish(&mut machine(MachineConfig::default(), &program)), Stop::Exit(code));
    }
}

/// Software that resets the board finds its own data as loaded, and other memory as it left it.
#[test]
fn a_reset_loads_the_program_anew() {
    let mut program = Program::new();
    program.li(A2, DATA).add(&[asm::ld(A0, A2, 0)]);
    let second_time = program.hole();
    program.add(&[asm::addi(A1, ZERO, 1), asm::sd(A1, A2, 0)]);
    let word = program.hole();
    // The word after the jump is data inside of the program.
    program.add(&[0x1234]);
    let data = program.here() - 4;
    program.land(word, |offset| asm::jal(ZERO, offset));
    program.store_word(data, 0xdead).store_byte(UART + 7, 0x55).store_word(FINISHER, 0x7777).add(&[asm::jal(ZERO, 0)]);
    program.land(second_time, |offset| asm::bne(A0, ZERO, offset));
    program.li(A2, data).add(&[asm::lw(A0, A2, 0)]).li(A2, UART).add(&[asm::lbu(A1, A2, 7), asm::add(A0, A0, A1)]);
    program.exit_with(A0);
    let mut machine = machine(flat(3), &program);
    assert_eq!(finish(&mut machine), Stop::Exit(0x1234), "the data is fresh, and the serial port was reset");
    let hart = &machine.harts()[0];
    assert_eq!(hart.state.cycles, hart.counters().cycles.iter().sum::<u64>(), "time goes on, and so do the counters");
}
