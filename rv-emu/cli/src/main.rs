//! The `rv-emu` command: parses the command line, and leaves the work to the libraries.

mod args;
mod conformance;
mod console;
mod isa;
mod lab;
mod network;
mod pace;
mod run;
mod trace;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    console::restore_on_panic();
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Lab(args) => lab::lab(&args),
        Command::Isa(args) => isa::isa(&args),
        Command::Conformance(args) => conformance::conformance(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("rv-emu: {error:#}");
        ExitCode::from(run::FAILED)
    })
}
