//! `rv-emu conformance`: one file for each of its subcommands.

mod elf;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::args::{ConformanceArgs, ConformanceCommand};

/// Runs what was asked for.
pub fn conformance(args: &ConformanceArgs) -> Result<ExitCode> {
    match &args.command {
        Some(ConformanceCommand::Elf(args)) => elf::elf(args),
        None => bail!("nothing to run: see rv-emu conformance --help"),
    }
}
