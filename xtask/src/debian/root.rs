//! A root file system that one can log in to.
//!
//! Its packages are unpacked, but nobody has run their installation scripts, which are programs of the other architecture. What those would
//! have done, as far as a login and the tests need it, is done here: accounts, the rules by which `login` lets them in, and an init.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::run;

/// Bytes of the image, most of which are holes.
const IMAGE_SIZE: &str = "768M";
/// The same image from the same files: what mkfs would draw at random.
const IMAGE_UUID: &str = "8f1ccd90-6d1c-4bd8-9e34-1c4f5d8a7b21";

const INITTAB: &str = "\
::sysinit:/etc/rc
ttyS0::respawn:/sbin/agetty --keep-baud 115200 ttyS0 vt100
::ctrlaltdel:/sbin/reboot
::shutdown:/bin/umount -a -r
";

const RC: &str = "\
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
hostname -F /etc/hostname
";

/// Whoever has an account and, if it has one, its password.
const LOGIN_RULES: &str = "\
auth     required pam_unix.so nullok
account  required pam_unix.so
session  required pam_unix.so
password required pam_unix.so
";

/// Makes `root` a system, and `image` its file system.
pub fn make(root: &Path, busybox: &Path, image: &Path) -> Result<()> {
    accounts(root)?;
    for (name, text) in [
        ("etc/inittab", INITTAB),
        ("etc/hostname", "emulated\n"),
        ("etc/hosts", "127.0.0.1 localhost emulated\n"),
        ("etc/pam.d/login", LOGIN_RULES),
        // Read with every other one; the packaged file includes what an installation script would have made.
        ("etc/pam.d/other", LOGIN_RULES),
        ("etc/fstab", "/dev/vda / ext4 defaults 0 1\n"),
    ] {
        fs::write(root.join(name), text).with_context(|| format!("can't write {name}"))?;
    }
    program(&root.join("etc/rc"), RC.as_bytes())?;
    program(&root.join("usr/sbin/init"), &fs::read(busybox)?)?;
    for name in ["halt", "poweroff", "reboot"] {
        let link = root.join("usr/sbin").join(name);
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink("init", &link)?;
    }
    // No manuals, no translations: they are most of the files, and nobody reads them.
    for folder in ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"] {
        let _ = fs::remove_dir_all(root.join(folder));
    }
    let _ = fs::remove_file(image);
    run(Command::new("mkfs.ext4")
        .args(["-q", "-U", IMAGE_UUID, "-E", &format!("hash_seed={IMAGE_UUID},root_owner=0:0"), "-d"])
        .args([root, image])
        .arg(IMAGE_SIZE))
    .context("can't make a file system; the package e2fsprogs has mkfs.ext4")?;
    Ok(())
}

/// Debian's own lists of accounts and groups. Root needs no password.
fn accounts(root: &Path) -> Result<()> {
    let master = |name: &str| {
        let path = root.join("usr/share/base-passwd").join(name);
        fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
    };
    fs::write(root.join("etc/passwd"), master("passwd.master")?.replacen("root:*:", "root::", 1))?;
    fs::write(root.join("etc/group"), master("group.master")?)?;
    Ok(())
}

fn program(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    // What is there may be a link to something else.
    let _ = fs::remove_file(path);
    fs::write(path, bytes).with_context(|| format!("can't write {}", path.display()))?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}
