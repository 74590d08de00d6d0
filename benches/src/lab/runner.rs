//! Runs many cases, several at a time; rows come out in the order of the cases, whichever is finished first.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::case::Case;
use super::emulator::Runner;
use super::experiments::{self, price};
use super::row::{Row, compare};

/// Who is told of progress. Rows that are told have no ratios yet: those need the others.
pub trait Progress: Sync {
    /// A row is finished. An error ends the run as soon as what is under way is done.
    ///
    /// # Errors
    /// Why it can't go on.
    fn finished(&self, row: &Row) -> Result<(), String>;
}

impl<F: Fn(&Row) -> Result<(), String> + Sync> Progress for F {
    fn finished(&self, row: &Row) -> Result<(), String> {
        self(row)
    }
}

/// Runs `cases`, `jobs` at a time; `earlier` are rows of former runs, which are not run again.
///
/// # Errors
/// What `progress` has objected to.
pub fn run(
    runner: &dyn Runner,
    cases: &[Case],
    earlier: Vec<Row>,
    jobs: usize,
    progress: &dyn Progress,
) -> Result<Vec<Row>, String> {
    let keys: Vec<String> = cases.iter().map(Case::key).collect();
    let slots: Vec<Mutex<Option<Row>>> = cases.iter().map(|_| Mutex::new(None)).collect();
    for row in earlier {
        if let Some(index) = keys.iter().position(|key| *key == row.key) {
            *lock(&slots[index]) = Some(row);
        }
    }
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    // Runs don't know of each other: the order in which they finish changes nothing in them.
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, cases.len().max(1)) {
            scope.spawn(|| {
                while lock(&failure).is_none() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { break };
                    if lock(&slots[index]).is_some() {
                        continue;
                    }
                    let row = measure(runner, case);
                    if let Err(error) = progress.finished(&row) {
                        *lock(&failure) = Some(error);
                    }
                    *lock(&slots[index]) = Some(row);
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        return Err(error);
    }
    let take = |slot: Mutex<Option<Row>>| slot.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut rows: Vec<Row> = slots.into_iter().filter_map(take).collect();
    finish(&mut rows);
    Ok(rows)
}

/// Fills in what one row says of another.
pub fn finish(rows: &mut [Row]) {
    compare(rows, &experiments::classic);
    price::set_prices(rows);
}

/// A slot's contents; a worker that panicked has left it as it was.
fn lock<T>(slot: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// One row.
pub fn measure(runner: &dyn Runner, case: &Case) -> Row {
    let start = Instant::now();
    let mut row = Row::of(case);
    let outcome = runner.run(case).and_then(|measured| {
        row.fill(&measured);
        (case.experiment.check)(case, &measured.output)
    });
    match outcome {
        Ok(outcome) => {
            row.done(outcome.work, outcome.latency);
            row.results = outcome.results;
            row.ok = true;
        }
        Err(error) => row.error = Some(error),
    }
    row.wall_seconds = start.elapsed().as_secs_f64();
    row
}
