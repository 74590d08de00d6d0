//! The other machines: which there are, and how to run a program on one.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::allowed::Peer;
use super::coverage::Coverage;
use super::elf::{self, Image};
use super::lockstep::{self, Limits, Run};
use super::program::Program;
use super::{blocks, qemu, spike};

/// A machine to compare with.
#[derive(Clone, Debug)]
pub struct Opponent {
    /// Which.
    pub peer: Peer,
    /// Its program; our own blocks need none.
    pub program: PathBuf,
    /// What it says of itself.
    pub version: String,
    /// The extensions that it is told to have.
    pub cpu: String,
}

/// Which machines to compare with.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Names: `spike`, `qemu`, `blocks`. `auto`, or none: Spike, or else QEMU, and our blocks.
    pub names: Vec<String>,
    /// Where Spike is.
    pub spike: Option<PathBuf>,
    /// Where QEMU is.
    pub qemu: Option<PathBuf>,
}

impl Wanted {
    /// The machines that are there.
    ///
    /// # Errors
    /// If one that was asked for by name is not.
    pub fn find(&self) -> Result<Vec<Opponent>> {
        let known = ["auto", "spike", "qemu", "blocks"];
        if let Some(other) = self.names.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("no such machine: {other}");
        }
        let auto = self.names.is_empty() || self.names.iter().any(|name| name == "auto");
        let asked = |name: &str| self.names.iter().any(|other| other == name);
        let mut found = Vec::new();
        for (name, peer, program) in [
            ("spike", Peer::Spike, spike::find(self.spike.as_deref())),
            ("qemu", Peer::Qemu, qemu::find(self.qemu.as_deref())),
        ] {
            match program.map(|program| opponent(peer, program)) {
                // What QEMU can judge, Spike can too.
                Some(Ok(opponent)) if asked(name) || auto && found.is_empty() => found.push(opponent),
                Some(Err(error)) if asked(name) => return Err(error),
                None if asked(name) => bail!("there is no {name}: say where by --{name} FILE"),
                _ => {}
            }
        }
        if auto || asked("blocks") {
            let version = "our own engine of blocks".to_owned();
            found.push(Opponent { peer: Peer::Blocks, program: PathBuf::new(), version, cpu: String::new() });
        }
        Ok(found)
    }
}

fn opponent(peer: Peer, program: PathBuf) -> Result<Opponent> {
    let (version, cpu) = match peer {
        Peer::Qemu => (qemu::version(&program)?, qemu::cpu(&program)?),
        _ => (spike::version(&program)?, spike::isa()),
    };
    Ok(Opponent { peer, program, version, cpu })
}

impl Opponent {
    /// Runs a program in step; `scratch` is a file that may be overwritten.
    ///
    /// # Errors
    /// If the other machine doesn't start.
    pub fn run(&self, image: &Image, scratch: &Path, coverage: &mut Coverage) -> Result<Run> {
        let limits = Limits::default();
        match self.peer {
            Peer::Spike => {
                std::fs::write(scratch, elf::executable(image))?;
                // A trap ends one of Spike's turns of 5000 instructions, and the limit counts turns.
                let bound = 5000 * limits.steps;
                let mut follower = spike::Spike::start(&self.program, scratch, image.entry, bound)?;
                lockstep::run(image, &mut follower, limits, coverage)
            }
            Peer::Qemu => {
                std::fs::write(scratch, elf::executable(image))?;
                let mut follower = qemu::Qemu::start(&self.program, &self.cpu, scratch)?;
                lockstep::run(image, &mut follower, limits, coverage)
            }
            Peer::Blocks => Ok(blocks::run(image, limits)),
        }
    }

    /// The program without what this machine decides on its own.
    pub fn adapted(&self, program: &Program) -> Program {
        if self.peer == Peer::Qemu { qemu::gentle(program) } else { program.clone() }
    }

    /// Whether its runs are counted: instructions of our own engines are not compared with anybody's.
    pub fn independent(&self) -> bool {
        self.peer != Peer::Blocks
    }
}
