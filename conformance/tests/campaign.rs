//! The parts of a campaign that need no other machine: saved regressions, and our engine of blocks against single steps.

use std::path::Path;

use conformance::campaign::generate::Recipe;
use conformance::campaign::lockstep::{Ending, Limits};
use conformance::campaign::regression::Regression;
use conformance::campaign::run::seed_of;
use conformance::campaign::{blocks, boot};
use rv_hart::Mode;

/// Every saved program that somebody has looked at ends as the specification says.
#[test]
fn regressions_stay_fixed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut held = 0;
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let regression = Regression::read(&entry.path()).expect("a regression");
        if !regression.settled {
            println!("not settled, skipped: {}", entry.path().display());
            continue;
        }
        let ours = regression.ours().expect("a readable image");
        assert_eq!(ours, regression.expected, "{}: {}", entry.path().display(), regression.note);
        held += 1;
    }
    assert!(held > 0, "there is at least one");
}

/// The same seed gives the same program, and another one another.
#[test]
fn programs_follow_from_seeds() {
    let recipe = Recipe::new(|_| true, &Mode::ALL);
    assert_eq!(recipe.program(7), recipe.program(7));
    assert_ne!(recipe.program(7), recipe.program(8));
}

/// However blocks are cut, a hostile program leaves the same state; and most programs come to their end.
#[test]
fn blocks_equal_single_steps_in_hostile_programs() {
    let recipe = Recipe::new(|_| true, &Mode::ALL);
    let mut finished = 0;
    for index in 0..24 {
        let seed = seed_of(0xb10c, index);
        let run = blocks::run(&boot::image(&recipe.program(seed)), Limits::default());
        assert_eq!(run.difference, None, "seed {seed:#x}");
        assert!(run.traps > 0, "seed {seed:#x} never left its handlers");
        finished += u64::from(run.ending == Ending::Finished);
    }
    assert!(finished >= 12, "{finished} of 24 programs came to their end");
}
