//! The command line of `conformance`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use ::conformance::foreign::Filter;
use clap::{Args, Subcommand};
use rv_isa::IsaSet;

use super::{MachineArgs, granularity, seconds};

/// Options of `conformance`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ConformanceArgs {
    /// Something other than the suite.
    #[command(subcommand)]
    pub command: Option<ConformanceCommand>,
    /// Options of the suite.
    #[command(flatten)]
    pub suite: SuiteArgs,
}

/// Options of the suite.
#[derive(Debug, Args)]
pub struct SuiteArgs {
    /// Extensions of the machine: tests of those that it lacks are left out.
    #[arg(long, value_name = "ISA", default_value = "max", value_parser = super::isa)]
    pub isa: IsaSet,
    /// Only groups (chapter-mode) or tests whose name contains this; with * or ?, whose name matches. May be given again.
    #[arg(long, value_name = "PATTERN")]
    pub filter: Vec<Filter>,
    /// Run the chapters of the ratified specifications on a machine with HA-IOV too, which changes nothing of them. Those on HA-IOV itself
    /// run in any case.
    #[arg(long, conflicts_with_all = ["qemu", "spike"])]
    pub haiov: bool,
    /// Print the names of all tests with their sections, and exit.
    #[arg(long)]
    pub list: bool,
    /// Groups that run at the same time. Default: as many as the host has CPUs.
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Write all tests with their verdicts as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Run the suite on this QEMU too, with the extensions that both have, and say where the two differ.
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1, default_missing_value = "qemu-system-riscv64")]
    pub qemu: Option<PathBuf>,
    /// Run the suite on this Spike too, with the extensions that both have, and say where the two differ.
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1, default_missing_value = "spike", conflicts_with = "qemu")]
    pub spike: Option<PathBuf>,
}

/// Options of `conformance emit`.
#[derive(Debug, Args)]
pub struct EmitArgs {
    /// Where to write the programs, and how to run them.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Extensions of the machine that shall run them.
    #[arg(long, value_name = "ISA", default_value = "default", value_parser = super::isa)]
    pub isa: IsaSet,
    /// That machine has HA-IOV.
    #[arg(long)]
    pub haiov: bool,
}

/// The subcommands of `conformance`.
#[derive(Debug, Subcommand)]
pub enum ConformanceCommand {
    /// Write the suite's programs as ELF files, for any RISC-V machine.
    Emit(EmitArgs),
    /// Compare the emulator with others, by random programs.
    Campaign(Box<crate::conformance::campaign::CampaignArgs>),
    /// Search every state of HA-IOV's post and notify protocol for lost wake-ups.
    Protocol(crate::conformance::protocol::ProtocolArgs),
    /// Run test programs of others (ELF), each on a machine of its own.
    Elf(Box<ElfArgs>),
}

/// Options of `conformance elf`.
#[derive(Debug, Args)]
#[command(
    mut_arg("cost_model", |arg| arg.default_value("flat")),
    after_help = "\
A program passes when it exits with 0, through tohost or the test finisher. With --expect, the
console must show the text; a program that doesn't exit runs to a limit then, or until nothing can
wake it. With --reference, a program that has a signature (begin_signature, end_signature) passes
when it is that of the reference: FILE, or one of NAME.reference_output, NAME.signature, NAME.sig,
NAME.ref in DIR, at the program's own place below DIR, or in a folder `references` or `ref` there.
RISCOF's folders are known too.

The report: a table, then each program that did not pass, with the reason and the last 20 lines of
its console. Exit codes: 0 when all programs passed, 1 when not, 125 when nothing could be run.

Examples:
  rv-emu conformance elf isa --filter 'rv64u*-p-*'
  rv-emu conformance elf riscof_work --reference riscof_work --filter '*/dut/*'
  rv-emu conformance elf suite.elf --expect 'ALL PASSED' --fail-on FAILED"
)]
pub struct ElfArgs {
    /// Test programs (ELF), or folders that are searched for them.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Only programs whose path contains this; with * or ?, whose path or name matches. May be given again.
    #[arg(long, value_name = "PATTERN")]
    pub filter: Vec<Filter>,
    /// Print the paths of the programs, and exit.
    #[arg(long)]
    pub list: bool,
    /// Machine options.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Firmware that starts the programs in S-mode: a file, or `built-in`. Without it they start in M-mode.
    #[arg(long, value_name = "FILE")]
    pub bios: Option<PathBuf>,
    /// Programs that run at the same time. Default: as many as the host has CPUs.
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Seconds on the clock for one program.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub timeout: Duration,
    /// Instructions that all harts of one program together may retire.
    #[arg(long, value_name = "N", default_value_t = 500_000_000)]
    pub max_insns: u64,
    /// Compare signatures with this file, or with those in this folder.
    #[arg(long, value_name = "FILE|DIR")]
    pub reference: Option<PathBuf>,
    /// Write each program's signature into this folder.
    #[arg(long, value_name = "DIR")]
    pub signature_dir: Option<PathBuf>,
    /// Bytes of a word of the signatures that are written.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = granularity)]
    pub signature_granularity: usize,
    /// Programs that use the framework of riscv-arch-test check themselves: an exit with 0 is enough to pass.
    #[arg(long)]
    pub self_checking: bool,
    /// The console must show this text. May be given again; then all of them.
    #[arg(long, value_name = "TEXT")]
    pub expect: Vec<String>,
    /// A program fails as soon as its console shows this text. May be given again; then any of them.
    #[arg(long, value_name = "TEXT")]
    pub fail_on: Vec<String>,
    /// Write a record for each program as it ends, and a summary, as JSON Lines; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Print each program as it ends, with all of its console that was kept.
    #[arg(short, long)]
    pub verbose: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::{Cli, Command};
    use super::*;

    fn elf(words: &[&str]) -> Result<Box<ElfArgs>, clap::Error> {
        let cli = Cli::try_parse_from(["rv-emu", "conformance", "elf"].iter().chain(words))?;
        match cli.command {
            Command::Conformance(ConformanceArgs { command: Some(ConformanceCommand::Elf(args)), .. }) => Ok(args),
            _ => panic!("another command"),
        }
    }

    #[test]
    fn the_cost_model_is_flat_unless_told_otherwise() {
        assert_eq!(elf(&["x"]).unwrap().machine.cost_model, "flat");
        assert_eq!(elf(&["x", "--cost-model", "linux"]).unwrap().machine.cost_model, "linux");
        let run = Cli::try_parse_from(["rv-emu", "run", "x"]).unwrap().command;
        assert!(matches!(run, Command::Run(args) if args.machine.cost_model == "default"));
    }

    #[test]
    fn times() {
        assert_eq!(elf(&["x", "--timeout", "0.5"]).unwrap().timeout, Duration::from_millis(500));
        for bad in ["0", "-1", "NaN", "1e99", "x"] {
            assert!(elf(&["x", &format!("--timeout={bad}")]).is_err(), "{bad}");
        }
        assert!(elf(&["x", "--jobs", "0"]).is_err());
        assert!(elf(&[]).is_err());
    }
}
