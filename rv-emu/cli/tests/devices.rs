//! The options that give the machine devices: who gets which slot, where the terminal is, what time it is.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rv_isa::asm::{self, A0, A1, T0, T1};

/// A program in a file that is gone when this is.
struct Program(PathBuf);

impl Program {
    fn new(name: &str, words: &[u32]) -> Self {
        let path = std::env::temp_dir().join(format!("rv-emu-devices-{}-{name}", std::process::id()));
        std::fs::write(&path, words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>()).unwrap();
        Self(path)
    }

    fn run(&self, options: &[&str]) -> Output {
        let run = Command::new(env!("CARGO_BIN_EXE_rv-emu"))
            .arg("run")
            .arg(&self.0)
            .args(options)
            .stdin(Stdio::null())
            .output();
        run.unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Ends the run with the exit code in a0.
fn exit() -> [u32; 6] {
    [
        asm::slli(A0, A0, 16),
        asm::lui(T1, 0x3000),
        asm::addiw(T1, T1, 0x333),
        asm::or(T1, T1, A0),
        asm::lui(T0, 0x10_0000),
        asm::sw(T1, T0, 0),
    ]
}

/// The exit code is what is in the first three slots: an octal digit for each device type.
fn slots() -> Vec<u32> {
    let mut words = vec![asm::addi(A0, 0, 0)];
    for (shift, slot) in [(0, 0x1000_1000), (3, 0x1000_2000), (6, 0x1000_3000)] {
        words.extend([asm::lui(T0, slot), asm::lw(A1, T0, 8), asm::slli(A1, A1, shift), asm::or(A0, A0, A1)]);
    }
    words.extend(exit());
    words
}

#[test]
fn slots_are_filled_in_order() {
    let program = Program::new("slots", &slots());
    // Device types: 2 is a disk, 3 a console, 4 random bytes; an octal digit each.
    for (options, ids) in [
        (&[][..], 0),
        (&["--rng"], 0o4),
        (&["--console", "virtio"], 0o3),
        (&["--rng", "--console", "virtio"], 0o43),
        (&["--rng", "--console", "virtio", "--drive", "ram=1M"], 0o432),
        (&["--rng", "--seed", "7", "--drive", "ram=1M"], 0o42),
    ] {
        let code = program.run(options).status.code();
        // Exit codes end at 255.
        assert_eq!(code, Some(ids.min(255)), "{options:?}");
    }
    let many = [&["--drive", "ram=1M"].repeat(8)[..], &["--rng"]].concat();
    let output = program.run(&many);
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("9 virtio devices: a machine has room for 8"));
}

#[test]
fn a_virtio_console_prints_where_the_serial_port_does() {
    // A character for the serial port, and one for the console's emergencies.
    let mut words = vec![asm::lui(T0, 0x1000_0000), asm::addi(T1, 0, i32::from(b's')), asm::sb(T1, T0, 0)];
    words.extend([asm::lui(T0, 0x1000_1000), asm::addi(T1, 0, i32::from(b'v')), asm::sw(T1, T0, 0x108)]);
    words.extend([asm::addi(A0, 0, 0)].into_iter().chain(exit()));
    let output = Program::new("console", &words).run(&["--console", "virtio"]);
    assert_eq!((output.status.code(), output.stdout), (Some(0), b"sv".to_vec()));
}

#[test]
fn the_clock_shows_what_was_asked_for() {
    // The high half of the time, in units of 2^32 nanoseconds, without its low 24 bits.
    let mut words = vec![asm::lui(T0, 0x10_1000), asm::lw(A0, T0, 0), asm::lw(A0, T0, 4), asm::srli(A0, A0, 24)];
    words.extend(exit());
    let program = Program::new("clock", &words);
    for (time, seconds) in [("0", 0u64), ("2026-01-01", 1_767_225_600), ("2200-01-01T12:00:00", 7_258_161_600)] {
        let expected = (seconds * 1_000_000_000) >> 56;
        assert_eq!(program.run(&["--rtc", time]).status.code(), Some(expected as i32), "{time}");
    }
    let first = program.run(&[]).status.code();
    assert_eq!(first, Some((1_767_225_600_000_000_000u64 >> 56) as i32), "a default that is the same every day");
    let none = program.run(&["--rtc", "none", "--max-insns", "1000"]);
    assert_ne!(none.status.code(), first, "there is no clock");
    let bad = program.run(&["--rtc", "yesterday"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("`yesterday` is none of none, host"));
}
