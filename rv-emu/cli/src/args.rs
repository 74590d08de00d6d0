//! The command line: the one place from which options and help come.

mod conformance;
pub mod devices;
pub mod drive;
pub mod headings;
mod lab;
pub mod net;
mod rtc;
mod run;
pub mod share;
pub mod words;

use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use rv_isa::IsaSet;
use rv_machine::Aia;

pub use conformance::{ConformanceArgs, ConformanceCommand, ElfArgs, EmitArgs, SuiteArgs};
pub use devices::ConsoleArg;
pub use drive::DriveArg;
pub use lab::{LabArgs, LabCommand, OutputArgs, PathArgs, PathFormat, SelectArgs, SharingArg, SweepArgs};
pub use net::NetArg;
pub use rtc::RtcArg;
pub use run::{Idle, RunArgs, Serial};
pub use share::ShareArg;

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
    /// Interrupt controllers: a PLIC, an APLIC, or an APLIC and IMSICs (which give the harts Smaia and Ssaia).
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    pub aia: AiaArg,
    /// Guest interrupt files of each hart, 0 to 63; with --aia aplic-imsic.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=63))]
    pub aia_guests: u8,
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
    /// A disk in the next virtio slot, of 8 that all virtio devices share: file=PATH[,readonly][,instant] or
    /// ram=SIZE, and id=NAME. Requests to a file take the cost model's time, or none with `instant`; a disk in memory takes none,
    /// and is gone at the end. A file may be a qcow2 image, which is seen by its beginning unless format=raw or format=qcow2 says
    /// what it is; backing files are read only with format=qcow2. With overlay=FILE what is written goes to FILE, which is made
    /// if it isn't there; with snapshot it is gone at the end. A comma in PATH is doubled.
    #[arg(long = "drive", value_name = "WORDS", help_heading = headings::DEVICES, value_parser = DriveArg::parse)]
    pub drives: Vec<DriveArg>,
    /// Where the terminal is connected to; a virtio console takes the slot behind the disks.
    #[arg(long, value_enum, help_heading = headings::DEVICES, default_value_t = ConsoleArg::Uart)]
    pub console: ConsoleArg,
    /// A source of random bytes (virtio-rng) in the next virtio slot: the same bytes in every run, as --seed has them.
    #[arg(long, value_name = "BOOL", help_heading = headings::DEVICES, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub rng: bool,
    /// A network card (virtio-net) in the next virtio slot: user[,hostfwd=RULE]...[,restrict=on][,mac=ADDRESS], or
    /// wire=NAME[,mac=ADDRESS], which leads to the machine's other card with that wire. With user the guest is
    /// 10.0.2.15 by DHCP, the host 10.0.2.2, the resolver 10.0.2.3. RULE is PROTOCOL:[ADDRESS]:PORT-[ADDRESS]:PORT, host before
    /// guest: tcp::2222-:22. With restrict=on forwarded ports are all there is. What the host answers is different in every run.
    #[arg(long = "net", value_name = "NETWORK", help_heading = headings::DEVICES, value_parser = NetArg::parse)]
    pub nets: Vec<NetArg>,
    /// A folder of the host in the next virtio slot: DIR,tag=NAME[,readonly]. The guest has it by
    /// `mount -t 9p -o trans=virtio,version=9p2000.L NAME /mnt`. A comma in DIR is doubled.
    #[arg(long = "share", value_name = "WORDS", help_heading = headings::DEVICES, value_parser = ShareArg::parse)]
    pub shares: Vec<ShareArg>,
    /// Seed of what is random in the machine.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// When virtual time begins, for the real-time clock: SECONDS since 1970, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss in UTC, host
    /// for the host's time (then no two runs are the same), or none for a machine without the clock.
    #[arg(long, value_name = "TIME", help_heading = headings::DEVICES, default_value = "2026-01-01", value_parser = RtcArg::parse)]
    pub rtc: RtcArg,
}

impl MachineArgs {
    /// The interrupt controllers.
    ///
    /// # Errors
    /// If there are guest interrupt files without IMSICs to have them.
    pub fn interrupts(&self) -> Result<Aia, String> {
        match (self.aia, self.aia_guests) {
            (AiaArg::AplicImsic, guests) => Ok(Aia::AplicImsic { guests }),
            (_, 1..) => Err("--aia-guests needs --aia aplic-imsic: guest interrupt files are an IMSIC's".to_owned()),
            (AiaArg::Aplic, 0) => Ok(Aia::Aplic),
            (AiaArg::None, 0) => Ok(Aia::None),
        }
    }
}

/// Parts of the Advanced Interrupt Architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AiaArg {
    /// A PLIC.
    #[default]
    None,
    /// An APLIC, which signals harts by lines.
    Aplic,
    /// An APLIC, which sends messages to IMSICs.
    AplicImsic,
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
