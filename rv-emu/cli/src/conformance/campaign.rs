//! `rv-emu conformance campaign`: random programs against machines that others wrote.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use conformance::campaign::coverage::Coverage;
use conformance::campaign::elf::executable;
use conformance::campaign::generate::Recipe;
use conformance::campaign::peers::Wanted;
use conformance::campaign::regression::{Regression, listing};
use conformance::campaign::run::{Options, campaign as run_campaign};
use rv_hart::Mode;

/// Options of `campaign`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 if nothing differs, 1 if something does, 125 if a machine doesn't run.

Examples:
  rv-emu conformance campaign --time 60                          a minute against whatever is there
  rv-emu conformance campaign --insns 50000000 --json all.json   fifty million instructions, with full coverage
  rv-emu conformance campaign --modes VS,VU --seed 7             guests only
  rv-emu conformance campaign replay 00f1.json                   a regression again, on all machines")]
pub struct CampaignArgs {
    #[command(subcommand)]
    command: Option<CampaignCommand>,
    /// Machines to compare with.
    #[command(flatten)]
    machines: Machines,
    /// Everything follows from it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Stop after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    time: Option<u64>,
    /// Stop after so many programs [default: 100, if nothing else is given].
    #[arg(long, value_name = "N")]
    programs: Option<u64>,
    /// Stop after so many instructions compared.
    #[arg(long, value_name = "N")]
    insns: Option<u64>,
    /// Programs at a time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Extensions to draw instructions from, as the instruction table names them (I,M,A,F,D,H…).
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    filter_extensions: Vec<String>,
    /// Modes to start in.
    #[arg(long, value_name = "MODES", value_delimiter = ',', default_value = "M,HS,U,VS,VU")]
    modes: Vec<String>,
    /// Write everything that was counted to a file, again and again.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the smallest programs that show differences to a folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seconds to spend on making one small.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    shrink: u64,
}

#[derive(Debug, Args)]
struct Machines {
    /// spike, qemu, blocks (our own other engine), or auto: blocks, and spike or else qemu if they are there.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "auto", global = true)]
    against: Vec<String>,
    /// Where Spike is [default: $SPIKE, or on the path].
    #[arg(long, value_name = "FILE", global = true)]
    spike: Option<PathBuf>,
    /// Where QEMU is [default: qemu-system-riscv64, on the path].
    #[arg(long, value_name = "FILE", global = true)]
    qemu: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum CampaignCommand {
    /// Run regressions again.
    Replay {
        /// Their files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Write the program as an executable, for other tools.
        #[arg(long, value_name = "FILE")]
        elf: Option<PathBuf>,
    },
}

/// Runs a campaign, or replays regressions.
///
/// # Errors
/// If a machine doesn't run, or a file can't be read or written.
pub fn campaign(args: &CampaignArgs) -> Result<ExitCode> {
    let Machines { against, spike, qemu } = &args.machines;
    let wanted = Wanted { names: against.clone(), spike: spike.clone(), qemu: qemu.clone() };
    if let Some(CampaignCommand::Replay { files, elf }) = &args.command {
        return replay(files, elf.as_deref(), &wanted);
    }
    let opponents = wanted.find()?;
    for opponent in &opponents {
        eprintln!("against {} {} {}", opponent.version, opponent.program.display(), opponent.cpu);
    }
    let recipe =
        Recipe::new(|isa| isa.rows().any(|row| includes(&args.filter_extensions, row.name)), &modes(&args.modes)?);
    let endless = args.time.is_none() && args.insns.is_none();
    let options = Options {
        seed: args.seed,
        time: args.time.map(Duration::from_secs),
        programs: args.programs.or(if endless { Some(100) } else { None }),
        insns: args.insns,
        jobs: args.jobs,
        out: args.out.clone(),
        json: args.json.clone(),
        shrink: Duration::from_secs(args.shrink),
    };
    let totals = run_campaign(&options, &recipe, &opponents, &|line| eprintln!("{line}"))?;
    print!("{}", totals.summary());
    Ok(ExitCode::from(u8::from(!totals.clean())))
}

fn includes(names: &[String], name: &str) -> bool {
    names.is_empty() || names.iter().any(|other| other.eq_ignore_ascii_case(name))
}

fn modes(names: &[String]) -> Result<Vec<Mode>> {
    let found: Vec<Mode> = Mode::ALL.into_iter().filter(|mode| includes(names, mode.name())).collect();
    if found.is_empty() {
        bail!("no such mode: {}", names.join(","));
    }
    Ok(found)
}

fn replay(files: &[PathBuf], elf: Option<&Path>, wanted: &Wanted) -> Result<ExitCode> {
    let mut clean = true;
    let scratch = std::env::temp_dir().join(format!("replay-{}.elf", std::process::id()));
    for file in files {
        let regression = Regression::read(file)?;
        println!("{}: {}", file.display(), regression.note);
        if let Some(elf) = elf {
            std::fs::write(elf, executable(&regression.image()?))?;
        }
        for opponent in wanted.find()? {
            let run = opponent.run(&regression.image()?, &scratch, &mut Coverage::new())?;
            match run.difference {
                None => println!("  {}: no difference, {:?}", opponent.version, run.ending),
                Some(difference) => {
                    clean = false;
                    println!("  {}: {}", opponent.version, difference.signature());
                    println!("  {} ours {:#x} theirs {:#x}", difference.item, difference.ours, difference.theirs);
                    listing(&run).iter().for_each(|line| println!("    {line}"));
                }
            }
        }
    }
    let _ = std::fs::remove_file(scratch);
    Ok(ExitCode::from(u8::from(!clean)))
}
