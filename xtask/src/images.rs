//! Guest images: one table of all of them, how they are built, and whether
//! those that are checked in are what their sources would give.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::manifest::{Entry, Manifest};
use crate::sources;
use crate::toolchain::{Toolchain, run};

/// Where images are.
const FOLDER: &str = "guest-sw/images";

/// All images together stay small enough for a source tree.
const TOTAL_SIZE_MAX: u64 = 2 << 20;

/// Without floating point: for programs whose floating-point registers belong
/// to somebody else.
const IMAC: &str = "riscv64imac-unknown-none-elf";
/// With it.
const GC: &str = "riscv64gc-unknown-none-elf";

/// One program that runs on the machine. Its image is `NAME.elf`.
struct Image {
    name: &'static str,
    workspace: &'static str,
    package: &'static str,
    target: &'static str,
}

const fn image(name: &'static str, workspace: &'static str, package: &'static str, target: &'static str) -> Image {
    Image { name, workspace, package, target }
}

/// Every image, by the name of its program in `package`.
const IMAGES: &[Image] = &[
    image("firmware", "guest-sw", "firmware", IMAC),
    image("console", "guest-sw", "console", IMAC),
    image("block", "guest-sw", "block", IMAC),
    image("net", "guest-sw", "net", IMAC),
    image("work", "guest-sw", "work", IMAC),
    image("mark", "guest-sw", "mark", IMAC),
    image("sbi-check", "guest-sw", "sbi-check", IMAC),
    image("speed-integer", "guest-sw", "speed", GC),
    image("speed-branches", "guest-sw", "speed", GC),
    image("speed-sort", "guest-sw", "speed", GC),
    image("speed-memcpy", "guest-sw", "speed", GC),
    image("speed-matrix", "guest-sw", "speed", GC),
    image("speed-chase", "guest-sw", "speed", GC),
    image("speed-guest-chase", "guest-sw", "speed", GC),
    image("speed-syscall", "guest-sw", "speed", GC),
    image("speed-exits", "guest-sw", "speed", GC),
    image("lightkvm", "guest-sw", "lightkvm", GC),
    image("hyp", "hyp", "hyp-kernel", IMAC),
    image("vmm", "hyp", "hyp-vmm", IMAC),
    image("osvmm", "hyp", "hyp-vmm", IMAC),
    image("backend", "hyp", "hyp-backend", IMAC),
    image("peer", "hyp", "hyp-peer", IMAC),
    image("veitest", "hyp", "hyp-veitest", IMAC),
    image("churn", "hyp", "hyp-churn", IMAC),
    image("selftest", "hyp", "hyp-selftest", IMAC),
];

impl Image {
    fn file(&self, root: &Path) -> PathBuf {
        root.join(FOLDER).join(format!("{}.elf", self.name))
    }

    fn build(&self, root: &Path) -> Result<Entry> {
        let toolchain = Toolchain::find(self.target)?;
        let target_folder = target_folder(root).join("images");
        let mut cargo = toolchain.cargo(self.target);
        cargo
            .current_dir(root.join(self.workspace))
            .args(["build", "--release", "--target", self.target])
            .args(["--package", self.package, "--bin", self.name])
            .args(["--config", "profile.release.strip='debuginfo'"])
            .args(["--config", &self.flags(root, &toolchain)])
            .arg("--target-dir")
            .arg(&target_folder);
        run(cargo)?;
        let built = target_folder.join(self.target).join("release").join(self.name);
        let bytes = fs::read(&built).with_context(|| built.display().to_string())?;
        fs::write(self.file(root), &bytes)?;
        let sources = sources::of_package(root, self.workspace, self.package)?;
        Ok(Entry {
            sources_sha256: sources::hash(root, &sources)?,
            sources,
            target: self.target.to_owned(),
            rustc: toolchain.version,
            size: bytes.len() as u64,
            sha256: sources::hash_bytes(&bytes),
        })
    }

    /// Compiler flags that keep this machine's folders out of the image, so
    /// that the same sources give the same bytes wherever they lie; and the
    /// assembler's labels, which would be most of its symbols.
    fn flags(&self, root: &Path, toolchain: &Toolchain) -> String {
        let mut places = vec![(root.to_path_buf(), "/project")];
        places.extend(cargo_home().map(|home| (home, "/cargo")));
        places.extend(toolchain.library_sources().into_iter().map(|sources| (sources, "/rust")));
        let remap = |(from, to): &(PathBuf, &str)| format!("'--remap-path-prefix={}={to}'", from.display());
        let mut flags: Vec<String> = places.iter().map(remap).collect();
        flags.push("'-Clink-arg=--discard-locals'".to_owned());
        format!("target.{}.rustflags=[{}]", self.target, flags.join(","))
    }

    /// Why the image isn't what its sources would give, if it isn't.
    fn staleness(&self, root: &Path, manifest: &Manifest) -> Result<Option<String>> {
        let Some(entry) = manifest.images.get(self.name) else {
            return Ok(Some("never built".to_owned()));
        };
        let Ok(bytes) = fs::read(self.file(root)) else {
            return Ok(Some("not there".to_owned()));
        };
        if sources::hash_bytes(&bytes) != entry.sha256 {
            return Ok(Some("not the image that the manifest names".to_owned()));
        }
        let sources = sources::of_package(root, self.workspace, self.package)?;
        let same = sources == entry.sources && sources::hash(root, &sources)? == entry.sources_sha256;
        Ok((!same).then(|| "its sources have changed".to_owned()))
    }
}

fn cargo_home() -> Option<PathBuf> {
    let named = env::var_os("CARGO_HOME").map(PathBuf::from);
    named.or_else(|| Some(env::home_dir()?.join(".cargo")))
}

fn target_folder(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn named(names: &[String]) -> Result<Vec<&'static Image>> {
    for name in names {
        let known = IMAGES.iter().any(|image| image.name == name);
        ensure!(known, "no image is called {name}; there are {}", all_names());
    }
    let wanted = |image: &&Image| names.is_empty() || names.iter().any(|name| name == image.name);
    Ok(IMAGES.iter().filter(wanted).collect())
}

fn all_names() -> String {
    IMAGES.iter().map(|image| image.name).collect::<Vec<_>>().join(", ")
}

/// Builds images and notes in the manifest what from.
pub fn build(root: &Path, names: &[String]) -> Result<bool> {
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder)?;
    for image in named(names)? {
        let entry = image.build(root).with_context(|| format!("image {}", image.name))?;
        println!("{:>8} bytes  {}", entry.size, image.name);
        // Read anew each time: an error later leaves the earlier ones noted.
        let mut manifest = Manifest::read(&folder)?;
        manifest.images.insert(image.name.to_owned(), entry);
        manifest.images.retain(|name, _| IMAGES.iter().any(|image| image.name == name));
        manifest.write(&folder)?;
    }
    let total: u64 = Manifest::read(&folder)?.images.values().map(|entry| entry.size).sum();
    ensure!(total <= TOTAL_SIZE_MAX, "the images have {total} bytes together, more than {TOTAL_SIZE_MAX}");
    Ok(true)
}

/// Says which images are stale; whether none is.
pub fn check(root: &Path, names: &[String]) -> Result<bool> {
    let manifest = Manifest::read(&root.join(FOLDER))?;
    let mut fresh = true;
    for image in named(names)? {
        if let Some(reason) = image.staleness(root, &manifest)? {
            println!("stale: {}: {reason}", image.name);
            fresh = false;
        }
    }
    if !fresh {
        println!("`cargo xtask images` builds them");
    }
    Ok(fresh)
}

/// Runs cargo in a riscv64 workspace, for the target that its own settings
/// name or the one in `--target`.
pub fn run_cargo(root: &Path, workspace: &Path, arguments: &[String]) -> Result<bool> {
    let target = IMAGES.iter().find(|image| Path::new(image.workspace) == workspace);
    let explicit = arguments.iter().position(|argument| argument == "--target");
    let target = match explicit.and_then(|index| arguments.get(index + 1)) {
        Some(target) => target.as_str(),
        None if workspace == Path::new("guest-sw") => GC,
        None => target.context("not a riscv64 workspace")?.target,
    };
    let toolchain = Toolchain::find(target)?;
    let mut command: Command = match arguments.first().map(String::as_str) {
        Some("clippy") => toolchain.clippy(target),
        _ => toolchain.cargo(target),
    };
    command.current_dir(root.join(workspace)).args(arguments);
    command.env("CARGO_TARGET_DIR", target_folder(root).join("images"));
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    Ok(status.success())
}
