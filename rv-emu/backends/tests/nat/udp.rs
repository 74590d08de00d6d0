//! UDP through the NAT, the resolver, and datagrams forwarded to the guest.

use std::net::{SocketAddr, UdpSocket};
use std::thread;

use rv_backends::nat::NatConfig;
use smoltcp::socket::icmp;
use smoltcp::wire::{Icmpv4DstUnreachable, Icmpv4Packet, Icmpv4Repr};

use crate::guest::{Guest, config, pattern};

/// Answers one datagram with its bytes backwards; where it listens.
fn backwards() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut bytes = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut bytes) {
            bytes[..len].reverse();
            socket.send_to(&bytes[..len], from).unwrap();
        }
    });
    address
}

#[test]
fn datagrams_come_back_from_whom_they_were_sent_to() {
    let (one, two) = (backwards().port(), backwards().port());
    let mut guest = Guest::new(config());
    let socket = guest.bind(5000);
    guest.send_to(socket, b"abc", &format!("10.0.2.2:{one}"));
    assert_eq!(guest.receive(socket), (b"cba".to_vec(), format!("10.0.2.2:{one}")));
    let mut long = pattern(1472, 9);
    guest.send_to(socket, &long, &format!("10.0.2.2:{two}"));
    long.reverse();
    assert_eq!(guest.receive(socket), (long, format!("10.0.2.2:{two}")));
    assert_eq!(guest.nat.flows(), 2);
}

#[test]
fn questions_go_to_the_resolver() {
    let mut guest = Guest::new(NatConfig { dns: Some(backwards()), ..config() });
    let socket = guest.bind(5000);
    guest.send_to(socket, b"?em si ohw", "10.0.2.3:53");
    assert_eq!(guest.receive(socket), (b"who is me?".to_vec(), "10.0.2.3:53".to_owned()));
}

#[test]
fn flows_are_bounded() {
    let port = backwards().port();
    let mut guest = Guest::new(NatConfig { flows_max: 4, ..config() });
    for number in 0..20 {
        let socket = guest.bind(5000 + number);
        guest.send_to(socket, b"ab", &format!("10.0.2.2:{port}"));
        assert_eq!(guest.receive(socket).0, b"ba");
        assert!(guest.nat.flows() <= 4);
    }
}

/// The reason of the next ICMP message about datagrams from port 5000.
fn reason(guest: &mut Guest, handle: smoltcp::iface::SocketHandle) -> Icmpv4DstUnreachable {
    guest.until(|guest| {
        let (data, from) = guest.sockets.get_mut::<icmp::Socket>(handle).recv().ok()?;
        assert_eq!(from.to_string(), "10.0.2.2");
        let packet = Icmpv4Packet::new_checked(data).unwrap();
        match Icmpv4Repr::parse(&packet, &Default::default()).unwrap() {
            Icmpv4Repr::DstUnreachable { reason, .. } => Some(reason),
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn where_nobody_listens_the_guest_is_told() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (to, restrict) in
        [(format!("10.0.2.2:{closed}"), false), ("10.0.2.3:53".to_owned(), false), ("192.0.2.1:1".to_owned(), true)]
    {
        let mut guest = Guest::new(NatConfig { restrict, ..config() });
        let buffer = || icmp::PacketBuffer::new(vec![icmp::PacketMetadata::EMPTY; 4], vec![0; 2048]);
        let mut errors = icmp::Socket::new(buffer(), buffer());
        errors.bind(icmp::Endpoint::Udp(5000.into())).unwrap();
        let errors = guest.sockets.add(errors);
        let socket = guest.bind(5000);
        // Without data, as smoltcp takes no message about a datagram that it doesn't see whole.
        guest.send_to(socket, b"", &to);
        assert_eq!(reason(&mut guest, errors), Icmpv4DstUnreachable::PortUnreachable, "{to}");
    }
}

#[test]
fn forwarded_datagrams_reach_the_guest_and_are_answered() {
    let forwards = vec!["udp::0-:7000".parse().unwrap()];
    let mut guest = Guest::new(NatConfig { forwards, restrict: true, ..config() });
    let address = guest.nat.forwards()[0].host;
    let socket = guest.bind(7000);
    let clients: Vec<_> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    // The guest's address isn't known before it says something: the first datagram brings the question for it.
    clients[0].send_to(b"who is there", address).unwrap();
    for _ in 0..20 {
        guest.step();
    }
    for (number, client) in clients.iter().enumerate() {
        client.send_to(&[number as u8; 3], address).unwrap();
        let (data, from) = guest.receive(socket);
        assert_eq!(data, [number as u8; 3]);
        guest.send_to(socket, &[0xa0 + number as u8], &from);
        for _ in 0..5 {
            guest.step();
        }
        let mut answer = [0; 8];
        let (len, whom) = client.recv_from(&mut answer).unwrap();
        assert_eq!((&answer[..len], whom), (&[0xa0 + number as u8][..], address.into()));
    }
}
