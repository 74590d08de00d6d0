//! Experiment `linux`: a whole operating system as the guest. Debian's kernel, which knows nothing of this project, on a board of the monitor's
//! devices, once by trap and emulate, once with every access to a device redirected; and the same kernel on the machine itself.
//!
//! Kernel, busybox and modules are no part of the project: see [`crate::linux`]. The initial archive has them, and a program of ours that
//! executes the markers around what is measured; the kernel is as Debian has built it.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::lab::case::Case;
use crate::lab::compose::{Composition, DISK, GUEST_MIB, Span, image};
use crate::lab::experiment::{Experiment, Metric, Slice, Workload};
use crate::lab::mechanism::{BARE, EMULATE, UER};
use crate::lab::results::{Outcome, outcome};
use crate::linux::{Debian, Initramfs};

/// The experiment.
pub static LINUX: Experiment = Experiment {
    name: "linux",
    about: "Debian's kernel as the guest, unmodified: trap and emulate against user-level exception redirection",
    headline: "(none: the slides' guests are measured at single devices)",
    size_is: "lines, or blocks of 4096 bytes; boots: 1",
    mechanisms: &[&BARE, &EMULATE, &UER],
    classic: Some(&EMULATE),
    subject: Some(&UER),
    workloads: &[
        Workload {
            name: BOOT,
            about: "from the kernel's first instruction to a shell's first command",
            metric: Metric::Time,
        },
        Workload { name: PRINT, about: "cat prints lines of \"hello,world\" to the serial port", metric: Metric::Time },
        Workload { name: WRITE, about: "dd writes blocks to a virtio disk, one at a time", metric: Metric::Operations },
    ],
    quantum: 1000,
    full: &[
        Slice { workloads: &[BOOT], sizes: &[1], ..NOTHING },
        Slice { workloads: &[PRINT, WRITE], sizes: &[1000], ..NOTHING },
    ],
    quick: &[Slice { workloads: &[BOOT], sizes: &[1], ..NOTHING }],
    probe: Slice { workloads: &[PRINT], sizes: &[1000], ..NOTHING },
    images: &["hyp", "osvmm", "mark"],
    needs: || debian().map(drop),
    compose,
    check,
};

const NOTHING: Slice =
    Slice { workloads: &[], sizes: &[], suppression: &[], queue_depth: &[], sharing: &[], banks: &[] };

const BOOT: &str = "boot";
const PRINT: &str = "print";
const WRITE: &str = "write";

/// Instructions that a boot may take, and a line or block.
const INSNS_BOOT_MAX: u64 = 8_000_000_000;
const INSNS_PER_OP_MAX: u64 = 5_000_000;
/// What the kernel has put off for later at its start is not to fall into what is measured.
const SETTLE: &str = "sleep 5";
/// Bytes of a block.
const BLOCK: u64 = 4096;

/// The folder that the user has named.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Takes Debian's files from this folder from now on. Only the first word counts.
pub fn use_folder(folder: PathBuf) {
    let _ = FOLDER.set(folder);
}

fn debian() -> Result<Debian, String> {
    FOLDER.get().map_or_else(Debian::find, |folder| Debian::at(folder)).map_err(|missing| missing.to_string())
}

fn compose(case: &Case) -> Result<Composition, String> {
    let debian = debian()?;
    let unreadable = |error: std::io::Error| format!("Debian's files: {error}");
    let kernel = std::fs::read(debian.image()).map_err(unreadable)?;
    let initrd = initramfs(case, &debian).map_err(unreadable)?;
    let insns_max = INSNS_BOOT_MAX + case.size * INSNS_PER_OP_MAX;
    // What the kernel tells of its start is a part of that, and would come between what others print.
    let words: &[&str] = if case.workload.name == BOOT { &["console=ttyS0"] } else { &["console=ttyS0", "quiet"] };
    let has_disk = case.workload.name == WRITE;
    if case.mechanism.is_bare() {
        let span = if case.workload.name == BOOT { Span::KernelToMarker } else { Span::Markers };
        return Ok(Composition {
            memory: GUEST_MIB << 20,
            harts: 1,
            kernel,
            initrd: Some(initrd),
            disk: has_disk.then_some(DISK),
            ..Composition::bare("mark", words.join(" "), span, insns_max)?
        });
    }
    let mut append =
        format!("mech={} initrd=initrd guest-memory={GUEST_MIB} hart=0 console=capture", case.mechanism.name);
    if has_disk {
        append += &format!(" disk={}", DISK >> 20);
    }
    words.iter().for_each(|word| append += &format!(" g.{word}"));
    let mut composition = Composition::hosted(&[("vmm", "osvmm")], append, insns_max)?;
    composition.archive.extend([("Image", kernel), ("initrd", initrd)]);
    Ok(composition)
}

/// The guest's initial archive: what is measured is in its `/init`.
fn initramfs(case: &Case, debian: &Debian) -> std::io::Result<Vec<u8>> {
    let mark = image("mark").map_err(std::io::Error::other)?;
    let archive = Initramfs::new(debian)?.program("bin/mark", &mark);
    let size = case.size;
    let lines = super::uer::LINE.repeat(size as usize);
    Ok(match case.workload.name {
        BOOT => archive.finish(&format!("mark end\n{}", result("$(dmesg | wc -c)", 1))),
        PRINT => archive
            .program("lines", &lines)
            .finish(&format!("{SETTLE}\nmark /bin/cat /lines\n{}", result(&lines.len().to_string(), size))),
        _ => {
            let pattern: Vec<u8> =
                (0..size * BLOCK / 8).flat_map(|word| (word ^ case.seed << 32).to_le_bytes()).collect();
            let dd = format!("dd if=/data of=/dev/vda bs={BLOCK} count={size} oflag=direct");
            let verify =
                format!("dd if=/dev/vda of=/back bs={BLOCK} count={size} 2>/dev/null\ncmp /data /back || errors=1");
            let script = format!(
                "errors=0\n{SETTLE}\nmark /bin/{dd} 2>/dev/null\n{verify}\n{}",
                result(&(size * BLOCK).to_string(), size)
            );
            archive.modules(debian, &["virtio_mmio", "virtio_blk"])?.program("data", &pattern).finish(&script)
        }
    })
}

/// Prints the guest's result, as the lab's own guests do.
fn result(bytes: &str, ops: u64) -> String {
    format!(
        "echo \"#result {{\\\"who\\\":\\\"guest\\\",\\\"ops\\\":{ops},\\\"bytes\\\":{bytes},\\\"errors\\\":${{errors:-0}}}}\""
    )
}

/// The guest checks what it has written; what it has printed is checked here.
fn check(case: &Case, output: &[u8]) -> Result<Outcome, String> {
    if case.workload.name == PRINT {
        super::uer::lines(output, case.size)?;
    }
    outcome(output, 1, false)
}
