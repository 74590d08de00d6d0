//! The chapters: instructions by extension, then the privileged architecture by subject. Each file is one of them, or one kind of instruction.

mod aia;
mod atomic;
mod attempt;
mod compressed;
mod control;
mod csr;
mod environment;
mod float;
pub mod haiov;
mod hypervisor;
mod imsic;
mod integer;
mod interrupts;
mod memory;
mod pages;
mod pmp;
mod reference;
mod system;
mod table;
mod translation;
mod two_stage;

use rv_hart::Mode;
use rv_isa::{Isa, IsaSet, Op};

use super::case::Case;

/// A chapter.
pub struct Chapter {
    /// The extension, or the part of the privileged architecture.
    pub name: &'static str,
    /// Its tests, in all modes.
    pub cases: Vec<Case>,
}

/// What shows that an instruction does what it should.
pub enum Spec {
    /// rd from rs1 and rs2.
    Binary(fn(u64, u64) -> u64),
    /// rd from rs1.
    Unary(fn(u64) -> u64),
    /// rd from rs1 and a 12-bit immediate.
    Immediate(fn(u64, u64) -> u64),
    /// rd from rs1 and a shift amount of so many bits.
    Shift(u32, fn(u64, u64) -> u64),
    /// A branch that is taken if this holds.
    Branch(fn(u64, u64) -> bool),
    /// A load of so many bytes, sign-extended or not.
    Load(u8, bool),
    /// A store of so many bytes.
    Store(u8),
    /// An atomic operation on so many bytes: the new value from the old one and rs2, both sign-extended.
    Amo(u8, fn(u64, u64) -> u64),
    /// Floating point.
    Float,
    /// Cases of its own, in this or another chapter: `coverage` makes sure that there are some.
    Directed,
}

/// All chapters for a machine with the extensions `isa` and without HA-IOV.
pub fn all(isa: IsaSet) -> Vec<Chapter> {
    let mut chapters = standard();
    chapters.push(haiov::absent());
    chapters.push(Chapter { name: "imsic-absent", cases: aia::without_imsic() });
    fitting(chapters, isa)
}

/// The chapters on the ratified specifications: they hold with HA-IOV and without.
pub fn ratified(isa: IsaSet) -> Vec<Chapter> {
    fitting(standard(), isa)
}

/// The chapters on HA-IOV.
pub fn extension(isa: IsaSet) -> Vec<Chapter> {
    fitting(haiov::present(), isa)
}

/// The chapter for machines with IMSICs.
pub fn imsic(isa: IsaSet) -> Vec<Chapter> {
    fitting(vec![Chapter { name: "imsic", cases: imsic::cases() }], isa)
}

fn standard() -> Vec<Chapter> {
    let mut chapters = instructions();
    chapters.extend(privileged());
    chapters
}

fn fitting(mut chapters: Vec<Chapter>, isa: IsaSet) -> Vec<Chapter> {
    for chapter in &mut chapters {
        chapter.cases.retain(|case| isa.contains(case.isa));
    }
    chapters.retain(|chapter| !chapter.cases.is_empty());
    chapters
}

/// The privileged architecture, by subject.
fn privileged() -> Vec<Chapter> {
    let chapters = [
        ("csr-access", csr::access()),
        ("csr-values", csr::values()),
        ("system", system::cases()),
        ("interrupts", interrupts::cases()),
        ("aia", aia::cases()),
        ("environment", environment::cases()),
        ("pmp", pmp::cases()),
        ("translation", translation::cases()),
        ("two-stage", two_stage::cases()),
        ("hypervisor", hypervisor::cases()),
    ];
    chapters.into_iter().map(|(name, cases)| Chapter { name, cases }).collect()
}

/// One chapter for each extension that brings instructions.
fn instructions() -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = Vec::new();
    for extension in rv_isa::extension_rows() {
        let rows = Op::rows().iter().filter(|row| home(row.isa) == extension.isa);
        let mut cases: Vec<Case> = rows.flat_map(|row| of_row(row.op)).collect();
        cases.extend(directed(extension.isa));
        chapters.push(Chapter { name: extension.name, cases });
    }
    chapters
}

/// The chapter of an instruction that takes several extensions: the last of them in canonical order that is not a base of others.
fn home(isa: IsaSet) -> Isa {
    let bases = [Isa::D, Isa::F, Isa::H];
    let special = isa.rows().filter(|row| !bases.contains(&row.isa)).last();
    special.or_else(|| isa.rows().last()).map_or(Isa::I, |row| row.isa)
}

/// Value tests of one instruction, in all modes.
fn of_row(op: Op) -> Vec<Case> {
    let cases = match reference::spec(op) {
        Spec::Binary(f) => vec![integer::binary(op, f), integer::to_x0(op)],
        Spec::Unary(f) => vec![integer::unary(op, f)],
        Spec::Immediate(f) => vec![integer::immediate(op, f)],
        Spec::Shift(bits, f) => vec![integer::shift(op, bits, f)],
        Spec::Branch(f) => vec![control::branch(op, f)],
        Spec::Load(size, signed) => memory::load(op, size, signed),
        Spec::Store(size) => memory::store(op, size),
        Spec::Amo(size, f) => atomic::amo(op, size, f),
        Spec::Float => float::of_row(op),
        Spec::Directed => Vec::new(),
    };
    let row = op.row();
    cases.into_iter().map(|case| case.needs_all(row.isa)).flat_map(|case| case.in_modes(&Mode::ALL)).collect()
}

/// Further cases of an extension.
fn directed(isa: Isa) -> Vec<Case> {
    match isa {
        Isa::I => control::jumps(),
        Isa::Zalrsc => atomic::reservations(),
        Isa::F | Isa::D | Isa::Zfh | Isa::Zfhmin | Isa::Zfa => float::directed(isa),
        Isa::Zca | Isa::Zcb | Isa::Zcd | Isa::Zcmop => compressed::directed(isa),
        Isa::Zacas => atomic::compare_and_swap(),
        Isa::Zicsr => csr::side_effects(),
        _ => Vec::new(),
    }
}
