//! The workload guests on QEMU's devices, which nobody here wrote, under Debian's OpenSBI: every ring layout, with
//! what arrives checked on this side too. Without QEMU, the tests say so and do nothing.

use std::collections::VecDeque;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use netload::smoltcp::phy::{self, Checksum, Device, DeviceCapabilities, Medium};
use netload::{Memory, PEER, Poll, Report, Server, Tap, View};
use serde_json::Value;

const QEMU: &str = "qemu-system-riscv64";
const IMAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sw/images");
const TIME_MAX: Duration = Duration::from_secs(120);
const DISK_SIZE: u64 = 8 << 20;
const SECTOR_SIZE: usize = 512;
const MTU: usize = 16896;

/// Whether QEMU is there; if not, says so.
fn has_qemu() -> bool {
    let found = Command::new(QEMU).arg("--version").output().is_ok();
    if !found {
        eprintln!("SKIPPED: {QEMU} is not there; install Debian's package qemu-system-misc");
    }
    found
}

/// A file that is gone when this is.
struct Disk(PathBuf);

impl Disk {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("qemu-guests-{}-{number}.img", std::process::id()));
        fs::File::create(&file).and_then(|disk| disk.set_len(DISK_SIZE)).expect("a file for the disk");
        Self(file)
    }

    fn words(&self) -> Vec<[u64; SECTOR_SIZE / 8]> {
        let bytes = fs::read(&self.0).expect("the disk");
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
        let sector = |bytes: &[u8]| std::array::from_fn(|index| word(&bytes[index * 8..index * 8 + 8]));
        bytes.chunks_exact(SECTOR_SIZE).map(sector).collect()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn start(guest: &str, bootargs: &str, options: &[&str]) -> Child {
    Command::new(QEMU)
        .args(["-M", "virt", "-m", "128", "-bios", "default", "-display", "none", "-monitor", "none"])
        .args(["-serial", "stdio", "-global", "virtio-mmio.force-legacy=false"])
        .arg("-kernel")
        .arg(Path::new(IMAGES).join(format!("{guest}.elf")))
        .args(["-append", bootargs])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("QEMU starts")
}

/// The guest's result, when QEMU has ended.
fn finish(mut child: Child) -> Value {
    let mut pipe = child.stdout.take().expect("a pipe");
    let reader = thread::spawn(move || {
        let mut output = Vec::new();
        let _ = pipe.read_to_end(&mut output);
        String::from_utf8_lossy(&output).into_owned()
    });
    let start = Instant::now();
    while child.try_wait().expect("QEMU's status").is_none() {
        if start.elapsed() > TIME_MAX {
            let _ = child.kill();
            let _ = child.wait();
            panic!("no end after {TIME_MAX:?}: {}", reader.join().unwrap_or_default());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let output = reader.join().expect("QEMU's output");
    let line = output.lines().find_map(|line| line.strip_prefix("#result "));
    serde_json::from_str(line.unwrap_or_else(|| panic!("no result: {output}"))).expect("JSON")
}

fn block(bootargs: &str, properties: &str, disk: &Disk) -> Value {
    let drive = format!("file={},format=raw,if=none,id=disk,discard=unmap", disk.0.display());
    let device = format!("virtio-blk-device,drive=disk,serial=a-disk{properties}");
    finish(start("block", bootargs, &["-drive", &drive, "-device", &device]))
}

fn number(result: &Value, key: &str) -> u64 {
    result[key].as_u64().unwrap_or_else(|| panic!("no {key}: {result}"))
}

/// Sectors of a disk have their numbers at their heads, and the run's seed; how many have which generation.
fn check_disk(disk: &Disk, sectors: usize, seed: u64) -> Vec<u32> {
    let words = disk.words();
    let generation = |(number, sector): (usize, &[u64; 64])| {
        assert_eq!((sector[0], sector[1] >> 32), (number as u64, seed), "sector {number}");
        assert_eq!(sector[63], (number as u64).rotate_left(32) ^ sector[1], "sector {number}");
        sector[1] as u32
    };
    assert!(words[sectors..].iter().all(|sector| *sector == [0; 64]), "behind the span");
    words[..sectors].iter().enumerate().map(generation).collect()
}

#[test]
fn block_writes_arrive_with_every_ring_layout() {
    if !has_qemu() {
        return;
    }
    for layout in 0..8 {
        let [packed, indirect, event_idx] = [layout & 1, layout >> 1 & 1, layout >> 2 & 1];
        let disk = Disk::new();
        // 1,500 operations on 1,024 blocks: all once, some twice.
        let bootargs = format!(
            "rw=randwrite bs=1K qd=32 ops=1500 span=1M seed=77 packed={packed} indirect={indirect} \
             event-idx={event_idx}"
        );
        let result = block(&bootargs, &format!(",packed={}", if packed == 1 { "on" } else { "off" }), &disk);
        assert_eq!((number(&result, "errors"), number(&result, "ops")), (0, 1500), "{result}");
        assert!((1..=1500).contains(&number(&result, "kicks")), "{result}");
        let generations = check_disk(&disk, 2048, 77);
        let twice = generations.iter().filter(|&&generation| generation == 2).count();
        assert_eq!(twice, 2 * (1500 - 1024), "{bootargs}");
        assert!(generations.iter().all(|generation| (1..=2).contains(generation)), "{bootargs}");
    }
}

#[test]
fn block_reads_and_writes_of_many_sizes() {
    if !has_qemu() {
        return;
    }
    for (rw, bs, qd, wait) in [
        ("read", "512", 1, "irq"),
        ("read", "64K", 32, "irq"),
        ("randread", "4K", 8, "poll"),
        ("write", "128K", 4, "irq"),
        ("write", "512", 32, "poll"),
        ("randread", "3K", 5, "irq"),
    ] {
        let disk = Disk::new();
        let bootargs = format!("rw={rw} bs={bs} qd={qd} ops=400 span=3M seed=5 wait={wait}");
        let result = block(&bootargs, "", &disk);
        assert_eq!((number(&result, "errors"), number(&result, "ops")), (0, 400), "{result}");
        let latency = &result["latency"];
        let order = ["p50", "p90", "p99", "p999", "max"].map(|name| number(latency, name));
        assert!(order.is_sorted() && order[0] > 0, "{result}");
        let samples = result["hist"].as_array().into_iter().flatten().filter_map(|bucket| bucket[1].as_u64());
        assert_eq!(samples.sum::<u64>(), 400, "{result}");
        assert_eq!(number(&result, "interrupts") == 0, wait == "poll", "{result}");
        check_disk(&disk, 6144, 5);
    }
}

#[test]
fn block_checks_every_kind_of_request() {
    if !has_qemu() {
        return;
    }
    for (bootargs, properties) in [("rw=selfcheck", ""), ("rw=selfcheck packed=1 indirect=1", ",packed=on")] {
        let result = block(bootargs, properties, &Disk::new());
        let right = ["get_id", "write", "flush", "read", "write_zeroes", "discard", "behind_the_end", "unknown"];
        assert!(right.iter().all(|name| result[name] == "ok"), "{result}");
        assert_eq!((&result["errors"], &result["id"]), (&0.into(), &"a-disk".into()));
    }
    let result = block("rw=selfcheck", ",discard=off,write-zeroes=off", &Disk::new());
    assert_eq!((&result["discard"], &result["write_zeroes"]), (&"absent".into(), &"absent".into()), "{result}");
}

#[test]
fn what_cannot_be_done_is_said() {
    if !has_qemu() {
        return;
    }
    let error = |result: Value| result["error"].as_str().unwrap_or_else(|| panic!("{result}")).to_owned();
    assert_eq!(error(block("rw=red", "", &Disk::new())), "no such choice: rw=red");
    assert_eq!(error(block("size=1", "", &Disk::new())), "unknown word: size=1");
    assert_eq!(error(block("packed=1", "", &Disk::new())), "the device doesn't offer packed rings");
    let without = error(block("event-idx=1", ",event_idx=off", &Disk::new()));
    assert_eq!(without, "the device doesn't offer event indices");
    let small = error(block("qd=32 queue=64", "", &Disk::new()));
    assert_eq!(small, "the device has no such queue, or too small a one");
    assert_eq!(error(finish(start("block", "", &[]))), "no virtio block device");
    assert_eq!(error(finish(start("net", "", &[]))), "no virtio network device");
    assert_eq!(error(finish(start("net", "test=sctp", &[]))), "no such choice: test=sctp");
    assert_eq!(finish(start("work", "cycles=1M iterations=5", &[]))["iterations"], 5);
}

/// Frames from and to QEMU, each behind its length.
struct Link {
    stream: TcpStream,
    bytes: Vec<u8>,
    frames: VecDeque<Vec<u8>>,
    closed: bool,
}

struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

struct Room<'a>(&'a mut TcpStream);

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let mut bytes = vec![0; 4 + len];
        bytes[..4].copy_from_slice(&(len as u32).to_be_bytes());
        let result = fill(&mut bytes[4..]);
        let _ = self.0.write_all(&bytes); // If QEMU is gone, the test is over.
        result
    }
}

impl Link {
    /// Takes in what has come; whether anything has, within a millisecond.
    fn take_in(&mut self) -> bool {
        let mut chunk = [0; 65536];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.closed = true,
            Ok(count) => self.bytes.extend_from_slice(&chunk[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return false,
            Err(_) => self.closed = true,
        }
        let mut rest = &self.bytes[..];
        while let Some((head, tail)) = rest.split_first_chunk::<4>() {
            let Some((frame, tail)) = tail.split_at_checked(u32::from_be_bytes(*head) as usize) else {
                break;
            };
            self.frames.push_back(frame.to_vec());
            rest = tail;
        }
        self.bytes = rest.to_vec();
        !self.closed
    }
}

impl Device for Link {
    type RxToken<'a> = Received;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: netload::smoltcp::time::Instant) -> Option<(Received, Room<'_>)> {
        let frame = self.frames.pop_front()?;
        Some((Received(frame), Room(&mut self.stream)))
    }

    fn transmit(&mut self, _: netload::smoltcp::time::Instant) -> Option<Room<'_>> {
        Some(Room(&mut self.stream))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MTU + 14;
        // What QEMU completes for the guest is checked here, and the other way round.
        capabilities.checksum.udp = Checksum::Both;
        capabilities.checksum.tcp = Checksum::Both;
        capabilities
    }
}

impl Tap for Link {
    /// Everything goes through the stack, which checks QEMU's checksums.
    fn offer(&mut self, _: impl FnOnce(View<'_>) -> bool) -> bool {
        false
    }
}

/// Serves QEMU's guest until QEMU ends; what the server saw.
fn serve(listener: TcpListener) -> Option<Report> {
    let (stream, _) = listener.accept().expect("QEMU connects");
    stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
    stream.set_nodelay(true).expect("no delay");
    let mut link = Link { stream, bytes: Vec::new(), frames: VecDeque::new(), closed: false };
    let memory = Box::leak(Box::new(Memory::EMPTY));
    let mut server = Server::new(&mut link, memory, &PEER);
    let start = Instant::now();
    while !link.closed && start.elapsed() < TIME_MAX {
        let now = start.elapsed().as_micros() as u64;
        if matches!(server.poll(now, &mut link), Poll::Waiting(_)) {
            link.take_in();
        }
    }
    server.report()
}

/// Runs the network guest against a server of this process: the guest's result, and the server's.
fn net(bootargs: &str, properties: &str) -> (Value, Option<Report>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let netdev = format!("socket,id=wire,connect=127.0.0.1:{port}");
    let device = format!("virtio-net-device,netdev=wire,mac=02:00:00:00:00:02,host_mtu={MTU}{properties}");
    let child = start("net", bootargs, &["-netdev", &netdev, "-device", &device]);
    let server = thread::spawn(move || serve(listener));
    let result = finish(child);
    (result, server.join().expect("the server"))
}

fn check_net(bootargs: &str, properties: &str, count: u64, size: u64) -> Value {
    let (result, report) = net(bootargs, properties);
    assert_eq!((number(&result, "errors"), number(&result, "ops")), (0, count), "{bootargs}: {result}");
    assert_eq!((number(&result, "arrived"), number(&result, "lost")), (count, 0), "{bootargs}: {result}");
    let report = report.unwrap_or_else(|| panic!("the server saw nothing: {result}"));
    assert!(report.done, "{report:?}");
    assert_eq!((report.summary.messages, report.summary.bytes), (count, count * size), "{report:?}");
    assert_eq!((report.summary.corrupt, report.summary.duplicate), (0, 0), "{report:?}");
    result
}

#[test]
fn net_messages_arrive_in_every_test() {
    if !has_qemu() {
        return;
    }
    for test in ["udp_stream", "tcp_stream", "udp_rr", "tcp_rr"] {
        for size in [64, 1000, 16384] {
            let count = if test.ends_with("rr") { 100 } else { 600 };
            let bootargs = format!("test={test} size={size} count={count} seed={size}");
            let result = check_net(&bootargs, "", count, size);
            assert_eq!(number(&result, "mtu"), MTU as u64);
            assert_eq!(result["latency"].is_null(), !test.ends_with("rr"), "{result}");
            let frames = number(&result, "frames_sent");
            assert!(test != "udp_stream" || frames >= count, "one datagram per message: {result}");
            assert!(test != "tcp_stream" || size != 64 || frames < count / 2, "small writes share segments: {result}");
        }
    }
}

#[test]
fn net_works_with_every_ring_layout() {
    if !has_qemu() {
        return;
    }
    for layout in 0..8 {
        let [packed, indirect, event_idx] = [layout & 1, layout >> 1 & 1, layout >> 2 & 1];
        let switches = format!("packed={packed} indirect={indirect} event-idx={event_idx}");
        let properties = if packed == 1 { ",packed=on" } else { "" };
        check_net(&format!("test=udp_stream size=64 count=2000 {switches}"), properties, 2000, 64);
        check_net(&format!("test=tcp_rr size=8000 count=60 {switches}"), properties, 60, 8000);
    }
}

#[test]
fn net_works_with_and_without_offloads() {
    if !has_qemu() {
        return;
    }
    for switches in ["csum=0", "mergeable=0", "csum=0 mergeable=0 queue=16", "wait=poll", "nodelay=1 batch=8"] {
        check_net(&format!("test=tcp_rr size=4096 count=50 {switches}"), "", 50, 4096);
        check_net(&format!("test=udp_stream size=1400 count=500 {switches}"), "", 500, 1400);
    }
}
