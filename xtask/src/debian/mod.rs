//! Debian's kernel and programs for riscv64, for the tests that run software whose authors never saw this project.
//!
//! Any package of a distribution for another architecture can be had without being root: apt-get does it with lists, a cache and a state of
//! its own, from the mirror that the machine itself uses. Nothing of it is part of the project; it goes to `target/debian`, laid out as
//! `benches::linux::Debian` describes.

mod apt;
mod modules;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use apt::Apt;

/// Where Debian's own names for things lead.
const FIRMWARE: &str = "usr/lib/riscv64-linux-gnu/opensbi/generic";
const U_BOOT: &str = "usr/lib/u-boot";
/// Packages of which single files are taken.
const SINGLE: [&str; 3] = ["busybox-static", "opensbi", "u-boot-qemu"];
/// Packages that make the root file system, with all that they depend on.
const ROOT: [&str; 8] = ["base-files", "bash", "coreutils", "fio", "kmod", "login", "netperf", "util-linux"];
/// The last thing that is written: what is there is complete.
const DONE: &str = "packages.txt";

/// Fetches everything into `folder`, unless it is there already.
pub fn fetch(folder: &Path, again: bool) -> Result<bool> {
    if folder.join(DONE).is_file() && !again {
        println!("{} is complete; --again fetches anew", folder.display());
        return Ok(true);
    }
    fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    let _ = fs::remove_file(folder.join(DONE));
    let apt = Apt::new(&folder.join("apt"))?;
    let kernel = apt.newest("linux-image-6.", "-riscv64")?;
    println!("kernel: {kernel}");
    let single: Vec<&str> = SINGLE.iter().copied().chain([kernel.as_str()]).collect();
    let unpacked = folder.join("unpacked");
    let mut packages = apt.download(&single)?;
    unpack(&packages, &unpacked)?;
    pick(&folder, &unpacked)?;
    let root = folder.join("root");
    let closure = apt.download_all(&ROOT)?;
    unpack(&closure, &root)?;
    packages.extend(closure);
    fs::remove_dir_all(&unpacked)?;
    apt.remove()?;
    write_list(&folder, &packages)?;
    println!("{} is complete: {} packages", folder.display(), packages.len());
    Ok(true)
}

/// Unpacks packages into an empty folder. What the archives belong to is not kept: whoever runs this need not be root.
fn unpack(packages: &[PathBuf], folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("can't empty {}", folder.display()))?;
    }
    for package in packages {
        run(Command::new("dpkg-deb").arg("-x").arg(package).arg(folder))?;
    }
    Ok(())
}

/// Takes kernel, modules, busybox and firmware out of the unpacked packages.
fn pick(folder: &Path, unpacked: &Path) -> Result<()> {
    let kernel = only(&unpacked.join("boot"), "vmlinu")?;
    copy(&kernel, &folder.join("Image"))?;
    copy(&unpacked.join("usr/bin/busybox"), &folder.join("busybox"))?;
    for file in ["fw_dynamic.bin", "fw_jump.bin"] {
        copy(&unpacked.join(FIRMWARE).join(file), &folder.join("firmware").join(file))?;
    }
    for kind in ["qemu-riscv64", "qemu-riscv64_smode"] {
        let file = Path::new(kind).join("u-boot.bin");
        copy(&unpacked.join(U_BOOT).join(&file), &folder.join("u-boot").join(&file))?;
    }
    let tree = only(&unpacked.join("usr/lib/modules"), "6.")?;
    modules::pick(&tree.join("kernel"), &folder.join("modules"))
}

/// The one entry of a folder whose name begins so.
fn only(folder: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push(entry.path());
        }
    }
    match found.pop() {
        Some(path) if found.is_empty() => Ok(path),
        _ => bail!("{} has not exactly one {prefix}*", folder.display()),
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("can't copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Names and versions, as the packages' files have them: `NAME_VERSION_ARCHITECTURE.deb`.
fn write_list(folder: &Path, packages: &[PathBuf]) -> Result<()> {
    let mut names: Vec<String> = packages
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().replace("%3a", ":").replace('_', " ")))
        .collect();
    names.sort();
    names.dedup();
    Ok(fs::write(folder.join(DONE), names.join("\n") + "\n")?)
}

/// Runs a command that must succeed; says what it said if it doesn't.
fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("can't run {name}: is it installed?"))?;
    if !output.status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
