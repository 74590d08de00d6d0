//! The conformance suite: directed tests by chapter of the specification, as programs that check themselves.
//!
//! A [`case::Case`] says what to prepare, what to run in which mode, and what must be true afterwards; [`program`] turns a group of cases into
//! machine code that any RISC-V machine with memory at 0x80000000 can run, and [`execute`] runs it here. Chapters are under `chapters/`.
//!
//! Reading order: [`case`], `chapters/mod.rs` and one chapter, [`layout`], `runtime.rs`, `program.rs`, [`execute`], [`report`].

pub mod assembler;
pub mod case;
mod chapters;
pub mod coverage;
pub mod execute;
pub mod layout;
pub mod peer;
mod program;
pub mod report;
mod runtime;

use rv_hart::Mode;
use rv_isa::IsaSet;

use crate::elf::{Segment, executable};
use case::Case;

/// Cases of one chapter in one mode: one program.
pub struct Group {
    /// Name of the chapter: an extension, or a part of the privileged architecture.
    pub chapter: &'static str,
    /// The mode in which all its snippets run.
    pub mode: Mode,
    /// The tests.
    pub cases: Vec<Case>,
    /// The extensions of the machine that it is made for.
    pub isa: IsaSet,
}

impl Group {
    /// Name of the group, and of its file.
    pub fn name(&self) -> String {
        format!("{}-{}", self.chapter, self.mode.name().to_lowercase())
    }

    /// The program as an executable file.
    pub fn elf(&self) -> Vec<u8> {
        let program = program::program(&self.cases, self.isa);
        let mut segments: Vec<Segment<'_>> = Vec::new();
        let mut ends: Vec<u64> = program.segments.iter().skip(1).map(|(addr, _)| *addr).collect();
        ends.push(layout::END);
        for ((addr, bytes), end) in program.segments.iter().zip(ends) {
            segments.push(Segment { addr: *addr, bytes, size: end - addr });
        }
        let symbols = [
            ("_start", program.entry),
            ("tohost", layout::TOHOST),
            ("fromhost", layout::FROMHOST),
            ("begin_signature", layout::RESULTS),
            ("end_signature", layout::RESULTS + program.results),
        ];
        executable(program.entry, &segments, &symbols)
    }
}

/// The suite for a machine with the extensions `isa`, in the order of chapters and modes.
pub fn suite(isa: IsaSet) -> Vec<Group> {
    let mut groups = Vec::new();
    for chapter in chapters::all(isa) {
        for mode in Mode::ALL {
            let fits = |case: &&Case| case.mode == mode && isa.contains(case.isa);
            let cases: Vec<Case> = chapter.cases.iter().filter(fits).cloned().collect();
            if !cases.is_empty() {
                groups.push(Group { chapter: chapter.name, mode, cases, isa });
            }
        }
    }
    groups
}
