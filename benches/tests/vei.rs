//! VEI and HCS under the hypervisor: `veitest` as the initial process, on the machine with the extension, in both profiles. What it can see it
//! checks itself; here the machine's own counters are looked at.

mod boot;

use benches::images;
use ha_iov_ext::model::{Config, Haiov};
use rv_hart::{Counters, Mode};
use rv_machine::{CostModel, Machine, MachineConfig, Report, Stop};

const HARTS: usize = 4;
/// A run that takes more has gone astray.
const INSNS_MAX: u64 = 1_500_000_000;

/// Boots the host with `words` on its command line. Its output, and the machine.
fn run(words: &str) -> (String, Machine) {
    let config = MachineConfig {
        harts: HARTS,
        memory: 256 << 20,
        costs: CostModel::built_in("default").unwrap(),
        extensions: Haiov::machine(Config::default(), HARTS),
        ..MachineConfig::default()
    };
    let files = [("veitest", images::VEITEST)];
    let mut machine = boot::machine(config, images::HYP, &files, &format!("init=veitest {words}"));
    let (stop, output) = boot::run(&mut machine, INSNS_MAX);
    println!("{output}");
    assert_eq!(stop, Stop::Exit(0), "{words}: {output}");
    (output, machine)
}

/// Tests that the output reports as done.
fn done(output: &str) -> usize {
    output.lines().filter(|line| line.starts_with("veitest: ") && line.trim_end().ends_with(" ok")).count()
}

#[test]
fn everything_with_banked_registers() {
    assert_eq!(done(&run("bank=1").0), 18);
}

#[test]
fn everything_without() {
    assert_eq!(done(&run("bank=0").0), 16);
}

/// The budget is shorter than the handler: it is evicted at whatever instruction it happens to be. Neither its registers nor the guest's, which
/// both look at them all the time, may change.
#[test]
fn evictions_anywhere() {
    let mut all = 0;
    for budget in [17, 31, 47, 61, 83] {
        let (output, _) = run(&format!("bank=1 budget={budget} test=evictions"));
        assert_eq!(done(&output), 1);
        let evictions = output.lines().find_map(|line| line.strip_prefix("veitest: ")?.split_once(" evictions in "));
        all += evictions.unwrap().0.parse::<u64>().unwrap();
    }
    assert!(all > 40, "{all} evictions");
}

/// Between the last guest's first send and its last.
fn counted(words: &str) -> (Vec<Counters>, Report) {
    let (_, machine) = run(words);
    let at = |number| &machine.snapshots().iter().rev().find(|(marker, _)| *marker == number).unwrap().1;
    let (begin, end) = (at(1), at(2));
    (end.harts.iter().zip(&begin.harts).map(|(end, begin)| end.since(begin)).collect(), end.since(begin))
}

#[test]
fn no_kernel_between_send_and_handler() {
    const SENDS: u64 = 1000;
    const SENDER: usize = 1;
    const TARGET: usize = 2;
    for bank in [0, 1] {
        let (harts, report) = counted(&format!("bank={bank} test=hcs-counted"));
        println!("{:#?}", report.extension_by_hart);
        let kernel = |hart: usize| harts[hart].instret[Mode::HS as usize] + harts[hart].instret[Mode::M as usize];
        println!("kernel instructions: {:?}", [0, 1, 2, 3].map(kernel));
        assert_eq!(report.extension["vei_sends"], SENDS);
        assert_eq!(report.extension["vei_faults"], 0);
        assert_eq!(report.guest_traps_to(&["HS"]).get("virtual instruction"), None);
        // All by HCS; two that meet in one quantum of the machine are one take. The last may come after the mark.
        let hardware = &report.extension;
        assert!(hardware["hcs_takes"] > SENDS * 9 / 10 && hardware["uvei_claims"] >= SENDS - 1, "{hardware:?}");
        assert_eq!(hardware["uvei_plain"], 0);
        // What is left are a tick of the budget, and the sender's first page faults.
        assert!(kernel(TARGET) < SENDS, "{} kernel instructions on the handler's hart", kernel(TARGET));
        assert!(kernel(SENDER) < SENDS, "{} kernel instructions on the sender's hart", kernel(SENDER));
    }
}
