//! The real-time clock on the board: where it is, what it shows, and how its alarm wakes a hart.

mod common;

use common::{MEI, PLIC, Program, flat, machine};
use rv_hart::Bus;
use rv_isa::asm::{self, A0, A1, A2, T0};
use rv_machine::map::{RTC, RTC_IRQ};
use rv_machine::{Limits, Machine, MachineConfig, Stop};

const BASE: u64 = 1_767_225_600;
const SECOND: u64 = 1_000_000_000;

fn with_clock() -> MachineConfig {
    MachineConfig { rtc_base: Some(BASE), ..flat(1) }
}

#[test]
fn only_a_board_that_is_asked_for_it_has_a_clock() {
    let mut machines = [flat(1), with_clock()].map(|config| Machine::new(config).unwrap());
    let found = machines.each_mut().map(|machine| machine.board.read(0, RTC.base, 4, 5).is_ok());
    assert_eq!(found, [false, true]);
    let nodes = machines.each_ref().map(|machine| {
        let blob = machine.device_tree(None);
        let tree = fdt::Fdt::new(&blob).unwrap();
        tree.compatible("google,goldfish-rtc")
            .map(|node| (node.regions().next(), node.number("interrupts")))
            .collect::<Vec<_>>()
    });
    assert_eq!(nodes, [vec![], vec![(Some((0x10_1000, 0x1000)), Some(11))]], "as QEMU's virt has it");
}

#[test]
fn a_nominal_second_is_a_second() {
    let mut machine = Machine::new(with_clock()).unwrap();
    for now in [0, 1, SECOND, 3600 * SECOND] {
        let low = machine.board.read(0, RTC.base, 4, now).unwrap();
        let high = machine.board.read(0, RTC.base + 4, 4, now).unwrap();
        assert_eq!(low | high << 32, BASE * SECOND + now);
    }
}

#[test]
fn an_alarm_wakes_a_hart_at_its_time() {
    let alarm = BASE * SECOND + 12_345_678;
    let program = Program::handler(
        |program| {
            program.store_word(PLIC + 4 * u64::from(RTC_IRQ), 1).store_word(PLIC + 0x2000, 1 << RTC_IRQ);
            program.store_word(RTC.base + 0x10, 1);
            program.store_word(RTC.base + 0x0c, alarm >> 32).store_word(RTC.base + 0x08, alarm & 0xffff_ffff);
            program.enable(MEI).wait();
        },
        |program| {
            // The PLIC's claim is the code of the exit, and the line falls when the interrupt is cleared.
            program.li(A1, PLIC + 0x20_0004).add(&[asm::lw(A0, A1, 0)]);
            program.store_word(RTC.base + 0x1c, 1).li(T0, RTC.base + 0x18).add(&[asm::lw(A2, T0, 0)]);
            program.add(&[asm::add(A0, A0, A2)]).exit_with(A0);
        },
    );
    let mut machine = machine(with_clock(), &program);
    assert_eq!(machine.run(&Limits::default()), Stop::Exit(RTC_IRQ.into()));
    let late = machine.snapshot().cycles - 12_345_678;
    assert!(late < 2000, "{late} cycles after the alarm");
}
