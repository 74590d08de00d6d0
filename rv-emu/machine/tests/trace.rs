//! Traces of programs: against a log that Spike wrote, and with triggers and filters on a machine that runs.

mod common;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use common::{Program, flat, machine};
use rv_hart::{Observer, Step};
use rv_isa::asm::{self, A0, A1, ZERO};
use rv_isa::csr;
use rv_machine::map::RAM_BASE;
use rv_machine::trace::{Filter, Format, Sink, Symbols, Trace, TraceConfig, Trigger};
use rv_machine::{Limits, Machine, MachineConfig, Software, Stop, Watch};

/// What Spike logs of `golden/commit.S`: `--isa=rv64gch_zicntr_zihpm_zicclsm_sstc_svadu --log-commits`, from the first instruction in memory on.
const GOLDEN: &str = include_str!("golden/commit.log");

/// A sink that can be read.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Text {}

fn traced(machine: &mut Machine, format: Format, config: TraceConfig, max_insns: u64) -> String {
    let text = Text::default();
    let mut trace = Trace::new(config, vec![(format, Box::new(text.clone()))]);
    machine.run_watched(&Limits { max_insns: Some(max_insns), slice: None }, Some(&mut trace));
    trace.finish().unwrap();
    text.take()
}

/// The program itself is in the log: its instructions run in the order of their addresses.
fn golden_program() -> Vec<u8> {
    let mut program = Vec::new();
    for line in GOLDEN.lines() {
        let mut words = line.split_whitespace().skip(3);
        let pc = u64::from_str_radix(&words.next().unwrap()[2..], 16).unwrap();
        let bits = words.next().unwrap().trim_matches(['(', ')']);
        let raw = u32::from_str_radix(&bits[2..], 16).unwrap();
        let len = bits.len() / 2 - 1;
        assert_eq!(pc - RAM_BASE, program.len() as u64);
        program.extend(&raw.to_le_bytes()[..len]);
    }
    program
}

#[test]
fn the_commit_log_is_spikes() {
    let mut machine = Machine::new(flat(1)).unwrap();
    machine.load(&Software::raw("golden", golden_program())).unwrap();
    let mut filter = Filter::new();
    filter.add("pc=0x80000000..0x90000000", &Symbols::default()).unwrap();
    let limit = Some(GOLDEN.lines().count() as u64);
    let log = traced(&mut machine, Format::Commit, TraceConfig { filter, limit, ..TraceConfig::default() }, 1000);
    for (ours, spikes) in log.lines().zip(GOLDEN.lines()) {
        assert_eq!(ours, spikes);
    }
    assert_eq!(log.lines().count(), GOLDEN.lines().count());
}

/// A loop of ten rounds with a system call in each.
fn program() -> Program {
    Program::handler(
        |program| {
            program.li(A0, 10);
            program.add(&[asm::addi(A1, A1, 1), asm::ecall(), asm::addi(A0, A0, -1), asm::bne(A0, ZERO, -12)]);
            program.pass();
        },
        |program| {
            program.add(&[
                asm::csrrs(5, csr::MEPC, ZERO),
                asm::addi(5, 5, 4),
                asm::csrrw(ZERO, csr::MEPC, 5),
                asm::mret(),
            ]);
        },
    )
}

#[test]
fn traps_are_objects_of_their_own() {
    let mut filter = Filter::new();
    filter.add("trap,csr", &Symbols::default()).unwrap();
    let text = traced(
        &mut machine(flat(1), &program()),
        Format::Jsonl,
        TraceConfig { filter, ..TraceConfig::default() },
        9999,
    );
    let traps: Vec<&str> = text.lines().filter(|line| line.contains("\"type\":\"exception\"")).collect();
    assert_eq!(traps.len(), 10);
    for part in [
        "\"cause\":11",
        "\"name\":\"environment call from M\"",
        "\"csr\":{\"mstatus\":",
        "\"mepc\":\"0x",
        "\"insn\":\"ecall\"",
    ] {
        assert!(traps[0].contains(part), "{part}: {}", traps[0]);
    }
    assert!(!text.contains("gpr"));
    let objects = text.lines().map(serde_json::from_str::<serde_json::Value>);
    assert!(objects.collect::<Result<Vec<_>, _>>().is_ok());
}

/// A count is found exactly, however many turns come before it, and tracing it changes nothing.
#[test]
fn a_trace_begins_and_ends_at_exact_counts() {
    for harts in [1, 3] {
        let config =
            TraceConfig { start: vec![Trigger::Insn(20)], stop: vec![Trigger::Insn(50)], ..TraceConfig::default() };
        let mut with = machine(flat(harts), &program());
        let text = traced(&mut with, Format::Commit, config, 100_000);
        assert_eq!(text.lines().count(), 30, "{harts}");
        let mut without = machine(flat(harts), &program());
        assert_eq!(without.run(&Limits { max_insns: Some(100_000), slice: None }), Stop::Exit(0));
        for (a, b) in with.harts().iter().zip(without.harts()) {
            assert_eq!(a.state, b.state);
        }
    }
}

/// Counts what it is shown, and wants to see every third turn.
#[derive(Default)]
struct Some3 {
    turns: u64,
    retired: u64,
}

impl Observer for Some3 {
    fn step(&mut self, step: &Step) {
        self.retired += u64::from(step.retired());
    }
}

impl Watch for Some3 {
    fn wanted(&mut self, _: u64, _: u64) -> bool {
        self.turns += 1;
        self.turns.is_multiple_of(3)
    }
}

#[test]
fn a_run_that_is_watched_now_and_then_is_the_same_run() {
    let config = || MachineConfig { harts: 2, quantum: 100, ..MachineConfig::default() };
    let limits = Limits { max_insns: Some(5000), slice: None };
    let mut watch = Some3::default();
    let (mut with, mut without) = (machine(config(), &program()), machine(config(), &program()));
    assert_eq!(with.run_watched(&limits, Some(&mut watch)), without.run(&limits));
    for (a, b) in with.harts().iter().zip(without.harts()) {
        assert_eq!(a.state, b.state);
    }
    assert!(watch.retired > 0 && watch.retired < with.retired());
}
