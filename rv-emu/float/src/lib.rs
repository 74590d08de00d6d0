//! Bit-exact RISC-V floating-point arithmetic (the F, D, Zfh and Zfa extensions) on bit patterns.
//!
//! The emulated machine's results and flags must not depend on the host, so everything is computed
//! here with integers; the host's floating-point unit is only a shortcut, taken where it provably
//! gives the same result and flags (`host` has the proofs). [`portable`] has the same functions
//! without the shortcut.
//!
//! What RISC-V fixes of what IEEE 754 leaves open: the generated NaN is always the canonical one,
//! underflow is detected after rounding, conversions to integers saturate, and ∞ × 0 + NaN is
//! invalid.
//!
//! Reading order: `flags`, `format` (how a pattern is taken apart), `round` (how one is put
//! together), then any operation. An operation is one file: a small inlined function that tries
//! the host, and the portable computation out of line. `typed` makes the modules [`mod@f16`],
//! [`mod@f32`] and [`mod@f64`] from them.
//!
//! ```
//! use rv_float::{Flags, Rounding, f64};
//!
//! let mut flags = Flags::NONE;
//! let third = f64::div(0x3ff0_0000_0000_0000, 0x4008_0000_0000_0000, Rounding::Rup, &mut flags);
//! assert_eq!(third, 0x3fd5_5555_5555_5556);
//! assert_eq!(flags, Flags::NX);
//! ```

#[macro_use]
mod typed;

mod add;
mod compare;
mod convert;
mod div;
mod flags;
mod fma;
mod format;
mod host;
mod immediate;
mod integral;
mod mul;
mod nanbox;
mod round;
mod sqrt;

pub use flags::{Flags, Rounding};
pub use format::{Binary16, Binary32, Binary64, Format, Portable};
pub use nanbox::{box16, box32, unbox16, unbox32};

typed_modules!(crate::Binary16, crate::Binary32, crate::Binary64);

/// The same functions without any help from the host's floating-point unit.
pub mod portable {
    typed_modules!(
        crate::Portable<crate::Binary16>,
        crate::Portable<crate::Binary32>,
        crate::Portable<crate::Binary64>
    );
}

/// The same functions generic over the format, on patterns in the low bits of a `u64`.
pub mod generic {
    pub use crate::add::{add, sub};
    pub use crate::compare::{classify, eq, le, le_quiet, lt, lt_quiet, max, maximum, min, minimum};
    pub use crate::compare::{sign_inject, sign_inject_not, sign_inject_xor};
    pub use crate::convert::{Limits, from_integer, narrow, to_i32_modular, to_integer, widen};
    pub use crate::div::div;
    pub use crate::fma::{madd, msub, mul_add, nmadd, nmsub};
    pub use crate::immediate::load_immediate;
    pub use crate::integral::{round_to_integral, round_to_integral_exact};
    pub use crate::mul::mul;
    pub use crate::sqrt::sqrt;
}
