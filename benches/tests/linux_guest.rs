//! Debian's kernel as a guest of the hypervisor: it knows nothing of this project, and what it needs of a machine it finds on the monitor's
//! board. Without Debian's files the tests say that they are skipped.

mod boot;

use benches::images;
use benches::linux::{Debian, Initramfs};
use ha_iov_ext::model::{Config, Haiov};
use rv_machine::{Limits, Machine, MachineConfig, Report, Stop};

const HARTS: usize = 4;
/// A run that takes more has gone astray.
const INSNS_MAX: u64 = 5_000_000_000;
/// Instructions between two looks at what was printed.
const SLICE: u64 = 20_000_000;

/// The machine, with a guest whose monitor gets these words and whose `/init` goes on with this script.
fn machine(debian: &Debian, words: &str, modules: &[&str], script: &str) -> Machine {
    let kernel = std::fs::read(debian.image()).unwrap();
    let initrd = Initramfs::new(debian).unwrap().modules(debian, modules).unwrap().finish(script);
    let config = MachineConfig {
        harts: HARTS,
        memory: 1 << 30,
        extensions: Haiov::machine(Config::default(), HARTS),
        ..MachineConfig::default()
    };
    let files: [(&str, &[u8]); 3] = [("vmm", images::OSVMM), ("Image", &kernel), ("initrd", &initrd)];
    let append = format!("initrd=initrd guest-memory=512 hart=0 {words} g.console=ttyS0");
    boot::machine(config, images::HYP, &files, &append)
}

/// Runs it to its end: what was printed, and what was counted.
fn run(debian: &Debian, words: &str, modules: &[&str], script: &str) -> (String, Report) {
    let mut machine = machine(debian, words, modules, script);
    let power_on = machine.snapshot();
    let (stop, output) = boot::run(&mut machine, INSNS_MAX);
    assert_eq!(stop, Stop::Exit(0), "{words}: {output}");
    assert!(output.contains("reboot: Power down"), "{words}: {output}");
    (output, machine.snapshot().since(&power_on))
}

fn sum(traps: std::collections::BTreeMap<String, u64>) -> u64 {
    traps.values().sum()
}

#[test]
fn a_shell_by_exits_and_redirected() {
    let Some(debian) = Debian::or_skip("Linux as the hypervisor's guest") else { return };
    let script = "echo shell of $(uname -sm), $(nproc) harts; grep -m1 ^isa /proc/cpuinfo";
    let [(emulated, exits), (redirected, none)] =
        ["mech=emulate", "mech=uer"].map(|words| run(&debian, words, &[], script));
    for output in [&emulated, &redirected] {
        for word in ["shell of Linux riscv64, 1 harts", "_sstc", "SBI HSM extension detected"] {
            assert!(output.contains(word), "{word}: {output}");
        }
        let isa = output.lines().find(|line| line.starts_with("isa")).unwrap();
        assert!(isa.contains("rv64imafdc_"), "no hypervisor extension, and no vectors: {isa}");
    }
    // The boot's log alone has more than 10,000 characters, and the driver asks for the port's state before each.
    let (exits, others) = (sum(exits.guest_traps_to(&["HS"])), sum(none.guest_traps_to(&["HS"])));
    assert!(exits > 20_000, "{exits}");
    assert!(sum(none.guest_traps_to(&["U"])) > 20_000);
    assert!(others < 200, "memory that is touched first, and calls: {others}");
}

#[test]
fn two_harts_and_a_disk() {
    let Some(debian) = Debian::or_skip("Linux with a disk as the hypervisor's guest") else { return };
    let script = "
        dd if=/bin/busybox of=/data bs=64k count=16 2>/dev/null
        dd if=/data of=/dev/vda bs=4k oflag=direct 2>/dev/null && sync
        dd if=/dev/vda of=/back bs=64k count=16 iflag=direct 2>/dev/null
        cmp /data /back && echo same data on $(nproc) harts
        grep -E 'virtio0|IPI' /proc/interrupts";
    for words in ["mech=emulate vcpus=2 disk=8", "mech=uer vcpus=2 disk=8"] {
        let (output, _) = run(&debian, words, &["virtio_mmio", "virtio_blk"], script);
        assert!(output.contains("same data on 2 harts"), "{words}: {output}");
        assert!(output.contains("virtio0"), "{words}: {output}");
    }
}

/// What is typed at the host's console goes through the guest's serial port to its shell.
#[test]
fn a_human_at_the_guests_shell() {
    let Some(debian) = Debian::or_skip("typing at the shell of the hypervisor's guest") else { return };
    let mut machine = machine(&debian, "mech=uer input=1 g.quiet", &[], "echo ready; read line; echo $(($line))");
    let mut output = Vec::new();
    let mut until = |machine: &mut Machine, text: &str| loop {
        let limit = machine.retired() + SLICE;
        let stop = machine.run(&Limits { max_insns: Some(limit), slice: None });
        machine.drain_output(&mut output);
        if output.windows(text.len()).any(|part| part == text.as_bytes()) {
            return;
        }
        let printed = String::from_utf8_lossy(&output);
        assert!(stop == Stop::InsnLimit && limit < INSNS_MAX, "{stop:?} before {text:?}: {printed}");
    };
    until(&mut machine, "ready");
    machine.board.push_input(b"6 * 7\r");
    until(&mut machine, "\n42");
}
