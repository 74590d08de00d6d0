//! QEMU's log of CPU states, read while it runs: with single steps and without chaining, the state before every instruction.
//!
//! Neither an interrupt nor a fetch that fails leaves a state in the log. CSRs are not compared there: handlers and the epilogue read them.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use rv_hart::{Costs, Hart, StepEvent};
use rv_isa::fields::{hstatus, menvcfg, mstatus, pte};
use rv_isa::{Class, Op, csr, decode, is_hypervisor_memory};

use super::allowed::Peer;
use super::coverage::csr_access;
use super::lockstep::{Before, Finding, Follower, Item};
use super::ours::Ours;
use super::process::{Process, introduction, on_path};
use super::program::{CONTEXT_CSRS, NOP, Program};
use super::spike::{registers, take_over};

/// A state before an instruction.
#[derive(Clone, Debug, Default, PartialEq)]
struct Snapshot {
    virt: bool,
    pc: u64,
    x: [u64; 32],
    f: [u64; 32],
}

/// A running QEMU.
pub struct Qemu {
    process: Process,
    line: String,
    /// The state before the next instruction that it executes.
    next: Option<Snapshot>,
}

/// Its version.
///
/// # Errors
/// If there is none.
pub fn version(program: &Path) -> Result<String> {
    introduction(program, "--version", "QEMU")
}

/// Where it is: as told, or on the path.
pub fn find(told: Option<&Path>) -> Option<PathBuf> {
    told.map(Path::to_owned).or_else(|| on_path("qemu-system-riscv64"))
}

/// A CPU with our extensions and no others that this QEMU knows.
///
/// # Errors
/// If it doesn't start.
pub fn cpu(program: &Path) -> Result<String> {
    let output = Command::new(program).args(["-device", "rv64-riscv-cpu,help"]).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let ours: Vec<&str> = super::names().collect();
    let mut options = BTreeMap::new();
    for line in text.lines() {
        let Some((name, _)) = line.trim().split_once("=<bool>") else { continue };
        let lower = name.to_lowercase();
        let extension = ["zb", "zc", "zf", "zi", "za", "zk", "sv", "ss"].iter().any(|prefix| lower.starts_with(prefix));
        if extension && !matches!(lower.as_str(), "zca" | "zcd" | "zihintpause" | "zihintntl") {
            options.insert(name.to_owned(), ours.contains(&lower.as_str()));
        }
    }
    let mut cpu = "rv64,h=true".to_owned();
    if text.contains("pmu-num=") {
        cpu += ",pmu-num=29";
    }
    options.iter().for_each(|(name, on)| cpu += &format!(",{name}={on}"));
    Ok(cpu)
}

/// What this model decides on its own, or (in version 7.2) gets wrong, is left out: guests and interrupts; accessed and dirty bits, which it always sets; timers, which run in real time; and what
/// CSRs make of bits that are not there, which it keeps.
pub fn gentle(program: &Program) -> Program {
    let mut program = program.clone();
    program.probes.clear();
    for (_, entry) in &mut program.entries {
        if *entry & (pte::R | pte::W | pte::X) != 0 {
            *entry |= pte::A | pte::D;
        }
    }
    let mut hart = Hart::new(0, 0, super::isa(), Costs::FLAT, Vec::new()).expect("a hart");
    let mut legal = |number: u16, value: u64| {
        hart.csr_poke(number, value);
        hart.csr_peek(number).unwrap_or_default()
    };
    program.contexts.retain(|context| context.mstatus & mstatus::MPV == 0);
    for context in &mut program.contexts {
        context.mstatus = legal(csr::MSTATUS, context.mstatus) & !(mstatus::SD | mstatus::TVM);
        for (number, value) in CONTEXT_CSRS.iter().zip(&mut context.csrs) {
            let mask = match *number {
                csr::MENVCFG | csr::HENVCFG => !(menvcfg::STCE | menvcfg::ADUE),
                csr::MIP | csr::HVIP | csr::MIE => 0,
                csr::HSTATUS => !hstatus::SPV,
                csr::STIMECMP | csr::VSTIMECMP => {
                    *value = !0;
                    continue;
                }
                csr::VSSTATUS => !mstatus::SD,
                _ => !0,
            };
            *value = legal(*number, *value) & mask;
        }
    }
    for unit in program.code.iter_mut().filter(|unit| unjudged(unit)) {
        unit.iter_mut().for_each(|parcel| *parcel = NOP);
    }
    program
}

/// What this model is no judge of: atomics, whose faults it reports as those of loads, and whose SC compares values instead of
/// reservations; HLV and HSV; WFI, at which its log stops; and writes to CSRs with fields.
fn unjudged(unit: &[u16]) -> bool {
    let before_return = if unit.len() > 2 { [csr::SEPC, csr::MEPC] } else { [csr::FCSR; 2] };
    let plain = [csr::FFLAGS, csr::FRM, csr::FCSR, csr::SSCRATCH, csr::MSCRATCH, csr::VSSCRATCH];
    let word = |at: usize| u32::from(unit[at]) | u32::from(*unit.get(at + 1).unwrap_or(&0)) << 16;
    (0..unit.len()).filter_map(|at| decode(word(at))).any(|insn| {
        let fields = csr_access(insn.raw)
            .is_some_and(|(number, write)| write && !plain.contains(&number) && !before_return.contains(&number));
        let other = insn.op.row().class == Class::Amo || insn.op == Op::Wfi || is_hypervisor_memory(insn.op);
        fields || other
    })
}

impl Qemu {
    /// Starts it with the program in the file `elf`.
    ///
    /// # Errors
    /// If it doesn't start.
    pub fn start(program: &Path, cpu: &str, elf: &Path) -> Result<Qemu> {
        let mut command = Command::new(program);
        // Twice the memory: at its end there is a device tree, and programs reach the first half only.
        command
            .args(["-M", "virt", "-m", "32M", "-cpu", cpu, "-bios", "none", "-nographic"])
            .args(["-serial", "none", "-monitor", "none", "-singlestep"])
            .args(["-d", "cpu,fpu,nochain", "-D", "/dev/stdout"])
            .arg("-device")
            .arg(format!("loader,file={},cpu-num=0", elf.display()));
        let mut qemu = Qemu { process: Process::start(&mut command)?, line: String::new(), next: None };
        qemu.advance()?;
        if qemu.next.is_none() {
            bail!("{} wrote no log", program.display());
        }
        Ok(qemu)
    }

    /// Reads the next state.
    fn advance(&mut self) -> Result<()> {
        let mut snapshot = Snapshot::default();
        loop {
            self.line.clear();
            if self.process.output.read_line(&mut self.line)? == 0 {
                self.next = None;
                return Ok(());
            }
            if read_line(&self.line, &mut snapshot) {
                self.next = Some(snapshot);
                return Ok(());
            }
        }
    }
}

/// Takes what a line says; `true` after the last of a state.
fn read_line(line: &str, snapshot: &mut Snapshot) -> bool {
    let mut words = line.split_ascii_whitespace();
    let value = |word: Option<&str>| word.and_then(|word| u64::from_str_radix(word, 16).ok()).unwrap_or_default();
    while let Some(name) = words.next() {
        match name {
            "V" => snapshot.virt = words.nth(1) == Some("1"),
            "pc" => snapshot.pc = value(words.next()),
            _ => {
                let Some((register, _)) = name.split_once('/') else { return false };
                let number = register[1..].parse::<usize>().unwrap_or_default() & 31;
                let file = if register.starts_with('x') { &mut snapshot.x } else { &mut snapshot.f };
                file[number] = value(words.next());
                if register == "f31" {
                    return true;
                }
            }
        }
    }
    false
}

impl Follower for Qemu {
    fn before(&mut self, ours: &mut Ours, _: &mut [u64]) -> Result<Option<Finding>> {
        let Some(next) = &self.next else { return Ok(Some((Item::Silence, ours.pc(), 0))) };
        if ours.hart.state.retired == 0 {
            ours.hart.state.x = next.x;
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
        let raw = match event {
            StepEvent::Retired { raw, .. } => raw,
            StepEvent::Trapped { .. } if !matches!(ours.newest_cause(), 1 | 12 | 20) => 0,
            _ => return Ok(None),
        };
        let Some(done) = self.next.take() else { return Ok(Some((Item::Silence, before.pc, 0))) };
        if done.pc != before.pc {
            return Ok(Some((Item::Pc, before.pc, done.pc)));
        }
        if done.virt != before.mode.virt() {
            return Ok(Some((Item::Privilege, before.mode.virt().into(), done.virt.into())));
        }
        self.advance()?;
        let Some(next) = &self.next else { return Ok(None) };
        take_over(Peer::Qemu, ours, raw, &next.x, allowed);
        Ok(registers(ours, &next.x, &next.f))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states() {
        let mut snapshot = Snapshot::default();
        assert!(!read_line(" V      =   1\n", &mut snapshot));
        assert!(!read_line(" pc       0000000080010004\n", &mut snapshot));
        assert!(!read_line(
            " x0/zero  0000000000000000 x1/ra    0000000000000007 x2/sp    0000000000000001\n",
            &mut snapshot
        ));
        assert!(read_line(" f30/ft10 0000000000000000 f31/ft11 00000000000000ff\n", &mut snapshot));
        assert!(snapshot.virt);
        assert_eq!((snapshot.pc, snapshot.x[1], snapshot.f[31]), (0x8001_0004, 7, 255));
    }
}
