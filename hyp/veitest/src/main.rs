//! Tests of VEI and HCS from the inside: `test=NAME` runs one of them, none runs
//! all that the profile allows. Each prints a line; the exit code is the number
//! of those that failed.
#![no_std]
#![no_main]

extern crate alloc;

mod child;
mod guest;
mod tests;
mod uer;

use alloc::string::String;

use hyp_rt::{println, sys, thread, vei};

hyp_rt::entry!(main);

/// Outcome of a test, or of a step of one.
pub type Result<T = ()> = core::result::Result<T, String>;

/// Exit code when there is nothing to test.
const NOT_SUPPORTED: i32 = 100;

/// A millisecond, about.
pub fn nap() {
    sys::sleep_until(sys::time() + sys::timebase() / 1000);
}

fn main(words: hyp_rt::Args) -> i32 {
    let mut only = None;
    for word in words.skip(1) {
        if let Some(role) = word.strip_prefix("child=") {
            return child::main(role);
        }
        only = word.strip_prefix("test=").or(only);
    }
    if let Err(error) = thread::pin(0) {
        println!("veitest: pin: {error}");
    }
    let info = vei::info().unwrap_or_default();
    if info.supported == 0 {
        println!("veitest: no VEI here");
        return NOT_SUPPORTED;
    }
    let banked = info.bank != 0;
    println!("veitest: bank={}", info.bank);
    let mut failed = 0;
    for (name, profile, test) in tests::ALL {
        if only.is_some_and(|only| only != *name) || profile.is_some_and(|profile| profile != banked) {
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
