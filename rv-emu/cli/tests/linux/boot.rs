//! From reset to a shell.

use std::process::{Command, Stdio};

use benches::linux::{Debian, Initramfs};

use crate::common::File;
use crate::session::Session;

/// An initial archive whose `/init` is this script.
fn archive(debian: &Debian, name: &str, script: &str) -> File {
    File::new(name, &Initramfs::new(debian).unwrap().finish(script))
}

/// Boots to a shell, which executes `script`; what was printed.
fn boot(debian: &Debian, name: &str, script: &str, options: &[&str]) -> String {
    let initrd = archive(debian, name, script);
    let options = [&["--memory", "512M"], options].concat();
    let mut session = Session::linux(debian, &initrd, "console=ttyS0", &options);
    session.close_input();
    session.finish()
}

#[test]
fn a_shell_on_one_hart_and_on_four() {
    let Some(debian) = Debian::or_skip("booting Linux") else { return };
    for harts in ["1", "4"] {
        let script = "echo shell of $(uname -sm), $(nproc) harts";
        let printed = boot(&debian, &format!("boot{harts}"), script, &["--harts", harts]);
        assert!(printed.contains(&format!("shell of Linux riscv64, {harts} harts")), "{printed}");
        for word in ["base ISA extensions acdfhim", "SBI specification v", "via sstc extension", "reboot: Power down"] {
            assert!(printed.contains(word), "{word}: {printed}");
        }
    }
}

#[test]
fn on_the_firmware_of_others() {
    let Some(debian) = Debian::or_skip("booting Linux on OpenSBI") else { return };
    for firmware in ["fw_dynamic.bin", "fw_jump.bin"] {
        let bios = debian.path("firmware").join(firmware);
        let options = ["--harts", "2", "--bios", bios.to_str().unwrap()];
        let printed = boot(&debian, firmware, "echo shell: $(dmesg | grep 'SBI implementation ID')", &options);
        assert!(printed.contains("OpenSBI v"), "{printed}");
        assert!(printed.contains("SBI implementation ID=0x1"), "OpenSBI's number: {printed}");
    }
}

/// The same machine, the same files: the same run, to the last instruction.
#[test]
fn the_same_boot_twice() {
    let Some(debian) = Debian::or_skip("the same boot of Linux twice") else { return };
    let initrd = archive(&debian, "twice", "cat /proc/interrupts");
    let run = || {
        let output = Command::new(env!("CARGO_BIN_EXE_rv-emu"))
            .args(["run", "--memory", "512M", "--harts", "2", "--stats", "--append", "console=ttyS0"])
            .args(["--kernel", debian.image().to_str().unwrap(), "--initrd", initrd.path()])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (first, again) = (run(), run());
    assert!(first.0.contains("riscv-timer"), "{}", first.0);
    assert_eq!(first, again, "what was printed, and all counters");
}

#[test]
fn a_human_at_the_shell() {
    let Some(debian) = Debian::or_skip("typing at Linux's shell") else { return };
    let initrd = archive(&debian, "typing", "setsid cttyhack sh");
    let mut session = Session::linux(&debian, &initrd, "console=ttyS0 quiet", &["--memory", "512M"]);
    session.expect("# ");
    session.type_line("echo $((6 * 7)) is the answer");
    session.expect("\n42 is the answer");
    // A second passes for the host too, while somebody could type.
    session.type_line("sleep 1; echo slept");
    let since = std::time::Instant::now();
    session.expect("\nslept");
    assert!(since.elapsed() > std::time::Duration::from_millis(500), "{:?}", since.elapsed());
    session.type_line("exit");
    assert!(session.finish().contains("reboot: Power down"));
}
