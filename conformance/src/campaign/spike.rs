//! Spike's log of commits, read while it runs.
//!
//! A line is `core   0: 3 0x0000000080000000 (0x00000297) x5  0x0000000080000000`: privilege, address, bits, and then what was written:
//! `x` and `f` registers, CSRs as `c768_mstatus`, and `mem` with an address, and a value if it was stored. Traps leave no line.

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use rv_hart::mmu::Regime;
use rv_hart::trap::AccessKind;
use rv_hart::{HartState, Mode, StepEvent};
use rv_isa::fields::hstatus;
use rv_isa::{Op, csr, decode, is_hypervisor_memory};

use super::allowed::{self, Peer, What};
use super::coverage::csr_access;
use super::layout::{PAGE, RAM, RAM_SIZE};
use super::lockstep::{Before, Finding, Follower, Item};
use super::ours::Ours;
use super::process::{Process, introduction, on_path};

/// A line of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    privilege: u8,
    pc: u64,
    raw: u32,
    writes: Vec<(Item, u64)>,
    /// It wrote memory.
    stores: bool,
}

/// A running Spike.
pub struct Spike {
    process: Process,
    line: Vec<u8>,
    record: Record,
    /// `record` was not compared yet.
    fresh: bool,
    ended: bool,
    x: [u64; 32],
    f: [u64; 32],
    half: Option<Box<Straddling>>,
}

/// A store across the end of a page, before it is executed.
struct Straddling {
    state: HartState,
    regime: Regime,
    va: u64,
    value: u64,
}

/// Its version, which also tells whether it is there and of use.
///
/// # Errors
/// If there is none.
pub fn version(program: &Path) -> Result<String> {
    introduction(program, "--help", "RISC-V ISA Simulator")
}

/// Where it is: as told, in the environment (SPIKE), or on the path.
pub fn find(told: Option<&Path>) -> Option<PathBuf> {
    let named = told.map(Path::to_owned).or_else(|| std::env::var_os("SPIKE").map(PathBuf::from));
    named.or_else(|| on_path("spike"))
}

/// Our extensions, and that misaligned accesses work.
pub fn isa() -> String {
    let names: String = super::names().map(|name| format!("_{name}")).collect();
    format!("rv64imafdch{names}_zicclsm")
}

impl Spike {
    /// Starts it with the program in the file `elf`, up to its first instruction.
    ///
    /// # Errors
    /// If it doesn't start.
    pub fn start(program: &Path, elf: &Path, entry: u64, steps: u64) -> Result<Spike> {
        let mut command = Command::new(program);
        command
            .arg(format!("--isa={}", isa()))
            .arg(format!("-m{RAM:#x}:{RAM_SIZE:#x}"))
            .args(["--log-commits", "--log=/dev/stdout"])
            .arg(format!("--instructions={steps}"))
            .arg(elf);
        let mut spike = Spike {
            process: Process::start(&mut command)?,
            line: Vec::new(),
            record: Record::default(),
            fresh: false,
            ended: false,
            x: [0; 32],
            f: [0; 32],
            half: None,
        };
        loop {
            spike.advance()?;
            if spike.ended {
                bail!("{} wrote no log", program.display());
            }
            if spike.record.pc == entry {
                return Ok(spike);
            }
            spike.note_writes();
        }
    }

    /// Reads the next line.
    fn advance(&mut self) -> Result<()> {
        self.fresh = true;
        loop {
            self.line.clear();
            if self.process.output.read_until(b'\n', &mut self.line)? == 0 {
                self.ended = true;
                return Ok(());
            }
            if parse(&self.line, &mut self.record) {
                return Ok(());
            }
        }
    }

    /// The registers after the record.
    fn note_writes(&mut self) {
        for (item, value) in &self.record.writes {
            match item {
                Item::X(register) => self.x[usize::from(*register)] = *value,
                Item::F(register) => self.f[usize::from(*register)] = *value,
                _ => {}
            }
        }
    }

    fn compare(&mut self, ours: &mut Ours, before: Before, raw: u32, allowed: &mut [u64]) -> Option<Finding> {
        if self.ended {
            return Some((Item::Silence, before.pc, 0));
        }
        let record = &self.record;
        if before.pc != record.pc {
            return Some((Item::Pc, before.pc, record.pc));
        }
        if raw != record.raw {
            return Some((Item::Instruction, raw.into(), record.raw.into()));
        }
        if before.mode.privilege() != record.privilege {
            return Some((Item::Privilege, before.mode.privilege().into(), record.privilege.into()));
        }
        self.note_writes();
        take_over(Peer::Spike, ours, raw, &self.x, allowed);
        registers(ours, &self.x, &self.f).or_else(|| self.csrs(ours, allowed))
    }

    fn csrs(&self, ours: &mut Ours, counts: &mut [u64]) -> Option<Finding> {
        self.record.writes.iter().find_map(|(item, theirs)| {
            let Item::Csr(number) = item else { return None };
            let mask = allowed::compared_bits(Peer::Spike, *number);
            let mine = ours.csr(*number)?;
            let differs = (mine ^ theirs) & mask != 0;
            if differs && follow(ours, *number, mine, *theirs, counts) {
                return None;
            }
            differs.then_some((*item, mine, *theirs))
        })
    }
}

/// Makes ours take a CSR's value from the other, if that is a matter of choice.
pub fn follow(ours: &mut Ours, number: u16, mine: u64, theirs: u64, counts: &mut [u64]) -> bool {
    let row = allowed::ALLOWED.iter().position(|row| allowed::write_may_differ(Peer::Spike, row, number, mine, theirs));
    if let Some(row) = row {
        counts[row] += 1;
        ours.hart.csr_poke(number, theirs);
    }
    row.is_some()
}

/// What goes at the other's own pace is read as the other read it.
pub fn take_over(peer: Peer, ours: &mut Ours, raw: u32, x: &[u64; 32], counts: &mut [u64]) {
    let Some((number, _)) = csr_access(raw) else { return };
    let rd = (raw >> 7 & 31) as usize;
    let (mine, theirs) = (ours.hart.state.x[rd], x[rd]);
    if mine == theirs {
        return;
    }
    // In a guest, supervisor numbers are those of VS registers.
    let numbers = [number, number + 0x100];
    for (row, count) in allowed::ALLOWED.iter().zip(counts) {
        if numbers.iter().any(|number| allowed::read_may_differ(peer, row, *number, mine, theirs)) {
            *count += 1;
            ours.hart.state.x[rd] = theirs;
            if matches!(row.what, What::BlockAddress) {
                // It stays so, and is modified from there.
                let guest = ours.mode().virt() && number == csr::STVAL;
                ours.hart.csr_poke(if guest { csr::VSTVAL } else { number }, theirs);
            }
        }
    }
}

/// All registers.
pub fn registers(ours: &Ours, x: &[u64; 32], f: &[u64; 32]) -> Option<Finding> {
    let state = &ours.hart.state;
    if state.x == *x && state.f == *f {
        return None;
    }
    let first = |mine: &[u64; 32], theirs: &[u64; 32]| (0..32).find(|register| mine[*register] != theirs[*register]);
    if let Some(register) = first(&state.x, x) {
        return Some((Item::X(register as u8), state.x[register], x[register]));
    }
    first(&state.f, f).map(|register| (Item::F(register as u8), state.f[register], f[register]))
}

impl Follower for Spike {
    fn before(&mut self, ours: &mut Ours, allowed: &mut [u64]) -> Result<Option<Finding>> {
        if ours.hart.state.retired == 0 {
            ours.hart.state.x = self.x;
        }
        if !self.fresh {
            self.advance()?;
        }
        let fails = !self.record.stores;
        let reserved = ours.hart.state.reservation.is_some();
        self.half = straddling_store(ours);
        if fails && reserved && self.record.pc == ours.pc() && is_store_conditional(self.record.raw) {
            let row = allowed::row(|what| matches!(what, What::StoreConditional));
            allowed[row.expect("a row")] += 1;
            ours.hart.drop_reservation();
        }
        Ok(None)
    }

    fn after(
        &mut self,
        ours: &mut Ours,
        before: Before,
        event: StepEvent,
        allowed: &mut [u64],
    ) -> Result<Option<Finding>> {
        let StepEvent::Retired { raw, .. } = event else {
            let here = self.record.pc == before.pc && matches!(event, StepEvent::Trapped { .. });
            if here && is_store_conditional(self.record.raw) {
                let row = allowed::row(|what| matches!(what, What::FailingStore));
                allowed[row.expect("a row")] += 1;
                return Ok(Some((Item::Choice, 0, 0)));
            }
            if let Some(store) = self.half.take() {
                write_first_page(ours, *store, allowed);
            }
            return Ok(None);
        };
        self.fresh = false;
        Ok(self.compare(ours, before, raw, allowed))
    }
}

fn straddling_store(ours: &Ours) -> Option<Box<Straddling>> {
    let state = &ours.hart.state;
    let insn = decode(ours.code_at(state.pc)?)?;
    let size = match insn.op {
        Op::Sh | Op::Fsh => 2,
        Op::Sw | Op::Fsw => 4,
        Op::Sd | Op::Fsd => 8,
        Op::HsvH => 2,
        Op::HsvW => 4,
        Op::HsvD => 8,
        _ => return None,
    };
    let va = state.x[usize::from(insn.rs1)].wrapping_add(insn.imm as u64);
    if va % PAGE + size <= PAGE {
        return None;
    }
    let regime = if is_hypervisor_memory(insn.op) {
        Regime { privilege: u8::from(state.csr.hstatus & hstatus::SPVP != 0), virt: true }
    } else {
        Regime::data(state)
    };
    let file = if insn.op.float_operands().rs2 { &state.f } else { &state.x };
    Some(Box::new(Straddling { state: state.clone(), regime, va, value: file[usize::from(insn.rs2)] }))
}

/// If it was the second page that faulted, writes what is in the first.
fn write_first_page(ours: &mut Ours, store: Straddling, counts: &mut [u64]) {
    let boundary = store.va & !(PAGE - 1) | (PAGE - 1);
    let tval = match ours.mode() {
        Mode::M => csr::MTVAL,
        Mode::VS => csr::VSTVAL,
        _ => csr::STVAL,
    };
    let store_fault = matches!(ours.newest_cause(), 7 | 15 | 23);
    if !store_fault || ours.csr(tval) != Some(boundary.wrapping_add(1)) {
        return;
    }
    let row = allowed::row(|what| matches!(what, What::HalfStore));
    counts[row.expect("a row")] += 1;
    let after = std::mem::replace(&mut ours.hart.state, store.state);
    ours.hart.refresh();
    let Ours { hart, board } = ours;
    if let Some(physical) = hart.data_address(board, store.va, AccessKind::Store, store.regime) {
        for (index, byte) in (0..=boundary - store.va).zip(store.value.to_le_bytes()) {
            board.0.store(physical + index, 1, byte.into());
        }
    }
    ours.hart.state = after;
    ours.hart.refresh();
}

fn is_store_conditional(raw: u32) -> bool {
    decode(raw).is_some_and(|insn| matches!(insn.op, Op::ScW | Op::ScD))
}

/// Reads a line into `record`; `false` if it is no record.
fn parse(line: &[u8], record: &mut Record) -> bool {
    let mut words = line.split(|byte| *byte == b' ' || *byte == b'\n').filter(|word| !word.is_empty());
    if words.next() != Some(b"core") || words.next().is_none() {
        return false;
    }
    let (Some(privilege), Some(pc), Some(raw)) = (words.next(), words.next(), words.next()) else { return false };
    let (Some(pc), [b'(', raw @ .., b')']) = (hex(pc), raw) else { return false };
    record.privilege = privilege[0].wrapping_sub(b'0');
    record.pc = pc;
    record.raw = hex(raw).unwrap_or_default() as u32;
    record.writes.clear();
    record.stores = false;
    let mut after_address = false;
    while let Some(word) = words.next() {
        record.stores |= after_address && word.starts_with(b"0x");
        after_address = word == b"mem";
        let item = match word {
            b"mem" => None,
            [b'x', number @ ..] => Some(Item::X(decimal(number) as u8)),
            [b'f', number @ ..] => Some(Item::F(decimal(number) as u8)),
            [b'c', number @ ..] => Some(Item::Csr(decimal(number))),
            _ => continue,
        };
        let value = words.next().and_then(hex);
        if let (Some(item), Some(value)) = (item, value) {
            record.writes.push((item, value));
        }
    }
    true
}

fn hex(word: &[u8]) -> Option<u64> {
    let digits = word.strip_prefix(b"0x")?;
    digits.iter().try_fold(0u64, |value, digit| Some(value << 4 | u64::from((*digit as char).to_digit(16)?)))
}

/// The number at the beginning.
fn decimal(word: &[u8]) -> u16 {
    word.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mut record = Record::default();
        let line = b"core   0: 3 0x0000000080000000 (0x00000297) x5  0x0000000080000000\n";
        assert!(parse(line, &mut record));
        assert_eq!((record.privilege, record.pc, record.raw), (3, 0x8000_0000, 0x297));
        assert_eq!(record.writes, [(Item::X(5), 0x8000_0000)]);
        let line = b"core   0: 1 0x0000000080000004 (0x4501) c768_mstatus 0x0000000a00006000 f10 0x0 mem 0x10 0x0001\n";
        assert!(parse(line, &mut record));
        assert_eq!(record.writes, [(Item::Csr(768), 0xa_0000_6000), (Item::F(10), 0)]);
        assert!(!parse(b"warning: nothing\n", &mut record));
    }
}
