//! Tests of VEI and HCS from the inside: `test=NAME` runs one of them, none runs
//! all that the profile allows. Each prints a line; the exit code is the number
//! of those that failed.
#![no_std]
#![no_main]

extern crate alloc;

mod guest;
mod tests;
mod uer;

use alloc::string::String;
use core::arch::asm;

use hyp_rt::{println, sys, vei};

hyp_rt::entry!(main);

/// Outcome of a test, or of a step of one.
pub type Result<T = ()> = core::result::Result<T, String>;

/// Exit code when there is nothing to test.
const NOT_SUPPORTED: i32 = 100;

/// A millisecond, about.
pub fn nap() {
    sys::sleep_until(sys::time() + sys::timebase() / 1000);
}

/// Tells the machine that runs this to note its counters.
pub fn mark_begin() {
    // SAFETY: a hint.
    unsafe { asm!("slti x0, x0, 1", options(nostack)) };
}

/// The same at the end of what is measured.
pub fn mark_end() {
    // SAFETY: a hint.
    unsafe { asm!("slti x0, x0, 2", options(nostack)) };
}

fn main(words: hyp_rt::Args) -> i32 {
    let mut only = None;
    for word in words.skip(1) {
        only = word.strip_prefix("test=").or(only);
    }
    let info = vei::info().unwrap_or_default();
    if info.supported == 0 {
        println!("veitest: no VEI here");
        return NOT_SUPPORTED;
    }
    let banked = info.bank != 0;
    println!("veitest: bank={}", info.bank);
    let mut failed = 0;
    for (name, needs_bank, test) in tests::ALL {
        if only.is_some_and(|only| only != *name) || *needs_bank && !banked {
            continue;
        }
        let before = vei::info().unwrap_or_default();
        let outcome = test();
        let after = vei::info().unwrap_or_default();
        let leaked = (after.routes, after.contexts) != (before.routes, before.contexts);
        match outcome {
            Ok(()) if !leaked => println!("veitest: {name} ok"),
            Ok(()) => println!("veitest: {name} FAILED: routes or contexts are left: {after:?}"),
            Err(ref error) => println!("veitest: {name} FAILED: {error}; {after:?}"),
        }
        failed += i32::from(outcome.is_err() || leaked);
    }
    println!("veitest: done, {failed} failed");
    failed
}
