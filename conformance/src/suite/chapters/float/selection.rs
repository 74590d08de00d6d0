//! What instructions give that do not round: by tables and words of the specification, on the bits.

use std::cmp::Ordering;

use rustc_apfloat::Round;

use super::arithmetic::{Answer, NV};

/// Bits of a format and of its fraction field.
#[derive(Clone, Copy)]
pub struct Layout {
    /// All bits.
    pub bits: u32,
    /// Of the fraction.
    pub fraction: u32,
}

impl Layout {
    /// The sign bit.
    pub fn sign(self) -> u64 {
        1 << (self.bits - 1)
    }

    /// Positive infinity: all bits of the exponent.
    pub fn infinity(self) -> u64 {
        (self.sign() - 1) >> self.fraction << self.fraction
    }

    /// The bit that makes a NaN quiet.
    fn quiet(self) -> u64 {
        1 << (self.fraction - 1)
    }

    /// The canonical NaN ("NaN Generation and Propagation").
    pub fn nan(self) -> u64 {
        self.infinity() | self.quiet()
    }

    fn is_nan(self, a: u64) -> bool {
        a & (self.sign() - 1) > self.infinity()
    }

    fn signals(self, a: u64) -> bool {
        self.is_nan(a) && a & self.quiet() == 0
    }

    /// Position on the line of numbers: equal for both zeros.
    fn place(self, a: u64) -> i64 {
        let magnitude = (a & (self.sign() - 1)) as i64;
        if a & self.sign() == 0 { magnitude } else { -magnitude }
    }

    /// NV if an operand signals.
    fn flags(self, a: u64, b: u64) -> u8 {
        if self.signals(a) || self.signals(b) { NV } else { 0 }
    }
}

/// The layout of each format.
pub trait Bits {
    /// Of this one.
    const LAYOUT: Layout;
}

impl Bits for super::arithmetic::H {
    const LAYOUT: Layout = Layout { bits: 16, fraction: 10 };
}

impl Bits for super::arithmetic::S {
    const LAYOUT: Layout = Layout { bits: 32, fraction: 23 };
}

impl Bits for super::arithmetic::D {
    const LAYOUT: Layout = Layout { bits: 64, fraction: 52 };
}

/// The same bits; words and halfwords are sign-extended in integer registers.
pub fn moved<F: Bits>([a, ..]: [u64; 3], _: Round) -> Answer {
    let unused = 64 - F::LAYOUT.bits;
    ((((a << unused) as i64) >> unused) as u64, 0)
}

/// FSGNJ.
pub fn sign_of<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    let sign = F::LAYOUT.sign();
    (a & !sign | b & sign, 0)
}

/// FSGNJN.
pub fn sign_not_of<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    let sign = F::LAYOUT.sign();
    (a & !sign | !b & sign, 0)
}

/// FSGNJX.
pub fn sign_xor<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    (a ^ b & F::LAYOUT.sign(), 0)
}

/// The smaller or larger operand, of which neither is a NaN: -0 is below +0.
fn chosen(layout: Layout, a: u64, b: u64, wanted: Ordering) -> u64 {
    let negative = |x: u64| x & layout.sign() != 0;
    let order = layout.place(a).cmp(&layout.place(b)).then(negative(b).cmp(&negative(a)));
    if order == wanted { a } else { b }
}

/// FMIN and FMAX: a number wins against a NaN.
fn number<F: Bits>(a: u64, b: u64, wanted: Ordering) -> Answer {
    let layout = F::LAYOUT;
    let value = match (layout.is_nan(a), layout.is_nan(b)) {
        (true, true) => layout.nan(),
        (true, false) => b,
        (false, true) => a,
        (false, false) => chosen(layout, a, b, wanted),
    };
    (value, layout.flags(a, b))
}

/// FMIN.
pub fn min<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    number::<F>(a, b, Ordering::Less)
}

/// FMAX.
pub fn max<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    number::<F>(a, b, Ordering::Greater)
}

/// FMINM and FMAXM: a NaN wins.
fn or_nan<F: Bits>(a: u64, b: u64, wanted: Ordering) -> Answer {
    let layout = F::LAYOUT;
    let nan = layout.is_nan(a) || layout.is_nan(b);
    (if nan { layout.nan() } else { chosen(layout, a, b, wanted) }, layout.flags(a, b))
}

/// FMINM.
pub fn minimum<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    or_nan::<F>(a, b, Ordering::Less)
}

/// FMAXM.
pub fn maximum<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    or_nan::<F>(a, b, Ordering::Greater)
}

/// A comparison: false with a NaN, which is invalid if it signals or the comparison does.
fn compared<F: Bits>(a: u64, b: u64, signalling: bool, holds: fn(Ordering) -> bool) -> Answer {
    let layout = F::LAYOUT;
    if layout.is_nan(a) || layout.is_nan(b) {
        return (0, if signalling { NV } else { layout.flags(a, b) });
    }
    (holds(layout.place(a).cmp(&layout.place(b))).into(), 0)
}

/// FEQ.
pub fn eq<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    compared::<F>(a, b, false, Ordering::is_eq)
}

/// FLT.
pub fn lt<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    compared::<F>(a, b, true, Ordering::is_lt)
}

/// FLE.
pub fn le<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    compared::<F>(a, b, true, Ordering::is_le)
}

/// FLTQ.
pub fn lt_quiet<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    compared::<F>(a, b, false, Ordering::is_lt)
}

/// FLEQ.
pub fn le_quiet<F: Bits>([a, b, _]: [u64; 3], _: Round) -> Answer {
    compared::<F>(a, b, false, Ordering::is_le)
}

/// FCLASS: the table "Format of result of FCLASS instruction".
pub fn class<F: Bits>([a, ..]: [u64; 3], _: Round) -> Answer {
    let layout = F::LAYOUT;
    let magnitude = a & (layout.sign() - 1);
    let normal = 1 << layout.fraction;
    // The distance from zero in classes: zero, subnormal, normal, infinity.
    let distance = match magnitude {
        0 => 0,
        m if m < normal => 1,
        m if m < layout.infinity() => 2,
        _ => 3,
    };
    let bit = match (layout.is_nan(a), a & layout.sign() != 0) {
        (true, _) => {
            if layout.signals(a) {
                8
            } else {
                9
            }
        }
        (false, true) => 3 - distance,
        (false, false) => 4 + distance,
    };
    (1 << bit, 0)
}
