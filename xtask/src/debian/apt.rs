//! apt-get for another architecture, in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::run;

/// The release that is taken: the first with riscv64.
const RELEASE: &str = "trixie";
const ARCHITECTURE: &str = "riscv64";

/// Lists, cache and state in a folder.
pub struct Apt {
    folder: PathBuf,
}

impl Apt {
    /// Sets the folder up, and fetches the lists of packages.
    pub fn new(folder: &Path) -> Result<Self> {
        for inner in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(folder.join(inner))?;
        }
        fs::write(folder.join("status"), "")?;
        let apt = Self { folder: folder.to_owned() };
        let line = format!("deb [trusted=yes arch={ARCHITECTURE}] {} {RELEASE} main\n", mirror()?);
        fs::write(apt.file("sources.list"), line)?;
        println!("lists of {RELEASE} for {ARCHITECTURE}");
        run(apt.command("apt-get").arg("update")).context("no lists of packages")?;
        Ok(apt)
    }

    /// The newest package whose name begins and ends so.
    pub fn newest(&self, begin: &str, end: &str) -> Result<String> {
        let names = run(self.command("apt-cache").args(["pkgnames", begin]))?;
        let version = |name: &str| -> Vec<u64> {
            let numbers = name.split(|c: char| !c.is_ascii_digit());
            numbers.filter_map(|number| number.parse().ok()).collect()
        };
        let found = names.lines().filter(|name| name.ends_with(end)).max_by_key(|name| version(name));
        Ok(found.with_context(|| format!("no package {begin}*{end}"))?.to_owned())
    }

    /// Fetches packages, without what they depend on: their files.
    pub fn download(&self, packages: &[&str]) -> Result<Vec<PathBuf>> {
        println!("packages: {}", packages.join(" "));
        let files = self.file("single");
        fs::create_dir_all(&files)?;
        run(self.command("apt-get").arg("download").args(packages).current_dir(&files))?;
        packages_in(&files)
    }

    /// Fetches packages with all that they depend on: their files.
    pub fn download_all(&self, packages: &[&str]) -> Result<Vec<PathBuf>> {
        println!("packages, with what they depend on: {}", packages.join(" "));
        let how = ["install", "--download-only", "--yes", "--no-install-recommends"];
        run(self.command("apt-get").args(how).args(packages))?;
        packages_in(&self.file("archives"))
    }

    /// Removes all that was fetched.
    pub fn remove(self) -> Result<()> {
        Ok(fs::remove_dir_all(self.folder)?)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// One of apt's commands that knows nothing of the machine that it runs on.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = |name: &str| self.file(name).display().to_string();
        let options = [
            ("Dir::Etc::SourceList", path("sources.list")),
            ("Dir::Etc::SourceParts", "/dev/null".to_owned()),
            ("Dir::Etc::PreferencesParts", "/dev/null".to_owned()),
            ("Dir::State", self.folder.display().to_string()),
            ("Dir::State::Lists", path("lists")),
            ("Dir::State::status", path("status")),
            ("Dir::Cache", self.folder.display().to_string()),
            ("Dir::Cache::archives", path("archives")),
            ("APT::Architecture", ARCHITECTURE.to_owned()),
            ("APT::Architectures", ARCHITECTURE.to_owned()),
            ("APT::Sandbox::User", "".to_owned()),
            ("Debug::NoLocking", "1".to_owned()),
        ];
        for (name, value) in options {
            command.arg("-o").arg(format!("{name}={value}"));
        }
        command
    }
}

/// The packages in a folder, by name.
fn packages_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        files.extend(path.extension().is_some_and(|kind| kind == "deb").then_some(path));
    }
    files.sort();
    Ok(files)
}

/// The mirror that this machine's own packages come from.
fn mirror() -> Result<String> {
    let mut command = Command::new("apt-get");
    let targets = run(command.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]))?;
    let first = targets.lines().find(|line| !line.is_empty());
    Ok(first.context("apt-get knows no mirror; has `apt-get update` been run?")?.to_owned())
}
