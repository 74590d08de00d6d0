//! `rv-emu conformance`: one file for each of its subcommands.

pub mod campaign;
mod elf;
mod emit;
pub mod protocol;
mod suite;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::{ConformanceArgs, ConformanceCommand};

/// Runs what was asked for.
pub fn conformance(args: &ConformanceArgs) -> Result<ExitCode> {
    match &args.command {
        Some(ConformanceCommand::Elf(args)) => elf::elf(args),
        Some(ConformanceCommand::Campaign(args)) => campaign::campaign(args),
        Some(ConformanceCommand::Emit(args)) => emit::emit(args),
        Some(ConformanceCommand::Protocol(args)) => protocol::protocol(args),
        None => suite::suite(&args.suite),
    }
}
