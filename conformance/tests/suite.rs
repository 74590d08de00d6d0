//! The whole suite on machines with various sets of extensions: every case passes, and no row of the tables is without one.

use conformance::suite::coverage::Coverage;
use std::path::Path;

use conformance::suite::execute::{Verdict, run};
use conformance::suite::peer::Peer;
use conformance::suite::suite;
use rv_hart::{Costs, Hart};
use rv_isa::IsaSet;
use rv_machine::{CostModel, Machine, MachineConfig, MachineError};

fn machine(isa: IsaSet) -> Result<Machine, MachineError> {
    let costs = CostModel::built_in("flat").expect("the built-in models are valid");
    Machine::new(MachineConfig { isa, costs, ..MachineConfig::default() })
}

fn passes(name: &str) {
    let isa = IsaSet::parse(name).unwrap();
    for group in suite(isa) {
        let verdicts = run(&group, &|| machine(isa)).unwrap();
        for (case, verdict) in group.cases.iter().zip(verdicts) {
            assert_eq!(verdict, Verdict::Passed, "{name}: {}: {}", group.name(), case.name);
        }
    }
}

#[test]
fn everything_passes_with_every_extension() {
    passes("max");
}

#[test]
fn everything_passes_with_the_standard_extensions() {
    passes("default");
}

/// Tests of what is missing are left out, and the programs don't use it.
#[test]
fn everything_passes_with_few_extensions() {
    for name in ["rv64i", "rv64ima", "rv64imac_zifencei", "rv64imaf", "rv64gc", "rv64gch", "rva20s64", "rva22s64"] {
        passes(name);
    }
}

/// A machine that others wrote has nothing of HA-IOV either, but for reserved bits that QEMU 7.2 doesn't look at: it keeps what is written
/// to hstatus, and takes a G-stage entry for valid.
#[test]
fn nothing_of_haiov_is_on_qemu() {
    let Ok(peer) = Peer::qemu(Path::new("qemu-system-riscv64")) else {
        return eprintln!("SKIPPED: qemu-system-riscv64 is not there; install Debian's package qemu-system-misc");
    };
    let old = peer.version.contains("version 7.");
    let excused = |name: &str| old && (name.starts_with("hstatus has no bits") || name.starts_with("a page marked"));
    let groups: Vec<_> = suite(peer.isa).into_iter().filter(|group| group.chapter == "haiov-absent").collect();
    assert_eq!(groups.len(), 5, "a group for each mode");
    for group in groups {
        let file = std::env::temp_dir().join(format!("conformance-{}-{}.elf", std::process::id(), group.name()));
        let verdicts = peer.run(&group, &file);
        let _ = std::fs::remove_file(&file);
        for (case, verdict) in group.cases.iter().zip(verdicts.unwrap()) {
            assert_ne!(verdict, Verdict::NotRun, "{}: {}", group.name(), case.name);
            assert!(verdict == Verdict::Passed || excused(&case.name), "{}: {}", group.name(), case.name);
        }
    }
}

#[test]
fn every_row_has_a_test() {
    let isa = IsaSet::all();
    let hart = Hart::new(0, 0, isa, Costs::FLAT, Vec::new()).unwrap();
    let coverage = Coverage::of(&suite(isa));
    let missing = coverage.missing(isa, |number| hart.csr_peek(number).is_some());
    assert!(missing.is_empty(), "no test for {}", missing.join(", "));
}

#[test]
fn programs_are_the_same_every_time() {
    let isa = IsaSet::standard();
    let elfs = || suite(isa).iter().map(|group| (group.name(), group.elf())).collect::<Vec<_>>();
    assert!(elfs() == elfs());
}
