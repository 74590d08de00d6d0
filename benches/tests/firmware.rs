//! The firmware serves what the SBI specification says: a supervisor program checks each function, on one hart and on several.

use benches::images;
use rv_machine::{Image, Limits, Machine, MachineConfig, Software, Stop};

const CHECK: &[u8] = include_bytes!("../../guest-sw/images/sbi-check.elf");

#[test]
fn the_firmware_passes_its_check() {
    for harts in [1, 4] {
        let mut machine = Machine::new(MachineConfig { harts, ..MachineConfig::default() }).unwrap();
        let image = |name: &str, bytes: &[u8]| Some(Image::parse(name, bytes.to_vec()).unwrap());
        let software = Software {
            bios: image("firmware", images::FIRMWARE),
            kernel: image("sbi-check", CHECK),
            ..Software::default()
        };
        machine.load(&software).unwrap();
        let stop = machine.run(&Limits { max_insns: Some(200_000_000), slice: None });
        let mut output = Vec::new();
        machine.drain_output(&mut output);
        // The exit code is the number of the check that failed.
        assert_eq!(stop, Stop::Exit(0), "{harts} harts: {}", String::from_utf8_lossy(&output));
    }
}
