//! The board's disks: as a program meets them, and as the workload guest does, which runs on QEMU too.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{DATA, Program, finish, flat, machine, peek};
use rv_devices::VirtioSlot;
use rv_devices::virtio::{Drive, DriveId, FileDisk, ServiceTime};
use rv_hart::Bus;
use rv_isa::asm::{self, A0, A1, A2, A3, A4, RA, ZERO};
use rv_machine::{Image, Limits, Machine, MachineConfig, MachineError, Software, Stop};
use rv_virtio::device::block::MemoryDisk;
use rv_virtio::transport::mmio::offsets as at;
use serde_json::Value;

/// The first slot, and where it notifies.
const SLOT: u64 = 0x1000_1000;
const NOTIFY: u64 = SLOT + at::QUEUE_NOTIFY;
/// The queue, set up by the test; what the device reads and writes by its request; code.
const RING: u64 = DATA;
const USED_INDEX: u64 = DATA + 0x2002;
const HEADER: u64 = DATA + 0x3000;
const BUFFER: u64 = DATA + 0x4000;

const IMAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sw/images");
const QEMU: &str = "qemu-system-riscv64";
const DISK_SIZE: usize = 8 << 20;
const INSNS_MAX: u64 = 500_000_000;

fn slot(drive: Drive, time: ServiceTime) -> VirtioSlot {
    VirtioSlot::with_disk(drive, DriveId::new("a-disk").unwrap(), time)
}

/// A machine with a disk that begins with `sector`, and a driver's request to read it to [`BUFFER`]. The program has
/// only to notify.
fn ready(program: &Program, sector: &[u8], time: ServiceTime) -> Machine {
    let mut bytes = sector.to_vec();
    bytes.resize(4096, 0);
    let virtio = vec![slot(Drive::Memory(MemoryDisk::new(bytes)), time)];
    let mut machine = machine(MachineConfig { virtio, ..flat(1) }, program);
    let chain = [(HEADER, 16u64, 1u64), (BUFFER, 512, 3), (HEADER + 16, 1, 2)];
    for (index, (address, len, flags)) in (0..).zip(chain) {
        machine.board.ram.store(RING + 16 * index, 8, address);
        machine.board.ram.store(RING + 16 * index + 8, 8, len | flags << 32 | (index + 1) << 48);
    }
    // The available ring: index 1, descriptor 0.
    machine.board.ram.store(RING + 0x1000, 8, 1 << 16);
    let queue = [(at::QUEUE_NUM, 4), (at::QUEUE_DESC_LOW, RING), (at::QUEUE_DRIVER_LOW, RING + 0x1000)];
    let rest = [(at::QUEUE_DEVICE_LOW, RING + 0x2000), (at::QUEUE_READY, 1)];
    let start =
        [(at::STATUS, 1), (at::STATUS, 3), (at::DRIVER_FEATURES_SEL, 1), (at::DRIVER_FEATURES, 1), (at::STATUS, 11)];
    for (offset, value) in start.into_iter().chain(queue).chain(rest) {
        machine.board.write(0, SLOT + offset, 4, value, 0).unwrap();
    }
    machine
}

/// The request is looked at when the driver is ready: that is the notification.
fn notify(program: &mut Program) -> &mut Program {
    program.store_word(SLOT + at::STATUS, 15).store_word(NOTIFY, 0);
    program.li(A3, USED_INDEX).add(&[asm::lhu(A4, A3, 0), asm::beq(A4, ZERO, -4)])
}

const TIMES: [ServiceTime; 2] = [ServiceTime::NONE, ServiceTime { request: 5000, sector: 100 }];

#[test]
fn what_a_device_writes_ends_a_reservation() {
    for time in TIMES {
        let mut program = Program::new();
        program.li(A1, BUFFER).add(&[asm::lr_d(A0, A1)]);
        notify(&mut program).li(A1, BUFFER).add(&[asm::sc_d(A2, A0, A1)]).exit_with(A2);
        let mut machine = ready(&program, &[7; 512], time);
        assert_eq!(finish(&mut machine), Stop::Exit(1), "the store is refused");
        assert_eq!(peek(&machine, BUFFER), 0x0707_0707_0707_0707);
    }
}

#[test]
fn what_a_device_writes_over_code_is_run() {
    let code = |value| [asm::addi(A0, ZERO, value), asm::jalr(ZERO, RA, 0)].map(u32::to_le_bytes).concat();
    for time in TIMES {
        let mut program = Program::new();
        program.li(A1, BUFFER).add(&[asm::jalr(RA, A1, 0), asm::addi(A2, A0, 0)]);
        notify(&mut program).add(&[asm::jalr(RA, A1, 0), asm::slli(A2, A2, 4), asm::or(A0, A0, A2)]).exit_with(A0);
        let mut machine = ready(&program, &code(2), time);
        machine.board.ram.write_bytes(BUFFER, &code(1)).unwrap();
        assert_eq!(finish(&mut machine), Stop::Exit(0x12), "first the old code, then the new");
    }
}

#[test]
fn a_request_takes_its_service_time() {
    let cycles = TIMES.map(|time| {
        let mut program = Program::new();
        notify(&mut program).pass();
        let mut machine = ready(&program, &[1; 512], time);
        assert_eq!(finish(&mut machine), Stop::Exit(0));
        assert!(machine.board.virtio()[0].interrupt());
        machine.snapshot().cycles
    });
    let longer = cycles[1] - cycles[0];
    assert!((5050..5150).contains(&longer), "{longer}");
}

#[test]
fn slots_without_a_disk_are_empty_and_all_have_nodes() {
    let virtio = vec![slot(Drive::memory(512), ServiceTime::NONE)];
    let mut machine = Machine::new(MachineConfig { virtio, ..flat(1) }).unwrap();
    for index in 0..8u64 {
        let id = machine.board.read(0, SLOT + index * 0x1000 + at::DEVICE_ID, 4, 0);
        assert_eq!(id, Ok(if index == 0 { 2 } else { 0 }), "slot {index}");
    }
    let blob = machine.device_tree(None);
    let tree = fdt::Fdt::new(&blob).unwrap();
    let nodes = tree.compatible("virtio,mmio");
    let found: Vec<_> = nodes.map(|node| (node.regions().next(), node.number("interrupts"))).collect();
    let expected: Vec<_> = (0..8).map(|index| (Some((SLOT + index * 0x1000, 0x1000)), Some(index + 1))).collect();
    assert_eq!(found, expected);
    let nine = (0..9).map(|_| VirtioSlot::empty()).collect();
    assert!(matches!(Machine::new(MachineConfig { virtio: nine, ..flat(1) }), Err(MachineError::Virtio(9))));
}

/// One of the images that come with the project.
fn image(name: &str) -> Image {
    Image::open(&Path::new(IMAGES).join(format!("{name}.elf"))).unwrap()
}

/// Runs the block guest bare, in S-mode; its result, and the cycles it took.
fn block(bootargs: &str, config: MachineConfig) -> (Value, u64) {
    let software = Software {
        bios: Some(image("firmware")),
        kernel: Some(image("block")),
        append: Some(bootargs.to_owned()),
        ..Software::default()
    };
    let mut machine = Machine::new(config).unwrap();
    machine.load(&software).unwrap();
    let stop = machine.run(&Limits { max_insns: Some(INSNS_MAX), slice: None });
    let output = common::printed(&mut machine);
    assert_eq!(stop, Stop::Exit(0), "{bootargs}: {output}");
    let line = output.lines().find_map(|line| line.strip_prefix("#result "));
    let result: Value = serde_json::from_str(line.unwrap_or_else(|| panic!("no result: {output}"))).unwrap();
    assert_eq!(result["errors"], 0, "{bootargs}: {result}");
    (result, machine.snapshot().cycles)
}

fn with_disk(time: ServiceTime, harts: usize) -> MachineConfig {
    MachineConfig { harts, virtio: vec![slot(Drive::memory(DISK_SIZE), time)], ..MachineConfig::default() }
}

#[test]
fn the_block_guest_works_with_every_ring_layout() {
    for layout in 0..8 {
        let [packed, indirect, event_idx] = [layout & 1, layout >> 1 & 1, layout >> 2 & 1];
        for time in TIMES {
            let bootargs = format!(
                "rw=randwrite bs=1K qd=16 ops=300 span=256K seed=77 packed={packed} indirect={indirect} \
                 event-idx={event_idx}"
            );
            let (result, _) = block(&bootargs, with_disk(time, 1));
            assert_eq!(result["ops"], 300, "{bootargs}: {result}");
            // A disk that takes no time leaves nothing to wait for.
            assert_eq!(result["interrupts"] == 0, time == ServiceTime::NONE, "{result}");
        }
    }
}

#[test]
fn the_block_guest_works_in_every_mode() {
    for (rw, bs, qd, wait) in [
        ("read", "512", 1, "irq"),
        ("read", "64K", 8, "irq"),
        ("randread", "4K", 8, "poll"),
        ("write", "64K", 4, "irq"),
        ("write", "512", 32, "poll"),
        ("randwrite", "3K", 5, "irq"),
    ] {
        let bootargs = format!("rw={rw} bs={bs} qd={qd} ops=100 span=768K seed=5 wait={wait}");
        let (result, _) = block(&bootargs, with_disk(TIMES[1], 1));
        assert_eq!((&result["ops"], result["interrupts"] == 0), (&100.into(), wait == "poll"), "{result}");
        let fastest = result["latency"]["p50"].as_u64().unwrap_or(0);
        assert!(fastest >= 5000, "no request is faster than the disk: {result}");
    }
    let (result, _) = block("rw=selfcheck", with_disk(TIMES[1], 1));
    let right = ["get_id", "write", "flush", "read", "write_zeroes", "discard", "behind_the_end", "unknown"];
    assert!(right.iter().all(|name| result[name] == "ok") && result["id"] == "a-disk", "{result}");
}

#[test]
fn a_run_with_a_disk_is_the_same_run_again() {
    let bootargs = "rw=randread bs=4K qd=4 ops=50 span=256K seed=1";
    for harts in [1, 3] {
        let first = block(bootargs, with_disk(TIMES[1], harts));
        assert_eq!(block(bootargs, with_disk(TIMES[1], harts)), first);
    }
}

/// A file that is gone when this is.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rv-machine-{}-{name}", std::process::id()));
        fs::File::create(&path).and_then(|file| file.set_len(DISK_SIZE as u64)).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs the block guest on QEMU's disk; `false` without QEMU.
fn on_qemu(bootargs: &str, file: &Path) -> bool {
    let options =
        ["-M", "virt", "-m", "128", "-bios", "default", "-display", "none", "-monitor", "none", "-serial", "null"];
    let drive = format!("file={},format=raw,if=none,id=disk", file.display());
    let ended = Command::new(QEMU)
        .args(options)
        .args(["-global", "virtio-mmio.force-legacy=false", "-append", bootargs, "-kernel"])
        .arg(Path::new(IMAGES).join("block.elf"))
        .args(["-drive", &drive, "-device", "virtio-blk-device,drive=disk"])
        .stdin(Stdio::null())
        .status();
    match ended {
        Ok(status) => {
            assert!(status.success(), "{status}");
            true
        }
        Err(_) => {
            eprintln!("SKIPPED: {QEMU} is not there; install Debian's package qemu-system-misc");
            false
        }
    }
}

#[test]
fn a_file_gets_the_same_bytes_as_on_qemu() {
    let bootargs = "rw=randwrite bs=2K qd=8 ops=700 span=1M seed=99";
    let (ours, qemus) = (TempFile::new("ours"), TempFile::new("qemus"));
    let drive = Drive::File(FileDisk::open(&ours.0, false).unwrap());
    let config = MachineConfig { virtio: vec![slot(drive, TIMES[0])], ..MachineConfig::default() };
    block(bootargs, config);
    let compared = on_qemu(bootargs, &qemus.0);
    let (ours, qemus) = (fs::read(&ours.0).unwrap(), fs::read(&qemus.0).unwrap());
    assert!(ours[..1 << 20].chunks(512).all(|sector| sector.iter().any(|byte| *byte != 0)), "the span is filled");
    assert!(!compared || ours == qemus, "the disks differ");
}
