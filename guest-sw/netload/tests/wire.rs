//! Client and server over a wire in memory: what is sent arrives, and what the wire does to it is seen.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use netload::smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use netload::smoltcp::time::Instant;
use netload::smoltcp::wire::{EthernetFrame, Ipv4Packet, UdpPacket};
use netload::{Client, GUEST, Link, Memory, Options, Outcome, PEER, Partial, Poll, Report, Server, Tap, Test, View};

type Frames = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// What a wire does to frames.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// Every so many frames one is lost; 0 for none.
    lose: usize,
    /// The same for frames that come twice.
    double: usize,
    /// The same for frames of which a byte near the end is changed, behind the checksum's back.
    corrupt: usize,
}

struct Wire {
    incoming: Frames,
    outgoing: Frames,
    mtu: usize,
    faults: Faults,
    sent: usize,
    /// Frames that it holds, at most.
    depth: usize,
    /// How often a frame was shown.
    offers: usize,
}

struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

struct Transmit<'a>(&'a mut Wire);

impl phy::TxToken for Transmit<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let mut frame = vec![0; len];
        let result = fill(&mut frame);
        self.0.send(frame);
        result
    }
}

impl Wire {
    fn send(&mut self, mut frame: Vec<u8>) {
        // Address resolution stays whole: what it loses, the stack asks for once a second only.
        let payload = frame.len() > 60;
        self.sent += usize::from(payload);
        let hit = |every: usize| payload && every > 0 && self.sent.is_multiple_of(every);
        if hit(self.faults.lose) {
            return;
        }
        if hit(self.faults.corrupt) {
            let last = frame.len() - 1;
            frame[last] ^= 0x40;
        }
        if hit(self.faults.double) {
            self.outgoing.borrow_mut().push_back(frame.clone());
        }
        self.outgoing.borrow_mut().push_back(frame);
    }
}

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = Transmit<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Transmit<'_>)> {
        let frame = self.incoming.borrow_mut().pop_front()?;
        Some((Received(frame), Transmit(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Transmit<'_>> {
        let full = self.outgoing.borrow().len() >= self.depth;
        (!full).then_some(Transmit(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu + 14;
        // Nobody checks: what arrives wrong is for the test's own checks to find.
        capabilities.checksum.udp = phy::Checksum::None;
        capabilities.checksum.tcp = phy::Checksum::None;
        capabilities
    }
}

impl Tap for Wire {
    fn offer(&mut self, take: impl FnOnce(View<'_>) -> bool) -> bool {
        let Some(frame) = self.incoming.borrow().front().cloned() else { return false };
        // Aligned as drivers have their frames, most of the time.
        let mut aligned = vec![0_u64; frame.len() / 8 + 2];
        self.offers += 1;
        let shift = if self.offers % 5 == 4 { 1 } else { 6 };
        // SAFETY: bytes of numbers.
        let (_, bytes, _) = unsafe { aligned.align_to_mut::<u8>() };
        bytes[shift..shift + frame.len()].copy_from_slice(&frame);
        // SAFETY: nobody writes to them.
        let taken = take(unsafe { View::new(bytes[shift..].as_ptr(), frame.len()) });
        if taken {
            self.incoming.borrow_mut().pop_front();
        }
        taken
    }
}

impl Link for Wire {
    fn send(&mut self, len: usize, partial: Partial, fill: impl FnOnce(&mut [u8])) -> bool {
        let Some(token) = self.transmit(Instant::ZERO) else { return false };
        phy::TxToken::consume(token, len, |frame| {
            fill(frame);
            // What a device does: everything from `start` on is summed, with what is in the checksum's place.
            let (start, field) = (usize::from(partial.start), usize::from(partial.start + partial.offset));
            let pairs =
                frame[start..].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
            let mut sum: u32 = pairs.sum();
            while sum > 0xffff {
                sum = (sum & 0xffff) + (sum >> 16);
            }
            frame[field..field + 2].copy_from_slice(&(!sum as u16).to_be_bytes());
            assert!(headers_are_right(frame), "{frame:02x?}");
        });
        true
    }
}

/// Whether smoltcp finds a datagram's headers and checksums right.
fn headers_are_right(frame: &[u8]) -> bool {
    let packet = Ipv4Packet::new_checked(EthernetFrame::new_checked(frame).unwrap().payload()).unwrap();
    let datagram = UdpPacket::new_checked(packet.payload()).unwrap();
    packet.verify_checksum() && datagram.verify_checksum(&packet.src_addr().into(), &packet.dst_addr().into())
}

fn memory() -> &'static mut Memory {
    Box::leak(Box::new(Memory::EMPTY))
}

fn options(test: Test, size: usize, count: u64) -> Options {
    Options { test, size, count, nodelay: false, flow: false, seed: 42 }
}

struct Ran {
    outcome: Outcome,
    report: Report,
    latencies: usize,
    frames: usize,
}

/// Runs a test to its end. Time goes on when both sides wait.
fn run(options: &Options, faults: Faults) -> Ran {
    let [there, back]: [Frames; 2] = Default::default();
    let wire = |incoming: &Frames, outgoing: &Frames, faults| Wire {
        incoming: incoming.clone(),
        outgoing: outgoing.clone(),
        mtu: 16896,
        faults,
        sent: 0,
        depth: 8,
        offers: 0,
    };
    let mut client_wire = wire(&back, &there, faults);
    let mut server_wire = wire(&there, &back, Faults::default());
    let mut server = Server::new(&mut server_wire, memory(), &PEER);
    let mut client = Client::new(&mut client_wire, memory(), (&GUEST, &PEER), options, || 5).unwrap();
    let (mut now, mut latencies, mut seen) = (1_000_000, 0, Vec::new());
    for _ in 0..5_000_000 {
        let ours = client.poll(now, &mut client_wire, &mut |_| latencies += 1);
        let theirs = server.poll(now, &mut server_wire);
        now += 1;
        match (ours, theirs) {
            (Poll::Done, _) => {
                assert_eq!(seen, [Poll::Ready, Poll::Measured]);
                let report = server.report().unwrap();
                return Ran { outcome: *client.outcome(), report, latencies, frames: client_wire.sent };
            }
            (Poll::Failed(why), _) => panic!("{why}: {:?}", client.outcome()),
            (Poll::Waiting(own), Poll::Waiting(other)) => {
                let next = [own, other].into_iter().flatten().min().expect("somebody has a deadline");
                now = now.max(next);
            }
            (poll @ (Poll::Ready | Poll::Measured), _) => seen.push(poll),
            _ => {}
        }
    }
    panic!("no end: {:?}", client.outcome());
}

#[test]
fn all_tests_deliver_everything() {
    for test in [Test::UdpStream, Test::TcpStream, Test::UdpRr, Test::TcpRr] {
        for size in [16, 64, 100, 1024, 16384] {
            let count = 700;
            let ran = run(&options(test, size, count), Faults::default());
            let bytes = count * size as u64;
            let both_ways = if test.is_rr() { 2 * bytes } else { bytes };
            assert_eq!((ran.outcome.messages, ran.outcome.bytes), (count, both_ways), "{test:?} {size}");
            assert_eq!((ran.outcome.retries, ran.outcome.corrupt), (0, 0), "{test:?} {size}");
            let server = ran.outcome.server;
            assert_eq!((server.messages, server.bytes), (count, bytes), "{test:?} {size}");
            assert_eq!((server.lost, server.duplicate, server.corrupt), (0, 0, 0), "{test:?} {size}");
            assert!(ran.report.done);
            assert_eq!(ran.report.summary, server);
            assert_eq!(ran.latencies, if test.is_rr() { count as usize } else { 0 });
        }
    }
}

#[test]
fn datagrams_are_never_put_together_and_writes_are() {
    let ran = run(&options(Test::UdpStream, 64, 500), Faults::default());
    assert!(ran.frames >= 500);
    let ran = run(&options(Test::TcpStream, 64, 5000), Faults::default());
    assert!(ran.frames < 500, "{} frames", ran.frames);
    // Without delay, only those that find no room on the wire.
    let nodelay = Options { nodelay: true, ..options(Test::TcpStream, 64, 5000) };
    let ran = run(&nodelay, Faults::default());
    assert!(ran.frames > 2000, "{} frames", ran.frames);
}

#[test]
fn flows_deliver_as_sockets_do() {
    for size in [16, 17, 64, 1473, 16384] {
        let sent = run(&Options { flow: true, ..options(Test::UdpStream, size, 300) }, Faults::default());
        let Outcome { messages, bytes, corrupt, server, .. } = sent.outcome;
        assert_eq!((messages, bytes, corrupt), (300, 300 * size as u64, 0));
        assert_eq!((server.messages, server.lost, server.corrupt), (300, 0, 0), "{size} bytes");
    }
}

#[test]
fn lost_datagrams_are_counted() {
    let ran = run(&options(Test::UdpStream, 64, 1000), Faults { lose: 10, ..Faults::default() });
    let server = ran.outcome.server;
    assert!((90..=110).contains(&server.lost), "{server:?}");
    assert_eq!(server.messages + server.lost, 1000);
    assert_eq!((server.duplicate, server.corrupt), (0, 0));
}

#[test]
fn doubled_datagrams_are_counted() {
    let ran = run(&options(Test::UdpStream, 64, 1000), Faults { double: 10, ..Faults::default() });
    let server = ran.outcome.server;
    assert_eq!((server.messages, server.lost, server.corrupt), (1000, 0, 0));
    assert!((90..=110).contains(&server.duplicate), "{server:?}");
}

#[test]
fn wrong_data_is_found() {
    let ran = run(&options(Test::UdpStream, 64, 1000), Faults { corrupt: 10, ..Faults::default() });
    let server = ran.outcome.server;
    assert!((90..=110).contains(&server.corrupt), "{server:?}");
    assert_eq!((server.messages + server.corrupt, server.lost), (1000, 0));
    let ran = run(&options(Test::TcpStream, 16384, 100), Faults { corrupt: 10, ..Faults::default() });
    assert!(ran.outcome.server.corrupt > 0, "{:?}", ran.outcome);
    assert_eq!(ran.outcome.server.messages + ran.outcome.server.corrupt, 100);
}

#[test]
fn lost_requests_are_sent_again() {
    let ran = run(&options(Test::UdpRr, 64, 200), Faults { lose: 10, ..Faults::default() });
    assert!(ran.outcome.retries > 10, "{:?}", ran.outcome);
    assert_eq!((ran.outcome.messages, ran.outcome.server.messages), (200, 200));
}

#[test]
fn connections_survive_loss() {
    for test in [Test::TcpStream, Test::TcpRr] {
        let ran = run(&options(test, 1024, 500), Faults { lose: 25, double: 7, ..Faults::default() });
        assert_eq!((ran.outcome.messages, ran.outcome.server.messages), (500, 500));
        assert_eq!((ran.outcome.corrupt, ran.outcome.server.corrupt), (0, 0));
    }
}

#[test]
fn impossible_tests_are_refused() {
    let frames = Frames::default();
    let mut wire = Wire {
        incoming: frames.clone(),
        outgoing: frames,
        mtu: 1500,
        faults: Faults::default(),
        sent: 0,
        depth: 8,
        offers: 0,
    };
    let mut try_it = |options: Options| Client::new(&mut wire, memory(), (&GUEST, &PEER), &options, || 0).err();
    assert!(try_it(options(Test::UdpStream, 8, 1)).is_some(), "smaller than its header");
    assert!(try_it(options(Test::UdpRr, 1473, 1)).is_some(), "larger than a frame");
    assert!(try_it(options(Test::UdpRr, 1472, 1)).is_none());
    assert!(try_it(options(Test::TcpStream, 0, 1)).is_some(), "nothing");
    assert!(try_it(options(Test::TcpStream, 1 << 20, 1)).is_some(), "too much");
    assert!(try_it(options(Test::TcpStream, 1, 0)).is_some(), "none");
}
