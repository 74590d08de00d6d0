//! The conformance suite on a machine with HA-IOV: its own chapters, and those of the ratified specifications, which hold as ever.

use conformance::suite::execute::{Verdict, run};
use conformance::suite::{Group, suite_beside_haiov, suite_of_haiov};
use ha_iov_ext::model::{Config, Haiov};
use rv_isa::IsaSet;
use rv_machine::{CostModel, Machine, MachineConfig, MachineError};

fn machine(isa: IsaSet) -> Result<Machine, MachineError> {
    let costs = CostModel::built_in("flat").expect("the built-in models are valid");
    let extensions = Haiov::machine(Config::default(), 1);
    Machine::new(MachineConfig { isa, costs, extensions, ..MachineConfig::default() })
}

/// What did not pass, a line each.
fn failures(groups: &[Group], isa: IsaSet) -> Vec<String> {
    let mut failures = Vec::new();
    for group in groups {
        let verdicts = run(group, &|| machine(isa)).unwrap();
        for ((index, case), verdict) in group.cases.iter().enumerate().zip(verdicts) {
            match verdict {
                Verdict::Passed => {}
                Verdict::NotRun => failures.push(format!("{} #{index} {}: not run", group.name(), case.name)),
                Verdict::Failed { expectation, found } => {
                    let expected = conformance::suite::execute::describe(&case.expect[expectation]);
                    failures.push(format!("{} #{index} {}: {expected}, is {found:#x}", group.name(), case.name));
                }
            }
        }
    }
    failures
}

#[test]
fn every_rule_holds() {
    for name in ["max", "default"] {
        let isa = IsaSet::parse(name).unwrap();
        let failures = failures(&suite_of_haiov(isa), isa);
        assert!(failures.is_empty(), "{name}: {} failures\n{}", failures.len(), failures.join("\n"));
    }
}

/// Item 6, as a whole: with nothing of it enabled, the machine is the base machine.
#[test]
fn the_ratified_specifications_hold_beside_it() {
    let isa = IsaSet::parse("max").unwrap();
    let failures = failures(&suite_beside_haiov(isa), isa);
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n"));
}
