//! Linux's way from reset to a shell: Debian's unmodified kernel on the emulator, and on QEMU beside it.
//!
//! `cargo bench -p benches --bench boot [-- HARTS...]`. Both get the same kernel, initial archive, firmware (Debian's OpenSBI) and
//! harts. The clock runs from before the files are read until the shell's first line is there. Runs take turns, the fastest of each counts,
//! and the ratio is of runs in one go: hosts are noisy. The files come from `cargo xtask debian`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use benches::linux::{Debian, Initramfs};
use rv_machine::{Image, Limits, Machine, MachineConfig, Software, Stop};

const RUNS: usize = 3;
const QEMU: &str = "qemu-system-riscv64";
const MEMORY_MIB: u64 = 1024;
/// What the shell prints first. The kernel prints its command line, and so must not have it there.
const SHELL: &str = "the shell is here";
const APPEND: &str = "console=ttyS0";
/// Cycles between two looks at what was printed.
const SLICE: u64 = 2_000_000;

/// What is booted.
struct Files {
    kernel: PathBuf,
    initrd: PathBuf,
    firmware: PathBuf,
}

fn main() -> ExitCode {
    let debian = match Debian::find() {
        Ok(debian) => debian,
        Err(missing) => {
            eprintln!("SKIPPED: booting Linux: {missing}");
            return ExitCode::SUCCESS;
        }
    };
    let initrd = std::env::temp_dir().join(format!("rv-emu-boot-{}", std::process::id()));
    let archive = Initramfs::new(&debian).expect("the folder has a busybox").finish(&format!("echo {SHELL}"));
    std::fs::write(&initrd, archive).expect("the initial archive can't be written");
    let files = Files { kernel: debian.image(), firmware: debian.path("firmware/fw_dynamic.bin"), initrd };
    let harts: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    println!(
        "{:>5} {:>14} {:>9} {:>6} {:>13} {:>7}",
        "harts", "instructions", "seconds", "MIPS", "QEMU seconds", "ratio"
    );
    for harts in if harts.is_empty() { vec![1, 4] } else { harts } {
        compare(&files, harts);
    }
    let _ = std::fs::remove_file(&files.initrd);
    ExitCode::SUCCESS
}

/// Prints one line.
fn compare(files: &Files, harts: usize) {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut retired = Vec::new();
    for _ in 0..RUNS {
        let (instructions, seconds) = boot(files, harts);
        retired.push(instructions);
        ours.push(seconds);
        theirs.extend(boot_qemu(files, harts));
    }
    assert!(retired.windows(2).all(|pair| pair[0] == pair[1]), "the same boot is not the same: {retired:?}");
    let best = |times: &[f64]| times.iter().copied().min_by(f64::total_cmp);
    let seconds = best(&ours).expect("there were runs");
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    println!(
        "{harts:>5} {:>14} {seconds:>9.2} {:>6.0} {:>13} {:>7}",
        retired[0],
        retired[0] as f64 / seconds / 1e6,
        text(best(&theirs).map(|theirs| format!("{theirs:.2}"))),
        text(best(&theirs).map(|theirs| format!("{:.2}", theirs / seconds))),
    );
}

/// Boots on the emulator; instructions retired, and seconds.
fn boot(files: &Files, harts: usize) -> (u64, f64) {
    let start = Instant::now();
    let open = |path: &Path| Image::open(path).expect("a file of Debian's");
    let software = Software {
        bios: Some(open(&files.firmware)),
        kernel: Some(open(&files.kernel)),
        initrd: Some(std::fs::read(&files.initrd).expect("it was just written")),
        append: Some(APPEND.to_owned()),
        tree: None,
    };
    let config = MachineConfig { harts, memory: MEMORY_MIB << 20, ..MachineConfig::default() };
    let mut machine = Machine::new(config).expect("a usual machine");
    machine.load(&software).expect("it fits");
    let mut output = Vec::new();
    loop {
        let stop = machine.run(&Limits { max_insns: None, slice: Some(SLICE) });
        machine.drain_output(&mut output);
        if has_shell(&output) {
            return (machine.retired(), start.elapsed().as_secs_f64());
        }
        assert_eq!(stop, Stop::Slice, "no shell:\n{}", String::from_utf8_lossy(&output));
    }
}

/// Boots on QEMU; seconds, if it is installed and gets so far.
fn boot_qemu(files: &Files, harts: usize) -> Option<f64> {
    let start = Instant::now();
    let mut child = Command::new(QEMU)
        .args(["-M", "virt", "-cpu", "rv64,h=true", "-nographic", "-monitor", "none", "-append", APPEND])
        .args(["-m", &format!("{MEMORY_MIB}M"), "-smp", &harts.to_string(), "-bios"])
        .arg(&files.firmware)
        .arg("-kernel")
        .arg(&files.kernel)
        .arg("-initrd")
        .arg(&files.initrd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let found = wait_for_shell(&mut child);
    let seconds = start.elapsed().as_secs_f64();
    let _ = child.kill();
    let _ = child.wait();
    found.then_some(seconds)
}

fn wait_for_shell(child: &mut Child) -> bool {
    let Some(pipe) = child.stdout.as_mut() else { return false };
    let (mut output, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(len @ 1..) = pipe.read(&mut buffer) {
        output.extend(&buffer[..len]);
        if has_shell(&output) {
            return true;
        }
    }
    false
}

fn has_shell(output: &[u8]) -> bool {
    output.windows(SHELL.len()).any(|window| window == SHELL.as_bytes())
}
