//! The `rv-emu` command: parses the command line, and leaves the work to the libraries.

mod args;
mod check;
mod conformance;
mod console;
mod end;
mod isa;
mod lab;
mod machine_file;
mod network;
mod outside;
mod pace;
mod run;
mod trace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches};

use args::{Cli, Command};

fn main() -> ExitCode {
    console::restore_on_panic();
    command().unwrap_or_else(|error| {
        eprintln!("rv-emu: {error:#}");
        ExitCode::from(run::FAILED)
    })
}

fn command() -> Result<ExitCode> {
    let matches = machine_file::complete(Cli::command().get_matches())?;
    // Clap's own messages leave with its own exit code.
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Lab(args) => lab::lab(&args),
        Command::Isa(args) => isa::isa(&args),
        Command::Conformance(args) => conformance::conformance(&args),
    }
}
