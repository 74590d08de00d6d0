//! The command line: the one place from which options and help come.

mod conformance;
pub mod drive;
pub mod headings;
mod lab;
mod run;
pub mod words;

use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand};
use rv_isa::IsaSet;

pub use conformance::{ConformanceArgs, ConformanceCommand, ElfArgs, EmitArgs, SuiteArgs};
pub use drive::DriveArg;
pub use lab::{LabArgs, LabCommand, OutputArgs, PathArgs, PathFormat, SelectArgs, SharingArg, SweepArgs};
pub use run::{RunArgs, Serial};

/// RISC-V emulator (RV64GCH with HA-IOV), and a lab for I/O virtualization mechanisms.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a program, firmware or a kernel on the machine.
    Run(Box<RunArgs>),
    /// Measure I/O virtualization mechanisms side by side.
    Lab(Box<LabArgs>),
    /// List the instruction-set extensions: which are implemented, in which version, and which a hart has.
    Isa(IsaArgs),
    /// Hold the machine against the specification, and run test programs of others.
    Conformance(ConformanceArgs),
}

/// Options that describe a machine. Each is a key of machine files too, as are those under [`headings::SOFTWARE`] and
/// [`headings::DEVICES`]; the name of its value (FILE, SIZE) says there what the value is.
#[derive(Debug, Args)]
#[command(next_help_heading = headings::MACHINE)]
pub struct MachineArgs {
    /// Memory in MiB, or with a suffix: 512M, 2G. Reserved, not touched.
    #[arg(short, long, value_name = "SIZE", default_value = "128M", value_parser = memory)]
    pub memory: u64,
    /// Number of harts, 1 to 64.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub harts: usize,
    /// Extensions of the harts: an ISA string such as rv64gch_zba_zbb, or default, max, rva20s64 or rva22s64, which more
    /// extensions may follow. `rv-emu isa` lists them.
    #[arg(long, value_name = "ISA", default_value = "default", value_parser = isa)]
    pub isa: IsaSet,
    /// Cost model: flat, default, linux, or a TOML file.
    #[arg(long, value_name = "flat|default|linux|FILE.toml", default_value = "default")]
    pub cost_model: String,
    /// Cycles of a hart's turn, at least 100: what one hart does is seen by the others after that long at most.
    #[arg(long, value_name = "CYCLES", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(100..))]
    pub quantum: u64,
    /// Give the harts the HA-IOV extension.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub haiov: bool,
    /// A disk in the next virtio slot, up to 8: file=PATH[,readonly][,instant] or ram=SIZE, and id=NAME. Requests to a file take the
    /// cost model's time, or none with `instant`; a disk in memory takes none, and is gone at the end. A comma in PATH is doubled.
    #[arg(long = "drive", value_name = "WORDS", help_heading = headings::DEVICES, value_parser = DriveArg::parse)]
    pub drives: Vec<DriveArg>,
}

/// Options of `isa`.
#[derive(Debug, Args)]
pub struct IsaArgs {
    /// The set to look at: an ISA string, default, max, rva20s64 or rva22s64.
    #[arg(value_name = "ISA", default_value = "default", value_parser = isa)]
    pub isa: IsaSet,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Parses an ISA string.
fn isa(text: &str) -> Result<IsaSet, String> {
    IsaSet::parse(text).map_err(|error| error.to_string())
}

/// Parses a memory size; plain numbers are MiB.
fn memory(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "M" | "MIB" => 20,
        "K" | "KIB" => 10,
        "G" | "GIB" => 30,
        suffix => return Err(format!("unknown suffix {suffix}: use K, M or G")),
    };
    let number: u64 = digits.parse().map_err(|_| "not a number".to_owned())?;
    let bytes = number.checked_mul(1 << shift).ok_or("too large")?;
    if bytes == 0 || bytes > 1 << 40 || !bytes.is_multiple_of(4096) {
        return Err("memory must be from 4K to 1024G, in multiples of 4K".to_owned());
    }
    Ok(bytes)
}

fn granularity(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ (1 | 2 | 4 | 8 | 16)) => Ok(number),
        _ => Err("must be 1, 2, 4, 8 or 16".to_owned()),
    }
}

/// Parses a time; it may be a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let time = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
    if time.is_zero() { Err("must be more than nothing".to_owned()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn memory_sizes() {
        assert_eq!(memory("128"), Ok(128 << 20));
        assert_eq!(memory("2G"), Ok(2 << 30));
        assert_eq!(memory("64k"), Ok(64 << 10));
        for bad in ["", "0", "x", "1T", "1K", "99999999G", "18446744073709551615G"] {
            assert!(memory(bad).is_err(), "{bad}");
        }
    }
}
