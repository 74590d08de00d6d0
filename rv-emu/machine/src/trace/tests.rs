//! Golden lines for each kind of step, and what filters and triggers make of a run.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use rv_hart::record::{CsrWrite, MemAccess, RegWrite, Taken};
use rv_hart::{Mode, Step, Trap};
use rv_isa::{asm, csr};

use super::{Filter, Format, Names, Sink, Symbols, Trace, TraceConfig, Trigger};
use crate::Watch;
use crate::image::Label;
use rv_hart::Observer;

const NOP: u32 = 0x13;

/// A sink that can be read.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Text {}

fn symbols() -> Symbols {
    let label = |addr, len, name: &str| Label { addr, len, name: name.to_owned() };
    Symbols::new(vec![label(0x8000_0000, 0x10, "start"), label(0x8000_0010, 0x20, "main")])
}

/// What a trace of `steps` writes.
fn written(format: Format, config: TraceConfig, steps: &[Step]) -> String {
    let text = Text::default();
    let mut trace = Trace::new(TraceConfig { symbols: symbols(), ..config }, vec![(format, Box::new(text.clone()))]);
    steps.iter().for_each(|step| trace.step(step));
    trace.finish().unwrap();
    let bytes = text.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn commit(step: Step) -> String {
    written(Format::Commit, TraceConfig::default(), &[step])
}

fn step(raw: u32) -> Step {
    Step { pc: 0x8000_0014, raw: Some(raw), next_pc: 0x8000_0018, cycle: 9, instret: 7, ..Step::default() }
}

fn write(register: u8, value: u64) -> Vec<RegWrite> {
    vec![RegWrite { register, value }]
}

fn access(addr: u64, size: u8, value: u64) -> Vec<MemAccess> {
    vec![MemAccess { addr, size, value }]
}

fn trap(trap: Trap, from: Mode, to: Mode) -> Option<Taken> {
    Some(Taken { trap, from, to })
}

#[test]
fn commit_lines() {
    let addi = Step { x: write(5, 0x1f), ..step(asm::addi(5, 0, 31)) };
    assert_eq!(commit(addi.clone()), "core   0: 3 0x0000000080000014 (0x01f00293) x5  0x000000000000001f\n");
    let far = Step { hart: 12, mode: Mode::VU, x: write(15, 1), ..step(0x4785) };
    assert_eq!(commit(far), "core  12: 0 0x0000000080000014 (0x4785) x15 0x0000000000000001\n");
    let branch = Step { mode: Mode::VS, ..step(asm::beq(0, 0, 8)) };
    assert_eq!(commit(branch), "core   0: 1 0x0000000080000014 (0x00000463)\n");
    let load = Step { f: write(10, u64::MAX), loads: access(0x8000_1000, 8, u64::MAX), ..step(0x2108) };
    let line = "core   0: 3 0x0000000080000014 (0x2108) f10 0xffffffffffffffff mem 0x0000000080001000\n";
    assert_eq!(commit(load), line);
    let store = Step { stores: access(0x8000_1000, 2, 0x12), ..step(asm::sh(5, 6, 0)) };
    assert_eq!(commit(store), "core   0: 3 0x0000000080000014 (0x00531023) mem 0x0000000080001000 0x0012\n");
    let amo = Step {
        x: write(13, 2),
        loads: access(0x8000_1000, 4, 2),
        stores: access(0x8000_1000, 4, 5),
        ..step(0x0061_26af)
    };
    let line = "core   0: 3 0x0000000080000014 (0x006126af) x13 0x0000000000000002 \
                mem 0x0000000080001000 mem 0x0000000080001000 0x00000005\n";
    assert_eq!(commit(amo), line);
}

/// By number first: `c1` and `c2` come before `x5`.
#[test]
fn registers_are_in_the_order_of_their_numbers() {
    let csrs = vec![
        CsrWrite { number: csr::FFLAGS, value: 1 },
        CsrWrite { number: csr::MSTATUS, value: 0x8000_000a_0000_6000 },
    ];
    let all = Step { x: write(5, 2), f: write(1, 3), csrs, ..step(NOP) };
    let line = "core   0: 3 0x0000000080000014 (0x00000013) f1  0x0000000000000003 c1_fflags 0x0000000000000001 \
                x5  0x0000000000000002 c768_mstatus 0x8000000a00006000\n";
    assert_eq!(commit(all), line);
    let unknown = Step { csrs: vec![CsrWrite { number: 0x800, value: 0 }], ..step(NOP) };
    assert!(commit(unknown).ends_with(" c2048_unknown 0x0000000000000000\n"));
}

#[test]
fn traps_have_no_commit_line() {
    let ecall = Step { trap: trap(Trap::exception(11, 0), Mode::M, Mode::M), ..step(asm::ecall()) };
    assert_eq!(commit(ecall), "");
}

#[test]
fn json_lines() {
    let json = |step: Step| written(Format::Jsonl, TraceConfig::default(), &[step]);
    let load = Step { x: write(5, 0x1f), loads: access(0x8000_1000, 1, 0x1f), ..step(asm::lbu(5, 6, 0)) };
    let line = r#"{"type":"insn","hart":0,"pc":"0x80000014","raw":"0x00034283","insn":"lbu t0,0(t1)","symbol":"main+0x4","priv":"M","v":false,"cycle":9,"instret":7,"gpr":{"x5":"0x1f"},"loads":[{"addr":"0x80001000","size":1,"value":"0x1f"}]}"#;
    assert_eq!(json(load), format!("{line}\n"));
    let csrs = vec![CsrWrite { number: csr::VSCAUSE, value: 13 }];
    let taken = trap(Trap { gpa: Some(0x10), ..Trap::exception(13, 0x4000) }, Mode::VU, Mode::VS);
    let fault = Step { mode: Mode::VU, trap: taken, csrs, ..step(0x4108) };
    let line = r#"{"type":"exception","hart":0,"pc":"0x80000014","raw":"0x4108","insn":"c.lw a0,0(a0)","symbol":"main+0x4","priv":"U","v":true,"cycle":9,"instret":7,"trap":{"cause":13,"name":"load page fault","tval":"0x4000","gpa":"0x10","to_priv":"S","to_v":true,"to_pc":"0x80000018"},"csr":{"vscause":"0xd"}}"#;
    assert_eq!(json(fault), format!("{line}\n"));
    let taken = trap(Trap::interrupt(7), Mode::U, Mode::M);
    let timer = Step { mode: Mode::U, raw: None, trap: taken, ..step(0) };
    let line = r#"{"type":"interrupt","hart":0,"pc":"0x80000014","symbol":"main+0x4","priv":"U","v":false,"cycle":9,"instret":7,"trap":{"cause":7,"name":"machine timer interrupt","tval":"0x0","to_priv":"M","to_v":false,"to_pc":"0x80000018"}}"#;
    assert_eq!(json(timer), format!("{line}\n"));
}

/// Ten instructions from 0x8000_0000 in modes U and M by turns, on harts 0 and 1 by turns of two.
fn run() -> Vec<Step> {
    let step = |n: u64| Step {
        pc: 0x8000_0000 + 4 * n,
        mode: if n.is_multiple_of(2) { Mode::U } else { Mode::M },
        hart: n / 2 % 2,
        x: if n < 5 { write(1, n) } else { Vec::new() },
        stores: if n >= 5 { access(n, 1, n) } else { Vec::new() },
        ..step(if n == 6 { rv_hart::marker::encode(77) } else { NOP })
    };
    (0..10).map(step).collect()
}

/// Which of [`run`] are shown.
fn indices(config: TraceConfig) -> Vec<u64> {
    let text = written(Format::Commit, config, &run());
    let pc = |line: &str| u64::from_str_radix(&line[14..30], 16).unwrap();
    text.lines().map(|line| (pc(line) - 0x8000_0000) / 4).collect()
}

#[test]
fn filters_narrow_a_trace() {
    let shown = |expressions: &[&str]| {
        let mut filter = Filter::new();
        expressions.iter().for_each(|expression| filter.add(expression, &symbols()).unwrap());
        indices(TraceConfig { filter, ..TraceConfig::default() })
    };
    assert_eq!(shown(&[]), (0..10).collect::<Vec<_>>());
    assert_eq!(shown(&["pc=0x80000004..0x80000010"]), [1, 2, 3]);
    assert_eq!(shown(&["pc=0x8000_0004,0x80000010"]), [1, 4]);
    assert_eq!(shown(&["symbol=start"]), [0, 1, 2, 3]);
    assert_eq!(shown(&["symbol=main", "priv=u"]), [4, 6, 8]);
    assert_eq!(shown(&["priv=M,U", "hart=1", "gpr"]), [2, 3]);
    assert_eq!(shown(&["mem"]), [5, 6, 7, 8, 9]);
    assert_eq!(shown(&["csr,fpr", "trap"]), [0u64; 0]);
}

#[test]
fn categories_choose_what_a_line_says() {
    let mut filter = Filter::new();
    filter.add("insn,csr", &symbols()).unwrap();
    let config = TraceConfig { filter, ..TraceConfig::default() };
    let all = Step { x: write(5, 2), stores: access(1, 1, 1), ..step(NOP) };
    assert_eq!(written(Format::Commit, config, &[all]), "core   0: 3 0x0000000080000014 (0x00000013)\n");
}

#[test]
fn triggers_start_and_stop_a_trace() {
    let triggers = |texts: &[&str]| texts.iter().map(|text| Trigger::parse(text, &symbols()).unwrap()).collect();
    let shown = |start: &[&str], stop: &[&str]| {
        indices(TraceConfig { start: triggers(start), stop: triggers(stop), ..TraceConfig::default() })
    };
    assert_eq!(shown(&["insn=3"], &["insn=5"]), [3, 4]);
    assert_eq!(shown(&[], &["pc=0x80000008"]), [0, 1]);
    assert_eq!(shown(&["symbol=main"], &["marker=77"]), [4, 5]);
    assert_eq!(shown(&["marker=77"], &["insn=8"]), [6, 7]);
    assert_eq!(shown(&["priv=M"], &["priv=U"]), [1, 3, 5, 7, 9]);
    assert_eq!(indices(TraceConfig { limit: Some(2), start: triggers(&["insn=1"]), ..TraceConfig::default() }), [1, 2]);
    assert_eq!(indices(TraceConfig { limit: Some(0), ..TraceConfig::default() }), [0u64; 0]);
}

#[test]
fn only_what_triggers_need_is_watched() {
    let wanted = |start: &str, retired| {
        let start = vec![Trigger::parse(start, &symbols()).unwrap()];
        Trace::new(TraceConfig { start, ..TraceConfig::default() }, Vec::new()).wanted(retired, 100)
    };
    assert!(!wanted("insn=1000", 899));
    assert!(wanted("insn=1000", 900));
    assert!(wanted("pc=0", 0));
    let config = TraceConfig { stop: vec![Trigger::Insn(2)], ..TraceConfig::default() };
    let mut trace = Trace::new(config, Vec::new());
    assert!(trace.wanted(0, 100));
    run().iter().for_each(|step| trace.step(step));
    assert!(!trace.wanted(10, 100), "it never starts again");
}

#[test]
fn bad_descriptions_are_named() {
    let filter = |text: &str| Filter::new().add(text, &symbols()).unwrap_err().to_string();
    assert!(filter("gpr,tlb").starts_with("there is no trace category `tlb`: use insn, gpr,"));
    assert!(filter("vm=3").contains("`vm` can't be traced by"));
    assert!(filter("pc=0x20..0x10").contains("is empty"));
    assert!(filter("pc=0x20..").contains("`` is not a number"));
    assert!(filter("symbol=nowhere").contains("no function or label `nowhere`"));
    assert!(filter("priv=X").contains("no privilege mode `X`"));
    assert!(filter("hart=").contains("a value is missing"));
    let trigger = |text: &str| Trigger::parse(text, &symbols()).unwrap_err().to_string();
    assert!(trigger("main").contains("pc, symbol, insn, marker, priv"));
    assert!(trigger("insn=many").contains("not a number"));
    assert!(trigger("marker=0").contains("1 to 2047"));
    assert!(Trigger::parse("symbol=f", &Symbols::default()).unwrap_err().to_string().contains("have no symbols"));
    assert!("vcd".parse::<Format>().unwrap_err().to_string().contains("use commit or jsonl"));
    assert_eq!(Names::default().instruction(0xffff_ffff, 0), ".4byte 0xffffffff");
}
