//! One test: what to prepare, what to run in which mode, and what must be true afterwards.

use rv_hart::Mode;
use rv_isa::{Isa, IsaSet, asm};

use super::layout::record;

/// The level that a trap goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Machine.
    M = 1,
    /// Supervisor with V=0.
    HS = 2,
    /// Supervisor with V=1.
    VS = 3,
}

/// Something that can be looked at when the snippet is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A field of the record.
    Record(i32),
    /// Where the snippet ended: xepc, relative to its first instruction.
    Place,
    /// An integer register.
    X(u8),
    /// A CSR, read in M-mode after the trap there.
    Csr(u16),
    /// A doubleword of memory.
    Memory(u64),
}

/// What must be true.
#[derive(Clone, Debug)]
pub struct Expect {
    /// Of what.
    pub what: What,
    /// Bits that count.
    pub mask: u64,
    /// Values, any of which will do: more than one where the specification leaves a choice.
    pub values: Vec<u64>,
}

/// One test.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Chapter or section of the specification.
    pub section: &'static str,
    /// Extensions without which there is nothing to test.
    pub isa: IsaSet,
    /// The mode that runs the snippet.
    pub mode: Mode,
    /// Doublewords to store first.
    pub memory: Vec<(u64, u64)>,
    /// CSRs to write then, in M-mode, in this order.
    pub csrs: Vec<(u16, u64)>,
    /// Integer registers to set.
    pub x: Vec<(u8, u64)>,
    /// The snippet.
    pub code: Vec<u8>,
    /// Constants that it reads, at the address in `x` that [`super::layout::TABLES`] stands for.
    pub table: Vec<u64>,
    /// What must be true.
    pub expect: Vec<Expect>,
}

/// A register of [`Case::x`] with this value gets the address of the case's table.
pub const TABLE: u64 = 0x7ab1_e000_7ab1_e000;

/// A test of `section` in `mode`.
pub fn case(name: impl Into<String>, section: &'static str, mode: Mode) -> Case {
    let isa = if mode.virt() { IsaSet::EMPTY.with(Isa::H) } else { IsaSet::EMPTY };
    Case {
        name: name.into(),
        section,
        isa,
        mode,
        memory: Vec::new(),
        csrs: Vec::new(),
        x: Vec::new(),
        code: Vec::new(),
        table: Vec::new(),
        expect: Vec::new(),
    }
}

impl Case {
    /// Needs `isa`.
    pub fn needs(mut self, isa: Isa) -> Case {
        self.isa = self.isa.with(isa);
        self
    }

    /// Needs all of `isa`.
    pub fn needs_all(mut self, isa: IsaSet) -> Case {
        self.isa = self.isa.union(isa);
        self
    }

    /// Stores a doubleword first.
    pub fn store(mut self, addr: u64, value: u64) -> Case {
        self.memory.push((addr, value));
        self
    }

    /// Stores doublewords first.
    pub fn stores(mut self, words: impl IntoIterator<Item = (u64, u64)>) -> Case {
        self.memory.extend(words);
        self
    }

    /// Writes a CSR first.
    pub fn set(mut self, csr: u16, value: u64) -> Case {
        self.csrs.push((csr, value));
        self
    }

    /// Sets an integer register first.
    pub fn x(mut self, register: u8, value: u64) -> Case {
        self.x.push((register, value));
        self
    }

    /// Runs an instruction; a compressed one has its upper half 0.
    pub fn run(mut self, raw: u32) -> Case {
        let bytes = raw.to_le_bytes();
        self.code.extend(if raw & 3 == 3 { &bytes } else { &bytes[..2] });
        self
    }

    /// Runs instructions.
    pub fn runs(self, words: &[u32]) -> Case {
        words.iter().fold(self, |case, word| case.run(*word))
    }

    /// Loads a constant in the snippet.
    pub fn li(self, rd: u8, value: u64) -> Case {
        let mut buffer = [0; asm::LI_MAX];
        let words = asm::li(rd, value, &mut buffer).to_vec();
        self.runs(&words)
    }

    /// Expects one of `values` under `mask`.
    pub fn expect_masked(mut self, what: What, mask: u64, values: &[u64]) -> Case {
        self.expect.push(Expect { what, mask, values: values.to_vec() });
        self
    }

    /// Expects a value.
    pub fn expect(self, what: What, value: u64) -> Case {
        self.expect_masked(what, u64::MAX, &[value])
    }

    /// Expects an integer register's value at the end.
    pub fn reg(self, register: u8, value: u64) -> Case {
        self.expect(What::X(register), value)
    }

    /// Expects a CSR's value at the end.
    pub fn csr(self, csr: u16, value: u64) -> Case {
        self.expect(What::Csr(csr), value)
    }

    /// Expects a doubleword of memory.
    pub fn mem(self, addr: u64, value: u64) -> Case {
        self.expect(What::Memory(addr), value)
    }

    /// Expects that the snippet runs to its end.
    pub fn completes(self) -> Case {
        let end = self.code.len() as u64;
        self.expect(What::Place, end)
    }

    /// Expects a trap of the snippet's instruction at offset `at`, or an interrupt before it.
    pub fn traps_at(self, at: u64, level: Level, cause: u64) -> Case {
        self.expect(What::Record(record::CAUSE), cause)
            .expect(What::Record(record::LEVEL), level as u64)
            .expect(What::Place, at)
    }

    /// Expects a trap of the last instruction so far.
    pub fn traps(self, level: Level, cause: u64) -> Case {
        let last = last_instruction(&self.code);
        self.traps_at(last, level, cause)
    }

    /// Expects a value in xtval.
    pub fn tval(self, value: u64) -> Case {
        self.expect(What::Record(record::TVAL), value)
    }

    /// Expects one of several values in xtval.
    pub fn tval_one_of(self, values: &[u64]) -> Case {
        self.expect_masked(What::Record(record::TVAL), u64::MAX, values)
    }

    /// Expects a value in mtval2 or htval.
    pub fn tval2(self, value: u64) -> Case {
        self.expect(What::Record(record::TVAL2), value)
    }

    /// Expects one of several values in mtinst or htinst.
    pub fn tinst_one_of(self, values: &[u64]) -> Case {
        self.expect_masked(What::Record(record::TINST), u64::MAX, values)
    }

    /// Expects bits of mstatus (taken by M) or sstatus after the trap.
    pub fn status(self, mask: u64, value: u64) -> Case {
        self.expect_masked(What::Record(record::STATUS), mask, &[value])
    }

    /// Expects bits of hstatus after a trap to HS.
    pub fn hstatus(self, mask: u64, value: u64) -> Case {
        self.expect_masked(What::Record(record::HSTATUS), mask, &[value])
    }

    /// The same in other modes, each with its name.
    pub fn in_modes(self, modes: &[Mode]) -> Vec<Case> {
        let in_mode = |mode: &Mode| {
            let guest = if mode.virt() { IsaSet::EMPTY.with(Isa::H) } else { IsaSet::EMPTY };
            Case { mode: *mode, isa: self.isa.union(guest), ..self.clone() }
        };
        modes.iter().map(in_mode).collect()
    }
}

/// Offset of the last instruction of `code`.
fn last_instruction(code: &[u8]) -> u64 {
    let mut at = 0;
    loop {
        let length = if code.get(at).is_some_and(|byte| byte & 3 == 3) { 4 } else { 2 };
        if at + length >= code.len() {
            return at as u64;
        }
        at += length;
    }
}
