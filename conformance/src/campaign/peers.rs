//! The other machines: which there are, and how to run a program on one.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::allowed::Peer;
use super::coverage::Coverage;
use super::elf::{self, Image};
use super::lockstep::{self, Ending, Limits, Run};
use super::{blocks, spike};

/// A machine to compare with.
#[derive(Clone, Debug)]
pub struct Opponent {
    /// Which.
    pub peer: Peer,
    /// Its program; our own blocks need none.
    pub program: PathBuf,
    /// What it says of itself.
    pub version: String,
}

/// Which machines to compare with.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Names: `spike`, `qemu`, `blocks`; all that are there if none.
    pub names: Vec<String>,
    /// Where Spike is.
    pub spike: Option<PathBuf>,
}

impl Wanted {
    /// The machines that are there.
    ///
    /// # Errors
    /// If one that was asked for by name is not.
    pub fn find(&self) -> Result<Vec<Opponent>> {
        let auto = self.names.is_empty() || self.names.iter().any(|name| name == "auto");
        let asked = |name: &str| self.names.iter().any(|other| other == name);
        let mut found = Vec::new();
        if auto || asked("spike") {
            match spike::find(self.spike.as_deref()).map(|program| (spike::version(&program), program)) {
                Some((Ok(version), program)) => found.push(Opponent { peer: Peer::Spike, program, version }),
                Some((Err(error), _)) if asked("spike") => return Err(error),
                None if asked("spike") => bail!("there is no spike: use --spike PATH"),
                _ => {}
            }
        }
        if auto || asked("blocks") {
            let version = "our own engine of blocks".to_owned();
            found.push(Opponent { peer: Peer::Blocks, program: PathBuf::new(), version });
        }
        if let Some(other) = self.names.iter().find(|name| !matches!(name.as_str(), "auto" | "spike" | "blocks")) {
            bail!("no such machine: {other}");
        }
        Ok(found)
    }
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
                std::fs::write(scratch, elf::executable(image)?)?;
                // A trap ends one of Spike's turns of 5000 instructions, and the limit counts turns.
                let bound = 5000 * limits.steps;
                let mut follower = spike::Spike::start(&self.program, scratch, image.entry, bound)?;
                lockstep::run(image, &mut follower, limits, coverage)
            }
            Peer::Blocks => Ok(blocks::run(image, limits)),
        }
    }

    /// Whether its runs are counted: instructions of our own engines are not compared with anybody's.
    pub fn independent(&self) -> bool {
        self.peer != Peer::Blocks
    }
}

/// A run that compares nothing more.
pub fn ended(ending: Ending) -> bool {
    ending != Ending::Differs
}
