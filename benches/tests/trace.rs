//! Traces of the whole stack, hypervisor and redirection included: recording changes nothing, and what is recorded is all that happens.

mod boot;

use benches::images;
use ha_iov_ext::model::{Config, Haiov};
use rv_hart::{Observer, Step};
use rv_machine::{CostModel, Limits, Machine, MachineConfig, Stop, Watch};

const HARTS: usize = 4;
/// A run that takes more has gone astray.
const INSNS_MAX: u64 = 500_000_000;

fn machine(mechanism: &str) -> Machine {
    let config = MachineConfig {
        harts: HARTS,
        memory: 1 << 30,
        costs: CostModel::built_in("default").unwrap(),
        extensions: Haiov::machine(Config::default(), HARTS),
        ..MachineConfig::default()
    };
    let append = format!("mech={mechanism} lines=20 guest-memory=64 console=capture");
    boot::machine(config, images::HYP, &[("vmm", images::VMM), ("guest", images::CONSOLE)], &append)
}

/// Follows each hart by what is told of its steps alone.
struct Shadow {
    x: [[u64; 32]; HARTS],
    f: [[u64; 32]; HARTS],
    pc: [Option<u64>; HARTS],
    retired: u64,
    traps: u64,
    interrupts: u64,
}

impl Observer for Shadow {
    fn step(&mut self, step: &Step) {
        let hart = step.hart as usize;
        for write in &step.x {
            self.x[hart][usize::from(write.register)] = write.value;
        }
        for write in &step.f {
            self.f[hart][usize::from(write.register)] = write.value;
        }
        let expected = self.pc[hart].replace(step.next_pc);
        assert!(expected.is_none_or(|pc| pc == step.pc), "hart {hart}: {expected:x?}, then {step:x?}");
        self.retired += u64::from(step.retired());
        if let Some(taken) = step.trap {
            self.traps += u64::from(!taken.trap.interrupt);
            self.interrupts += u64::from(taken.trap.interrupt);
        }
    }
}

impl Watch for Shadow {
    fn wanted(&mut self, _: u64, _: u64) -> bool {
        true
    }
}

#[test]
fn a_recorded_run_of_the_whole_stack_is_the_same_run() {
    for mechanism in ["emulate", "uer"] {
        let mut plain = machine(mechanism);
        let (stop, printed) = boot::run(&mut plain, INSNS_MAX);
        assert_eq!(stop, Stop::Exit(0));
        let limits = Limits { max_insns: Some(INSNS_MAX), slice: None };
        let mut recorded = machine(mechanism);
        let mut shadow =
            Shadow { x: [[0; 32]; HARTS], f: [[0; 32]; HARTS], pc: [None; HARTS], retired: 0, traps: 0, interrupts: 0 };
        assert_eq!(recorded.run_watched(&limits, Some(&mut shadow)), Stop::Exit(0));
        for (index, (a, b)) in recorded.harts().iter().zip(plain.harts()).enumerate() {
            assert_eq!(a.state, b.state, "{mechanism}, hart {index}: every register, every CSR, every cycle");
            assert_eq!(shadow.x[index], a.state.x, "{mechanism}, hart {index}");
            assert_eq!(shadow.f[index], a.state.f, "{mechanism}, hart {index}");
        }
        assert_eq!(recorded.snapshot().harts, plain.snapshot().harts);
        let mut output = Vec::new();
        recorded.drain_output(&mut output);
        assert_eq!(String::from_utf8_lossy(&output), printed);
        assert_eq!(shadow.retired, plain.retired());
        assert!(shadow.traps > 100 && shadow.interrupts > 3, "{} {}", shadow.traps, shadow.interrupts);
    }
}
