//! JSON lines: an object for each instruction, exception and interrupt. `docs/TRACING.md` is the schema.

use rv_hart::ext::Event;
use rv_hart::record::{MemAccess, RegWrite, Taken};
use rv_hart::{Mode, Step};
use rv_isa::cause;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::filter::{Category, Shown};
use super::names::Names;
use super::symbols::Symbols;

/// What formatting needs to know besides the step.
pub(super) struct Context<'a> {
    pub(super) names: &'a Names,
    pub(super) symbols: &'a Symbols,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    hart: u64,
    pc: Hex,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<Bits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<Place<'a>>,
    #[serde(rename = "priv")]
    privilege: &'static str,
    v: bool,
    cycle: u64,
    instret: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    trap: Option<TrapFields>,
    #[serde(skip_serializing_if = "List::is_empty")]
    gpr: List<'a, RegWrite>,
    #[serde(skip_serializing_if = "List::is_empty")]
    fpr: List<'a, RegWrite>,
    #[serde(skip_serializing_if = "CsrList::is_empty")]
    csr: CsrList<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    loads: Vec<Access>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stores: Vec<Access>,
    #[serde(skip_serializing_if = "Events::is_empty")]
    events: Events<'a>,
}

#[derive(Serialize)]
struct TrapFields {
    cause: u64,
    name: &'static str,
    tval: Hex,
    #[serde(skip_serializing_if = "Option::is_none")]
    gpa: Option<Hex>,
    to_priv: &'static str,
    to_v: bool,
    to_pc: Hex,
}

#[derive(Serialize)]
struct Access {
    addr: Hex,
    size: u8,
    value: Hex,
}

/// A number as `"0x1f"`: JSON readers keep 53 bits only.
struct Hex(u64);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// An instruction's bits, with all their digits.
struct Bits(u32);

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let width = if self.0 & 3 == 3 { 10 } else { 6 };
        serializer.collect_str(&format_args!("{:#0width$x}", self.0))
    }
}

/// `name` or `name+0x10`.
struct Place<'a>(&'a str, u64);

impl Serialize for Place<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.1 {
            0 => serializer.serialize_str(self.0),
            offset => serializer.collect_str(&format_args!("{}+{offset:#x}", self.0)),
        }
    }
}

/// Registers as `{"x5":"0x1f"}`.
struct List<'a, T> {
    prefix: char,
    writes: &'a [T],
}

impl<T> List<'_, T> {
    fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl Serialize for List<'_, RegWrite> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = |write: &RegWrite| (format!("{}{}", self.prefix, write.register), Hex(write.value));
        serializer.collect_map(self.writes.iter().map(entry))
    }
}

/// CSRs by name.
struct CsrList<'a> {
    writes: &'a [rv_hart::record::CsrWrite],
    names: &'a Names,
}

impl CsrList<'_> {
    fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl Serialize for CsrList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let name = |number: u16| self.names.get(number).map_or_else(|| format!("{number:#05x}"), str::to_owned);
        serializer.collect_map(self.writes.iter().map(|write| (name(write.number), Hex(write.value))))
    }
}

/// What extensions did, as objects of `event` and its arguments.
struct Events<'a>(&'a [Event]);

impl Events<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(EventLine))
    }
}

struct EventLine<'a>(&'a Event);

impl Serialize for EventLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.args.len() + 1))?;
        map.serialize_entry("event", &self.0.name)?;
        for (name, value) in &self.0.args {
            map.serialize_entry(name, &Hex(*value))?;
        }
        map.end()
    }
}

/// Writes the object for a step.
pub(super) fn line(out: &mut Vec<u8>, step: &Step, shown: Shown, context: &Context<'_>) -> bool {
    let kind = match step.trap {
        None => "insn",
        Some(taken) if taken.trap.interrupt => "interrupt",
        Some(_) => "exception",
    };
    let line = Line {
        kind,
        hart: step.hart,
        pc: Hex(step.pc),
        raw: step.raw.map(Bits),
        insn: step.raw.map(|raw| context.names.instruction(raw, step.pc)),
        symbol: context.symbols.find(step.pc).map(|(name, offset)| Place(name, offset)),
        privilege: privilege(step.mode),
        v: step.mode.virt(),
        cycle: step.cycle,
        instret: step.instret,
        trap: step.trap.as_ref().map(|taken| trap_fields(taken, step.next_pc)),
        gpr: List { prefix: 'x', writes: chosen(&step.x, shown, Category::Gpr) },
        fpr: List { prefix: 'f', writes: chosen(&step.f, shown, Category::Fpr) },
        csr: CsrList { writes: chosen(&step.csrs, shown, Category::Csr), names: context.names },
        loads: accesses(chosen(&step.loads, shown, Category::Mem)),
        stores: accesses(chosen(&step.stores, shown, Category::Mem)),
        events: Events(chosen(&step.events, shown, Category::Event)),
    };
    // Writing to memory can't fail, and all keys are strings.
    let written = serde_json::to_writer(&mut *out, &line);
    debug_assert!(written.is_ok());
    out.push(b'\n');
    true
}

fn chosen<T>(list: &[T], shown: Shown, category: Category) -> &[T] {
    if shown.has(category) { list } else { &[] }
}

fn accesses(list: &[MemAccess]) -> Vec<Access> {
    list.iter().map(|access| Access { addr: Hex(access.addr), size: access.size, value: Hex(access.value) }).collect()
}

fn trap_fields(taken: &Taken, to_pc: u64) -> TrapFields {
    let trap = &taken.trap;
    let name = if trap.interrupt { cause::interrupt_name(trap.code) } else { cause::exception_name(trap.code) };
    TrapFields {
        cause: trap.code,
        name,
        tval: Hex(trap.tval),
        gpa: trap.gpa.map(Hex),
        to_priv: privilege(taken.to),
        to_v: taken.to.virt(),
        to_pc: Hex(to_pc),
    }
}

fn privilege(mode: Mode) -> &'static str {
    match mode.privilege() {
        0 => "U",
        1 => "S",
        _ => "M",
    }
}
