//! The firmware serves what the SBI specification says: a supervisor program checks each function, on one hart and on several.

mod boot;

use rv_machine::{MachineConfig, Stop};

const CHECK: &[u8] = include_bytes!("../../guest-sw/images/sbi-check.elf");

#[test]
fn the_firmware_passes_its_check() {
    for harts in [1, 4] {
        let config = MachineConfig { harts, ..MachineConfig::default() };
        let (stop, output) = boot::run(&mut boot::machine(config, CHECK, &[], ""), 200_000_000);
        // The exit code is the number of the check that failed.
        assert_eq!(stop, Stop::Exit(0), "{harts} harts: {output}");
    }
}
