//! Project chores that aren't the compiler's: guest images, which need another
//! compiler, and the checks of the house's own rules.

mod debian;
mod images;
mod manifest;
mod sources;
mod tidy;
mod toolchain;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Project chores", disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build the guest images ahead, into guest-sw/images
    Images {
        /// Only say what is stale; exit with 1 if anything is
        #[arg(long)]
        check: bool,
        /// Images to build or check; all if none is named
        names: Vec<String>,
    },
    /// Run cargo in a riscv64 workspace with whichever toolchain can build it
    Riscv {
        /// The workspace's folder, such as hyp
        workspace: PathBuf,
        /// What cargo is to do, such as `clippy -p hyp-kernel`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        arguments: Vec<String>,
    },
    /// Fetch Debian's kernel and programs for riscv64, which tests and benchmarks run, with apt-get
    Debian {
        /// The folder that they go to
        #[arg(long, value_name = "DIR", default_value = "target/debian")]
        into: PathBuf,
        /// Fetch anew what is there
        #[arg(long)]
        again: bool,
    },
    /// Check the rules of style that no compiler knows
    Tidy,
}

/// The project's top folder: where this crate's folder lies.
fn root() -> Result<PathBuf> {
    let folder = env::var_os("CARGO_MANIFEST_DIR").context("run it as `cargo xtask`")?;
    let parent = Path::new(&folder).parent();
    Ok(parent.context("xtask lies in the project's top folder")?.to_path_buf())
}

fn main() -> ExitCode {
    match run(Arguments::parse().chore) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Does a chore; whether it found everything in order.
fn run(chore: Chore) -> Result<bool> {
    let root = root()?;
    match chore {
        Chore::Images { check: true, names } => images::check(&root, &names),
        Chore::Images { check: false, names } => images::build(&root, &names),
        Chore::Riscv { workspace, arguments } => images::run_cargo(&root, &workspace, &arguments),
        Chore::Debian { into, again } => debian::fetch(&root.join(into), again),
        Chore::Tidy => tidy::check(&root),
    }
}
