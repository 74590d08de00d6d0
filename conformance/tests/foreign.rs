//! Test programs of others: each verdict, by a little program that earns it.

mod common;
#[path = "../../rv-emu/machine/tests/common/mod.rs"]
mod machine_common;

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{elf, folder, write};
use conformance::foreign::{self, Options, Outcome, Program as Test, Verdict};
use machine_common::{DATA, FINISHER, Program, UART, flat};
use rv_isa::asm::{self, ZERO};
use rv_isa::csr;
use rv_machine::Machine;

const TOHOST: u64 = DATA;
const SIGNATURE: u64 = DATA + 0x1000;
const HTIF: [(&str, u64); 2] = [("_start", common::BASE), ("tohost", TOHOST)];
const ALL: [(&str, u64); 4] = [HTIF[0], HTIF[1], ("begin_signature", SIGNATURE), ("end_signature", SIGNATURE + 16)];

fn machine() -> Result<Machine, String> {
    Machine::new(flat(1)).map_err(|error| error.to_string())
}

fn program(build: impl Fn(&mut Program) -> &mut Program) -> Vec<u8> {
    let mut program = Program::new();
    build(&mut program);
    program.bytes()
}

/// Writes `value` to tohost for ever, as `riscv-tests` do.
fn tohost(value: u64) -> Vec<u8> {
    program(|p| p.store(TOHOST, value).add(&[asm::jal(ZERO, 0)]))
}

fn prints(text: &str, then: impl Fn(&mut Program) -> &mut Program) -> Vec<u8> {
    program(|p| {
        for byte in text.bytes() {
            p.store_byte(UART, byte.into());
        }
        then(p)
    })
}

/// Writes a signature and exits.
fn signs(words: [u64; 2]) -> Vec<u8> {
    program(|p| p.store(SIGNATURE, words[0]).store(SIGNATURE + 8, words[1]).store(TOHOST, 1).add(&[asm::jal(ZERO, 0)]))
}

fn run(paths: &[PathBuf], options: &Options) -> (Vec<Test>, Vec<Outcome>) {
    let found = foreign::find(paths, &[]).unwrap();
    let outcomes = foreign::run(&found.programs, options, &machine, |_, _| Ok::<_, Infallible>(())).unwrap();
    assert_eq!(found.programs.len(), outcomes.len());
    (found.programs, outcomes)
}

fn run_one(name: &str, file: &[u8], options: &Options) -> Outcome {
    let path = write(&folder(name), "test", file);
    run(&[path], options).1.pop().unwrap()
}

fn limited() -> Options {
    Options { max_insns: 100_000, ..Options::default() }
}

#[test]
fn tohost_passes_and_fails() {
    let passed = run_one("tohost-passes", &elf(&tohost(1), &HTIF), &limited());
    assert_eq!((passed.verdict, &*passed.reason), (Verdict::Passed, "tohost"));
    assert!(passed.instructions > 0 && passed.seconds > 0.0);
    let failed = run_one("tohost-fails", &elf(&tohost(7 << 1 | 1), &HTIF), &limited());
    assert_eq!((failed.verdict, &*failed.reason), (Verdict::Failed, "tohost: test 7 failed"));
}

#[test]
fn the_finisher_passes_and_fails() {
    let says = |value| elf(&program(|p| p.store_word(FINISHER, value)), &[]);
    assert_eq!(run_one("finisher-passes", &says(0x5555), &limited()).verdict, Verdict::Passed);
    let failed = run_one("finisher-fails", &says(0x9_3333), &limited());
    assert_eq!((failed.verdict, &*failed.reason), (Verdict::Failed, "test finisher: failed with code 9"));
    let without_code = run_one("finisher-fails-0", &says(0x3333), &limited());
    assert_eq!(without_code.verdict, Verdict::Failed, "exit code 0, but a failure");
}

#[test]
fn signatures_are_compared() {
    let root = folder("signatures");
    let path = write(&root, "I/add-01.elf", &elf(&signs([0x1_0000_002a, 3]), &ALL));
    write(&root, "equal/I/references/add-01.reference_output", b"0000002A\n00000001\n00000003\n00000000\n");
    write(&root, "wide/add-01.signature", b"0000000000000003000000010000002a\n");
    write(&root, "unequal/I/add-01.sig", b"0000002a\n00000001\n00000004\n00000000\n");
    write(&root, "damaged/add-01.sig", b"hello\n");
    fs::create_dir(root.join("none")).unwrap();
    let compared = |reference: &str| {
        let options = Options { reference: Some(root.join(reference)), ..limited() };
        let found = foreign::find(&[root.join("I")], &[]).unwrap();
        // As if the whole folder had been searched.
        let programs = [Test { relative: "I/add-01.elf".into(), ..found.programs[0].clone() }];
        foreign::run(&programs, &options, &machine, |_, _| Ok::<_, Infallible>(())).unwrap().pop().unwrap()
    };
    assert_eq!(compared("equal").verdict, Verdict::Passed);
    assert_eq!(compared("equal").reason, "signature");
    assert_eq!(compared("wide").verdict, Verdict::Passed, "words of any size");
    let unequal = compared("unequal");
    assert_eq!(unequal.verdict, Verdict::Failed);
    assert_eq!(unequal.details, ["line 3, offset 0x8: 00000003 instead of 00000004"]);
    for (reference, reason) in [("damaged", "not a reference"), ("none", "no reference for add-01")] {
        let outcome = compared(reference);
        assert_eq!(outcome.verdict, Verdict::NoVerdict);
        assert!(outcome.reason.contains(reason), "{}", outcome.reason);
    }
    assert!(path.exists());
}

#[test]
fn signatures_are_written_where_they_can_serve_as_references() {
    let root = folder("signature-dir");
    for name in ["I/add-01.elf", "M/src/mul-01.S/dut/my.elf"] {
        write(&root, &format!("tests/{name}"), &elf(&signs([1, 2]), &ALL));
    }
    let (tests, written) = (root.join("tests"), root.join("written"));
    run(std::slice::from_ref(&tests), &Options { signature_dir: Some(written.clone()), granularity: 8, ..limited() });
    let text = fs::read_to_string(written.join("I/add-01.signature")).unwrap();
    assert_eq!(text, "0000000000000001\n0000000000000002\n");
    let (_, outcomes) = run(&[tests], &Options { reference: Some(written), ..limited() });
    assert!(outcomes.iter().all(|outcome| outcome.reason == "signature"), "{outcomes:?}");
}

#[test]
fn a_framework_whose_verdict_is_the_signature_needs_a_reference() {
    let symbols = [&ALL[..], &[("rvtest_code_begin", common::BASE)]].concat();
    let file = elf(&signs([1, 2]), &symbols);
    assert_eq!(run_one("uncompared", &file, &limited()).verdict, Verdict::NoVerdict);
    let options = Options { self_checking: true, ..limited() };
    assert_eq!(run_one("self-checking", &file, &options).verdict, Verdict::Passed);
}

#[test]
fn a_loop_ends_at_the_limit_and_says_where() {
    let file = elf(&program(|p| p.add(&[asm::addi(0, 0, 0), asm::jal(ZERO, 0)])), &HTIF);
    let outcome = run_one("loop", &file, &limited());
    assert_eq!(outcome.verdict, Verdict::NoVerdict);
    assert_eq!(outcome.details, ["hart 0 in M at 0x80000004 <_start+0x4>"]);
    assert_eq!(outcome.instructions, 100_000);
    let hurried = Options { max_insns: u64::MAX, timeout: Duration::from_millis(50), ..limited() };
    assert_eq!(run_one("slow", &file, &hurried).verdict, Verdict::TimedOut);
}

#[test]
fn waiting_and_trapping_for_ever_are_no_verdict() {
    let waits = run_one("waits", &elf(&program(|p| p.wait()), &HTIF), &limited());
    assert_eq!((waits.verdict, waits.details.len()), (Verdict::NoVerdict, 1));
    assert!(waits.details[0].ends_with(", waiting"), "{waits:?}");
    let trap = program(|p| p.csr(csr::MTVEC, 0).add(&[0]));
    let traps = run_one("traps", &elf(&trap, &HTIF), &limited());
    assert_eq!(traps.verdict, Verdict::NoVerdict);
    assert!(traps.reason.contains("no instruction completes"), "{traps:?}");
}

#[test]
fn text_on_the_console_decides() {
    let options = |expect: &[&str], fail_on: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Options { expect: texts(expect), fail_on: texts(fail_on), ..limited() }
    };
    let waits = elf(&prints("test 1: PASS\n", |p| p.wait()), &[]);
    assert_eq!(run_one("no-text", &waits, &options(&[], &[])).verdict, Verdict::NoVerdict);
    assert_eq!(run_one("text", &waits, &options(&["PASS"], &["FAIL"])).verdict, Verdict::Passed);
    assert_eq!(run_one("more-text", &waits, &options(&["PASS", "DONE"], &[])).verdict, Verdict::NoVerdict);
    let fails = run_one("bad-text", &waits, &options(&["1"], &["PASS"]));
    assert_eq!((fails.verdict, &*fails.console), (Verdict::Failed, "test 1: PASS\n"));
    let exits = elf(&prints("nothing", |p| p.pass()), &[]);
    assert_eq!(run_one("exit-without-text", &exits, &options(&["PASS"], &[])).verdict, Verdict::Failed);
}

#[test]
fn files_that_cannot_be_loaded_say_why() {
    let good = elf(&tohost(1), &HTIF);
    let mut other = good.clone();
    other[18] = 62;
    let cases: [(&str, &[u8], &str); 4] = [
        ("no-elf", b"#!/bin/sh\n", "not an ELF file"),
        ("truncated", &good[..200], "not a well-formed ELF file"),
        ("empty", b"", "empty"),
        ("x86", &other, "machine 62"),
    ];
    for (name, file, reason) in cases {
        let outcome = run_one(name, file, &limited());
        assert_eq!(outcome.verdict, Verdict::NotLoadable, "{name}");
        assert!(outcome.reason.contains(reason), "{name}: {}", outcome.reason);
    }
}

#[test]
fn folders_give_their_programs_in_order() {
    let root = folder("find");
    let good = elf(&tohost(1), &HTIF);
    for name in ["rv64ui-p-sub", "rv64ui-p-add", "deep/er/rv64si-p-x"] {
        write(&root, name, &good);
    }
    let mut narrow = good.clone();
    narrow[4] = 1;
    write(&root, "rv32ui-p-add", &narrow);
    write(&root, "rv64ui-p-add.dump", b"text");
    write(&root, "cut-off.elf", &good[..10]);
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", root.join("deep/loop")).unwrap();
    let found = foreign::find(std::slice::from_ref(&root), &[]).unwrap();
    let names: Vec<_> = found.programs.iter().map(|test| test.relative.to_str().unwrap()).collect();
    assert_eq!(names, ["cut-off.elf", "deep/er/rv64si-p-x", "rv64ui-p-add", "rv64ui-p-sub"]);
    assert_eq!(found.skipped.into_iter().collect::<Vec<_>>(), [("32-bit", 1)]);
    let filter = ["*-add".parse().unwrap()];
    assert_eq!(foreign::find(&[root], &filter).unwrap().programs.len(), 1);
    assert!(foreign::find(&[Path::new("there/is/none").to_owned()], &[]).is_err());
}

#[test]
fn nine_at_once_are_reported_one_by_one_and_tabled() {
    let root = folder("nine");
    for index in 0..9u64 {
        let name = format!("rv64u{}-p-t{index}", ["i", "m", "a"][index as usize % 3]);
        write(&root, &name, &elf(&tohost(if index == 4 { 5 } else { 1 }), &HTIF));
    }
    let found = foreign::find(&[root], &[]).unwrap();
    let mut told = Vec::new();
    let options = Options { jobs: 4, ..limited() };
    let outcomes = foreign::run(&found.programs, &options, &machine, |test, outcome| {
        told.push(foreign::test_record(test, outcome));
        Ok::<_, Infallible>(())
    });
    let outcomes = outcomes.unwrap();
    assert_eq!((told.len(), outcomes.len()), (9, 9));
    assert_eq!(told.iter().filter(|record| record["verdict"] == "passed").count(), 8);
    let summary = foreign::summary_record(&outcomes, 1.0);
    assert_eq!((&summary["tests"], &summary["verdicts"]["failed"]), (&9.into(), &1.into()));
    let table = foreign::table(&found.programs, &outcomes);
    let groups: Vec<_> = table.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(groups, ["group", "rv64ua-p", "rv64ui-p", "rv64um-p", "all"]);
    let failures = foreign::failures(&found.programs, &outcomes, 20);
    assert_eq!(failures.lines().count(), 1);
    assert!(failures.contains("rv64um-p-t4: failed: tohost: test 2 failed"), "{failures}");
}

#[test]
fn a_panic_is_one_failed_test() {
    let root = folder("panic");
    for name in ["a", "b", "c"] {
        write(&root, name, &elf(&tohost(1), &HTIF));
    }
    let found = foreign::find(&[root], &[]).unwrap();
    let built = AtomicUsize::new(0);
    let factory = || match built.fetch_add(1, Ordering::Relaxed) {
        1 => panic!("on purpose"),
        _ => machine(),
    };
    let outcomes = foreign::run(&found.programs, &limited(), &factory, |_, _| Ok::<_, Infallible>(())).unwrap();
    let verdicts: Vec<_> = outcomes.iter().map(|outcome| outcome.verdict).collect();
    assert_eq!(verdicts, [Verdict::Passed, Verdict::Failed, Verdict::Passed]);
    assert_eq!(outcomes[1].reason, "the emulator panicked: on purpose");
}

#[test]
fn an_error_in_telling_ends_the_run() {
    let root = folder("telling");
    for index in 0..20 {
        write(&root, &format!("t{index}"), &elf(&tohost(1), &HTIF));
    }
    let found = foreign::find(&[root], &[]).unwrap();
    let error = foreign::run(&found.programs, &limited(), &machine, |_, _| Err("the disk is full"));
    assert_eq!(error.unwrap_err(), "the disk is full");
}
