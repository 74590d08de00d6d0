//! The board's network card: the network guest bare, in S-mode, with its peer in this process at the other end of the
//! cable, which checks all checksums and all data. As on QEMU's card (`qemu_guests.rs`), but for frames of 1500 bytes.

use benches::images;
use netload::smoltcp::phy::{self, Checksum, Device, DeviceCapabilities, Medium};
use netload::smoltcp::time::Instant;
use netload::{GUEST, Memory, PEER, Poll, Report, Server, Tap, View};
use rv_devices::VirtioSlot;
use rv_machine::{Image, Limits, Machine, MachineConfig, Software, Stop};
use serde_json::Value;

/// What the cable is long.
const SLICE: u64 = 20_000;
const CYCLES_MAX: u64 = 4_000_000_000;
const MTU: usize = 1500;
/// The second slot: a driver has to look for the card.
const SLOT: usize = 1;

/// The cable's other end.
struct Cable(Machine);

struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

struct Room<'a>(&'a mut Machine);

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let mut frame = vec![0; len];
        let result = fill(&mut frame);
        self.0.board.push_frame(SLOT, &frame).expect("there is room for a frame");
        result
    }
}

impl Device for Cable {
    type RxToken<'a> = Received;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Room<'_>)> {
        // An answer may have to go out at once.
        if self.0.board.frame_room(SLOT) == 0 {
            return None;
        }
        let frame = self.0.board.take_frame(SLOT)?;
        Some((Received(frame), Room(&mut self.0)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        (self.0.board.frame_room(SLOT) > 0).then_some(Room(&mut self.0))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MTU + 14;
        // What the card completes for the guest is checked here, and the other way round.
        capabilities.checksum.udp = Checksum::Both;
        capabilities.checksum.tcp = Checksum::Both;
        capabilities
    }
}

impl Tap for Cable {
    /// Everything goes through the stack, which checks the checksums.
    fn offer(&mut self, _: impl FnOnce(View<'_>) -> bool) -> bool {
        false
    }
}

fn machine(bootargs: &str) -> Machine {
    let virtio = vec![VirtioSlot::with_rng(0), VirtioSlot::with_net(GUEST.mac)];
    let mut machine = Machine::new(MachineConfig { virtio, ..MachineConfig::default() }).unwrap();
    let software = Software {
        bios: Some(Image::parse("firmware", images::FIRMWARE.to_vec()).unwrap()),
        kernel: Some(Image::parse("net", images::NET.to_vec()).unwrap()),
        append: Some(bootargs.to_owned()),
        ..Software::default()
    };
    machine.load(&software).unwrap();
    machine
}

/// Runs a test: the guest's result, what the server saw, and the cycles that it took.
fn net(bootargs: &str) -> (Value, Option<Report>, u64) {
    let mut cable = Cable(machine(bootargs));
    let memory = Box::leak(Box::new(Memory::EMPTY));
    let mut server = Server::new(&mut cable, memory, &PEER);
    let mut output = Vec::new();
    loop {
        let stop = cable.0.run(&Limits { max_insns: None, slice: Some(SLICE) });
        cable.0.drain_output(&mut output);
        let text = || String::from_utf8_lossy(&output).into_owned();
        match stop {
            Stop::Exit(0) => break,
            Stop::Slice | Stop::Idle => {}
            stop => panic!("{bootargs}: {stop:?}: {}", text()),
        }
        assert!(cable.0.now() < CYCLES_MAX, "{bootargs}: no end: {}", text());
        let now = cable.0.now() / 1000;
        while !matches!(server.poll(now, &mut cable), Poll::Waiting(_)) {}
    }
    let output = String::from_utf8(output).unwrap();
    let line = output.lines().find_map(|line| line.strip_prefix("#result "));
    let result = serde_json::from_str(line.unwrap_or_else(|| panic!("{bootargs}: no result: {output}"))).unwrap();
    (result, server.report(), cable.0.now())
}

fn number(result: &Value, key: &str) -> u64 {
    result[key].as_u64().unwrap_or_else(|| panic!("no {key}: {result}"))
}

fn check(bootargs: &str, count: u64, size: u64) -> Value {
    let (result, report, _) = net(bootargs);
    assert_eq!((number(&result, "errors"), number(&result, "ops")), (0, count), "{bootargs}: {result}");
    assert_eq!((number(&result, "arrived"), number(&result, "lost")), (count, 0), "{bootargs}: {result}");
    let report = report.unwrap_or_else(|| panic!("the server saw nothing: {result}"));
    assert!(report.done, "{report:?}");
    assert_eq!((report.summary.messages, report.summary.bytes), (count, count * size), "{report:?}");
    assert_eq!((report.summary.corrupt, report.summary.duplicate), (0, 0), "{report:?}");
    result
}

#[test]
fn messages_arrive_in_every_test() {
    for test in ["udp_stream", "tcp_stream", "udp_rr", "tcp_rr"] {
        for size in [64, 1000, 1400, 16384] {
            if test.starts_with("udp") && size > 1400 {
                continue;
            }
            let count = if test.ends_with("rr") { 40 } else { 300 };
            let result = check(&format!("test={test} size={size} count={count} seed={size}"), count, size);
            assert_eq!(number(&result, "mtu"), MTU as u64);
        }
    }
}

#[test]
fn the_card_works_with_every_ring_layout() {
    for layout in 0..8 {
        let [packed, indirect, event_idx] = [layout & 1, layout >> 1 & 1, layout >> 2 & 1];
        let switches = format!("packed={packed} indirect={indirect} event-idx={event_idx}");
        check(&format!("test=udp_stream size=64 count=1000 {switches}"), 1000, 64);
        check(&format!("test=tcp_rr size=8000 count=20 {switches}"), 20, 8000);
    }
}

#[test]
fn the_card_works_with_and_without_offloads() {
    for switches in ["csum=0", "mergeable=0", "csum=0 mergeable=0 queue=16", "wait=poll", "nodelay=1 batch=8"] {
        check(&format!("test=tcp_rr size=4096 count=20 {switches}"), 20, 4096);
        check(&format!("test=udp_stream size=1400 count=200 {switches}"), 200, 1400);
    }
}

#[test]
fn a_run_with_a_network_is_the_same_run_again() {
    let run = || net("test=tcp_rr size=3000 count=10 seed=4");
    let (first, again) = (run(), run());
    assert_eq!((first.0, first.2), (again.0, again.2));
}
