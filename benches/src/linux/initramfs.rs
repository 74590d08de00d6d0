//! Initial archives for Linux: busybox, what a test adds, and an `/init` that is a shell script.

use std::io;
use std::path::Path;

use super::Debian;
use crate::archive::Archive;

/// What each `/init` begins with.
const PROLOGUE: &str = "#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
";

/// An initial archive in the making.
pub struct Initramfs {
    archive: Archive,
    /// Loads the modules.
    loads: String,
}

impl Initramfs {
    /// An archive with Debian's busybox in it, and folders to mount things at.
    ///
    /// # Errors
    /// If busybox can't be read.
    pub fn new(debian: &Debian) -> io::Result<Self> {
        let mut archive = Archive::default();
        for folder in ["bin", "dev", "etc", "lib", "mnt", "proc", "root", "sys", "tmp"] {
            archive.folder(folder);
        }
        archive.device("dev/console", 5, 1);
        archive.file("bin/busybox", 0o755, &std::fs::read(debian.path("busybox"))?);
        Ok(Self { archive, loads: String::new() })
    }

    /// Adds kernel modules, with those that they need; `/init` loads them first.
    ///
    /// # Errors
    /// If one can't be read.
    pub fn modules(mut self, debian: &Debian, names: &[&str]) -> io::Result<Self> {
        for (file, bytes) in debian.modules(names)? {
            self.archive.file(&format!("lib/{file}"), 0o644, &bytes);
            self.loads += &format!("insmod /lib/{file}\n");
        }
        Ok(self)
    }

    /// Adds a file that can be executed.
    pub fn program(mut self, name: &str, bytes: &[u8]) -> Self {
        self.archive.file(name, 0o755, bytes);
        self
    }

    /// Adds a folder.
    pub fn folder(mut self, name: &str) -> Self {
        self.archive.folder(name);
        self
    }

    /// Adds all that is in a folder of the host, as `name`: files, folders and links, in the order of their names.
    ///
    /// # Errors
    /// If something can't be read.
    pub fn tree(mut self, name: &str, from: &Path) -> io::Result<Self> {
        add_tree(&mut self.archive, name, from)?;
        Ok(self)
    }

    /// The archive, with the shell script that `/init` goes on with. When that ends, the machine is switched off.
    pub fn finish(mut self, script: &str) -> Vec<u8> {
        let init = format!("{PROLOGUE}{}{script}\npoweroff -f\n", self.loads);
        self.archive.file("init", 0o755, init.as_bytes());
        self.archive.finish()
    }
}

fn add_tree(archive: &mut Archive, name: &str, from: &Path) -> io::Result<()> {
    archive.folder(name);
    let mut entries = std::fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let inner = format!("{name}/{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            add_tree(archive, &inner, &entry.path())?;
        } else if kind.is_symlink() {
            archive.link(&inner, &std::fs::read_link(entry.path())?.to_string_lossy());
        } else if kind.is_file() {
            archive.file(&inner, permissions(&entry)?, &std::fs::read(entry.path())?);
        }
    }
    Ok(())
}

#[cfg(unix)]
fn permissions(entry: &std::fs::DirEntry) -> io::Result<u32> {
    use std::os::unix::fs::PermissionsExt;
    Ok(entry.metadata()?.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn permissions(_entry: &std::fs::DirEntry) -> io::Result<u32> {
    Ok(0o755)
}
