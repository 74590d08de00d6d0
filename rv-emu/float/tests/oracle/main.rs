//! Compares every operation, value and flags, with Berkeley SoftFloat.
//!
//! Every case is computed in every rounding mode, by the functions with the host's fast paths and
//! by the portable ones, and with NX clear and set at the start (the fast paths look at it).
//!
//! `RV_FLOAT_CASES` is the number of random operand sets per operation (each of them is twenty
//! comparisons); `RV_FLOAT_SEED` starts another sequence of them. Operations on a single half are
//! compared for every half there is. For a long run:
//!
//! ```text
//! RV_FLOAT_CASES=1000000 cargo test --release -p rv-float --test oracle -- --nocapture
//! ```
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod operands;
mod operations;

use operands::Random;
use operations::Operation;
use rv_float::{Flags, Rounding};
use softfloat_sys::{
    softfloat_exceptionFlags_read_helper, softfloat_exceptionFlags_write_helper, softfloat_roundingMode_write_helper,
};

#[test]
fn half_precision_agrees() {
    check_all(&operations::half());
}

#[test]
fn single_precision_agrees() {
    check_all(&operations::single());
}

#[test]
fn double_precision_agrees() {
    check_all(&operations::double());
}

#[test]
fn conversions_agree() {
    check_all(&operations::conversions());
}

fn check_all(operations: &[Operation]) {
    let cases = setting("RV_FLOAT_CASES", 50_000);
    let mut comparisons = 0;
    for (index, operation) in operations.iter().enumerate() {
        let seed = setting("RV_FLOAT_SEED", 1) ^ ((index as u64) << 32);
        let mut random = Random::new(seed, operation.kind);
        comparisons += check_corners(operation);
        for _ in 0..cases {
            comparisons += check(operation, random.operands());
        }
    }
    assert!(comparisons > cases * operations.len() as u64);
    println!("{comparisons} comparisons over {} operations", operations.len());
}

/// Every combination of corner values.
fn check_corners(operation: &Operation) -> u64 {
    let corners = operands::corners(operation.kind, operation.arity);
    let none = [0];
    let axis = |index| {
        if index < operation.arity { &corners[..] } else { &none[..] }
    };
    let mut comparisons = 0;
    for &a in axis(0) {
        for &b in axis(1) {
            for &c in axis(2) {
                comparisons += check(operation, [a, b, c]);
            }
        }
    }
    comparisons
}

/// Compares one set of operands in all modes; returns the number of comparisons.
fn check(operation: &Operation, operands: [u64; 3]) -> u64 {
    let mut comparisons = 0;
    for rm in Rounding::ALL {
        let (expected, raised) = ask_oracle(operation, operands, rm);
        for (path, function) in [("host", operation.host), ("portable", operation.portable)] {
            for before in [Flags::NONE, Flags::NX] {
                let mut flags = before;
                let result = function(operands, rm, &mut flags);
                assert!(
                    result == expected && flags == before | raised,
                    "{} ({path}) of {:x?}, {rm:?}, {before:?}: \
                     {result:#x} {flags:?}, but SoftFloat has {expected:#x} {raised:?}",
                    operation.name,
                    &operands[..operation.arity],
                );
                comparisons += 1;
            }
        }
    }
    comparisons
}

fn ask_oracle(operation: &Operation, operands: [u64; 3], rm: Rounding) -> (u64, Flags) {
    // SAFETY: these access SoftFloat's mode and flags, which are thread-local.
    unsafe {
        softfloat_roundingMode_write_helper(rm as u8);
        softfloat_exceptionFlags_write_helper(0);
    }
    let result = (operation.oracle)(operands, rm as u8);
    // SAFETY: as above.
    let raised = unsafe { softfloat_exceptionFlags_read_helper() };
    (result, Flags::from_bits(raised))
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")),
        Err(_) => default,
    }
}
