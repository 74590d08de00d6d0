//! What the network itself answers: DHCP, ARP, echo.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use rv_backends::nat::{Nat, NatConfig, NatError};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::{dhcpv4, icmp};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv4Packet,
    Icmpv4Repr,
};

use crate::guest::{Guest, MAC, config};

#[test]
fn dhcp_gives_address_router_and_resolver() {
    let mut guest = Guest::without_address(config());
    let handle = guest.sockets.add(dhcpv4::Socket::new());
    let lease = guest.until(|guest| match guest.sockets.get_mut::<dhcpv4::Socket>(handle).poll() {
        Some(dhcpv4::Event::Configured(lease)) => {
            let servers: Vec<_> = lease.dns_servers.iter().map(ToString::to_string).collect();
            Some((lease.address.to_string(), lease.router.map(|router| router.to_string()), servers))
        }
        _ => None,
    });
    assert_eq!(lease, ("10.0.2.15/24".to_owned(), Some("10.0.2.2".to_owned()), vec!["10.0.2.3".to_owned()]));
}

/// The answers to an ARP question for `address`.
fn ask(nat: &mut Nat, address: Ipv4Addr) -> Vec<ArpRepr> {
    let question = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: MAC,
        source_protocol_addr: Ipv4Addr::UNSPECIFIED,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: address,
    };
    let mut bytes = vec![0; 14 + question.buffer_len()];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    EthernetRepr { src_addr: MAC, dst_addr: EthernetAddress::BROADCAST, ethertype: EthernetProtocol::Arp }
        .emit(&mut frame);
    question.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
    nat.frame(&bytes);
    let mut answers = Vec::new();
    nat.poll(Duration::ZERO, &mut |frame| {
        let frame = EthernetFrame::new_checked(frame).unwrap();
        assert_eq!((frame.ethertype(), frame.dst_addr()), (EthernetProtocol::Arp, MAC));
        answers.push(ArpRepr::parse(&ArpPacket::new_checked(frame.payload()).unwrap()).unwrap());
        true
    });
    answers
}

#[test]
fn only_the_networks_own_addresses_are_answered_for() {
    let mut nat = Nat::new(config()).unwrap();
    for (address, answers) in [(2, 1), (3, 1), (15, 0), (1, 0), (255, 0)] {
        // A guest asks for its own address before it uses it, and nobody may have it (RFC 5227).
        assert_eq!(ask(&mut nat, Ipv4Addr::new(10, 0, 2, address)).len(), answers, "10.0.2.{address}");
    }
    assert_eq!(ask(&mut nat, Ipv4Addr::new(192, 0, 2, 1)), []);
}

#[test]
fn the_gateway_echoes() {
    let mut guest = Guest::new(NatConfig { restrict: true, ..config() });
    let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 4], vec![0; 4096]);
    let mut socket = icmp::Socket::new(buffer(), buffer());
    socket.bind(icmp::Endpoint::Ident(7)).unwrap();
    let handle = guest.sockets.add(socket);
    let request = Icmpv4Repr::EchoRequest { ident: 7, seq_no: 1, data: &[0x5a; 1000] };
    let mut bytes = vec![0; request.buffer_len()];
    request.emit(&mut Icmpv4Packet::new_unchecked(&mut bytes[..]), &ChecksumCapabilities::default());
    let gateway = Ipv4Addr::new(10, 0, 2, 2).into();
    guest.sockets.get_mut::<icmp::Socket>(handle).send_slice(&bytes, gateway).unwrap();
    guest.until(|guest| {
        let (data, from) = guest.sockets.get_mut::<icmp::Socket>(handle).recv().ok()?;
        let reply = Icmpv4Packet::new_checked(data).unwrap();
        let reply = Icmpv4Repr::parse(&reply, &ChecksumCapabilities::default()).unwrap();
        assert_eq!(reply, Icmpv4Repr::EchoReply { ident: 7, seq_no: 1, data: &[0x5a; 1000] });
        (from == gateway).then_some(())
    });
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let forwards = vec![format!("tcp::{port}-:22").parse().unwrap()];
    let error = Nat::new(NatConfig { forwards, ..config() }).err().unwrap();
    let NatError::Listen { forward, .. } = &error;
    assert_eq!(forward.host, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    assert!(error.to_string().contains(&format!("tcp:127.0.0.1:{port}-10.0.2.15:22")), "{error}");
}

#[test]
fn a_network_that_waits_for_nothing_says_so() {
    let mut guest = Guest::new(config());
    assert_eq!(guest.nat.poll_at(), None);
    assert!(!guest.nat.wait(Duration::ZERO, &[]));
    guest.step();
    assert_eq!(guest.nat.poll_at(), None);
}
