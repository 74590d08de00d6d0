//! The chapter on IMSICs, and that on the CSRs of the Advanced Interrupt Architecture, on a machine with IMSICs; and on QEMU.

use std::path::Path;

use conformance::suite::execute::{Verdict, run};
use conformance::suite::peer::Peer;
use conformance::suite::{Group, suite, suite_of_imsic};
use rv_isa::{Isa, IsaSet};
use rv_machine::{Aia, CostModel, Machine, MachineConfig, MachineError};

fn machine(isa: IsaSet) -> Result<Machine, MachineError> {
    let costs = CostModel::built_in("flat").expect("the built-in models are valid");
    Machine::new(MachineConfig { isa, costs, aia: Aia::AplicImsic { guests: 3 }, ..MachineConfig::default() })
}

/// The programs that hold on a machine with IMSICs.
fn groups(isa: IsaSet) -> Vec<Group> {
    let mut groups: Vec<Group> = suite(isa).into_iter().filter(|group| group.chapter == "aia").collect();
    groups.extend(suite_of_imsic(isa));
    groups
}

#[test]
fn everything_passes() {
    let mut wrong = Vec::new();
    for isa in [IsaSet::all(), IsaSet::standard().with(Isa::Smaia).closed()] {
        for group in groups(isa) {
            let verdicts = run(&group, &|| machine(isa)).unwrap();
            let failed = group.cases.iter().zip(verdicts).filter(|(_, verdict)| *verdict != Verdict::Passed);
            wrong.extend(failed.map(|(case, verdict)| format!("{}: {}: {verdict:x?}", group.name(), case.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Cases that QEMU 7.2 fails, by how their names begin, and why.
const QEMU_7: &[(&str, &[&str])] = &[
    ("it has no mvien, mvip and hvien, as it may", &["mvip.", "filtered SEI", "a made-up", "stopei is M's while"]),
    (
        "it breaks ties by the largest number, against the default order",
        &[
            "mtopi by default",
            "stopi by default",
            "mireg: numbers 7 and 7",
            "sireg: numbers 7 and 7",
            "hviprio1: numbers 7 and 7",
            "mireg: numbers 255 and 0",
            "sireg: numbers 255 and 0",
            "vstopi has number 1",
            "vstopi by default",
            "a guest's stopi",
        ],
    ),
    (
        "it takes the number of an external interrupt from nobody",
        &["stopi of an external", "mtopi: a larger", "mtopi: nor", "DPR 1"],
    ),
    ("it has only guest external interrupts in vsip", &["an external interrupt without a file", "and so does vsip"]),
    ("it shows no VS-level interrupt in stopi", &["stopi shows VS-level"]),
    (
        "it takes no interrupt that hvictl alone names",
        &["any number", "number 1", "number 2", "the largest of six", "VS with"],
    ),
    ("it refuses sireg for VU-mode as for U-mode", &["sireg with vsiselect"]),
    ("it refuses reserved registers of a file", &["machine file: 0x7", "supervisor file: 0x7", "guest file: 0x7"]),
    ("it lets a guest write stimecmp although vsip could change", &["VTI keeps stimecmp from writes"]),
];

/// QEMU 7.2 never returns from it.
const QEMU_7_HANGS: &str = "hvictl ends WFI";

#[test]
fn qemu_agrees() {
    let Ok(peer) = Peer::qemu_with_imsic(Path::new("qemu-system-riscv64")) else {
        return eprintln!("SKIPPED: qemu-system-riscv64 is not there; install Debian's package qemu-system-misc");
    };
    let old = peer.version.contains("version 7.");
    let mut wrong = Vec::new();
    let mut used = std::collections::BTreeSet::new();
    for mut group in groups(peer.isa) {
        group.cases.retain(|case| !(old && case.name == QEMU_7_HANGS));
        let file = std::env::temp_dir().join(format!("conformance-{}-{}.elf", std::process::id(), group.name()));
        let verdicts = peer.run(&group, &file);
        let _ = std::fs::remove_file(&file);
        for (case, verdict) in group.cases.iter().zip(verdicts.unwrap()) {
            if verdict == Verdict::Passed {
                continue;
            }
            let names = QEMU_7.iter().flat_map(|(_, names)| names.iter());
            match names.copied().find(|name| old && case.name.starts_with(name)) {
                Some(name) => drop(used.insert(name)),
                None => wrong.push(format!("{}: {}: {verdict:x?}", group.name(), case.name)),
            }
        }
    }
    let unused = QEMU_7.iter().flat_map(|(_, names)| names.iter()).filter(|name| old && !used.contains(*name));
    assert_eq!(unused.count(), 0, "an excuse that nothing needs: of {QEMU_7:?} only {used:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
