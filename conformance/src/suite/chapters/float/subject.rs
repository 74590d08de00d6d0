//! Which reference and which operands belong to an instruction: its name says it.

use rv_isa::{Format as Encoding, Op};

use super::arithmetic::{self, D, Format, H, Reference, S};
use super::selection::{self, Bits};

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// An integer.
    X,
    /// Half precision.
    H,
    /// Single precision.
    S,
    /// Double precision.
    D,
}

/// How an instruction is tested.
pub struct Subject {
    /// The instruction.
    pub op: Op,
    /// What its operands are.
    pub from: Width,
    /// What its result is.
    pub to: Width,
    /// How many operands it has.
    pub operands: usize,
    /// Whether it has a rounding mode.
    pub rounds: bool,
    /// What it must give.
    pub reference: Reference,
}

impl Subject {
    /// Moves of bits don't care how they are boxed.
    pub fn reads_raw(&self) -> bool {
        self.op.row().mnemonic.starts_with("fmv.x")
    }
}

/// The subject that `op` is; none for loads, stores and constants.
pub fn subject(op: Op) -> Option<Subject> {
    let row = op.row();
    let parts: Vec<&str> = row.mnemonic.split('.').collect();
    let (from, to, reference) = match parts[..] {
        ["fcvtmod", "w", "d"] => (Width::D, Width::X, arithmetic::to_word_modulo as Reference),
        ["fcvt", to, from] => (width(from), width(to), conversion(from, to)?),
        ["fmv", "x", from] => (word_is_single(from), Width::X, bits_moved(word_is_single(from))),
        ["fmv", to, "x"] => (Width::X, word_is_single(to), bits_moved(word_is_single(to))),
        [name, format] => {
            let width = width(format);
            let to_integer = ["feq", "flt", "fle", "fltq", "fleq", "fclass"].contains(&name);
            let reference = match width {
                Width::H => in_format::<H>(name),
                Width::S => in_format::<S>(name),
                Width::D => in_format::<D>(name),
                Width::X => None,
            };
            (width, if to_integer { Width::X } else { width }, reference?)
        }
        _ => return None,
    };
    let operands = match row.format {
        Encoding::R4 => 3,
        Encoding::R | Encoding::RRm => 2,
        _ => 1,
    };
    let rounds = matches!(row.format, Encoding::R4 | Encoding::RRm | Encoding::R2Rm);
    Some(Subject { op, from, to, operands, rounds, reference })
}

fn width(name: &str) -> Width {
    match name {
        "h" => Width::H,
        "s" => Width::S,
        "d" => Width::D,
        _ => Width::X,
    }
}

/// In names of moves W is a single.
fn word_is_single(name: &str) -> Width {
    if name == "w" { Width::S } else { width(name) }
}

fn bits_moved(width: Width) -> Reference {
    match width {
        Width::H => selection::moved::<H>,
        Width::S => selection::moved::<S>,
        Width::D | Width::X => selection::moved::<D>,
    }
}

fn conversion(from: &str, to: &str) -> Option<Reference> {
    Some(match (from, to) {
        ("h", "s") => arithmetic::convert::<H, S>,
        ("h", "d") => arithmetic::convert::<H, D>,
        ("s", "h") => arithmetic::convert::<S, H>,
        ("s", "d") => arithmetic::convert::<S, D>,
        ("d", "h") => arithmetic::convert::<D, H>,
        ("d", "s") => arithmetic::convert::<D, S>,
        ("h", to) => to_integer::<H>(to)?,
        ("s", to) => to_integer::<S>(to)?,
        ("d", to) => to_integer::<D>(to)?,
        (from, "h") => from_integer::<H>(from)?,
        (from, "s") => from_integer::<S>(from)?,
        (from, "d") => from_integer::<D>(from)?,
        _ => return None,
    })
}

fn to_integer<F: Format>(to: &str) -> Option<Reference> {
    Some(match to {
        "w" => arithmetic::to_integer::<F, 32, true>,
        "wu" => arithmetic::to_integer::<F, 32, false>,
        "l" => arithmetic::to_integer::<F, 64, true>,
        "lu" => arithmetic::to_integer::<F, 64, false>,
        _ => return None,
    })
}

fn from_integer<F: Format>(from: &str) -> Option<Reference> {
    Some(match from {
        "w" => arithmetic::from_integer::<F, 32, true>,
        "wu" => arithmetic::from_integer::<F, 32, false>,
        "l" => arithmetic::from_integer::<F, 64, true>,
        "lu" => arithmetic::from_integer::<F, 64, false>,
        _ => return None,
    })
}

/// Instructions with operands of one format.
fn in_format<F: Format + Bits>(name: &str) -> Option<Reference> {
    Some(match name {
        "fadd" => arithmetic::add::<F>,
        "fsub" => arithmetic::sub::<F>,
        "fmul" => arithmetic::mul::<F>,
        "fdiv" => arithmetic::div::<F>,
        "fsqrt" => arithmetic::sqrt::<F>,
        "fmadd" => arithmetic::madd::<F>,
        "fmsub" => arithmetic::msub::<F>,
        "fnmsub" => arithmetic::nmsub::<F>,
        "fnmadd" => arithmetic::nmadd::<F>,
        "fround" => arithmetic::round::<F>,
        "froundnx" => arithmetic::round_exact::<F>,
        "fsgnj" => selection::sign_of::<F>,
        "fsgnjn" => selection::sign_not_of::<F>,
        "fsgnjx" => selection::sign_xor::<F>,
        "fmin" => selection::min::<F>,
        "fmax" => selection::max::<F>,
        "fminm" => selection::minimum::<F>,
        "fmaxm" => selection::maximum::<F>,
        "feq" => selection::eq::<F>,
        "flt" => selection::lt::<F>,
        "fle" => selection::le::<F>,
        "fltq" => selection::lt_quiet::<F>,
        "fleq" => selection::le_quiet::<F>,
        "fclass" => selection::class::<F>,
        _ => return None,
    })
}
