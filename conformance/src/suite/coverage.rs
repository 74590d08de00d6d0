//! Which rows of the instruction and CSR tables the suite's cases touch: a row without a test is an error.

use std::collections::BTreeSet;

use rv_isa::{Format, IsaSet, Op};

use super::Group;
use super::case::What;

/// What the cases of a suite execute and access.
#[derive(Debug, Default)]
pub struct Coverage {
    /// Instructions that some snippet holds.
    pub instructions: BTreeSet<Op>,
    /// Names of compressed instructions that some snippet holds.
    pub compressed: BTreeSet<&'static str>,
    /// CSRs that some snippet or check accesses.
    pub csrs: BTreeSet<u16>,
}

impl Coverage {
    /// Of the whole suite.
    pub fn of(groups: &[Group]) -> Coverage {
        let mut coverage = Coverage::default();
        for case in groups.iter().flat_map(|group| &group.cases) {
            coverage.snippet(&case.code);
            coverage.csrs.extend(case.csrs.iter().map(|(number, _)| *number));
            for expect in &case.expect {
                if let What::Csr(number) = expect.what {
                    coverage.csrs.insert(number);
                }
            }
        }
        coverage
    }

    fn snippet(&mut self, code: &[u8]) {
        let mut at = 0;
        while at + 2 <= code.len() {
            let half = |at: usize| u32::from(u16::from_le_bytes([code[at], code[at + 1]]));
            let low = half(at);
            let raw = if low & 3 == 3 && at + 4 <= code.len() { low | half(at + 2) << 16 } else { low };
            at += if raw & 3 == 3 { 4 } else { 2 };
            let Some(insn) = rv_isa::decode(raw) else { continue };
            self.instructions.insert(insn.op);
            if insn.len == 2 {
                self.compressed.extend(insn.compressed_name());
            }
            if matches!(insn.op.row().format, Format::Csr | Format::CsrImm) {
                self.csrs.insert((insn.imm & 0xfff) as u16);
            }
        }
    }

    /// Rows that a machine with `isa` has and no case touches, by name.
    pub fn missing(&self, isa: IsaSet, has_csr: impl Fn(u16) -> bool) -> Vec<String> {
        let rows = Op::rows().iter().filter(|row| isa.contains(row.isa) && !self.instructions.contains(&row.op));
        let short = rv_isa::compressed_rows();
        let short = short.iter().filter(|row| isa.contains(row.isa) && !self.compressed.contains(row.mnemonic));
        let csrs = rv_isa::csr::ROWS.iter().filter(|(number, _)| has_csr(*number) && !self.csrs.contains(number));
        rows.map(|row| row.mnemonic.to_owned())
            .chain(short.map(|row| row.mnemonic.to_owned()))
            .chain(csrs.map(|(_, name)| (*name).to_owned()))
            .collect()
    }
}
