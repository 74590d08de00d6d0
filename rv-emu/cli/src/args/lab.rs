//! Options of `lab`.

use std::path::PathBuf;

use benches::lab::sweep::Sweep;
use benches::lab::{Sharing, Suppression};
use clap::{Args, Subcommand, ValueEnum};

/// Options of `lab`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every row is checked: data that did not arrive as it was sent makes it FAILED, and the exit code 1.
The same command gives the same rows on every machine, byte for byte, but for wall_seconds.

Examples:
  rv-emu lab uer                                     the console experiment, as a table
  rv-emu lab all --quick --out results               a first look at everything, with plots and a report
  rv-emu lab all --out results                       the whole lab; Ctrl-C loses nothing that is finished
  rv-emu lab all --out results --resume              goes on where it was
  rv-emu lab hcs --mechanisms vhost-user-poll,vhost-user-hcs --sizes 512 --sharing shared --models default
  rv-emu lab sweep trap-cost --of uer --plot plots   from which trap cost on a mechanism wins
  rv-emu lab uer --quick --json - | jq '.[].cycles'
  rv-emu lab path --mechanisms vhost,vhost-vei       what each does for one request, step by step
  rv-emu lab report results                          the report anew, from a folder of results")]
pub struct LabArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: LabCommand,
}

/// Subcommands of `lab`.
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// A guest prints to an emulated UART: trap and emulate against user-level exception redirection.
    Uer(RunArgs),
    /// A guest's network traffic: kicks by exits against virtual event interrupts.
    Vei(RunArgs),
    /// A guest's disk traffic: a polling backend process against one that hardware wakes.
    Hcs(RunArgs),
    /// Debian's Linux as the guest: trap and emulate against user-level exception redirection.
    Linux(RunArgs),
    /// All experiments, and prices.
    All(RunArgs),
    /// Prices of single operations: exits, redirections, sends, swaps.
    Price(RunArgs),
    /// One case of each experiment, again and again with one knob turned.
    Sweep(SweepArgs),
    /// What mechanisms do for one request: sequence diagrams, made of traces.
    Path(PathArgs),
    /// Make the report of a folder of results anew: one HTML page that needs nothing else.
    Report(ReportArgs),
    /// List mechanisms, experiments and their workloads.
    List,
}

/// Options of experiments.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What to run.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Where rows go.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `lab sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// What is varied.
    #[arg(value_enum)]
    pub kind: SweepKind,
    /// Over these experiments only, of those that the sweep is made over.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub of: Vec<String>,
    /// What to run.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Where rows go.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Sweeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SweepKind {
    /// The cost of a trap and its return, 0 to 4,000 cycles: from where on does a mechanism win? Over uer, vei and hcs.
    TrapCost,
    /// 1 to 3 guests that share the backend's core. Over hcs.
    Guests,
    /// The size of the harts' caches of the VEI map, 0 to 16 mappings. Over price and vei.
    MapCache,
    /// Every doubtful figure of the cost model, halved and doubled: does the ranking change? Over uer, vei and hcs.
    Costs,
}

impl SweepKind {
    /// The lab's word for it.
    pub fn value(self) -> Sweep {
        match self {
            SweepKind::TrapCost => Sweep::TrapCost,
            SweepKind::Guests => Sweep::Guests,
            SweepKind::MapCache => Sweep::MapCache,
            SweepKind::Costs => Sweep::Costs,
        }
    }
}

/// What to run; everything that isn't given is as the experiment itself says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectArgs {
    /// Few sizes and options, for a first look.
    #[arg(long)]
    pub quick: bool,
    /// Only these mechanisms; `rv-emu lab list` lists them.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub mechanisms: Vec<String>,
    /// Only these workloads.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub workloads: Vec<String>,
    /// These sizes: lines, or bytes with an optional K or M (of 1,024).
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = size)]
    pub sizes: Vec<u64>,
    /// Cost models: flat, default, linux, or TOML files. All three if not given; in a sweep, default.
    #[arg(long, visible_alias = "cost-model", value_name = "MODEL", value_delimiter = ',')]
    pub models: Vec<String>,
    /// How virtio devices suppress notifications.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub suppression: Vec<SuppressionArg>,
    /// Requests in flight.
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub qd: Vec<u32>,
    /// Whether other work runs on the backend's core.
    #[arg(long, value_enum)]
    pub sharing: Option<SharingArg>,
    /// HCS profiles: 1 banks the guest's registers, 0 leaves them to the handler.
    #[arg(long, value_name = "0|1", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(0..=1))]
    pub bank: Vec<u8>,
    /// Debian's kernel and programs, for experiment linux; else in target/debian, where `cargo xtask debian` leaves them.
    #[arg(long, value_name = "DIR")]
    pub linux: Option<PathBuf>,
    /// Seed of everything random in the guests.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Cycles of a hart's turn, at least 100.
    #[arg(long, value_name = "CYCLES", value_parser = clap::value_parser!(u64).range(100..))]
    pub quantum: Option<u64>,
    /// Runs at a time; as many as there are processors if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
}

/// Where rows go; always to standard output as a table.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Show all columns.
    #[arg(long)]
    pub wide: bool,
    /// Write rows as JSON; to standard output, in place of the table, without FILE or with -.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    pub json: Option<PathBuf>,
    /// Write rows as CSV; - is standard output, in place of the table.
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Draw plots (SVG) into a folder.
    #[arg(long, value_name = "DIR")]
    pub plot: Option<PathBuf>,
    /// Keep everything in a folder: rows as they are finished, then JSON, CSV, table, plots and report.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the results in the folder of --out, or add to them.
    #[arg(long, requires = "out")]
    pub resume: bool,
}

/// Options of `lab path`.
#[derive(Debug, Args)]
pub struct PathArgs {
    /// Only the paths of this experiment: uer, vei or hcs.
    #[arg(long, value_name = "NAME")]
    pub experiment: Option<String>,
    /// Only these mechanisms; `rv-emu lab list` lists them.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub mechanisms: Vec<String>,
    /// Whether other work runs on the backend's core.
    #[arg(long, value_enum)]
    pub sharing: Option<SharingArg>,
    /// Cost model: flat, default, linux, or a TOML file.
    #[arg(long, visible_alias = "cost-model", value_name = "MODEL", default_value = "default")]
    pub model: String,
    /// The form.
    #[arg(long, value_enum, default_value_t = PathFormat::Text)]
    pub format: PathFormat,
    /// A file for each path into a folder, in place of standard output.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Forms of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PathFormat {
    /// A line for each step.
    Text,
    /// A sequence diagram that readers of Markdown draw.
    Mermaid,
    /// A picture.
    Svg,
    /// Everything, for programs.
    Json,
    /// All paths in one document: docs/PATHS.md.
    Markdown,
}

/// Options of `lab report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The folder of --out.
    pub dir: PathBuf,
}

/// How notifications are suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SuppressionArg {
    /// By event indices.
    EventIdx,
    /// By the rings' flags.
    Flags,
    /// Not at all.
    None,
}

impl SuppressionArg {
    /// The lab's word for it.
    pub fn value(self) -> Suppression {
        match self {
            SuppressionArg::EventIdx => Suppression::EventIdx,
            SuppressionArg::Flags => Suppression::Flags,
            SuppressionArg::None => Suppression::None,
        }
    }
}

/// Who is on the backend's core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SharingArg {
    /// The backend alone.
    Own,
    /// Other work too.
    Shared,
    /// Both, one after the other.
    Both,
}

impl SharingArg {
    /// The choices.
    pub fn values(self) -> Vec<Sharing> {
        match self {
            SharingArg::Own => vec![Sharing::Own],
            SharingArg::Shared => vec![Sharing::Shared],
            SharingArg::Both => vec![Sharing::Own, Sharing::Shared],
        }
    }
}

/// A size with an optional suffix.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" => 1,
        "k" | "K" | "KiB" => 1 << 10,
        "m" | "M" | "MiB" => 1 << 20,
        suffix => return Err(format!("unknown suffix {suffix}: use K or M")),
    };
    let number: u64 = digits.replace('_', "").parse().map_err(|_| "not a number".to_owned())?;
    let size = number.checked_mul(factor).filter(|size| *size <= 1 << 30).ok_or("more than 1024M")?;
    if size == 0 { Err("a size of 0".to_owned()) } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use benches::lab::{experiments, sweep};

    use super::*;

    /// The help says over which experiments a sweep is made, and from where to where.
    #[test]
    fn sweeps_are_what_help_says() {
        let ends = |values: &[u64]| (values[0], values[values.len() - 1]);
        let guests: Vec<u64> = sweep::GUESTS.iter().map(|guests| u64::from(*guests)).collect();
        let caches: Vec<u64> = sweep::MAP_CACHES.iter().map(|entries| u64::from(*entries)).collect();
        for kind in SweepKind::value_variants() {
            let help = kind.to_possible_value().and_then(|value| Some(value.get_help()?.to_string())).unwrap();
            let range = match kind {
                SweepKind::TrapCost => Some(ends(sweep::TRAP_COSTS)),
                SweepKind::Guests => Some(ends(&guests)),
                SweepKind::MapCache => Some(ends(&caches)),
                SweepKind::Costs => None,
            };
            if let Some((from, to)) = range {
                assert!(help.replace(',', "").contains(&format!("{from} to {to} ")), "{help}");
            }
            let (_, over) = help.rsplit_once("ver ").unwrap();
            for experiment in experiments::ALL {
                let named = over.contains(experiment.name);
                assert_eq!(named, kind.value().experiments().contains(&experiment.name), "{help}");
            }
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("64"), Ok(64));
        assert_eq!(size("16K"), Ok(16 << 10));
        assert_eq!(size("100_000"), Ok(100_000));
        for bad in ["", "0", "K", "1T", "2000M", "-1", "18446744073709551615M"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
