//! The constants of FLI (Zfa).

use crate::format::Format;

/// FLI: the constant with the number `index` (0..=31), the value of the `rs1` field.
#[inline]
pub fn load_immediate<F: Format>(index: u8) -> u64 {
    debug_assert!(index < 32);
    Constants::<F>::PATTERNS[usize::from(index & 31)]
}

/// A constant of the table "Immediate values loaded by the FLI.S instruction".
#[derive(Clone, Copy)]
enum Constant {
    MinusOne,
    MinNormal,
    /// (1 + `.1` ÷ 4) × 2^`.0`
    Number(i32, u64),
    Infinity,
    Nan,
}

use Constant::Number;

/// The table, in its order.
const TABLE: [Constant; 32] = [
    Constant::MinusOne,
    Constant::MinNormal,
    Number(-16, 0),
    Number(-15, 0),
    Number(-8, 0),
    Number(-7, 0),
    Number(-4, 0),
    Number(-3, 0),
    Number(-2, 0),
    Number(-2, 1),
    Number(-2, 2),
    Number(-2, 3),
    Number(-1, 0),
    Number(-1, 1),
    Number(-1, 2),
    Number(-1, 3),
    Number(0, 0),
    Number(0, 1),
    Number(0, 2),
    Number(0, 3),
    Number(1, 0),
    Number(1, 1),
    Number(1, 2),
    Number(2, 0),
    Number(3, 0),
    Number(4, 0),
    Number(7, 0),
    Number(8, 0),
    Number(15, 0),
    Number(16, 0),
    Constant::Infinity,
    Constant::Nan,
];

/// The table in a format.
struct Constants<F>(core::marker::PhantomData<F>);

impl<F: Format> Constants<F> {
    const PATTERNS: [u64; 32] = {
        let mut patterns = [0; 32];
        let mut index = 0;
        while index < 32 {
            patterns[index] = pattern::<F>(TABLE[index]);
            index += 1;
        }
        patterns
    };
}

/// A constant in a format. In half precision 2^16 is too large, hence infinity, and 2^−16 and
/// 2^−15 are subnormal.
const fn pattern<F: Format>(constant: Constant) -> u64 {
    match constant {
        Constant::MinusOne => F::SIGN | pattern::<F>(Number(0, 0)),
        Constant::MinNormal => F::MIN_NORMAL,
        Constant::Infinity => F::INFINITY,
        Constant::Nan => F::CANONICAL_NAN,
        Number(exponent, quarters) => {
            let field = exponent + F::BIAS;
            let fraction = quarters << (F::FRACTION_BITS - 2);
            if field >= F::EXPONENT_MAX {
                F::INFINITY
            } else if field < 1 {
                (F::MIN_NORMAL | fraction) >> (1 - field)
            } else {
                (field as u64) << F::FRACTION_BITS | fraction
            }
        }
    }
}
