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
use rv_isa::{Isa, IsaSet};

use crate::elf::{Segment, executable};
use case::Case;
pub use chapters::haiov::rules;
use chapters::{Chapter, all, extension, imsic, ratified};

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
    /// That machine has HA-IOV.
    pub haiov: bool,
}

impl Group {
    /// Name of the group, and of its file.
    pub fn name(&self) -> String {
        format!("{}-{}", self.chapter, self.mode.name().to_lowercase())
    }

    /// The program as an executable file.
    pub fn elf(&self) -> Vec<u8> {
        let program = program::program(&self.cases, self.isa, self.haiov);
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

/// The suite for a machine with the extensions `isa` and without HA-IOV, in the order of chapters and modes.
pub fn suite(isa: IsaSet) -> Vec<Group> {
    groups(all(isa), isa, false)
}

/// What is true on a machine with HA-IOV as on any other.
pub fn suite_beside_haiov(isa: IsaSet) -> Vec<Group> {
    groups(ratified(isa), isa, true)
}

/// The chapters on HA-IOV itself. They need the H extension.
pub fn suite_of_haiov(isa: IsaSet) -> Vec<Group> {
    if isa.has(Isa::H) { groups(extension(isa), isa, true) } else { Vec::new() }
}

/// The chapter on IMSICs, for a machine whose first hart has one with three guest interrupt files, at the addresses of QEMU's `virt`.
pub fn suite_of_imsic(isa: IsaSet) -> Vec<Group> {
    groups(imsic(isa), isa, false)
}

/// The numbers of HA-IOV's CSRs, as its manual has them.
pub fn haiov_registers() -> impl Iterator<Item = u16> {
    chapters::haiov::registers()
}

fn groups(chapters: Vec<Chapter>, isa: IsaSet, haiov: bool) -> Vec<Group> {
    let mut groups = Vec::new();
    for chapter in chapters {
        for mode in Mode::ALL {
            let fits = |case: &&Case| case.mode == mode && isa.contains(case.isa);
            let cases: Vec<Case> = chapter.cases.iter().filter(fits).cloned().collect();
            if !cases.is_empty() {
                groups.push(Group { chapter: chapter.name, mode, cases, isa, haiov });
            }
        }
    }
    groups
}
