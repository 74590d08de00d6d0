//! The command `conformance elf`: exit codes, and what goes to which stream.

#[path = "../../../conformance/tests/common/mod.rs"]
mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::{elf, folder, write};
use rv_isa::asm::{self, T0, T1, ZERO};

/// A program that tells the test finisher `word`.
fn finishes(word: u64) -> Vec<u8> {
    let mut words = [asm::li64(T0, 0x10_0000), asm::li64(T1, word)].concat();
    words.extend([asm::sw(T1, T0, 0), asm::jal(ZERO, 0)]);
    elf(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>(), &[])
}

fn command(folder: &Path, options: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rv-emu"));
    let Output { status, stdout, stderr } =
        command.args(["conformance", "elf"]).arg(folder).args(options).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn exit_codes() {
    let tests = folder("exit-codes");
    assert_eq!(command(&tests, &[]).0, Some(125), "nothing to run");
    write(&tests, "good", &finishes(0x5555));
    assert_eq!(command(&tests, &[]).0, Some(0));
    assert_eq!(command(&tests, &["--harts", "65"]).0, Some(125), "no such machine");
    assert_eq!(command(&tests, &["--reference", "there/is/none"]).0, Some(125));
    write(&tests, "bad", &finishes(0x3_3333));
    let (code, stdout, _) = command(&tests, &["--jobs", "2"]);
    assert_eq!(code, Some(1));
    assert!(stdout.contains("test finisher: failed with code 3"), "{stdout}");
    assert_eq!(command(&tests, &["--filter", "goo?"]).0, Some(0));
    write(&tests, "cut-off", &finishes(0x5555)[..100]);
    assert_eq!(command(&tests, &["--filter", "cut-off"]).0, Some(125), "nothing could be run");
}

#[test]
fn records_and_lists() {
    let tests = folder("records");
    write(&tests, "good", &finishes(0x5555));
    write(&tests, "bad", &finishes(0x3_3333));
    let (_, stdout, stderr) = command(&tests, &["--json", "-"]);
    let records: Vec<serde_json::Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = records.iter().map(|record| record["record"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["start", "test", "test", "summary"]);
    assert_eq!(records[3]["verdicts"]["passed"], 1);
    assert!(stderr.contains("not loadable"), "the table goes to the other stream: {stderr}");
    let (code, stdout, _) = command(&tests, &["--list"]);
    assert_eq!((code, stdout.lines().count()), (Some(0), 2));
}
