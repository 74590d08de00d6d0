//! A campaign: programs from seeds, several at once, until time or number is reached.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::boot;
use super::coverage::Coverage;
use super::generate::Recipe;
use super::lockstep::{Difference, Run};
use super::peers::Opponent;
use super::program::Program;
use super::random::Random;
use super::regression::Regression;
use super::report::{Found, Totals};
use super::shrink;

/// How long, how many, how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything follows from it.
    pub seed: u64,
    /// Ends the campaign.
    pub time: Option<Duration>,
    /// Ends the campaign.
    pub programs: Option<u64>,
    /// Instructions compared with independent machines; ends the campaign.
    pub insns: Option<u64>,
    /// Programs at a time.
    pub jobs: usize,
    /// Where regressions go; nowhere if none.
    pub out: Option<PathBuf>,
    /// Where the report goes.
    pub json: Option<PathBuf>,
    /// For one difference.
    pub shrink: Duration,
}

/// How often the report is written and progress is shown.
const PERIOD: Duration = Duration::from_secs(5);

struct Campaign<'a> {
    options: &'a Options,
    recipe: &'a Recipe,
    opponents: &'a [Opponent],
    next: AtomicU64,
    stop: AtomicBool,
    totals: Mutex<Totals>,
    start: Instant,
}

/// The seed of a campaign's `index`th program.
pub fn seed_of(seed: u64, index: u64) -> u64 {
    Random::new(seed ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93)).bits()
}

/// Runs a campaign; `progress` gets a line now and then.
///
/// # Errors
/// If a machine doesn't start, or a file can't be written.
pub fn campaign(
    options: &Options,
    recipe: &Recipe,
    opponents: &[Opponent],
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Totals> {
    let campaign = Campaign {
        options,
        recipe,
        opponents,
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        totals: Mutex::new(Totals::new(options.seed, opponents)),
        start: Instant::now(),
    };
    if let Some(out) = &options.out {
        std::fs::create_dir_all(out).with_context(|| format!("{}", out.display()))?;
    }
    let scratch = std::env::temp_dir().join(format!("campaign-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let done: Result<()> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..options.jobs.max(1))
            .map(|job| {
                let (campaign, file) = (&campaign, scratch.join(format!("{job}.elf")));
                scope.spawn(move || campaign.work(&file, progress))
            })
            .collect();
        let watched = campaign.watch(progress, &|| workers.iter().all(|worker| worker.is_finished()));
        let results: Vec<Result<()>> = workers.into_iter().map(|w| w.join().expect("a worker panicked")).collect();
        results.into_iter().chain([watched]).collect()
    });
    let _ = std::fs::remove_dir_all(&scratch);
    done?;
    let totals = campaign.totals.into_inner().expect("no worker panicked");
    write_report(options, &totals)?;
    Ok(totals)
}

fn write_report(options: &Options, totals: &Totals) -> Result<()> {
    let Some(file) = &options.json else { return Ok(()) };
    let new = file.with_extension("new");
    std::fs::write(&new, serde_json::to_string_pretty(&totals.report())? + "\n")?;
    std::fs::rename(&new, file).with_context(|| format!("{}", file.display()))
}

impl Campaign<'_> {
    fn enough(&self) -> bool {
        let totals = self.totals.lock().expect("no worker panicked");
        let options = self.options;
        options.time.is_some_and(|time| self.start.elapsed() >= time)
            || options.insns.is_some_and(|insns| totals.insns >= insns)
            || self.stop.load(Ordering::Relaxed)
    }

    /// Shows progress and writes the report until all is done.
    fn watch(&self, progress: &(dyn Fn(&str) + Sync), finished: &dyn Fn() -> bool) -> Result<()> {
        let mut shown = Instant::now();
        while !finished() {
            std::thread::sleep(Duration::from_millis(50));
            if shown.elapsed() < PERIOD {
                continue;
            }
            shown = Instant::now();
            let mut totals = self.totals.lock().expect("no worker panicked");
            totals.seconds = self.start.elapsed().as_secs_f64();
            progress(&totals.line());
            let copy = totals.clone();
            drop(totals);
            write_report(self.options, &copy)?;
        }
        self.totals.lock().expect("no worker panicked").seconds = self.start.elapsed().as_secs_f64();
        Ok(())
    }

    fn work(&self, scratch: &Path, progress: &(dyn Fn(&str) + Sync)) -> Result<()> {
        while !self.enough() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if self.options.programs.is_some_and(|programs| index >= programs) {
                break;
            }
            let seed = seed_of(self.options.seed, index);
            let done = self.program(seed, scratch, progress);
            if done.is_err() {
                self.stop.store(true, Ordering::Relaxed);
            }
            done.with_context(|| format!("program {seed:#x}"))?;
        }
        Ok(())
    }

    fn program(&self, seed: u64, scratch: &Path, progress: &(dyn Fn(&str) + Sync)) -> Result<()> {
        let program = self.recipe.program(seed);
        for opponent in self.opponents {
            let program = opponent.adapted(&program);
            let image = boot::image(&program);
            let mut coverage = Coverage::new();
            let run = opponent.run(&image, scratch, &mut coverage)?;
            let new = self.totals.lock().expect("no worker panicked").add(opponent, seed, &run, &coverage);
            if let (Some(difference), true) = (run.difference, new) {
                progress(&format!("{}: {} (seed {seed:#x})", opponent.version, difference.signature()));
                self.investigate(opponent, &program, difference, scratch)?;
            }
        }
        self.totals.lock().expect("no worker panicked").programs += 1;
        Ok(())
    }

    /// Makes a new difference small, and keeps it.
    fn investigate(
        &self,
        opponent: &Opponent,
        program: &Program,
        difference: Difference,
        scratch: &Path,
    ) -> Result<()> {
        let again = |program: &Program| -> Option<Run> {
            opponent.run(&boot::image(program), scratch, &mut Coverage::new()).ok()
        };
        let mut trial = |program: &Program| again(program)?.difference;
        let (small, difference) = shrink::shrink(program, difference, self.options.shrink, &mut trial);
        let Some(run) = again(&small) else { return Ok(()) };
        let regression = Regression::new(&opponent.version, &small, &run, difference);
        let mut file = None;
        if let Some(out) = &self.options.out {
            let path = out.join(format!("{:016x}.json", program.seed));
            regression.write(&path)?;
            file = Some(path);
        }
        let found = Found::new(opponent, program.seed, &regression, file);
        self.totals.lock().expect("no worker panicked").found(found);
        Ok(())
    }
}
