//! A path as plain text: a line for each step, and sums.

use std::fmt::Write;

use super::sequence::{Path, Step, Timed};

/// The path as text.
pub fn text(path: &Path) -> String {
    let mut text = format!("{}\n", head(path));
    let who = path.lanes.iter().map(|lane| lane.short().len()).max().unwrap_or(0);
    let width = 2 * who + 4;
    text += &format!("{:>8} {:>7} {:>6}  {:width$}  what\n", "at", "cycles", "insns", "who");
    let mut after = false;
    for timed in &path.steps {
        if timed.after && !after {
            after = true;
            text += "                          the guest has seen it; meanwhile and afterwards:\n";
        }
        let (insns, who, what) = columns(path, timed);
        // Writing to a string can't fail.
        let _ = writeln!(text, "{:>8} {:>7} {insns:>6}  {who:width$}  {what}", timed.at, timed.cycles);
    }
    text + &sums(path)
}

/// What it is and how long it took, in a line.
pub fn head(path: &Path) -> String {
    format!(
        "{}: {} cycles (of {} requests the one of median length; shortest {}, longest {}; cost model {})",
        path.about, path.cycles, path.requests, path.range.0, path.range.1, path.cost_model
    )
}

/// What work was.
pub fn work(step: &Step) -> String {
    let Step::Work { functions, ends, .. } = step else { return String::new() };
    let names: Vec<&str> = functions.iter().map(|part| part.function.as_str()).collect();
    let names = names.join(", ");
    match ends {
        Some(ends) if names.is_empty() => ends.clone(),
        Some(ends) => format!("{names}; {ends}"),
        None => names,
    }
}

fn columns(path: &Path, timed: &Timed) -> (String, String, String) {
    let name = |lane: usize| path.lanes[lane].short();
    match &timed.step {
        Step::Work { lane, insns, .. } => (insns.to_string(), name(*lane), work(&timed.step)),
        Step::Wait { lane } => (String::new(), name(*lane), "(waits)".to_owned()),
        Step::Arrow { from, to, label, .. } => {
            (String::new(), format!("{} -> {}", name(*from), name(*to)), label.clone())
        }
    }
}

/// What each lane did up to the end of the request.
fn sums(path: &Path) -> String {
    let mut text = format!("\n{:>22}  in all, up to the guest's seeing it\n", "");
    for (lane, sum) in path.lanes.iter().zip(path.sums()) {
        let waited = if sum.waited > 0 { format!(", waits {} cycles", sum.waited) } else { String::new() };
        let _ = writeln!(text, "{:>8} {:>7} {:>6}  {}{waited}", "", sum.cycles, sum.insns, lane.title());
    }
    text
}
