//! cost-model 5.5, check 1: what a hypercall costs on this host must lie between what DuVisor and KVM need on a comparable core.

mod boot;

use benches::images;
use rv_isa::asm::{self, A0, A6, A7, S0, ZERO};
use rv_machine::{CostModel, MachineConfig, Stop};

/// A guest that asks for the version of the SBI `calls` times, reports that it is done, and powers off.
fn guest(calls: i32) -> Vec<u8> {
    let system_reset = 0x5352_5354;
    let words = [
        asm::lui(S0, (calls + 0x800) & !0xfff),
        asm::addiw(S0, S0, calls << 20 >> 20),
        asm::addi(A7, ZERO, 0x10), // base extension, get_spec_version
        asm::addi(A6, ZERO, 0),
        asm::ecall(),
        asm::addi(S0, S0, -1),
        asm::bne(S0, ZERO, -8),
        asm::lui(A7, 0x0a00_0000), // done
        asm::addi(A6, ZERO, 0),
        asm::ecall(),
        asm::lui(A7, (system_reset + 0x800) & !0xfff),
        asm::addiw(A7, A7, system_reset << 20 >> 20),
        asm::addi(A0, ZERO, 0),
        asm::ecall(),
        asm::jal(ZERO, 0),
    ];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Cycles from the guest's start to its report.
fn cycles(calls: i32) -> u64 {
    let costs = CostModel::built_in("default").unwrap();
    let config = MachineConfig { harts: 4, memory: 1 << 30, costs, ..MachineConfig::default() };
    let files = [("vmm", images::VMM), ("guest", &guest(calls)[..])];
    let append = "mech=emulate lines=0 guest-memory=64 console=capture";
    let mut machine = boot::machine(config, images::HYP, &files, append);
    let (stop, output) = boot::run(&mut machine, 500_000_000);
    // The guest reports nothing that could be compared, so the monitor's verdict doesn't matter here.
    assert!(matches!(stop, Stop::Exit(_)), "{stop:?}: {output}");
    let at = |number| machine.snapshots().iter().find(|(marker, _)| *marker == number).map(|(_, at)| at.cycles);
    at(2).expect("the guest's report") - at(1).expect("the guest's start")
}

#[test]
fn a_hypercall_costs_what_was_measured_elsewhere() {
    const CALLS: i32 = 1000;
    let round_trip = (cycles(2 * CALLS) - cycles(CALLS)) / CALLS as u64;
    println!("a hypercall takes {round_trip} cycles there and back");
    assert!((150..=700).contains(&round_trip), "{round_trip} cycles");
}
