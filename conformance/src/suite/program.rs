//! From cases to a program that runs them one after another in M-mode, checks what must be true, and reports.

use rv_hart::Mode;
use rv_isa::asm::{self, RA, T0, T1, T2, ZERO};
use rv_isa::fields::mstatus;
use rv_isa::{Isa, IsaSet, csr};

use super::assembler::{Assembler, Label};
use super::case::{Case, TABLE, What};
use super::layout::{self, RECORD, RESULTS, TABLES, TEXT, USER_TEXT, record};
use super::runtime::{self, Runtime};

/// A test program: what is loaded where, and its entry.
pub struct Program {
    /// Addresses and contents.
    pub segments: Vec<(u64, Vec<u8>)>,
    /// The first instruction.
    pub entry: u64,
    /// Bytes of results.
    pub results: u64,
}

struct Builder<'a> {
    runtime: &'a Runtime,
    isa: IsaSet,
    text: Assembler,
    user: Assembler,
    tables: Vec<u8>,
}

/// Makes the program that runs `cases` on a machine with the extensions `isa`, and with HA-IOV or without.
pub fn program(cases: &[Case], isa: IsaSet, haiov: bool) -> Program {
    let (runtime, code) = runtime::runtime(isa, haiov, cases.len() as u64, TEXT);
    let mut builder = Builder {
        runtime: &runtime,
        isa,
        text: Assembler::new(TEXT),
        user: Assembler::new(USER_TEXT),
        tables: Vec::new(),
    };
    for (index, case) in cases.iter().enumerate() {
        builder.case(index as u64, case);
    }
    builder.text.far_jump(ZERO, T0, runtime.finish);
    let Builder { text, user, tables, .. } = builder;
    let (text, user) = (text.finish(), user.finish());
    assert!(TEXT + text.len() as u64 <= USER_TEXT && USER_TEXT + user.len() as u64 <= TABLES, "a program is too long");
    assert!(TABLES + tables.len() as u64 <= layout::DATA, "a program has too many constants");
    let segments = [(layout::RUNTIME, code), (TEXT, text), (USER_TEXT, user), (TABLES, tables)];
    Program {
        segments: segments.into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect(),
        entry: layout::RUNTIME,
        results: cases.len() as u64 * 16,
    }
}

impl Builder<'_> {
    fn case(&mut self, index: u64, case: &Case) {
        let table = TABLES + self.tables.len() as u64;
        self.tables.extend(case.table.iter().flat_map(|word| word.to_le_bytes()));
        self.text.far_jump(RA, T0, self.runtime.reset);
        self.text.li(T0, RECORD);
        self.text.li(T1, index);
        self.text.emit(asm::sd(T1, T0, record::CURRENT));
        for (addr, value) in &case.memory {
            self.text.li(T0, *addr);
            self.text.li(T1, *value);
            self.text.emit(asm::sd(T1, T0, 0));
        }
        if !case.memory.is_empty() {
            self.text.emit(asm::sfence_vma(ZERO, ZERO));
            if self.isa.has(Isa::Zifencei) {
                self.text.emit(asm::fence_i(0));
            }
        }
        for (number, value) in &case.csrs {
            self.text.set_csr(*number, *value, T0);
        }
        let check = self.text.label();
        let start = self.enter(case, table, check);
        self.text.bind(check);
        self.check(index, case, start);
    }

    /// Sets the mode and the registers, and goes to the snippet, which is put where its mode may fetch it: its address.
    fn enter(&mut self, case: &Case, table: u64, check: Label) -> u64 {
        let mode_bits = u64::from(case.mode.privilege()) << mstatus::MPP_SHIFT;
        self.text.li(T0, mstatus::MPP);
        self.text.emit(asm::csrrc(ZERO, csr::MSTATUS, T0));
        self.text.li(T0, mode_bits | if case.mode.virt() { mstatus::MPV } else { 0 });
        self.text.emit(asm::csrrs(ZERO, csr::MSTATUS, T0));
        self.text.li(T0, RECORD);
        // The check follows the snippet: its address is known when the label is.
        self.text.to(check, |offset| asm::auipc(T1, offset.wrapping_add(0x800) & !0xfff));
        self.text.to(check, |offset| {
            let offset = offset.wrapping_add(4);
            let upper = offset.wrapping_add(0x800) & !0xfff;
            asm::addi(T1, T1, offset.wrapping_sub(upper))
        });
        self.text.emit(asm::sd(T1, T0, record::CONTINUE));
        let user = matches!(case.mode, Mode::U | Mode::VU);
        let loads = loads(case, table);
        let after = self.text.here() + 64 + loads.len() as u64;
        let start = if user { self.user_start() } else { after.next_multiple_of(64) };
        self.text.set_csr(csr::MEPC, start, T0);
        self.text.bytes(&loads);
        self.text.emit(asm::mret());
        if !user {
            while self.text.here() < start {
                self.text.emit(asm::addi(ZERO, ZERO, 0));
            }
        }
        let place = if user { &mut self.user } else { &mut self.text };
        place.bytes(&case.code);
        place.emit(asm::ecall());
        place.align(4);
        start
    }

    fn user_start(&mut self) -> u64 {
        self.user.align(64);
        self.user.here()
    }

    /// Compares everything in turn; the first that differs is the verdict.
    fn check(&mut self, index: u64, case: &Case, start: u64) {
        let fail = self.text.label();
        for (number, expect) in case.expect.iter().enumerate() {
            self.load(expect.what, start);
            if expect.mask != u64::MAX {
                self.text.li(T1, expect.mask);
                self.text.emit(asm::and(T0, T0, T1));
            }
            let good = self.text.label();
            for value in &expect.values {
                self.text.li(T1, *value);
                self.text.to(good, |offset| asm::beq(T0, T1, offset));
            }
            self.text.li(T2, number as u64 + 2);
            self.text.jump(fail);
            self.text.bind(good);
        }
        self.text.li(T2, 1);
        self.text.bind(fail);
        self.text.li(T1, RESULTS + index * 16);
        self.text.emit(asm::sd(T0, T1, 8));
        self.text.emit(asm::sd(T2, T1, 0));
    }

    /// Loads what is looked at into t0.
    fn load(&mut self, what: What, start: u64) {
        let field = |text: &mut Assembler, offset| {
            text.li(T0, RECORD);
            text.emit(asm::ld(T0, T0, offset));
        };
        match what {
            What::Record(offset) => field(&mut self.text, offset),
            What::X(register) => field(&mut self.text, record::X + 8 * i32::from(register)),
            What::Place => {
                field(&mut self.text, record::EPC);
                self.text.li(T1, start);
                self.text.emit(asm::sub(T0, T0, T1));
            }
            What::Csr(number) => self.text.emit(asm::csrrs(T0, number, ZERO)),
            What::Memory(addr) => {
                self.text.li(T0, addr);
                self.text.emit(asm::ld(T0, T0, 0));
            }
        }
    }
}

/// Loads of the registers that the case sets.
fn loads(case: &Case, table: u64) -> Vec<u8> {
    let mut loads = Assembler::new(0);
    for (register, value) in &case.x {
        loads.li(*register, if *value == TABLE { table } else { *value });
    }
    loads.finish()
}
