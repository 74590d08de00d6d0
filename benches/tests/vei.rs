//! VEI and HCS under the hypervisor: `veitest` as the initial process, on the machine with the extension, in both profiles. What it can see it
//! checks itself; here the machine's own counters are looked at.

use benches::{archive, images};
use ha_iov_ext::model::{Config, Haiov};
use rv_machine::{CostModel, Image, Limits, Machine, MachineConfig, Report, Software, Stop};

const HARTS: usize = 4;
/// A run that takes more has gone astray.
const INSNS_MAX: u64 = 3_000_000_000;

/// Boots the host with `words` on its command line. Its output, and the counters between the two markers if there are any.
fn run(words: &str) -> (String, Option<Report>) {
    let mut machine = Machine::new(MachineConfig {
        harts: HARTS,
        memory: 256 << 20,
        costs: CostModel::built_in("default").unwrap(),
        extensions: Haiov::machine(Config::default(), HARTS),
        ..MachineConfig::default()
    })
    .unwrap();
    let image = |name: &str, bytes: &[u8]| Some(Image::parse(name, bytes.to_vec()).unwrap());
    let software = Software {
        bios: image("firmware", images::FIRMWARE),
        kernel: image("hyp", images::HYP),
        initrd: Some(archive::cpio(&[("veitest", images::VEITEST)])),
        append: Some(format!("init=veitest {words}")),
    };
    machine.load(&software).unwrap();
    let stop = machine.run(&Limits { max_insns: Some(INSNS_MAX), slice: None });
    let mut output = Vec::new();
    machine.drain_output(&mut output);
    let output = String::from_utf8_lossy(&output).into_owned();
    println!("{output}");
    assert_eq!(stop, Stop::Exit(0), "{output}");
    let at = |number| machine.snapshots().iter().find(|(marker, _)| *marker == number).map(|(_, snapshot)| snapshot);
    let report = at(1).zip(at(2)).map(|(begin, end)| end.since(begin));
    (output, report)
}

/// Tests that the output reports as done.
fn done(output: &str) -> Vec<&str> {
    output.lines().filter_map(|line| line.trim_end().strip_prefix("veitest: ")?.strip_suffix(" ok")).collect()
}

#[test]
fn everything_with_banked_registers() {
    let (output, _) = run("bank=1");
    assert_eq!(done(&output).len(), 15, "{output}");
}

#[test]
fn everything_without() {
    let (output, _) = run("bank=0");
    assert_eq!(done(&output).len(), 12, "{output}");
}
