//! What an image is made of: the crate and those that it depends on by path,
//! found through cargo, and one hash over all their files.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Folders of a crate that no image is built from.
const NOT_SOURCES: &[&str] = &["target", "tests", "benches", "examples", "fuzz", "proptest-regressions"];

/// What belongs to a workspace besides its crates.
const WORKSPACE_FILES: &[&str] = &["Cargo.toml", "Cargo.lock", ".cargo/config.toml"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    path: Option<PathBuf>,
    kind: Option<String>,
    #[serde(default)]
    optional: bool,
}

/// The files and folders that `package` of `workspace` is built from, relative
/// to the project's top folder and sorted.
pub fn of_package(root: &Path, workspace: &str, package: &str) -> Result<Vec<String>> {
    let metadata = metadata(&root.join(workspace))?;
    let found = metadata.packages.iter().find(|candidate| candidate.name == package);
    let found = found.with_context(|| format!("{workspace} has no package {package}"))?;
    let mut folders = BTreeSet::new();
    collect(found, &mut folders)?;
    folders.extend(WORKSPACE_FILES.iter().map(|file| metadata.workspace_root.join(file)));
    folders.iter().map(|folder| relative(root, folder)).collect()
}

fn metadata(folder: &Path) -> Result<Metadata> {
    let output = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(folder)
        .output()
        .context("cannot run cargo metadata")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata in {}: {complaint}", folder.display());
    serde_json::from_slice(&output.stdout).context("cargo metadata")
}

/// Adds a crate's folder and those of its path dependencies.
fn collect(package: &Package, folders: &mut BTreeSet<PathBuf>) -> Result<()> {
    let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
    if !folders.insert(folder.to_path_buf()) {
        return Ok(());
    }
    // Guests build nothing with optional dependencies: those are for the emulator.
    let built = |dependency: &&Dependency| dependency.kind.as_deref() != Some("dev") && !dependency.optional;
    let used = package.dependencies.iter().filter(built);
    for path in used.filter_map(|dependency| dependency.path.as_ref()) {
        let manifest = normalise(path).join("Cargo.toml");
        let packages = metadata(path)?.packages;
        let found = packages.iter().find(|candidate| candidate.manifest_path == manifest);
        collect(found.with_context(|| format!("no package at {}", path.display()))?, folders)?;
    }
    Ok(())
}

/// A path without `..`, so that equal places have equal names.
fn normalise(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, component| {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
        normal
    })
}

fn relative(root: &Path, path: &Path) -> Result<String> {
    let inside = path.strip_prefix(root).with_context(|| format!("{} lies outside", path.display()))?;
    Ok(inside.to_str().context("a path that isn't text")?.to_owned())
}

/// One hash over the names and contents of all files in `sources`.
pub fn hash(root: &Path, sources: &[String]) -> Result<String> {
    let mut files = BTreeSet::new();
    for source in sources {
        list(&root.join(source), &mut files)?;
    }
    let mut sum = Sha256::new();
    for file in &files {
        let contents = fs::read(file).with_context(|| file.display().to_string())?;
        let name = relative(root, file)?;
        // Lengths before contents: no two trees give the same bytes.
        sum.update((name.len() as u64).to_le_bytes());
        sum.update(name);
        sum.update((contents.len() as u64).to_le_bytes());
        sum.update(contents);
    }
    Ok(hex(&sum.finalize()))
}

fn list(path: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.insert(path.to_path_buf());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
        let entry = entry?.path();
        let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or(".");
        if !name.starts_with('.') && !NOT_SOURCES.contains(&name) {
            list(&entry, files)?;
        }
    }
    Ok(())
}

/// The SHA-256 of bytes, as text.
pub fn hash_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{hash_bytes, normalise};
    use std::path::Path;

    #[test]
    fn hash_is_sha256() {
        // FIPS 180-4, the example of one block.
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash_bytes(b"abc"), sum);
    }

    #[test]
    fn parent_folders_cancel_out() {
        assert_eq!(normalise(Path::new("/a/b/../c")), Path::new("/a/c"));
    }
}
