//! Finds a compiler for riscv64: one that has the target's libraries, or else
//! one that has the sources of `core` and can build them by itself.
//!
//! The second is what machines without rustup's servers have: Debian packages
//! a compiler with its sources (`rustc-web`, `rust-web-src`), which the host's
//! cargo drives. Compiler and sources must be of one version, so both are
//! always taken from the same place.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// A compiler that can build for a target.
pub struct Toolchain {
    rustc: PathBuf,
    /// What `rustc --version` says.
    pub version: String,
    builds_core: bool,
    linker: Option<PathBuf>,
}

/// Debian's compiler, which isn't the first in the path where rustup is.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

const HOW_TO_GET_ONE: &str = "\
no compiler for {target} found. Either
  rustup target add {target}
or, where that cannot download, on Debian
  apt-get install rustc-web rust-web-src";

impl Toolchain {
    /// The first compiler that can build for `target`.
    pub fn find(target: &str) -> Result<Self> {
        let named = env::var_os("RUSTC").map(PathBuf::from);
        let candidates: Vec<PathBuf> = named.into_iter().chain(["rustc".into(), DEBIAN_RUSTC.into()]).collect();
        let installed = candidates.iter().find_map(|rustc| Self::with_target(rustc, target));
        let found = installed.or_else(|| candidates.iter().find_map(|rustc| Self::with_sources(rustc)));
        found.with_context(|| HOW_TO_GET_ONE.replace("{target}", target))
    }

    fn with_target(rustc: &Path, target: &str) -> Option<Self> {
        let sysroot = sysroot(rustc)?;
        let libraries = sysroot.join("lib/rustlib").join(target).join("lib");
        libraries.is_dir().then_some(())?;
        Some(Self {
            rustc: rustc.to_path_buf(),
            version: output(rustc, &["--version"])?,
            builds_core: false,
            linker: None,
        })
    }

    fn with_sources(rustc: &Path) -> Option<Self> {
        let sources = sysroot(rustc)?.join("lib/rustlib/src/rust/library/core");
        sources.is_dir().then_some(())?;
        Some(Self {
            rustc: rustc.to_path_buf(),
            version: output(rustc, &["--version"])?,
            builds_core: true,
            linker: Some(find_linker(rustc)?),
        })
    }

    /// Cargo, set up to use this compiler for `target`.
    pub fn cargo(&self, target: &str) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        self.set_environment(&mut cargo, target);
        cargo
    }

    /// Clippy of this compiler: it must be of the compiler's own version when
    /// it is to check against libraries that the compiler built.
    pub fn clippy(&self, target: &str) -> Command {
        let beside = self.rustc.with_file_name("cargo-clippy");
        if !self.builds_core || !beside.is_file() {
            return self.cargo(target);
        }
        let mut clippy = Command::new(beside);
        self.set_environment(&mut clippy, target);
        clippy
    }

    fn set_environment(&self, command: &mut Command, target: &str) {
        command.env("RUSTC", &self.rustc);
        // Flags from outside would replace those of the workspaces.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        if self.builds_core {
            command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_UNSTABLE_BUILD_STD", "core,alloc");
        }
        if let Some(linker) = &self.linker {
            let variable = target.to_uppercase().replace('-', "_");
            command.env(format!("CARGO_TARGET_{variable}_LINKER"), linker);
        }
    }

    /// Where the compiler's libraries' sources are, if it builds them: as it
    /// names the folder, and without the links on the way.
    pub fn library_sources(&self) -> Vec<PathBuf> {
        let Some(sysroot) = sysroot(&self.rustc).filter(|_| self.builds_core) else {
            return Vec::new();
        };
        let named = sysroot.join("lib/rustlib/src/rust");
        let real = named.canonicalize().into_iter();
        real.chain([named]).collect()
    }
}

/// The linker that comes with rustup's compilers, or one of the path.
fn find_linker(rustc: &Path) -> Option<PathBuf> {
    let own = [rustc, Path::new("rustc")].into_iter().find_map(|rustc| {
        let host = output(rustc, &["--print", "host-tuple"])?;
        let linker = sysroot(rustc)?.join("lib/rustlib").join(host).join("bin/rust-lld");
        linker.is_file().then_some(linker)
    });
    own.or_else(|| {
        let path = env::var_os("PATH")?;
        let mut folders = env::split_paths(&path);
        folders.find_map(|folder| {
            let names = ["rust-lld", "ld.lld"];
            names.map(|name| folder.join(name)).into_iter().find(|file| file.is_file())
        })
    })
}

fn sysroot(rustc: &Path) -> Option<PathBuf> {
    output(rustc, &["--print", "sysroot"]).map(PathBuf::from)
}

fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Runs a command to its end; an error says what it was.
pub fn run(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed: {status}");
    }
    Ok(())
}
