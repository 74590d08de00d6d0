//! All paths as a document: `docs/PATHS.md` is what this makes.

use std::fmt::Write;

use super::sequence::{Path, What};
use super::{mermaid, text};

const HEAD: &str = "\
# Paths

What each mechanism does for one request. This document is generated; do not edit it:

```console
$ rv-emu lab path --format markdown > docs/PATHS.md
```

Other forms: `rv-emu lab path --format text|mermaid|svg|json [--experiment uer|vei|hcs] [--mechanisms NAME,...] [--sharing own|shared] [--model NAME]
[--out DIR]`; `--format svg --out DIR` draws pictures, and the report of `rv-emu lab ... --out DIR` has those of its mechanisms.

## How they are made

A case of the lab is run twice: once as the lab runs it, which says whether the data arrive and how long a request takes, and once watched, in
the middle of its measured part. Watching changes nothing. Of the requests that were seen from begin to end the one of median length is shown.
Nothing is drawn by hand: traps, returns, interrupts, sends and hardware context switches are what the harts did; whose instruction it is follows
from the programs' code, the names of functions from their symbols (what the compiler has inlined goes by the name of what it is inlined into);
the rings are found by what both sides do to their indices.

In experiment `uer` a request is one store to the UART's transmit register, from the store to the guest's next instruction. In `hcs` it is one
read of a block, one at a time, from the store to the available ring's index to the load that shows the guest the used ring's new one. In `vei` it
is a datagram to the peer and one back, up to the load that shows the guest the new index of the ring of what is received.

## How to read them

- `at` is the cycle at which a step begins, after the begin of the request. Harts take turns (of 100 cycles with virtio): what one does may be seen
  by another up to a turn earlier by that one's clock; it is then shown at the time of its cause.
- Work is the time between two events of a hart: cycles, instructions, and the functions that took most of them.
- The cycles of an arrow are those of the trap or return itself; where its instruction has a cost of its own, that is in it. An arrow without
  cycles is a message to another hart (its way takes time, in which the other waits or works), or something that is seen in memory.
- Cycles are a model (`docs/LAB.md`); the sequence and the numbers of instructions are not.
";

/// The document.
pub fn markdown(paths: &[Path]) -> String {
    let mut text = format!("{HEAD}\n{}", overview(paths));
    for path in paths {
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "\n## {}\n\n{}\n\nCase: `{}`\n\n```text\n{}```\n\n```mermaid\n{}```\n",
            path.name,
            wrapped(&format!("{}. {}", path.about, path.note)),
            path.case,
            text::text(path),
            mermaid::mermaid(path)
        );
    }
    text
}

/// The words in lines of the document's width.
fn wrapped(words: &str) -> String {
    const WIDTH: usize = 140;
    let mut text = String::new();
    let mut column = 0;
    for word in words.split_ascii_whitespace() {
        let fits = column + 1 + word.len() <= WIDTH;
        let between = if column == 0 {
            ""
        } else if fits {
            " "
        } else {
            "\n"
        };
        column = if fits { column + between.len() } else { 0 } + word.len();
        text += between;
        text += word;
    }
    text
}

/// A line for each path.
fn overview(paths: &[Path]) -> String {
    let mut text = "## Overview\n\nUp to the guest's seeing that its request is done, on all harts. *Noticed*: who serves it has seen the new index of \
                    the\navailable ring; *served*: has written that of the used ring; *done*: the guest has seen that. All in cycles.\n\n"
        .to_owned();
    let heads = [
        "path",
        "noticed",
        "served",
        "done",
        "exits for the kick",
        "other exits",
        "redirections",
        "sends",
        "IPIs",
        "system calls",
        "insns in HS",
        "in U",
    ];
    text += &format!("| {} |\n|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    for path in paths {
        let kicks = path.kicks();
        let phases = path.phases();
        let [noticed, served] = [phases.map(|phases| phases.0), phases.map(|phases| phases.1)]
            .map(|cycle| cycle.map_or(String::new(), |cycle| cycle.to_string()));
        let insns = |mode: &str| -> u64 {
            path.lanes.iter().zip(path.sums()).filter(|(lane, _)| lane.mode == mode).map(|(_, sum)| sum.insns).sum()
        };
        let _ = writeln!(
            text,
            "| {} | {noticed} | {served} | {} | {kicks} | {} | {} | {} | {} | {} | {} | {} |",
            path.name,
            path.cycles,
            path.count(What::Exit) - kicks,
            path.count(What::Redirect),
            path.count(What::Send),
            path.count(What::Ipi),
            path.count(What::SystemCall),
            insns("HS"),
            insns("U")
        );
    }
    text
}
