//! Programs that once showed a difference: files that need nothing else, and stay valid when generators and handlers change.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rv_isa::{decode, disassemble};
use serde::{Deserialize, Serialize};

use super::boot;
use super::elf::Image;
use super::lockstep::{Difference, Item, Run};
use super::ours::Ours;
use super::program::Program;
use rv_hart::StepEvent;

/// A regression.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Regression {
    /// What it is about; for people.
    pub note: String,
    /// Who disagreed.
    pub against: String,
    /// Seed of the program that this one was made from.
    pub seed: u64,
    /// What was found.
    pub difference: Difference,
    /// The value that is right by the specification: theirs, until somebody has looked.
    pub expected: u64,
    /// Whether our hart is held to it: not before somebody has looked.
    pub settled: bool,
    /// First instruction.
    pub entry: u64,
    /// Where it stays at its end.
    pub exit: u64,
    /// The last instructions before the difference; for people.
    pub listing: Vec<String>,
    /// Memory: an address, and doublewords from there on; `*N` repeats the one before.
    pub image: Vec<String>,
}

impl Regression {
    /// The file for a shrunken program and the run that shows the difference.
    pub fn new(against: &str, program: &Program, run: &Run, difference: Difference) -> Regression {
        let image = boot::image(program);
        Regression {
            note: difference.signature(),
            against: against.to_owned(),
            seed: program.seed,
            difference,
            expected: difference.theirs,
            settled: false,
            entry: image.entry,
            exit: image.exit,
            listing: listing(run),
            image: packed(&image),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it isn't one.
    pub fn read(file: &Path) -> Result<Regression> {
        let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}", file.display()))
    }

    /// Writes a file.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file, text).with_context(|| format!("{}", file.display()))
    }

    /// The memory image.
    ///
    /// # Errors
    /// If a line is not understood.
    pub fn image(&self) -> Result<Image> {
        let segments = self.image.iter().map(|line| unpacked(line)).collect::<Result<_>>()?;
        Ok(Image { segments, entry: self.entry, exit: self.exit })
    }

    /// What our hart does where the difference was.
    ///
    /// # Errors
    /// If the image can't be read.
    pub fn ours(&self) -> Result<u64> {
        let mut ours = Ours::new(&self.image()?);
        for _ in 1..self.difference.step {
            ours.step();
        }
        if matches!(self.difference.item, Item::Pc | Item::Privilege) {
            let privilege = ours.mode().privilege().into();
            return Ok(if self.difference.item == Item::Pc { ours.pc() } else { privilege });
        }
        ours.step();
        let state = &ours.hart.state;
        Ok(match self.difference.item {
            Item::X(register) => state.x[usize::from(register)],
            Item::F(register) => state.f[usize::from(register)],
            Item::Csr(number) => ours.csr(number).context("no such CSR")?,
            Item::Memory(address) => ours.board.0.load(address, 8).context("not in memory")?,
            Item::Instruction | Item::Silence | Item::Choice | Item::Pc | Item::Privilege => {
                bail!("nothing to look at")
            }
        })
    }
}

/// The last steps of a run: in random code, and of all.
pub fn listing(run: &Run) -> Vec<String> {
    let lines = run.code.iter().chain(&run.tail).map(|step| {
        let (raw, what) = match step.event {
            StepEvent::Retired { raw, .. } => (raw, String::new()),
            StepEvent::Trapped { cause, .. } => {
                (step.bits, format!(": exception {cause}, {}", super::coverage::cause_name(cause)))
            }
            StepEvent::Interrupted => (step.bits, ": interrupt before".to_owned()),
            StepEvent::Waiting => (step.bits, ": waits".to_owned()),
        };
        let insn = match decode(raw) {
            Some(insn) => disassemble(insn, step.before.pc).to_string().replace('\t', " "),
            None => format!("{raw:#x}"),
        };
        format!("{:2} {:#x} {insn}{what}", step.before.mode.name(), step.before.pc)
    });
    lines.collect()
}

fn packed(image: &Image) -> Vec<String> {
    let mut lines = Vec::new();
    for (base, bytes) in &image.segments {
        let words: Vec<u64> = bytes.chunks(8).map(word).collect();
        let mut at = 0;
        while at < words.len() {
            if words[at] == 0 {
                at += 1;
                continue;
            }
            let mut line = format!("{:x}:", base + 8 * at as u64);
            while at < words.len() && words[at] != 0 && line.len() < 120 {
                let same = words[at..].iter().take_while(|word| **word == words[at]).count();
                line += &format!(" {:x}", words[at]);
                if same > 1 {
                    line += &format!("*{same}");
                }
                at += same;
            }
            lines.push(line);
        }
    }
    lines
}

fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

fn unpacked(line: &str) -> Result<(u64, Vec<u8>)> {
    let (address, words) = line.split_once(':').context("no address")?;
    let mut bytes = Vec::new();
    for text in words.split_whitespace() {
        let (text, times) = text.split_once('*').unwrap_or((text, "1"));
        let word = u64::from_str_radix(text, 16)?;
        for _ in 0..times.parse()? {
            bytes.extend(word.to_le_bytes());
        }
    }
    Ok((u64::from_str_radix(address, 16)?, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_packed_and_unpacked() {
        let mut bytes = vec![1; 64];
        bytes.extend([0; 64]);
        bytes.extend((0..=255).chain([0; 8]));
        let image = Image { segments: vec![(0x8000_0000, bytes.clone())], entry: 0, exit: 0 };
        let mut again = vec![0; bytes.len()];
        for line in packed(&image) {
            let (address, part) = unpacked(&line).unwrap();
            let at = (address - 0x8000_0000) as usize;
            again[at..at + part.len()].copy_from_slice(&part);
        }
        assert_eq!(again, bytes);
    }
}
