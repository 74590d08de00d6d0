//! Debian's own programs on a root file system on a virtio disk.

use benches::linux::{Debian, Initramfs};

use crate::common::File;
use crate::session::Session;

/// An initial archive that goes over to the file system on the first disk.
pub fn switch_root(debian: &Debian, name: &str, modules: &[&str]) -> File {
    let all: Vec<&str> =
        ["virtio_mmio", "virtio_blk", "crc32c_generic", "ext4"].iter().chain(modules).copied().collect();
    let script = "mount -t ext4 /dev/vda /mnt && exec switch_root /mnt /sbin/init";
    File::new(name, &Initramfs::new(debian).unwrap().modules(debian, &all).unwrap().finish(script))
}

/// Debian's root file system, of which nothing is changed.
pub fn root_drive(debian: &Debian) -> String {
    format!("file={},snapshot,instant", debian.path("root.ext4").display())
}

/// Logs in, and waits for the shell.
pub fn log_in(session: &mut Session) {
    session.expect("emulated login: ");
    session.type_line("root");
    session.expect("# ");
}

#[test]
fn a_login_and_fio() {
    let Some(debian) = Debian::or_skip("a login, and fio on a virtio disk") else { return };
    let (initrd, root) = (switch_root(&debian, "login", &[]), root_drive(&debian));
    let options = ["--memory", "512M", "--drive", &root, "--drive", "ram=32M"];
    let mut session = Session::linux(&debian, &initrd, "console=ttyS0 quiet", &options);
    log_in(&mut session);
    // Each block is read back and its checksum compared; any difference is an error, and fio's exit code.
    session.type_line(
        "fio --name=check --filename=/dev/vdb --rw=randrw --bs=4k --size=8m --verify=crc32c --ioengine=psync \
         --output=/tmp/fio; echo fio has ended with $?",
    );
    session.expect("fio has ended with 0");
    session.type_line("cat /tmp/fio; mount -t ext4");
    session.expect("err= 0");
    session.expect("/dev/vda on / type ext4");
    session.type_line("poweroff");
    assert!(session.finish().contains("reboot: Power down"));
}
