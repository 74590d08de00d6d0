//! Many programs at once: each thread takes the next one, builds a machine for it, and drops the machine afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use super::execute::execute;
use super::find::Program;
use super::outcome::{Outcome, Verdict};
use super::{Factory, Options};

/// Runs all programs, and tells of each when it is over, in whatever order they end. Returns the outcomes in the programs' order, those
/// that passed without their consoles.
///
/// # Errors
/// Of `tell`, after the programs that are already running.
pub fn run<E>(
    programs: &[Program],
    options: &Options,
    factory: &Factory<'_>,
    mut tell: impl FnMut(&Program, &Outcome) -> Result<(), E>,
) -> Result<Vec<Outcome>, E> {
    let next = AtomicUsize::new(0);
    let (sender, results) = channel();
    let jobs = options.jobs.clamp(1, programs.len().max(1));
    let mut outcomes: Vec<Option<Outcome>> = programs.iter().map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((index, program)) = take(next, programs) {
                    // Nobody listens any more when telling has failed.
                    if sender.send((index, execute(program, options, factory))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        // Owned by this closure, so that an error ends the threads too.
        for (index, mut outcome) in results {
            tell(&programs[index], &outcome)?;
            if outcome.verdict == Verdict::Passed {
                outcome.console = String::new();
            }
            outcomes[index] = Some(outcome);
        }
        Ok(())
    })?;
    Ok(outcomes.into_iter().flatten().collect())
}

fn take<'a>(next: &AtomicUsize, programs: &'a [Program]) -> Option<(usize, &'a Program)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    programs.get(index).map(|program| (index, program))
}
