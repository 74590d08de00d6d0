//! Options of `run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{MachineArgs, granularity, headings, seconds};
use crate::trace::TraceArgs;

/// Options of `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: the guest's own (HTIF, test finisher; values above 255 become 255);
123 when --timeout is over; 124 when --max-insns or --max-seconds is reached;
125 when rv-emu itself fails, or nothing can wake the machine;
2 when the command line is wrong.

On a terminal: Ctrl-A x quits, Ctrl-A h helps, Ctrl-A Ctrl-A sends a Ctrl-A.

Examples:
  rv-emu run test.elf                                a bare program, started in M-mode
  rv-emu run --kernel Image --initrd files.cpio      a kernel on the built-in firmware
  rv-emu run --kernel vmlinuz --append console=ttyS0 a packed kernel (gzip, zstd, self-extracting EFI)
  rv-emu run --bios fw_jump.bin --kernel Image       firmware and a kernel
  rv-emu run --bios fw_dynamic.bin --kernel u-boot.bin --drive file=disk.img
                                                     U-Boot, which starts what is on the disk
  rv-emu run --kernel Image --drive file=disk.img    a kernel with a disk (virtio-blk)
  rv-emu run --machine virt.toml --harts 4           a machine in a file, but with four harts
  rv-emu run --machine virt.toml --check             what that machine would be

A machine file is TOML: its keys are the long names of the options under Software, Machine and
Devices, its values what they would be given; files are relative to its folder, and what is given on
the command line takes the place of the file's. A list of words may be a table:
  kernel = \"Image\"
  memory = \"1G\"
  drive = [{ file = \"disk.img\", readonly = true }]")]
pub struct RunArgs {
    /// A bare program, started in M-mode: ELF, or raw bytes for the start of memory.
    #[arg(conflicts_with = "bios", help_heading = headings::SOFTWARE,
        required_unless_present_any = ["bios", "kernel", "dump_dtb", "machine_file", "machine_schema"])]
    pub image: Option<PathBuf>,
    /// Firmware, started in M-mode at 0x80000000: ELF or raw. Default with --kernel: the built-in firmware.
    #[arg(long, value_name = "FILE", help_heading = headings::SOFTWARE)]
    pub bios: Option<PathBuf>,
    /// A kernel, started in S-mode by the firmware: ELF, a Linux Image, or raw bytes for 0x80200000; also packed by gzip or zstd, or
    /// self-extracting EFI (vmlinuz).
    #[arg(long, value_name = "FILE", help_heading = headings::SOFTWARE)]
    pub kernel: Option<PathBuf>,
    /// Initial archive, announced in the device tree.
    #[arg(long, value_name = "FILE", help_heading = headings::SOFTWARE)]
    pub initrd: Option<PathBuf>,
    /// Kernel command line.
    #[arg(long, value_name = "TEXT", help_heading = headings::SOFTWARE)]
    pub append: Option<String>,
    /// A device tree to hand over instead of the machine's own. Its command line is replaced by --append, if given, and it gets the place of
    /// --initrd; the rest stays. The memory that it speaks of must be there.
    #[arg(long, value_name = "FILE", help_heading = headings::SOFTWARE)]
    pub dtb: Option<PathBuf>,
    /// A machine described in a TOML file: see below.
    #[arg(long = "machine", value_name = "FILE")]
    pub machine_file: Option<PathBuf>,
    /// Load everything, say what the machine is, and don't run it.
    #[arg(long)]
    pub check: bool,
    /// Print the JSON schema of machine files, and exit.
    #[arg(long)]
    pub machine_schema: bool,
    /// Machine options.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// The other end of the serial port: standard input and output, nothing, or a file that gets what is sent.
    #[arg(long, value_name = "stdio|null|FILE", default_value = "stdio", value_parser = serial, help_heading = headings::DEVICES)]
    pub serial: Serial,
    /// Stop when all harts together have retired this many instructions.
    #[arg(long, value_name = "N", help_heading = headings::LIMITS)]
    pub max_insns: Option<u64>,
    /// Stop when this much virtual time has passed, at the end of a turn.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = headings::LIMITS)]
    pub max_seconds: Option<Duration>,
    /// Stop when this much time has passed on the host's clock. Where that is differs from run to run.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, help_heading = headings::LIMITS)]
    pub timeout: Option<Duration>,
    /// What happens when all harts wait for a timer: the host waits as long (real), or time jumps (skip). Auto waits while input can come.
    #[arg(long, value_name = "HOW", value_enum, default_value_t, hide_possible_values = true, help_heading = headings::LIMITS)]
    pub idle: Idle,
    /// Write the device tree that software would find to a file, and exit.
    #[arg(long, value_name = "FILE", help_heading = headings::LOOKING)]
    pub dump_dtb: Option<PathBuf>,
    /// At the end, write the words from begin_signature to end_signature in hexadecimal.
    #[arg(long, value_name = "FILE", help_heading = headings::LOOKING)]
    pub signature: Option<PathBuf>,
    /// Bytes of a word of the signature.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = granularity, help_heading = headings::LOOKING)]
    pub signature_granularity: usize,
    /// At the end, print counters to standard error.
    #[arg(long, help_heading = headings::LOOKING)]
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

/// The other end of the serial port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serial {
    /// Standard input and output.
    Stdio,
    /// Nothing: no input, and output is dropped.
    Null,
    /// No input, and output goes to a file.
    File(PathBuf),
}

fn serial(text: &str) -> Result<Serial, String> {
    match text {
        "" => Err("the file's name is missing".to_owned()),
        "stdio" => Ok(Serial::Stdio),
        "null" => Ok(Serial::Null),
        file => Ok(Serial::File(file.into())),
    }
}
