//! The command line: the one place from which options and help come.

mod conformance;
pub mod devices;
pub mod drive;
mod lab;
pub mod net;
mod rtc;
pub mod share;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use rv_isa::IsaSet;

pub use conformance::{ConformanceArgs, ConformanceCommand, ElfArgs, EmitArgs, SuiteArgs};
pub use devices::ConsoleArg;
pub use drive::DriveArg;
pub use lab::{LabArgs, LabCommand, OutputArgs, PathArgs, PathFormat, SelectArgs, SharingArg, SweepArgs};
pub use net::NetArg;
pub use rtc::RtcArg;
pub use share::ShareArg;

use crate::trace::TraceArgs;

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

/// Options of `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: the guest's own (HTIF, test finisher; values above 255 become 255);
124 when --max-insns is reached; 125 when rv-emu itself fails, or nothing can wake the machine.

On a terminal: Ctrl-A x quits, Ctrl-A h helps, Ctrl-A Ctrl-A sends a Ctrl-A.

Examples:
  rv-emu run test.elf                                a bare program, started in M-mode
  rv-emu run --bios fw_jump.bin --kernel Image       firmware and a kernel
  rv-emu run --kernel hyp.elf --initrd files.cpio    a kernel on the built-in firmware
  rv-emu run --kernel Image --drive file=disk.img    a kernel with a disk (virtio-blk)")]
pub struct RunArgs {
    /// A bare program, started in M-mode: ELF, or raw bytes for the start of memory.
    #[arg(conflicts_with = "bios", required_unless_present_any = ["bios", "kernel", "dump_dtb"])]
    pub image: Option<PathBuf>,
    /// Firmware, started in M-mode at 0x80000000: ELF or raw. Default with --kernel: the built-in firmware.
    #[arg(long, value_name = "FILE")]
    pub bios: Option<PathBuf>,
    /// A kernel, started in S-mode by the firmware: ELF, or raw bytes for 0x80200000.
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// Initial archive, announced in the device tree.
    #[arg(long, value_name = "FILE")]
    pub initrd: Option<PathBuf>,
    /// Kernel command line.
    #[arg(long, value_name = "TEXT")]
    pub append: Option<String>,
    /// Machine options.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Stop when all harts together have retired this many instructions.
    #[arg(long, value_name = "N")]
    pub max_insns: Option<u64>,
    /// What happens when all harts wait for a timer: the host waits as long (real), or time jumps (skip). Auto waits while input can come.
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub idle: Idle,
    /// Write the machine's device tree to a file, and exit.
    #[arg(long, value_name = "FILE")]
    pub dump_dtb: Option<PathBuf>,
    /// At the end, write the words from begin_signature to end_signature in hexadecimal.
    #[arg(long, value_name = "FILE")]
    pub signature: Option<PathBuf>,
    /// Bytes of a word of the signature.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = granularity)]
    pub signature_granularity: usize,
    /// At the end, print counters to standard error.
    #[arg(long)]
    pub stats: bool,
    /// Trace options.
    #[command(flatten)]
    pub trace: TraceArgs,
}

/// What happens when all harts wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Idle {
    /// As `real` while input can come, else as `skip`.
    #[default]
    Auto,
    /// The host waits too, so that virtual time doesn't run ahead of the host's.
    Real,
    /// Time jumps to the next event.
    Skip,
}

impl Idle {
    /// Whether the host waits, when input can still come or not.
    pub fn waits(self, input_open: bool) -> bool {
        match self {
            Self::Auto => input_open,
            Self::Real => true,
            Self::Skip => false,
        }
    }
}

/// Options that describe a machine.
#[derive(Debug, Args)]
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
    #[arg(long, value_name = "MODEL", default_value = "default")]
    pub cost_model: String,
    /// Cycles of a hart's turn, at least 100: what one hart does is seen by the others after that long at most.
    #[arg(long, value_name = "CYCLES", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(100..))]
    pub quantum: u64,
    /// Give the harts the HA-IOV extension.
    #[arg(long)]
    pub haiov: bool,
    /// A disk in the next virtio slot, of 8 that all virtio devices share: file=PATH[,readonly][,instant] or
    /// ram=SIZE, and id=NAME. Requests to a file take the cost model's time, or none with `instant`; a disk in memory takes none,
    /// and is gone at the end. A file may be a qcow2 image, which is seen by its beginning unless format=raw or format=qcow2 says
    /// what it is; backing files are read only with format=qcow2. With overlay=FILE what is written goes to FILE, which is made
    /// if it isn't there; with snapshot it is gone at the end. A comma in PATH is doubled.
    #[arg(long = "drive", value_name = "WORDS", value_parser = DriveArg::parse)]
    pub drives: Vec<DriveArg>,
    /// Where the terminal is connected to; a virtio console takes the slot behind the disks.
    #[arg(long, value_enum, default_value_t = ConsoleArg::Uart)]
    pub console: ConsoleArg,
    /// A source of random bytes (virtio-rng) in the next virtio slot: the same bytes in every run, as --seed has them.
    #[arg(long)]
    pub rng: bool,
    /// A network card (virtio-net) in the next virtio slot: user[,hostfwd=RULE]...[,restrict=on][,mac=ADDRESS]. The guest is
    /// 10.0.2.15 by DHCP, the host 10.0.2.2, the resolver 10.0.2.3. RULE is PROTOCOL:[ADDRESS]:PORT-[ADDRESS]:PORT, host before
    /// guest: tcp::2222-:22. With restrict=on forwarded ports are all there is. What the host answers is different in every run.
    #[arg(long = "net", value_name = "WORDS", value_parser = NetArg::parse)]
    pub nets: Vec<NetArg>,
    /// A folder of the host in the next virtio slot: DIR,tag=NAME[,readonly]. The guest has it by
    /// `mount -t 9p -o trans=virtio,version=9p2000.L NAME /mnt`. A comma in DIR is doubled.
    #[arg(long = "share", value_name = "WORDS", value_parser = ShareArg::parse)]
    pub shares: Vec<ShareArg>,
    /// Seed of what is random in the machine.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// When virtual time begins, for the real-time clock: SECONDS since 1970, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss in UTC, host
    /// for the host's time (then no two runs are the same), or none for a machine without the clock.
    #[arg(long, value_name = "TIME", default_value = "2026-01-01", value_parser = RtcArg::parse)]
    pub rtc: RtcArg,
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
