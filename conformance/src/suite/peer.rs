//! The suite on other machines: QEMU and Spike run the same programs, and print what failed.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rv_isa::{Isa, IsaSet};

use super::Group;
use super::execute::{Verdict, verdict};
use crate::campaign::process::Process;
use crate::campaign::{self, qemu, spike};

/// Another machine.
pub struct Peer {
    /// What it says of itself.
    pub version: String,
    /// The extensions that it and we have.
    pub isa: IsaSet,
    program: PathBuf,
    /// Arguments before the file's name.
    args: Vec<String>,
}

impl Peer {
    /// A QEMU, told to have all of our extensions that it knows.
    ///
    /// # Errors
    /// If the program is not there, or is another.
    pub fn qemu(program: &Path) -> Result<Peer> {
        let program = qemu::find(Some(program)).context("no QEMU")?;
        let version = qemu::version(&program)?;
        let help = Command::new(&program).args(["-device", "rv64-riscv-cpu,help"]).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&help.stdout).into_owned();
        let options: BTreeMap<String, &str> = text
            .lines()
            .filter_map(|line| line.trim().split_once("=<bool>"))
            .map(|(name, _)| (name.to_lowercase(), name))
            .collect();
        let always = [Isa::I, Isa::M, Isa::A, Isa::F, Isa::D, Isa::C, Isa::H, Isa::Zicclsm, Isa::Sv57, Isa::Zifencei];
        let base = always.into_iter().fold(IsaSet::EMPTY, IsaSet::with);
        let known = |set: IsaSet, row: &&rv_isa::ExtensionRow| {
            if options.contains_key(row.name) { set.with(row.isa) } else { set }
        };
        let rows: Vec<&rv_isa::ExtensionRow> = rv_isa::extension_rows().iter().collect();
        let isa = rows.iter().fold(base, known).closed();
        let named = isa.rows().filter_map(|row| options.get(row.name));
        let cpu: String = named.map(|option| format!(",{option}=true")).collect();
        let args = ["-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none", "-serial", "stdio", "-cpu"];
        let mut args: Vec<String> = args.map(str::to_owned).to_vec();
        args.extend([format!("rv64{cpu}"), "-kernel".to_owned()]);
        Ok(Peer { version, isa, program, args })
    }

    /// The same with IMSICs of three guest interrupt files. QEMU knows Smaia and Ssaia as an option of the machine.
    ///
    /// # Errors
    /// As [`Peer::qemu`].
    pub fn qemu_with_imsic(program: &Path) -> Result<Peer> {
        let mut peer = Peer::qemu(program)?;
        peer.isa = peer.isa.with(Isa::Smaia).closed();
        let machine = peer.args.iter_mut().filter(|arg| *arg == "virt");
        machine.for_each(|arg| "virt,aia=aplic-imsic,aia-guests=3".clone_into(arg));
        Ok(peer)
    }

    /// A Spike.
    ///
    /// # Errors
    /// If the program is not there, or is another.
    pub fn spike(program: &Path) -> Result<Peer> {
        let program = spike::find(Some(program)).context("no Spike")?;
        let version = spike::version(&program)?;
        let isa = campaign::isa().with(Isa::Zicclsm).with(Isa::Zic64b).closed();
        Ok(Peer { version, isa, program, args: vec![format!("--isa={}", spike::isa())] })
    }

    /// Runs a group; `file` may be overwritten. One verdict for each case.
    ///
    /// # Errors
    /// If the program doesn't start, or the file can't be written.
    pub fn run(&self, group: &Group, file: &Path) -> Result<Vec<Verdict>> {
        std::fs::write(file, group.elf()).with_context(|| format!("can't write {}", file.display()))?;
        let mut process = Process::start(Command::new(&self.program).args(&self.args).arg(file))?;
        let mut verdicts = vec![Verdict::NotRun; group.cases.len()];
        let mut failed = BTreeMap::new();
        let mut line = Vec::new();
        while process.output.read_until(b'\n', &mut line)? > 0 {
            let text = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            let words: Vec<&str> = text.split_whitespace().collect();
            match words[..] {
                ["F", number, code, found] => {
                    failed.insert(hex(number) as usize, verdict(hex(code), hex(found)));
                }
                ["E", ..] => {
                    verdicts = vec![Verdict::Passed; group.cases.len()];
                    break;
                }
                _ => {}
            }
        }
        for (number, verdict) in failed {
            if let Some(place) = verdicts.get_mut(number) {
                *place = verdict;
            }
        }
        Ok(verdicts)
    }
}

fn hex(word: &str) -> u64 {
    u64::from_str_radix(word, 16).unwrap_or_default()
}
