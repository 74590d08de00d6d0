//! The folder with Debian's files.

use std::path::{Path, PathBuf};

/// Names the folder, where it isn't the usual one.
const VARIABLE: &str = "RV_EMU_DEBIAN";

/// What a machine has that has no Debian files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What was looked for.
    file: PathBuf,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} is not there: `cargo xtask debian` fetches Debian's files, {VARIABLE} names another folder",
            self.file.display()
        )
    }
}

impl std::error::Error for Missing {}

/// Debian's kernel, modules and programs for riscv64, as `cargo xtask debian` leaves them:
///
/// | path | what |
/// |---|---|
/// | `Image` | the kernel |
/// | `modules/*.ko`, `modules/modules.dep` | its modules, unpacked, all in one folder, and which needs which |
/// | `busybox` | statically linked |
/// | `firmware/fw_dynamic.bin`, `fw_jump.bin` | OpenSBI |
/// | `u-boot/qemu-riscv64/`, `u-boot/qemu-riscv64_smode/` | U-Boot, for M-mode and for S-mode |
/// | `root/`, `root.ext4` | a root file system with `fio`, `netperf` and what they need; root logs in without a password |
/// | `packages.txt` | names and versions of the packages |
#[derive(Debug, Clone)]
pub struct Debian {
    folder: PathBuf,
}

impl Debian {
    /// The files in the folder that `RV_EMU_DEBIAN` names, or in the project's `target/debian`.
    ///
    /// # Errors
    /// Where they were looked for.
    pub fn find() -> Result<Self, Missing> {
        let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debian");
        Self::at(&std::env::var_os(VARIABLE).map_or_else(usual, PathBuf::from))
    }

    /// The files in `folder`.
    ///
    /// # Errors
    /// If it is not there, or not complete.
    pub fn at(folder: &Path) -> Result<Self, Missing> {
        let debian = Self { folder: folder.to_owned() };
        // What is written last.
        let file = debian.path("packages.txt");
        if file.is_file() { Ok(debian) } else { Err(Missing { file }) }
    }

    /// As [`Debian::find`], for a test: without the files it says loudly, whoever captures output, that `what` is skipped.
    pub fn or_skip(what: &str) -> Option<Self> {
        Self::find().map_err(|missing| skip(&format!("SKIPPED: {what}: {missing}\n"))).ok()
    }

    /// A file of the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The kernel.
    pub fn image(&self) -> PathBuf {
        self.path("Image")
    }

    /// These modules and all that they need, in an order in which they can be loaded: file names and contents.
    ///
    /// # Errors
    /// Which file can't be read.
    pub fn modules(&self, names: &[&str]) -> std::io::Result<Vec<(String, Vec<u8>)>> {
        let needs = std::fs::read_to_string(self.path("modules/modules.dep"))?;
        let mut order = Vec::new();
        for name in names {
            add_module(&needs, &format!("{name}.ko"), &mut order);
        }
        order.into_iter().map(|file| Ok((file.clone(), std::fs::read(self.path("modules").join(file))?))).collect()
    }
}

/// Adds a module behind those that it needs. `modules.dep` has a line `FILE: NEEDED...` for each, with the nearest need first.
fn add_module(needs: &str, file: &str, order: &mut Vec<String>) {
    if order.iter().any(|other| other == file) {
        return;
    }
    let line = needs.lines().find_map(|line| line.strip_prefix(file)?.strip_prefix(':'));
    for needed in line.unwrap_or_default().split_whitespace().rev() {
        if !order.iter().any(|other| other == needed) {
            order.push(needed.to_owned());
        }
    }
    order.push(file.to_owned());
}

/// The test harness keeps what tests print with `eprintln` of those that pass: a skipped test must be seen.
fn skip(text: &str) {
    use std::io::Write;
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_after_what_they_need() {
        let needs = "a.ko: b.ko c.ko\nb.ko: c.ko\nc.ko:\nd.ko: c.ko\n";
        let mut order = Vec::new();
        for name in ["a.ko", "d.ko", "b.ko"] {
            add_module(needs, name, &mut order);
        }
        assert_eq!(order, ["c.ko", "b.ko", "a.ko", "d.ko"]);
    }

    #[test]
    fn a_folder_that_is_not_complete_is_named() {
        let missing = Debian::at(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(missing.starts_with("/nowhere/packages.txt is not there: `cargo xtask debian`"), "{missing}");
    }
}
