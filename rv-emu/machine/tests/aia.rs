//! The board with the Advanced Interrupt Architecture: messages and wires reach the right hart and wake it, in time; and what hostile
//! programs write does no harm.

mod common;

use common::{MEI, Program, UART, finish, flat, machine, printed};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any};
use proptest::proptest;
use rv_isa::asm::{self, A0, A1, A2, A3, A4, ZERO};
use rv_isa::csr;
use rv_machine::map::{IMSIC_MACHINE_BASE, IMSIC_SUPERVISOR_BASE};
use rv_machine::{Aia, Limits, Machine, MachineConfig, MachineError, Stop};

/// The APLIC's machine-level domain.
const APLIC: u64 = 0xc00_0000;
const MESSAGES: Aia = Aia::AplicImsic { guests: 3 };

/// Delivers all of this hart's machine-level messages.
fn open_file(program: &mut Program) {
    for (select, value) in [(0x70, 1), (0x72, 0), (0xc0, u64::MAX)] {
        program.csr(csr::MISELECT, select).csr(csr::MIREG, value);
    }
}

/// Ends with the identity that comes first.
fn claim_and_exit(program: &mut Program) {
    program.add(&[asm::csrrw(A0, csr::MTOPEI, ZERO), asm::srli(A0, A0, 16)]).exit_with(A0);
}

/// Wherever in its quantum the message arrives, it wakes the hart.
#[test]
fn a_message_wakes_another_hart() {
    for delay in (0..250).step_by(7) {
        let setup = |program: &mut Program| {
            open_file(program);
            program.add(&[asm::csrrs(A0, csr::MHARTID, ZERO)]);
            let hole = program.hole();
            program.li(A1, 1_000).add(&[asm::addi(A1, A1, -1), asm::bne(A1, ZERO, -4)]);
            program.add(&vec![asm::addi(ZERO, ZERO, 0); delay]);
            program.store_word(IMSIC_MACHINE_BASE + 0x1000, 40).add(&[asm::jal(ZERO, 0)]);
            program.land(hole, |offset| asm::bne(A0, ZERO, offset)).enable(MEI).wait();
        };
        for config in [flat(2), MachineConfig { harts: 2, ..MachineConfig::default() }] {
            let config = MachineConfig { aia: MESSAGES, quantum: 100, ..config };
            let mut machine = machine(config, &Program::handler(setup, claim_and_exit));
            assert_eq!(finish(&mut machine), Stop::Exit(40), "after {delay} instructions");
        }
    }
}

/// From the store to the handler's first instruction: about 100 cycles, of which the wire is 50.
#[test]
fn a_message_takes_its_time_over_the_wire() {
    let setup = |program: &mut Program| {
        open_file(program);
        program.enable(MEI).li(A2, IMSIC_MACHINE_BASE).li(A3, 1);
        program.add(&[asm::csrrs(A0, csr::MCYCLE, ZERO), asm::sw(A3, A2, 0), asm::jal(ZERO, 0)]);
    };
    let handler = |program: &mut Program| {
        program.add(&[asm::csrrs(A1, csr::MCYCLE, ZERO), asm::sub(A0, A1, A0)]).exit_with(A0);
    };
    let config = MachineConfig { aia: MESSAGES, ..MachineConfig::default() };
    let mut machine = machine(config, &Program::handler(setup, handler));
    let Stop::Exit(latency) = finish(&mut machine) else { panic!("no exit") };
    assert!((70..=150).contains(&latency), "{latency}");
}

/// Gives the serial port's interrupt to the machine-level domain.
fn route_uart(program: &mut Program, target: u64) {
    program.store_word(APLIC + 4 * 10, 6).store_word(APLIC + 0x3000 + 4 * 10, target);
    program.store_word(APLIC + 0x1edc, 10).store_word(APLIC, 0x100).store_byte(UART + 1, 1);
}

/// Echoes what was typed, and ends with a `q`; a0 to a3 are spoilt.
fn echo(program: &mut Program) {
    program.li(A3, UART).add(&[asm::lbu(A1, A3, 0), asm::sb(A1, A3, 0), asm::addi(A4, A1, -i32::from(b'q'))]);
    let hole = program.hole();
    program.pass().land(hole, |offset| asm::bne(A4, ZERO, offset)).add(&[asm::mret()]);
}

#[test]
fn typed_bytes_come_by_line() {
    let setup = |program: &mut Program| {
        route_uart(program, 1);
        program.store_word(APLIC + 0x4000, 1).enable(MEI).wait();
    };
    let handler = |program: &mut Program| {
        program.li(A2, APLIC + 0x401c).add(&[asm::lw(A0, A2, 0)]);
        echo(program);
    };
    let mut machine =
        machine(MachineConfig { aia: Aia::Aplic, ..MachineConfig::default() }, &Program::handler(setup, handler));
    assert_eq!(finish(&mut machine), Stop::Idle, "nothing was typed yet");
    machine.board.push_input(b"hello");
    assert_eq!(finish(&mut machine), Stop::Idle);
    assert_eq!(printed(&mut machine), "hello");
    machine.board.push_input(b"!q and no more");
    assert_eq!((finish(&mut machine), printed(&mut machine)), (Stop::Exit(0), "!q".to_owned()));
}

#[test]
fn typed_bytes_come_by_message() {
    let setup = |program: &mut Program| {
        open_file(program);
        route_uart(program, 33);
        program.enable(MEI).wait();
    };
    let handler = |program: &mut Program| {
        // The wire may still be up afterwards: ask for the message again.
        program.add(&[asm::csrrw(A0, csr::MTOPEI, ZERO)]).li(A3, UART);
        program.add(&[asm::lbu(A1, A3, 0), asm::sb(A1, A3, 0)]).store_word(APLIC + 0x1cdc, 10);
        program.add(&[asm::addi(A4, A1, -i32::from(b'q'))]);
        let hole = program.hole();
        program.pass().land(hole, |offset| asm::bne(A4, ZERO, offset)).add(&[asm::mret()]);
    };
    let mut machine =
        machine(MachineConfig { aia: MESSAGES, ..MachineConfig::default() }, &Program::handler(setup, handler));
    assert_eq!(finish(&mut machine), Stop::Idle, "nothing was typed yet");
    machine.board.push_input(b"hello");
    assert_eq!(finish(&mut machine), Stop::Idle);
    assert_eq!(printed(&mut machine), "hello");
    machine.board.push_input(b"!q");
    assert_eq!((finish(&mut machine), printed(&mut machine)), (Stop::Exit(0), "!q".to_owned()));
}

#[test]
fn a_machine_has_room_for_all_guest_files() {
    for guests in [0, 1, 63] {
        let config = MachineConfig { harts: 64, aia: Aia::AplicImsic { guests }, ..MachineConfig::default() };
        let machine = Machine::new(config).unwrap();
        assert_eq!(machine.harts()[63].csr_peek(csr::MIDELEG).unwrap() >> 12 & 1, u64::from(guests > 0));
    }
    let config = MachineConfig { aia: Aia::AplicImsic { guests: 64 }, ..MachineConfig::default() };
    assert!(matches!(Machine::new(config), Err(MachineError::Guests(64))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Stores anywhere in the controllers' windows, and writes to any CSR, between interrupts that may come of them.
    #[test]
    fn hostile_programs_do_no_harm(steps in vec((any::<u8>(), any::<u16>(), any::<u64>()), 1..80)) {
        for aia in [Aia::Aplic, MESSAGES] {
            let setup = |program: &mut Program| {
                for (what, place, value) in &steps {
                    let offset = u64::from(*place) & 0x7ffc;
                    match what % 8 {
                        0 | 1 => program.store_word(APLIC + offset, *value),
                        2 => program.store_word(APLIC + 0x100_0000 + offset, *value),
                        3 => program.store_word(IMSIC_SUPERVISOR_BASE + (offset & 0x7004), *value & 0xff),
                        4 => program.store_word(IMSIC_MACHINE_BASE + (offset & 4), *value & 0xff),
                        5 => program.csr(csr::MISELECT, *value & 0xff).csr(csr::MIREG, value >> 8),
                        6 => program.csr(csr::HVICTL, *value).csr(csr::MVIEN, value >> 8).csr(csr::HVIP, value >> 16),
                        _ => program.csr(*place & 0xfff & !0x0ff | *place & 0x7f, *value),
                    };
                }
                program.pass();
            };
            // Traps skip their instruction, of four bytes.
            let handler = |program: &mut Program| {
                program.add(&[asm::csrrs(A0, csr::MEPC, ZERO), asm::addi(A0, A0, 4), asm::csrrw(ZERO, csr::MEPC, A0)]);
                program.add(&[asm::mret()]);
            };
            let mut machine = machine(MachineConfig { aia, ..flat(2) }, &Program::handler(setup, handler));
            machine.run(&Limits { max_insns: Some(20_000), slice: Some(200_000) });
            machine.device_tree(None);
        }
    }
}
