//! Frames that no guest should send: whatever they are, the network goes on. For longer:
//! `PROPTEST_CASES=100000 cargo test --release -p rv-backends --test nat hostile`.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use proptest::prelude::*;
use rv_backends::nat::{Nat, NatConfig};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr,
    TcpPacket, UdpPacket, UdpRepr,
};

use crate::guest::{Guest, MAC, config};

/// Something in the contents of an IPv4 packet, and where it goes.
#[derive(Debug, Clone)]
struct Odd {
    protocol: u8,
    to: [u8; 4],
    from: [u8; 4],
    payload: Vec<u8>,
    /// Bytes that are overwritten when the packet is made.
    damage: Vec<(usize, u8)>,
    /// The sums are right even so, so that more than the first check is reached.
    repaired: bool,
}

fn address() -> impl Strategy<Value = [u8; 4]> {
    prop_oneof![
        4 => Just([10, 0, 2, 2]),
        2 => Just([10, 0, 2, 3]),
        4 => Just([10, 0, 2, 15]),
        1 => Just([255; 4]),
        1 => Just([0; 4]),
        // Nobody's, but for this: none of them may be sent to from a test.
        1 => any::<[u8; 4]>().prop_map(|[.., d]| [10, 0, 2, d]),
        1 => any::<[u8; 4]>().prop_map(|[.., c, d]| [127, 0, c, d]),
    ]
}

fn udp_ports() -> impl Strategy<Value = [u8; 4]> {
    let port = || prop_oneof![Just(67_u16), Just(68), Just(53), Just(49_152), any::<u16>()];
    (port(), port()).prop_map(|(from, to)| {
        let ([a, b], [c, d]) = (from.to_be_bytes(), to.to_be_bytes());
        [a, b, c, d]
    })
}

fn odd() -> impl Strategy<Value = Odd> {
    let payload = (udp_ports(), prop::collection::vec(any::<u8>(), 0..400))
        .prop_map(|(ports, rest)| [&ports[..], &rest].concat());
    let protocol = prop_oneof![3 => Just(17_u8), 3 => Just(6), 2 => Just(1), 1 => any::<u8>()];
    let damage = prop::collection::vec((0..60_usize, any::<u8>()), 0..4);
    (protocol, address(), address(), payload, damage, any::<bool>()).prop_map(
        |(protocol, to, from, payload, damage, repaired)| Odd { protocol, to, from, payload, damage, repaired },
    )
}

fn frame(odd: &Odd) -> Vec<u8> {
    let (from, to) = (Ipv4Addr::from(odd.from), Ipv4Addr::from(odd.to));
    let mut payload = odd.payload.clone();
    repair(odd, &mut payload);
    let next_header = IpProtocol::from(odd.protocol);
    let header = Ipv4Repr { src_addr: from, dst_addr: to, next_header, payload_len: payload.len(), hop_limit: 1 };
    let mut bytes = vec![0; 14 + 20 + payload.len()];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    let ethernet = EthernetRepr {
        src_addr: MAC,
        dst_addr: EthernetAddress([0x52, 0x55, 10, 0, 2, 2]),
        ethertype: EthernetProtocol::Ipv4,
    };
    ethernet.emit(&mut frame);
    let mut packet = Ipv4Packet::new_unchecked(frame.payload_mut());
    header.emit(&mut packet, &ChecksumCapabilities::default());
    packet.payload_mut().copy_from_slice(&payload);
    for &(at, value) in &odd.damage {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
    }
    bytes
}

/// Makes lengths and sums right.
fn repair(odd: &Odd, payload: &mut [u8]) {
    let (from, to) = (IpAddress::from(Ipv4Addr::from(odd.from)), IpAddress::from(Ipv4Addr::from(odd.to)));
    match odd.protocol {
        17 if odd.repaired && payload.len() >= 8 => {
            let ports = UdpPacket::new_unchecked(&payload[..]);
            let repr = UdpRepr { src_port: ports.src_port(), dst_port: ports.dst_port() };
            let data = payload[8..].to_vec();
            let mut packet = UdpPacket::new_unchecked(payload);
            repr.emit(&mut packet, &from, &to, data.len(), |room| room.copy_from_slice(&data), &Default::default());
        }
        6 if odd.repaired && payload.len() >= 20 => {
            let mut packet = TcpPacket::new_unchecked(payload);
            packet.set_header_len(20);
            packet.fill_checksum(&from, &to);
        }
        _ => {}
    }
}

/// Ports of the host that odd packets may hit are this test's, or nobody's: everything goes nowhere.
fn nat() -> Nat {
    Nat::new(NatConfig { restrict: true, ..config() }).unwrap()
}

proptest! {
    #[test]
    fn hostile_frames_are_harmless(frames in prop::collection::vec(odd(), 1..40)) {
        let mut nat = nat();
        for (number, odd) in frames.iter().enumerate() {
            nat.frame(&frame(odd));
            nat.poll(Duration::from_millis(number as u64), &mut |frame| {
                assert!(frame.len() <= 1514);
                true
            });
        }
    }

    #[test]
    fn hostile_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
        let mut nat = nat();
        let mut bytes = bytes;
        if ours && bytes.len() >= 14 {
            bytes[..6].fill(0xff);
            let kind = if bytes[12] & 1 == 0 { 0 } else { 6 };
            bytes[12..14].copy_from_slice(&[8, kind]);
        }
        nat.frame(&bytes);
        nat.poll(Duration::ZERO, &mut |_| true);
    }

    /// Odd segments of a connection that stands.
    #[test]
    fn hostile_segments_leave_the_network_alive(
        segments in prop::collection::vec(prop::collection::vec(any::<u8>(), 16..80), 1..30),
    ) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut guest = Guest::new(config());
        let handle = guest.connect(&format!("10.0.2.2:{port}"));
        guest.until(|guest| guest.tcp(handle).may_send().then_some(()));
        let local = guest.tcp(handle).local_endpoint().unwrap().port;
        for rest in segments {
            let [a, b] = local.to_be_bytes();
            let [c, d] = port.to_be_bytes();
            let payload = [&[a, b, c, d][..], &rest].concat();
            let odd =
                Odd { protocol: 6, to: [10, 0, 2, 2], from: [10, 0, 2, 15], payload, damage: vec![], repaired: true };
            // A segment that opens a connection would open one of the host's.
            guest.nat.frame(&frame(&odd));
            guest.nat.poll(guest.now, &mut |_| true);
        }
        prop_assert!(guest.nat.connections() <= 1);
        let again = guest.connect(&format!("10.0.2.2:{port}"));
        guest.until(|guest| guest.tcp(again).may_send().then_some(()));
    }
}
