//! Debian's `kvm.ko` on the machine, and Debian's kernel nested under it.
//!
//! The monitor is `guest-sw/lightkvm`: kernel, archive and command line in, a serial port out, on KVM's real interface.

use benches::images::LIGHTKVM;
use benches::linux::{Debian, Initramfs};

use crate::common::File;
use crate::session::Session;

/// What the nested shell executes. Its words are put together there, so that no script's text looks like its output.
const NESTED: &str = "\
echo $((40 + 2)) nested: $(uname -sm), $(nproc) harts
awk '/ttyS0/ { for (i = 2; i < NF; i++) if ($i ~ /^[0-9]+$/) sum += $i; print \"console interrupts: \" (sum > 0) }' /proc/interrupts
awk '/Function call/ { print \"nested harts call each other: \" ($3 > 0) }' /proc/interrupts";

/// Boots Linux, and Linux as its guest; what both printed.
fn nested(debian: &Debian, name: &str, vcpus: u32, options: &[&str]) -> String {
    let inner = Initramfs::new(debian).unwrap().finish(NESTED);
    let script = format!(
        "dmesg | grep -E 'kvm \\['
time /lightkvm --kernel /Image --initrd /nested.cpio --append 'console=ttyS0 quiet' --cpus {vcpus} < /dev/null
echo lightkvm: exit code $?"
    );
    let outer = Initramfs::new(debian)
        .unwrap()
        .modules(debian, &["kvm"])
        .unwrap()
        .program("lightkvm", LIGHTKVM)
        .program("Image", &std::fs::read(debian.image()).unwrap())
        .program("nested.cpio", &inner)
        .finish(&script);
    let initrd = File::new(name, &outer);
    let options = [&["--memory", "1G"], options].concat();
    let mut session = Session::linux(debian, &initrd, "console=ttyS0 quiet", &options);
    session.close_input();
    session.finish()
}

fn assert_words(printed: &str, words: &[&str]) {
    for word in words {
        assert!(printed.contains(word), "{word}: {printed}");
    }
}

#[test]
fn a_guest_of_kvm_reaches_its_shell() {
    let Some(debian) = Debian::or_skip("a guest of Debian's KVM") else { return };
    let printed = nested(&debian, "kvm1", 1, &[]);
    assert_words(
        &printed,
        &[
            "hypervisor extension available",
            "using Sv57x4 G-stage page table format",
            "VMID 14 bits available",
            "1 vcpus, 256 MiB, PLIC",
            "42 nested: Linux riscv64, 1 harts",
            "console interrupts: 1",
            "lightkvm: the guest is off",
            "lightkvm: exit code 0",
        ],
    );
}

#[test]
fn a_guest_with_two_vcpus_on_two_harts() {
    let Some(debian) = Debian::or_skip("a guest of Debian's KVM with two vCPUs") else { return };
    let printed = nested(&debian, "kvm2", 2, &["--harts", "2"]);
    assert_words(
        &printed,
        &["42 nested: Linux riscv64, 2 harts", "nested harts call each other: 1", "lightkvm: exit code 0"],
    );
}

/// KVM gives the guest an AIA of its own, from the hardware's guest interrupt files, or in software where there are none.
#[test]
fn a_guest_with_an_aia() {
    let Some(debian) = Debian::or_skip("a guest of Debian's KVM with an AIA") else { return };
    for (guests, available) in [("3", "AIA available with 3 guest external interrupts"), ("0", "AIA available")] {
        let name = format!("kvm-aia{guests}");
        let options = ["--harts", "2", "--aia", "aplic-imsic", "--aia-guests", guests];
        let printed = nested(&debian, &name, 2, &options);
        assert_words(
            &printed,
            &[
                available,
                "2 vcpus, 256 MiB, AIA in the kernel",
                "42 nested: Linux riscv64, 2 harts",
                "console interrupts: 1",
                "lightkvm: exit code 0",
            ],
        );
    }
}
