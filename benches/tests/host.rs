//! The hypervisor's kernel as its user programs see it: every system call, hostile ones too, and a thousand guests that come and go.

mod boot;

use benches::images;
use ha_iov_ext::model::{Config, Haiov};
use rv_isa::IsaSet;
use rv_machine::{CostModel, MachineConfig, Stop};

/// Guests of the churn: all of them where that takes a moment only.
const GUESTS: u64 = if cfg!(debug_assertions) { 60 } else { 1000 };
const SEED: u64 = 20_261_121;
/// A run that takes more has gone astray.
const INSNS_MAX: u64 = 5_000_000_000;

struct Host {
    harts: usize,
    /// Extensions as an ISA string, or the machine's own, with HA-IOV.
    isa: Option<&'static str>,
}

const HOSTS: [Host; 3] =
    [Host { harts: 4, isa: None }, Host { harts: 4, isa: Some("rv64gch") }, Host { harts: 1, isa: None }];

/// Boots `program` as the initial process, and gives all that it printed. It must end with code 0.
fn run(host: &Host, program: &str, bytes: &[u8], arguments: &str) -> String {
    let mut config = MachineConfig {
        harts: host.harts,
        memory: 1 << 30,
        costs: CostModel::built_in("flat").unwrap(),
        ..MachineConfig::default()
    };
    match host.isa {
        Some(isa) => config.isa = IsaSet::parse(isa).unwrap(),
        None => config.extensions = Haiov::machine(Config::default(), host.harts),
    }
    let append = format!("init={program} {arguments}");
    let mut machine = boot::machine(config, images::HYP, &[(program, bytes)], &append);
    let (stop, output) = boot::run(&mut machine, INSNS_MAX);
    assert_eq!(stop, Stop::Exit(0), "{} harts, {:?}: {output}", host.harts, host.isa);
    // The kernel compares all that it has with what it had at the start.
    assert!(!output.contains("not given back") && !output.contains("at the end"), "something leaked: {output}");
    output
}

#[test]
fn every_system_call() {
    for host in HOSTS.iter().filter(|host| host.harts > 1) {
        let output = run(host, "selftest", images::SELFTEST, "");
        assert!(output.contains(" 0 failed"), "{output}");
    }
}

#[test]
fn guests_come_and_go() {
    for (index, host) in HOSTS.iter().enumerate() {
        let guests = if index == 0 { GUESTS } else { GUESTS / 4 };
        let seed = SEED + index as u64;
        println!("churn of {guests} guests on {} harts with seed {seed}", host.harts);
        let output = run(host, "churn", images::CHURN, &format!("guests={guests} seed={seed} crews=6"));
        let result = output.lines().find_map(|line| line.strip_prefix("#result ")).expect("a result");
        println!("{result}");
        assert!(result.contains("\"ok\":true") && result.contains(&format!("\"seed\":{seed}")), "{result}");
    }
}

#[test]
fn the_schedule_is_the_seeds() {
    let churn = || run(&HOSTS[0], "churn", images::CHURN, "guests=20 seed=7 crews=3");
    assert_eq!(churn(), churn());
}
