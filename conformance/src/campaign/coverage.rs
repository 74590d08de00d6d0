//! What a campaign has tried: instructions, causes and CSRs by mode.

use std::collections::BTreeMap;

use rv_hart::Mode;
use rv_isa::{Format, Op, csr, decode};
use serde::Serialize;

/// Counts by mode: M, HS, U, VS, VU.
pub type ByMode = [u64; 5];

/// Tables of counts.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Instructions that retired, by row.
    pub executed: Vec<ByMode>,
    /// Instructions that raised an exception, by row.
    pub trapped: Vec<ByMode>,
    /// Causes (with bit 63 for interrupts): from, to.
    pub causes: BTreeMap<(u64, usize, usize), u64>,
    /// CSR accesses: number, written; by mode, those that retired and those that trapped.
    pub csrs: BTreeMap<(u16, bool), (ByMode, ByMode)>,
}

fn index(mode: Mode) -> usize {
    mode as usize
}

/// CSR and whether it is written, if it is a CSR instruction.
pub fn csr_access(raw: u32) -> Option<(u16, bool)> {
    let insn = decode(raw)?;
    if !matches!(insn.op.row().format, Format::Csr | Format::CsrImm) {
        return None;
    }
    Some((insn.imm as u16, insn.rs1 != 0 || matches!(insn.op, Op::Csrrw | Op::Csrrwi)))
}

impl Coverage {
    /// Nothing yet.
    pub fn new() -> Coverage {
        let rows = Op::rows().len();
        Coverage { executed: vec![[0; 5]; rows], trapped: vec![[0; 5]; rows], ..Coverage::default() }
    }

    /// An instruction retired.
    pub fn retired(&mut self, mode: Mode, raw: u32) {
        let Some(insn) = decode(raw) else { return };
        self.executed[insn.op as usize][index(mode)] += 1;
        if let Some(access) = csr_access(raw) {
            self.csrs.entry(access).or_default().0[index(mode)] += 1;
        }
    }

    /// A trap was taken; `raw` is 0 if no instruction is to blame.
    pub fn trapped(&mut self, from: Mode, to: Mode, raw: u32, cause: u64) {
        *self.causes.entry((cause, index(from), index(to))).or_default() += 1;
        let Some(insn) = decode(raw) else { return };
        if matches!(cause, 1 | 12 | 20) {
            return;
        }
        self.trapped[insn.op as usize][index(from)] += 1;
        if let Some(access) = csr_access(raw) {
            self.csrs.entry(access).or_default().1[index(from)] += 1;
        }
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Coverage) {
        let add = |to: &mut ByMode, from: &ByMode| to.iter_mut().zip(from).for_each(|(a, b)| *a += b);
        self.executed.iter_mut().zip(&other.executed).for_each(|(a, b)| add(a, b));
        self.trapped.iter_mut().zip(&other.trapped).for_each(|(a, b)| add(a, b));
        for (key, count) in &other.causes {
            *self.causes.entry(*key).or_default() += count;
        }
        for (key, (retired, trapped)) in &other.csrs {
            let entry = self.csrs.entry(*key).or_default();
            add(&mut entry.0, retired);
            add(&mut entry.1, trapped);
        }
    }

    /// For a file.
    pub fn report(&self) -> Report {
        let instructions = Op::rows().iter().map(|row| {
            let (executed, trapped) = (self.executed[row.op as usize], self.trapped[row.op as usize]);
            InstructionRow { mnemonic: row.mnemonic, extension: extension_of(row), executed, trapped }
        });
        let causes = self.causes.iter().map(|((cause, from, to), count)| CauseRow {
            interrupt: cause >> 63 != 0,
            code: cause << 1 >> 1,
            name: cause_name(*cause),
            from: Mode::ALL[*from].name(),
            to: Mode::ALL[*to].name(),
            count: *count,
        });
        let csrs = self.csrs.iter().map(|((number, write), (done, trapped))| CsrRow {
            number: *number,
            name: csr::name(*number).unwrap_or_default(),
            access: if *write { "write" } else { "read" },
            done: *done,
            trapped: *trapped,
        });
        Report {
            modes: Mode::ALL.map(Mode::name),
            instructions: instructions.collect(),
            causes: causes.collect(),
            csrs: csrs.collect(),
        }
    }
}

/// A cause in words.
pub fn cause_name(cause: u64) -> &'static str {
    let code = cause << 1 >> 1;
    if cause >> 63 != 0 { rv_isa::cause::interrupt_name(code) } else { rv_isa::cause::exception_name(code) }
}

/// Coverage for a file.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Order of the modes in all counts.
    pub modes: [&'static str; 5],
    /// Instructions.
    pub instructions: Vec<InstructionRow>,
    /// Traps.
    pub causes: Vec<CauseRow>,
    /// CSR accesses.
    pub csrs: Vec<CsrRow>,
}

/// An instruction by mode.
#[derive(Clone, Debug, Serialize)]
pub struct InstructionRow {
    /// Name.
    pub mnemonic: &'static str,
    /// Extension.
    pub extension: String,
    /// Retired.
    pub executed: ByMode,
    /// Raised an exception of its own.
    pub trapped: ByMode,
}

/// A kind of trap.
#[derive(Clone, Debug, Serialize)]
pub struct CauseRow {
    /// Interrupt or exception.
    pub interrupt: bool,
    /// Code, as the mode that took it sees it.
    pub code: u64,
    /// In words.
    pub name: &'static str,
    /// Mode that it happened in.
    pub from: &'static str,
    /// Mode that took it.
    pub to: &'static str,
    /// How often.
    pub count: u64,
}

/// Accesses to a CSR.
#[derive(Clone, Debug, Serialize)]
pub struct CsrRow {
    /// Number.
    pub number: u16,
    /// Name, if it has one.
    pub name: &'static str,
    /// Read or write.
    pub access: &'static str,
    /// By mode, those that were done.
    pub done: ByMode,
    /// By mode, those that were refused.
    pub trapped: ByMode,
}

/// Names of the extensions that an instruction takes.
fn extension_of(row: &rv_isa::Row) -> String {
    row.isa.rows().map(|extension| extension.name).collect::<Vec<_>>().join(" ")
}
