//! Boots a kernel on the firmware: the host with its files, or a program of its own.

use benches::{archive, images};
use rv_machine::{Image, Limits, Machine, MachineConfig, Software, Stop};

/// A machine with this kernel, these files in its initial archive, and these words on its command line.
pub fn machine(config: MachineConfig, kernel: &[u8], files: &[(&str, &[u8])], append: &str) -> Machine {
    let mut machine = Machine::new(config).unwrap();
    let image = |name: &str, bytes: &[u8]| Some(Image::parse(name, bytes.to_vec()).unwrap());
    let software = Software {
        bios: image("firmware", images::FIRMWARE),
        kernel: image("kernel", kernel),
        initrd: (!files.is_empty()).then(|| archive::cpio(files)),
        append: Some(append.to_owned()),
        ..Software::default()
    };
    machine.load(&software).unwrap();
    machine
}

/// Runs it for so many instructions at most; how it ended, and all that it printed.
pub fn run(machine: &mut Machine, insns_max: u64) -> (Stop, String) {
    let stop = machine.run(&Limits { max_insns: Some(insns_max), slice: None });
    let mut output = Vec::new();
    machine.drain_output(&mut output);
    (stop, String::from_utf8_lossy(&output).into_owned())
}
