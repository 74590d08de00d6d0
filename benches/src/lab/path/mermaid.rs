//! A path as a Mermaid sequence diagram, which many readers of Markdown draw.

use std::fmt::Write;

use super::sequence::{Path, Step, What};
use super::text;

/// The path in Mermaid's notation.
pub fn mermaid(path: &Path) -> String {
    let mut text = "sequenceDiagram\n".to_owned();
    for (index, lane) in path.lanes.iter().enumerate() {
        // Writing to a string can't fail.
        let _ = writeln!(text, "    participant L{index} as {}", lane.title());
    }
    let mut after = false;
    for timed in &path.steps {
        if timed.after && !after {
            after = true;
            text += "    rect rgb(245, 245, 245)\n";
        }
        let _ = match &timed.step {
            Step::Work { lane, insns, .. } => {
                let what = escape(&text::work(&timed.step));
                writeln!(text, "    Note over L{lane}: {} cycles, {insns} instructions<br/>{what}", timed.cycles)
            }
            Step::Wait { lane } => writeln!(text, "    Note over L{lane}: waits {} cycles", timed.cycles),
            Step::Arrow { from, to, what, label } => {
                let cost = if timed.cycles > 0 { format!(" ({})", timed.cycles) } else { String::new() };
                writeln!(text, "    L{from}{}L{to}: {}{cost}", arrow(*what), escape(label))
            }
        };
    }
    if after {
        text += "    end\n";
    }
    text
}

/// Solid: the hart goes on there. Open: a message to another hart. Dotted: through memory.
fn arrow(what: What) -> &'static str {
    match what {
        What::Send | What::Ipi | What::Inject => "-)",
        What::Seen => "-->>",
        _ => "->>",
    }
}

/// These end a statement, or begin an entity.
fn escape(text: &str) -> String {
    text.replace(';', ",").replace('#', "")
}
