//! The fast paths: the host's floating-point unit, where that is provably bit-exact.
//!
//! The host's results in round-to-nearest-even are those of IEEE 754, so of RISC-V; what differs
//! between machines is NaNs, and what Rust does not show is the flags. So each function here
//! computes with the host, returns None whenever a NaN or any flag but NX may be involved, and
//! settles NX by itself. The callers have checked that the mode is RNE where it matters. Rust code
//! may assume the default environment (RNE, no flushing of subnormals), so no mode is read or set.
//!
//! Which flags can a result bring about? NV goes with a NaN result; DZ and OF with an infinite
//! one; UF with a result that is at most the smallest normal number: a number that is tiny after
//! rounding with an unbounded exponent is below it, and rounding to the format is monotonic. So a
//! result *in between* ([`Ordinary`]) leaves only NX, whatever the operands were.
//!
//! NX is sticky: once it is set there is nothing to find out. Until then the rounding error is
//! shown to be zero or not: see each function.

use crate::flags::Flags;
use crate::format::{Binary16, Binary32, Binary64, Format, Portable};

/// What the host can compute of a format. None: it can't in this case, or not at all.
///
/// The methods take and return patterns; all but `host_truncate`, `host_from_small` and
/// `host_widen`, which do not round, are for round-to-nearest-even.
pub trait Host {
    /// `a + b`.
    #[inline]
    fn host_add(_a: u64, _b: u64, _flags: &mut Flags) -> Option<u64> {
        None
    }

    /// `a × b`.
    #[inline]
    fn host_mul(_a: u64, _b: u64, _flags: &mut Flags) -> Option<u64> {
        None
    }

    /// `a ÷ b`.
    #[inline]
    fn host_div(_a: u64, _b: u64, _flags: &mut Flags) -> Option<u64> {
        None
    }

    /// `√a`.
    #[inline]
    fn host_sqrt(_a: u64, _flags: &mut Flags) -> Option<u64> {
        None
    }

    /// `a × b + c`, rounded once.
    #[inline]
    fn host_mul_add(_a: u64, _b: u64, _c: u64, _flags: &mut Flags) -> Option<u64> {
        None
    }

    /// The integer part, and whether that is all; only for magnitudes below 2^63.
    #[inline]
    fn host_truncate(_a: u64) -> Option<(i64, bool)> {
        None
    }

    /// An integer that is exact in the format.
    #[inline]
    fn host_from_small(_value: i64) -> Option<u64> {
        None
    }

    /// The same number in double precision.
    #[inline]
    fn host_widen(_a: u64) -> Option<u64> {
        None
    }

    /// The number rounded to single precision.
    #[inline]
    fn host_narrow(_a: u64, _flags: &mut Flags) -> Option<u64> {
        None
    }
}

impl<F: Format> Host for Portable<F> {}

/// Few hosts have half precision, and Rust shows it of none.
impl Host for Binary16 {}

/// Hosts whose `f32` and `f64` arithmetic is IEEE 754's in each single operation. (Not so: the
/// x87 unit, which rounds twice.)
const HOST_IS_EXACT: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"));

/// Results that leave no flag but NX in doubt: above the smallest normal number, below infinity.
trait Ordinary: Copy {
    fn is_ordinary(self) -> bool;
}

/// The fast paths that read alike for `f32` and `f64`.
///
/// `$product_is(x, y, z)` says whether x × y is exactly z, given that z is ordinary; so a quotient
/// or a root is exact if multiplying back gives the operand exactly.
macro_rules! shared_paths {
    ($Float:ident, $Bits:ident, $product_is:path) => {
        /// Adding never underflows: a sum below the normal range is exact, as both operands and
        /// so the sum are multiples of the smallest subnormal. Hence every finite sum will do.
        ///
        /// Inexact if the error of the sum is not zero. Knuth's TwoSum gives that error exactly,
        /// for round-to-nearest and no overflow inside; an overflow inside would end in an
        /// infinity or NaN, which is sent away.
        #[inline]
        fn host_add(a: u64, b: u64, flags: &mut Flags) -> Option<u64> {
            let (x, y) = ($Float::from_bits(a as $Bits), $Float::from_bits(b as $Bits));
            let sum = x + y;
            if !HOST_IS_EXACT || !sum.is_finite() {
                return None;
            }
            if !flags.contains(Flags::NX) {
                let y_part = sum - x;
                let error = (x - (sum - y_part)) + (y - y_part);
                if !error.is_finite() {
                    return None;
                }
                flags.raise_inexact(error != 0.0);
            }
            Some(sum.to_bits().into())
        }

        /// A zero product of a zero is not ordinary, but common and exact: the other factor is
        /// finite, or the product would be a NaN.
        #[inline]
        fn host_mul(a: u64, b: u64, flags: &mut Flags) -> Option<u64> {
            let (x, y) = ($Float::from_bits(a as $Bits), $Float::from_bits(b as $Bits));
            let product = x * y;
            if !HOST_IS_EXACT || !product.is_ordinary() {
                let zero = HOST_IS_EXACT && product == 0.0 && (x == 0.0 || y == 0.0);
                return zero.then_some(product.to_bits().into());
            }
            if !flags.contains(Flags::NX) {
                flags.raise_inexact(!$product_is(x, y, product));
            }
            Some(product.to_bits().into())
        }

        /// An ordinary quotient has a finite dividend and a finite divisor, neither zero.
        #[inline]
        fn host_div(a: u64, b: u64, flags: &mut Flags) -> Option<u64> {
            let (x, y) = ($Float::from_bits(a as $Bits), $Float::from_bits(b as $Bits));
            let quotient = x / y;
            if !HOST_IS_EXACT || !quotient.is_ordinary() {
                return None;
            }
            if !flags.contains(Flags::NX) {
                if !x.is_ordinary() {
                    return None;
                }
                flags.raise_inexact(!$product_is(quotient, y, x));
            }
            Some(quotient.to_bits().into())
        }

        /// Roots neither underflow nor overflow.
        #[inline]
        fn host_sqrt(a: u64, flags: &mut Flags) -> Option<u64> {
            let x = $Float::from_bits(a as $Bits);
            if !HOST_IS_EXACT || !x.is_ordinary() || x < 0.0 {
                return None;
            }
            let root = x.sqrt();
            if !flags.contains(Flags::NX) {
                flags.raise_inexact(!$product_is(root, root, x));
            }
            Some(root.to_bits().into())
        }

        /// `as` truncates. If the integer, back in the format, is the number, then that was an
        /// integer. If not, the number has a fraction, so its integer part has fewer bits than
        /// the precision, goes back exactly, and differs.
        #[inline]
        fn host_truncate(a: u64) -> Option<(i64, bool)> {
            const LIMIT: $Float = (1u64 << 63) as $Float;
            let x = $Float::from_bits(a as $Bits);
            let in_range = x.abs() < LIMIT;
            if !HOST_IS_EXACT || !in_range {
                return None;
            }
            let integer = x as i64;
            Some((integer, integer as $Float == x))
        }

        #[inline]
        fn host_from_small(value: i64) -> Option<u64> {
            HOST_IS_EXACT.then_some((value as $Float).to_bits().into())
        }
    };
}

impl Host for Binary32 {
    shared_paths!(f32, u32, product_is_f32);

    /// A fused multiply-add by way of `f64`, without the instruction for it.
    ///
    /// The product of two singles has 48 bits and is exact in `f64`; TwoSum gives the sum and its
    /// error. With that the sum is rounded to *odd* instead of to nearest; and rounding to odd
    /// with at least two more bits, then to nearest, is rounding once (Boldo and Melquiond,
    /// "Emulation of FMA and correctly rounded sums", 2008). Nothing overflows or underflows in
    /// `f64`, and an ordinary result is in the range where `f32` has its full precision.
    #[inline]
    fn host_mul_add(a: u64, b: u64, c: u64, flags: &mut Flags) -> Option<u64> {
        let [x, y, z] = [a, b, c].map(|bits| f64::from(f32::from_bits(bits as u32)));
        let product = x * y;
        let sum = product + z;
        if !HOST_IS_EXACT || !sum.is_finite() {
            return None;
        }
        let z_part = sum - product;
        let error = (product - (sum - z_part)) + (z - z_part);
        let result = round_to_odd(sum, error) as f32;
        if !result.is_ordinary() {
            return None;
        }
        flags.raise_inexact(error != 0.0 || f64::from(result) != sum);
        Some(result.to_bits().into())
    }

    /// Every single but a NaN is the same number in `f64`.
    #[inline]
    fn host_widen(a: u64) -> Option<u64> {
        let x = f32::from_bits(a as u32);
        (HOST_IS_EXACT && !x.is_nan()).then_some(f64::from(x).to_bits())
    }
}

impl Host for Binary64 {
    shared_paths!(f64, u64, product_is_f64);

    /// Only while NX is set, as there is no cheap test of exactness, and with the instruction: a
    /// C library's function may be slower than the portable path, and wrong.
    #[inline]
    fn host_mul_add(a: u64, b: u64, c: u64, flags: &mut Flags) -> Option<u64> {
        if !flags.contains(Flags::NX) {
            return None;
        }
        let [x, y, z] = [a, b, c].map(f64::from_bits);
        let result = fused(x, y, z)?;
        result.is_ordinary().then_some(result.to_bits())
    }

    #[inline]
    fn host_narrow(a: u64, flags: &mut Flags) -> Option<u64> {
        let x = f64::from_bits(a);
        let result = x as f32;
        if !HOST_IS_EXACT || !(result.is_ordinary() || x == 0.0) {
            return None;
        }
        flags.raise_inexact(f64::from(result) != x);
        Some(result.to_bits().into())
    }
}

impl Ordinary for f32 {
    #[inline]
    fn is_ordinary(self) -> bool {
        let magnitude = self.abs();
        magnitude > f32::MIN_POSITIVE && magnitude < f32::INFINITY
    }
}

impl Ordinary for f64 {
    #[inline]
    fn is_ordinary(self) -> bool {
        let magnitude = self.abs();
        magnitude > f64::MIN_POSITIVE && magnitude < f64::INFINITY
    }
}

/// Whether x × y is exactly z: the product of two singles has 48 bits, so it is exact in `f64`.
#[inline]
fn product_is_f32(x: f32, y: f32, z: f32) -> bool {
    f64::from(x) * f64::from(y) == f64::from(z)
}

/// Whether x × y is exactly z, for finite x and y and ordinary z.
///
/// Let s be the integer significands and e the exponents of their lowest bits. If z is the
/// product rounded to nearest, it is at most half of 2^ez away from it. Both being multiples of
/// 2^ez then means being equal; and z is one. So the product sx × sy × 2^(ex + ey) must have zeros
/// in its lowest ez − ex − ey bits, of which a 64-bit product has enough: more than 53 would put z
/// beyond 2^106 × 2^(ex + ey), out of reach of 53 by 53 bits.
#[inline]
fn product_is_f64(x: f64, y: f64, z: f64) -> bool {
    let ((sx, ex), (sy, ey), (_, ez)) = (integer_parts(x), integer_parts(y), integer_parts(z));
    let zeros = ez - (ex + ey);
    debug_assert!(x * y != z || zeros <= 53);
    x * y == z && (zeros <= 0 || sx.wrapping_mul(sy) << (64 - zeros) == 0)
}

/// (s, e) such that the magnitude of a finite number is s × 2^e.
#[inline]
fn integer_parts(x: f64) -> (u64, i32) {
    let bits = x.to_bits();
    let field = (bits >> Binary64::FRACTION_BITS) as i32 & Binary64::EXPONENT_MAX;
    let fraction = bits & (Binary64::MIN_NORMAL - 1);
    let leading = if field == 0 { 0 } else { Binary64::MIN_NORMAL };
    (fraction | leading, field.max(1) - Binary64::BIAS - Binary64::FRACTION_BITS as i32)
}

/// Rounds `sum + error` to odd, where `sum` is the same rounded to nearest: if that was inexact,
/// the result is whichever neighbour of the exact sum has an odd significand.
#[inline]
fn round_to_odd(sum: f64, error: f64) -> f64 {
    let bits = sum.to_bits();
    if error == 0.0 || bits & 1 == 1 {
        return sum;
    }
    let away_from_zero = (error > 0.0) == (sum > 0.0);
    f64::from_bits(if away_from_zero { bits + 1 } else { bits - 1 })
}

/// The fused multiply-add instruction of the host, if it has one.
#[cfg(target_arch = "x86_64")]
#[inline]
fn fused(x: f64, y: f64, z: f64) -> Option<f64> {
    if std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has just been found to have the feature.
        Some(unsafe { fused_by_fma3(x, y, z) })
    } else {
        None
    }
}

/// Not inlined into code that must run without FMA; the call costs about what the detection does.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "fma")]
fn fused_by_fma3(x: f64, y: f64, z: f64) -> f64 {
    x.mul_add(y, z)
}

/// The fused multiply-add instruction of the host, if it has one.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fused(x: f64, y: f64, z: f64) -> Option<f64> {
    let builtin = cfg!(any(target_arch = "aarch64", target_arch = "riscv64"));
    builtin.then(|| x.mul_add(y, z))
}
