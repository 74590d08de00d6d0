//! From how a run was over to a verdict: the rules of the module's head, in their order.

use std::fs;

use rv_machine::{ExitBy, Machine};

use super::Options;
use super::console::Console;
use super::execute::Ending;
use super::find::Program;
use super::outcome::{Outcome, Verdict};
use super::reference::{self, Comparison};
use super::whereabouts::{Symbols, whereabouts};

/// What `riscv-tests` mix into the number of the test when a trap comes that the test doesn't expect.
const UNEXPECTED_TRAP: u64 = 1337;

/// A run that is over.
pub(super) struct Run<'a> {
    pub(super) program: &'a Program,
    pub(super) options: &'a Options,
    pub(super) machine: &'a Machine,
    pub(super) symbols: Symbols,
    pub(super) console: &'a Console,
    pub(super) ending: Ending,
    /// An exit with code 0 says that all is well, even if there is a signature.
    pub(super) self_checking: bool,
}

/// The verdict on a run. Writes the signature, if that is wanted.
pub(super) fn judge(run: &Run<'_>) -> Outcome {
    let written = write_signature(run);
    let outcome = match run.ending {
        Ending::Forbidden => {
            let text = run.console.forbidden().unwrap_or_default();
            Outcome::new(Verdict::Failed, format!("the console shows {text:?}"))
        }
        Ending::Exit(by) => match (failure(by), run.console.missing()) {
            (Some(reason), _) => Outcome::new(Verdict::Failed, reason),
            (None, Some(text)) => Outcome::new(Verdict::Failed, format!("it ended without printing {text:?}")),
            (None, None) => signature(run, name(by)),
        },
        _ if run.console.as_expected() => signature(run, "expected text"),
        Ending::TimedOut => stray(run, Verdict::TimedOut, "time is up"),
        Ending::Limit => stray(run, Verdict::NoVerdict, "the instruction limit is reached"),
        Ending::Idle => stray(run, Verdict::NoVerdict, "all harts wait for an interrupt that can't come"),
        Ending::Stuck => stray(run, Verdict::NoVerdict, "no instruction completes: a trap handler can't be executed"),
    };
    match written {
        Err(error) if outcome.verdict == Verdict::Passed => Outcome::new(Verdict::NoVerdict, error),
        _ => outcome,
    }
}

/// How an exit with code 0 is called.
fn name(by: ExitBy) -> &'static str {
    match by {
        ExitBy::Htif(_) => "tohost",
        ExitBy::FinisherPass | ExitBy::FinisherFail(_) => "test finisher",
    }
}

/// What an exit complains of.
fn failure(by: ExitBy) -> Option<String> {
    match by {
        ExitBy::FinisherPass | ExitBy::Htif(0) => None,
        ExitBy::FinisherFail(code) => Some(format!("test finisher: failed with code {code}")),
        ExitBy::Htif(code) => {
            let word = code << 1 | 1;
            Some(match word & UNEXPECTED_TRAP {
                UNEXPECTED_TRAP => {
                    format!("tohost: {word:#x}, which is how riscv-tests report a trap they don't expect")
                }
                _ => format!("tohost: test {code} failed"),
            })
        }
    }
}

/// The program didn't end by itself.
fn stray(run: &Run<'_>, verdict: Verdict, reason: &str) -> Outcome {
    let details = whereabouts(run.machine, &run.symbols);
    Outcome::new(verdict, reason).with(details)
}

/// All is well so far, as `how` tells; the signature may object.
fn signature(run: &Run<'_>, how: &str) -> Outcome {
    let passed = Outcome::new(Verdict::Passed, how);
    let no_verdict = |reason: String| Outcome::new(Verdict::NoVerdict, reason);
    let has_signature = run.machine.symbol("begin_signature").is_some();
    let Some(place) = &run.options.reference else {
        return match has_signature && !run.self_checking {
            true => no_verdict("its verdict is its signature, which has no reference to be compared with".to_owned()),
            false => passed,
        };
    };
    match reference::find(place, run.program) {
        Some(file) => match reference::compare(&file, run.machine) {
            Comparison::Equal => Outcome::new(Verdict::Passed, "signature"),
            Comparison::Unusable(why) => no_verdict(why),
            Comparison::Different(lines) => {
                let reason = format!("the signature is not that of {}", file.display());
                Outcome::new(Verdict::Failed, reason).with(lines)
            }
        },
        None if has_signature => {
            no_verdict(format!("there is no reference for {} in {}", run.program.name, place.display()))
        }
        None => passed,
    }
}

/// Writes the signature of a program that has one.
fn write_signature(run: &Run<'_>) -> Result<(), String> {
    let Some(folder) = &run.options.signature_dir else { return Ok(()) };
    if run.machine.symbol("begin_signature").is_none() {
        return Ok(());
    }
    let text = run.machine.signature(run.options.granularity)?;
    let file = folder.join(&run.program.relative).with_file_name(format!("{}.signature", run.program.name));
    let folder = file.parent().unwrap_or(folder);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text));
    written.map_err(|error| format!("can't write {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_speak() {
        assert_eq!(failure(ExitBy::Htif(0)), None);
        assert_eq!(failure(ExitBy::FinisherPass), None);
        assert_eq!(failure(ExitBy::Htif(7)).unwrap(), "tohost: test 7 failed");
        assert!(failure(ExitBy::Htif(1337 >> 1)).unwrap().contains("0x539"));
        assert!(failure(ExitBy::FinisherFail(0)).is_some(), "a failure with code 0 is a failure");
    }
}
