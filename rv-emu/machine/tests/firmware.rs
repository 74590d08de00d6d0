//! Real firmware on the machine: Debian's OpenSBI, where it is installed, starts a payload in S-mode.

use std::path::{Path, PathBuf};

use rv_isa::asm::{self, A0, A1, A6, A7, ZERO};
use rv_machine::{Image, Limits, Machine, MachineConfig, Software, Stop};

const FOLDER: &str = "/usr/lib/riscv64-linux-gnu/opensbi/generic";
const ENTRY: u64 = 0x8020_0000;
const INSNS_MAX: u64 = 500_000_000;

/// Prints "S" by the SBI, and shuts down by its system reset extension.
fn payload() -> Vec<u8> {
    let srst = 0x5352_5354;
    let words = [
        asm::addi(A0, ZERO, i32::from(b'S')),
        asm::addi(A7, ZERO, 1), // legacy console putchar
        asm::ecall(),
        asm::addi(A0, ZERO, i32::from(b'\n')),
        asm::ecall(),
        asm::lui(A7, (srst + 0x800) & !0xfff),
        asm::addiw(A7, A7, srst << 20 >> 20),
        asm::addi(A6, ZERO, 0),
        asm::addi(A0, ZERO, 0),
        asm::addi(A1, ZERO, 0),
        asm::ecall(),
        asm::jal(ZERO, 0),
    ];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn boot(firmware: &Path, harts: usize) -> String {
    let mut machine = Machine::new(MachineConfig { harts, ..MachineConfig::default() }).unwrap();
    let software = Software {
        bios: Some(Image::open(firmware).unwrap()),
        kernel: Some(Image::raw("payload", payload())),
        ..Software::default()
    };
    machine.load(&software).unwrap();
    let stop = machine.run(&Limits { max_insns: Some(INSNS_MAX), slice: None });
    let mut output = Vec::new();
    machine.drain_output(&mut output);
    let output = String::from_utf8_lossy(&output).into_owned();
    assert_eq!(stop, Stop::Exit(0), "{output}");
    output
}

#[test]
fn opensbi_starts_a_payload() {
    assert_eq!(ENTRY, 0x8000_0000 + (2 << 20), "where fw_jump goes");
    for file in ["fw_jump.bin", "fw_dynamic.bin", "fw_jump.elf"] {
        let firmware: PathBuf = [FOLDER, file].iter().collect();
        if !firmware.exists() {
            eprintln!("SKIPPED: {} is not there; install Debian's package opensbi", firmware.display());
            continue;
        }
        for harts in [1, 4] {
            let output = boot(&firmware, harts);
            assert!(output.contains("OpenSBI"), "{output}");
            assert!(output.contains(&format!("Platform HART Count       : {harts}")), "{output}");
            assert!(output.trim_end().ends_with('S'), "the payload's own word comes last: {output}");
        }
    }
}
