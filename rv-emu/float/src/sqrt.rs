//! Square root.

use crate::flags::{Flags, Rounding};
use crate::format::{Finite, Format, Value, invalid, nan_result, unpack};
use crate::round::round_pack;

/// `√a`.
#[inline]
pub fn sqrt<F: Format>(a: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    if rm == Rounding::Rne
        && let Some(root) = F::host_sqrt(a, flags)
    {
        return root;
    }
    sqrt_portable::<F>(a, rm, flags)
}

#[cold]
#[inline(never)]
fn sqrt_portable<F: Format>(a: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    match unpack::<F>(a) {
        Value::Nan => nan_result::<F>(&[a], flags),
        // The root of −0 is −0 (IEEE 754 section 6.3).
        Value::Zero(_) | Value::Infinity(false) => a,
        Value::Infinity(true) | Value::Finite(Finite { sign: true, .. }) => invalid::<F>(flags),
        Value::Finite(x) => sqrt_finite::<F>(x, rm, flags),
    }
}

/// The root of a positive number: 64 bits of it and a sticky remainder.
fn sqrt_finite<F: Format>(x: Finite, rm: Rounding, flags: &mut Flags) -> u64 {
    // The exponent is made even; then the root of the significand, scaled by 2^63, is the integer
    // root of the significand scaled by 2^126, and its leading one is in bit 63.
    let odd = (x.exponent & 1) as u32;
    let radicand = u128::from(x.significand) << (63 + odd);
    let root = radicand.isqrt();
    debug_assert!(root >> 63 == 1);
    let sticky = u64::from(root * root != radicand);
    let exponent = x.exponent >> 1;
    round_pack::<F>(Finite { sign: false, exponent, significand: root as u64 | sticky }, rm, flags)
}
