//! Speed kernel: calls, returns and branches that depend on data. Fibonacci's
//! numbers as their definition says, and the steps of Collatz's sequences.
#![no_std]
#![no_main]

use core::hint::black_box;

const FIBONACCI: u64 = 31;
const COLLATZ: u64 = 400_000;

#[inline(never)]
fn fibonacci(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    black_box(fibonacci(n - 1)) + black_box(fibonacci(n - 2))
}

#[inline(never)]
fn collatz(mut n: u64) -> u64 {
    let mut steps = 0;
    while n != 1 {
        if n.is_multiple_of(2) {
            n /= 2;
        } else {
            n = 3 * n + 1;
        }
        // Keeps the compiler from turning the branch into arithmetic.
        n = black_box(n);
        steps += 1;
    }
    steps
}

fn branches() -> u64 {
    let steps: u64 = (1..COLLATZ).map(collatz).sum();
    fibonacci(black_box(FIBONACCI)) << 32 | steps
}

speed::kernel!("branches", branches, 0x0014_8add_02e8_0dde);
