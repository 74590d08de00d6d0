//! Measures the operations: `cargo run --release -p rv-float --example speed`.
//!
//! Each figure is the time of one operation in a chain, where each waits for the one before, as in
//! an emulated program that is bound by latency.

use rv_float::{Flags, Rounding, f32, f64, portable};
use std::hint::black_box;
use std::time::Instant;

const OPERATIONS: u32 = 10_000_000;

fn main() {
    println!("{:24} {:>10} {:>10} {:>10}", "ns per operation", "NX set", "NX clear", "portable");
    double("f64 add", f64::add, portable::f64::add);
    double("f64 mul", f64::mul, portable::f64::mul);
    double("f64 div", f64::div, portable::f64::div);
    double("f64 sqrt", |a, _, rm, f| f64::sqrt(a, rm, f), |a, _, rm, f| portable::f64::sqrt(a, rm, f));
    double("f64 madd", |a, b, rm, f| f64::madd(a, b, b, rm, f), |a, b, rm, f| portable::f64::madd(a, b, b, rm, f));
    single("f32 add", f32::add, portable::f32::add);
    single("f32 mul", f32::mul, portable::f32::mul);
    single("f32 div", f32::div, portable::f32::div);
    single("f32 madd", |a, b, rm, f| f32::madd(a, b, b, rm, f), |a, b, rm, f| portable::f32::madd(a, b, b, rm, f));
    double("f64 to i64 and back", there_and_back, |a, _, rm, f| {
        portable::f64::from_i64(portable::f64::to_i64(a, rm, f), rm, f)
    });
}

fn there_and_back(a: u64, _b: u64, rm: Rounding, flags: &mut Flags) -> u64 {
    f64::from_i64(f64::to_i64(a, rm, flags), rm, flags)
}

/// Prints a row for an operation on doubles near one, where it stays.
fn double(
    name: &str,
    host: impl Fn(u64, u64, Rounding, &mut Flags) -> u64,
    portable: impl Fn(u64, u64, Rounding, &mut Flags) -> u64,
) {
    let (start, operand) = (1.5f64.to_bits(), 1.000_000_000_000_1f64.to_bits());
    let times = [
        chain(start, Flags::NX, |a, flags| host(a, black_box(operand), Rounding::Rne, flags)),
        chain(start, Flags::NONE, |a, flags| host(a, black_box(operand), Rounding::Rne, flags)),
        chain(start, Flags::NX, |a, flags| portable(a, black_box(operand), Rounding::Rne, flags)),
    ];
    println!("{name:24} {:10.2} {:10.2} {:10.2}", times[0], times[1], times[2]);
}

/// Prints a row for an operation on singles.
fn single(
    name: &str,
    host: impl Fn(u32, u32, Rounding, &mut Flags) -> u32,
    portable: impl Fn(u32, u32, Rounding, &mut Flags) -> u32,
) {
    let (start, operand) = (1.5f32.to_bits(), 1.000_000_1f32.to_bits());
    let times = [
        chain(start, Flags::NX, |a, flags| host(a, black_box(operand), Rounding::Rne, flags)),
        chain(start, Flags::NONE, |a, flags| host(a, black_box(operand), Rounding::Rne, flags)),
        chain(start, Flags::NX, |a, flags| portable(a, black_box(operand), Rounding::Rne, flags)),
    ];
    println!("{name:24} {:10.2} {:10.2} {:10.2}", times[0], times[1], times[2]);
}

/// Nanoseconds per operation; every operation starts from the flags given.
fn chain<T: Copy>(start: T, flags: Flags, operation: impl Fn(T, &mut Flags) -> T) -> core::primitive::f64 {
    let mut value = start;
    let clock = Instant::now();
    for _ in 0..OPERATIONS {
        let mut accrued = black_box(flags);
        value = operation(value, &mut accrued);
        black_box(accrued);
    }
    black_box(value);
    clock.elapsed().as_secs_f64() * 1e9 / core::primitive::f64::from(OPERATIONS)
}
