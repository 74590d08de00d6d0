//! Debian's U-Boot: to its prompt, and from there to Linux, which it finds on a disk.

use benches::linux::{Debian, Initramfs};

use crate::common::File;
use crate::fat;
use crate::session::Session;

/// A disk with a kernel and an initial archive.
fn disk(debian: &Debian, name: &str) -> File {
    let archive = Initramfs::new(debian).unwrap().finish("echo shell of $(uname -sm), $(nproc) harts");
    let kernel = std::fs::read(debian.image()).unwrap();
    File::new(name, &fat::disk(&[("IMAGE", &kernel), ("INITRD.CPI", &archive)]))
}

/// Starts U-Boot and stops it at its prompt.
fn prompt(options: &[&str]) -> Session {
    let mut session = Session::start(&[&["--memory", "512M"], options].concat());
    session.expect("U-Boot 20");
    session.expect("Hit any key to stop autoboot");
    session.type_line("");
    session.expect("=> ");
    session
}

/// For M-mode it needs no firmware. Linux can't be started then, as nobody serves its SBI calls.
#[test]
fn in_m_mode_it_finds_the_disk() {
    let Some(debian) = Debian::or_skip("U-Boot in M-mode") else { return };
    let disk = File::new("u-boot-m.img", &fat::disk(&[("HELLO.TXT", b"hello from the disk\n")]));
    let u_boot = debian.path("u-boot/qemu-riscv64/u-boot.bin");
    let mut session = prompt(&["--bios", u_boot.to_str().unwrap(), "--drive", &format!("file={}", disk.path())]);
    session.type_line("virtio info");
    session.expect("VirtIO Block Device");
    session.type_line("ls virtio 0:0");
    session.expect("HELLO.TXT");
    session.type_line("load virtio 0:0 ${loadaddr} HELLO.TXT; poweroff");
    session.expect("20 bytes read");
    session.finish();
}

#[test]
fn from_opensbi_through_u_boot_to_linux() {
    let Some(debian) = Debian::or_skip("Linux by U-Boot") else { return };
    let disk = disk(&debian, "u-boot-s.img");
    let u_boot = debian.path("u-boot/qemu-riscv64_smode/u-boot.bin");
    let opensbi = debian.path("firmware/fw_dynamic.bin");
    let drive = format!("file={},instant", disk.path());
    for firmware in [&["--bios", opensbi.to_str().unwrap()][..], &[]] {
        let options = ["--harts", "2", "--kernel", u_boot.to_str().unwrap(), "--drive", &drive];
        let mut session = prompt(&[firmware, &options].concat());
        session.type_line("setenv bootargs console=ttyS0");
        session.type_line("load virtio 0:0 ${kernel_addr_r} IMAGE && load virtio 0:0 ${ramdisk_addr_r} INITRD.CPI");
        session.expect("bytes read");
        session.expect("bytes read");
        session.type_line("booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdtcontroladdr}");
        session.expect("Starting kernel ...");
        session.expect("shell of Linux riscv64, 2 harts");
        session.close_input();
        session.finish();
    }
}
