//! Progress on standard error: a bar on a terminal, a line for each row elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;

use benches::lab::Row;
use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{bar:32} {pos}/{len} rows, {elapsed} gone, {eta} left  {msg}";

/// Progress of a run.
pub struct Bar {
    bar: Option<ProgressBar>,
    count: Mutex<usize>,
    total: usize,
}

impl Bar {
    /// Of `total` rows, `there` are there already.
    pub fn new(total: usize, there: usize) -> Bar {
        if there > 0 {
            eprintln!("{there} of {total} rows are there already");
        }
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64).with_position(there as u64);
            // Time that is left is judged by what this run does, not by what was there.
            bar.reset_eta();
            ProgressStyle::with_template(TEMPLATE).map(|style| bar.set_style(style.progress_chars("##-"))).ok();
            bar
        });
        Bar { bar, count: Mutex::new(there), total }
    }

    /// A row more.
    pub fn finished(&self, row: &Row) {
        let verdict = if row.ok { "ok" } else { "FAILED" };
        let what = format!(
            "{} {} {} {} {} {}",
            row.experiment,
            row.workload,
            row.size,
            row.series(),
            row.options.common(),
            row.cost_model
        );
        let mut count = self.count.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *count += 1;
        match &self.bar {
            Some(bar) => {
                if !row.ok {
                    bar.println(format!("FAILED {what}"));
                }
                bar.set_message(what);
                bar.inc(1);
            }
            None => eprintln!("[{count}/{}] {what}: {verdict}, {:.1} s", self.total, row.wall_seconds),
        }
    }

    /// Takes the bar away.
    pub fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
