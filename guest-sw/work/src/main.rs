//! A guest that computes and counts how far it came: whoever shares a core with it takes that from it.
//!
//! Words: `cycles=N` and `iterations=N` end it (by default it goes on for ever), `report=CYCLES` makes it say every
//! so often how far it is.
#![no_std]
#![no_main]

use core::hint::black_box;

use guest::clock::cycles;
use guest::machine::Machine;
use guest::{Stop, args, console, mark};

guest::entry!(work);

/// Steps of the generator in one iteration.
const STEPS: usize = 250;

struct Limits {
    cycles: u64,
    iterations: u64,
    report: u64,
}

fn parse(line: &str) -> Result<Limits, args::Error> {
    let mut limits = Limits { cycles: u64::MAX, iterations: u64::MAX, report: u64::MAX };
    for word in args::words(line) {
        let word = word?;
        match word.key {
            "cycles" => limits.cycles = word.number()?,
            "iterations" => limits.iterations = word.number()?,
            "report" => limits.report = word.within(1, u64::MAX)?,
            _ => return Err(word.unknown()),
        }
    }
    Ok(limits)
}

fn work(machine: Machine) -> Result<bool, Stop> {
    let limits = parse(machine.tree.bootargs())?;
    let mut random = 1;
    let mut iterations = 0;
    let mut reported = 0;
    mark!(1);
    let start = cycles();
    let elapsed = loop {
        let elapsed = cycles() - start;
        if elapsed >= limits.cycles || iterations >= limits.iterations {
            break elapsed;
        }
        if elapsed - reported >= limits.report {
            reported = elapsed;
            say(iterations, elapsed, false);
        }
        random = black_box(iterate(random));
        iterations += 1;
    };
    mark!(2);
    say(iterations, elapsed, true);
    Ok(true)
}

/// One iteration: steps of xorshift64.
fn iterate(random: u64) -> u64 {
    (0..STEPS).fold(random, |state, _| {
        let state = state ^ state << 13;
        let state = state ^ state >> 7;
        state ^ state << 17
    })
}

fn say(iterations: u64, cycles: u64, done: bool) {
    console::print(format_args!(
        "#result {{\"who\":\"work\",\"iterations\":{iterations},\"cycles\":{cycles},\"done\":{done}}}"
    ));
}
