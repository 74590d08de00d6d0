//! Guest kernels per second: how fast the interpreter is, and QEMU's translator beside it on the same images.
//!
//! `cargo bench -p benches --bench speed [-- NAME...]`. Each kernel runs several times and the fastest run counts, since hosts are noisy; ratios
//! are of runs in one go. Instructions come from the emulator's counters: QEMU executes the same ones.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rv_hart::Counters;
use rv_machine::report::Snapshot;
use rv_machine::{CostModel, Image, Limits, Machine, MachineConfig, Report, Software, Stop};

const RUNS: usize = 3;
const QEMU: &str = "qemu-system-riscv64";

/// A kernel: its name, its image, and whether it is one of the integer kernels that the aim is about.
struct Kernel {
    name: &'static str,
    image: &'static [u8],
    integer: bool,
}

macro_rules! kernels {
    ($($name:literal $integer:literal;)*) => {
        [$(Kernel {
            name: $name,
            image: include_bytes!(concat!("../../guest-sw/images/speed-", $name, ".elf")),
            integer: $integer,
        }),*]
    };
}

const KERNELS: [Kernel; 9] = kernels! {
    "integer" true;
    "branches" true;
    "sort" true;
    "memcpy" true;
    "chase" true;
    "matrix" false;
    "syscall" false;
    "guest-chase" false;
    "exits" false;
};

fn main() {
    // Cargo passes options of its own to bench programs; names are what is left.
    let names: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let chosen = |kernel: &&Kernel| names.is_empty() || names.iter().any(|name| name == kernel.name);
    let start_up = if qemu_installed() { qemu_start_up() } else { None };
    println!(
        "{:<12} {:>14} {:>9} {:>9} {:>10} {:>7} {:>14}",
        "kernel", "instructions", "seconds", "MIPS", "QEMU MIPS", "ratio", "exits/s"
    );
    let mut integer = Vec::new();
    for kernel in KERNELS.iter().filter(chosen) {
        if let Some(ratio) = measure(kernel, start_up) {
            integer.extend(kernel.integer.then_some(ratio));
        }
    }
    match integer.is_empty() {
        true => println!("{QEMU} is not installed: no ratios"),
        false => {
            let mean = (integer.iter().map(|ratio| ratio.ln()).sum::<f64>() / integer.len() as f64).exp();
            println!("integer kernels: {mean:.2} of QEMU's speed (geometric mean)");
        }
    }
}

/// Prints one line; gives the ratio to QEMU if it is there.
fn measure(kernel: &Kernel, start_up: Option<Duration>) -> Option<f64> {
    let (report, seconds) =
        (0..RUNS).map(|_| run(kernel)).min_by(|a, b| a.1.total_cmp(&b.1)).expect("at least one run");
    let instructions: u64 = report.instret_by_hart.iter().sum();
    let mips = instructions as f64 / seconds / 1e6;
    let exits: u64 = report.guest_traps_to(&["M", "HS"]).values().sum();
    let theirs = start_up.and_then(|start_up| qemu_seconds(kernel, start_up));
    let ratio = theirs.map(|theirs| theirs / seconds);
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    println!(
        "{:<12} {instructions:>14} {seconds:>9.3} {mips:>9.0} {:>10} {:>7} {:>14}",
        kernel.name,
        text(theirs.map(|theirs| format!("{:.0}", instructions as f64 / theirs / 1e6))),
        text(ratio.map(|ratio| format!("{ratio:.2}"))),
        text((exits > 1000).then(|| exits_per_second(exits, seconds, theirs))),
    );
    ratio
}

fn exits_per_second(exits: u64, ours: f64, theirs: Option<f64>) -> String {
    let rate = |seconds: f64| format!("{:.2}M", exits as f64 / seconds / 1e6);
    match theirs {
        Some(theirs) => format!("{} vs {}", rate(ours), rate(theirs)),
        None => rate(ours),
    }
}

/// One run on the emulator: counters, and seconds without building the machine.
fn run(kernel: &Kernel) -> (Report, f64) {
    let costs = CostModel::built_in("flat").expect("a built-in model");
    let mut machine = Machine::new(MachineConfig { costs, ..MachineConfig::default() }).expect("a small machine");
    let image = Image::parse(kernel.name, kernel.image.to_vec()).expect("an image of the project");
    machine.load(&Software::bare(image)).expect("an image of the project");
    let start = Instant::now();
    let stop = machine.run(&Limits::default());
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(stop, Stop::Exit(0), "{}: the kernel's own check failed", kernel.name);
    let zero = Snapshot { cycles: 0, harts: vec![Counters::default()], padding_points: Default::default() };
    (machine.snapshot().since(&zero), seconds)
}

/// Time of QEMU on the kernel, less its start-up.
fn qemu_seconds(kernel: &Kernel, start_up: Duration) -> Option<f64> {
    let file = temporary(kernel.name, kernel.image)?;
    let best = qemu(&file);
    let _ = std::fs::remove_file(&file);
    Some(best?.saturating_sub(start_up).as_secs_f64().max(1e-3))
}

/// Time of QEMU on a program that only powers off.
fn qemu_start_up() -> Option<Duration> {
    // lui t0, 5 ; addiw t0, t0, 1365 ; lui t1, 0x100 ; sw t0, 0(t1)
    let words = [0x0000_52b7u32, 0x5552_829b, 0x0010_0337, 0x0053_2023];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let file = temporary("start-up", &bytes)?;
    let best = qemu(&file);
    let _ = std::fs::remove_file(&file);
    best
}

fn temporary(name: &str, bytes: &[u8]) -> Option<PathBuf> {
    let file = std::env::temp_dir().join(format!("rv-emu-speed-{}-{name}", std::process::id()));
    std::fs::File::create(&file).ok()?.write_all(bytes).ok()?;
    Some(file)
}

fn qemu_installed() -> bool {
    let version = Command::new(QEMU).arg("--version").stdout(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// The fastest of some runs of QEMU; `None` if it fails.
fn qemu(bios: &Path) -> Option<Duration> {
    let once = || {
        let start = Instant::now();
        let status = Command::new(QEMU)
            .args(["-M", "virt", "-cpu", "rv64,h=true", "-m", "128M", "-nographic", "-monitor", "none", "-bios"])
            .arg(bios)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        status.is_ok_and(|status| status.success()).then(|| start.elapsed())
    };
    (0..RUNS).filter_map(|_| once()).min()
}
