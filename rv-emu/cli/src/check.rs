//! `run --check`: what the machine would be, in words.

use std::fmt::Write;

use rv_machine::{CostModel, Machine};

use crate::args::RunArgs;

/// A line for each thing: harts, memory, time, devices, and where everything was loaded.
pub fn summary(args: &RunArgs, machine: &Machine) -> String {
    let mut text = String::new();
    let mut line = |name: &str, what: String| {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{name:<14}{what}");
    };
    let options = &args.machine;
    let plural = if options.harts == 1 { "" } else { "s" };
    let haiov = if options.haiov { ", with HA-IOV" } else { "" };
    line("harts", format!("{} hart{plural}: {}{haiov}", options.harts, options.isa));
    line("memory", format!("{} at {}", size(options.memory), machine.memory()));
    line("time", format!("cost model {}, turns of {} cycles", model(machine.board.costs()), options.quantum));
    for (slot, drive) in options.drives.iter().enumerate() {
        line(&format!("virtio slot {slot}"), drive.to_string());
    }
    for part in machine.layout() {
        line("loaded", format!("{part} ({})", size(part.range.len())));
    }
    if let Some(append) = &args.append {
        line("command line", append.clone());
    }
    text
}

fn model(costs: &CostModel) -> &str {
    costs.name()
}

/// Bytes in the largest unit that fits.
fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 30) && bytes != 0 => format!("{} GiB", bytes >> 30),
        _ if bytes.is_multiple_of(1 << 20) && bytes != 0 => format!("{} MiB", bytes >> 20),
        _ => format!("{bytes} bytes"),
    }
}
