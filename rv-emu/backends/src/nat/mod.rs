//! A network for the guest that needs no rights on the host: what the guest sends is taken apart and goes out through
//! plain sockets, as if the emulator itself had sent it. To the guest it is QEMU's user network:
//!
//! | address | who |
//! |---|---|
//! | 10.0.2.2 | the gateway, which is the host's loopback too; DHCP server |
//! | 10.0.2.3 | the resolver: questions go to the host's |
//! | 10.0.2.15 | the guest, by DHCP |
//!
//! Files: `config`, `plan` (addresses, and who may go where), `link` (Ethernet, ARP), `packet` (IPv4, ICMP), `dhcp`,
//! `udp`, `stack` (smoltcp as the other end of the guest's connections), `tcp`, `poll` (waiting for the host).
//!
//! Frames go in by [`Nat::frame`] and come out of [`Nat::poll`]: what the host says enters the machine only there. Time
//! is the caller's, and decides over retransmissions only; a machine's virtual time is right, since it is the guest's.
//!
//! Deliberately absent: fragments (a datagram to the guest has 1472 bytes at most), IPv6, ICMP to the outside, IP
//! options.

mod config;
mod dhcp;
mod link;
mod packet;
mod plan;
mod poll;
mod stack;
mod tcp;
mod udp;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use smoltcp::wire::{EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv4DstUnreachable, IpProtocol};

pub use config::{Forward, NatConfig, NatError, Transport};
pub use plan::{DNS, GATEWAY, GUEST, MTU};

use link::Link;
use packet::Packet;
use tcp::Tcp;
use udp::{Sent, Udp};

/// Turns of [`Nat::poll`] while the guest takes frames: then it is the machine's turn.
const TURNS: usize = 8;

/// The network, with all of the host that it holds.
pub struct Nat {
    restrict: bool,
    dns: Option<SocketAddr>,
    forwards: Vec<Forward>,
    link: Link,
    udp: Udp,
    tcp: Tcp,
    now: Duration,
}

impl Nat {
    /// A network, with its forwarded ports open.
    ///
    /// # Errors
    /// If the host doesn't give a port that is to be forwarded.
    pub fn new(config: NatConfig) -> Result<Self, NatError> {
        Ok(Self {
            restrict: config.restrict,
            dns: config.dns,
            udp: Udp::new(config.flows_max, &config.forwards)?,
            tcp: Tcp::new(config.connections_max, &config.forwards)?,
            forwards: config.forwards,
            link: Link::default(),
            now: Duration::ZERO,
        })
    }

    /// The forwards, with the ports where the host really listens.
    pub fn forwards(&self) -> Vec<Forward> {
        let (mut tcp, mut udp) = (self.tcp.listening(), self.udp.listening());
        let real = |forward: &Forward| {
            let address = match forward.transport {
                Transport::Tcp => tcp.next(),
                Transport::Udp => udp.next(),
            };
            match address.flatten() {
                Some(SocketAddr::V4(host)) => Forward { host, ..*forward },
                _ => *forward,
            }
        };
        self.forwards.iter().map(real).collect()
    }

    /// Takes an Ethernet frame of the guest. What comes of it comes out of the next [`Nat::poll`].
    pub fn frame(&mut self, frame: &[u8]) {
        let Ok(frame) = EthernetFrame::new_checked(frame) else { return };
        let to = frame.dst_addr();
        if to != plan::MAC && !to.is_broadcast() {
            return;
        }
        match frame.ethertype() {
            EthernetProtocol::Arp => self.link.arp(frame.payload()),
            EthernetProtocol::Ipv4 => {
                if let Some(packet) = Packet::parse(frame.payload()) {
                    self.packet(frame.src_addr(), &packet);
                }
            }
            _ => {}
        }
    }

    fn packet(&mut self, mac: EthernetAddress, packet: &Packet<'_>) {
        let nobody = packet.from == Ipv4Addr::UNSPECIFIED;
        if !nobody && !plan::is_guest(packet.from) {
            return;
        }
        self.link.learn(packet.from, mac);
        match packet.protocol {
            IpProtocol::Udp => self.datagram(packet),
            _ if nobody => {}
            IpProtocol::Icmp if plan::is_ours(packet.to) => {
                if let Some(reply) = packet::echo(packet) {
                    self.link.send_to(packet.from, &reply);
                }
            }
            IpProtocol::Tcp => {
                let (dns, restrict) = (self.dns, self.restrict);
                let answer = self.tcp.packet(packet, self.now, |to| plan::outward(to, dns, restrict));
                if let Some(answer) = answer {
                    self.link.send_to(packet.from, &answer);
                }
            }
            _ => {}
        }
    }

    fn datagram(&mut self, packet: &Packet<'_>) {
        let Some(datagram) = packet.udp() else { return };
        let for_us = packet.to.is_broadcast() || packet.to == GATEWAY;
        if for_us && datagram.to.port() == dhcp::SERVER_PORT {
            if let Some((mac, answer)) = dhcp::answer(datagram.data) {
                self.link.send(mac, &answer);
            }
            return;
        }
        if !plan::is_guest(packet.from) || self.udp.answer_peer(&datagram) {
            return;
        }
        let target = plan::outward(datagram.to, self.dns, self.restrict);
        let refused = match target {
            Some(target) => {
                (self.udp.send(&datagram, target) == Sent::Refused).then_some(Icmpv4DstUnreachable::PortUnreachable)
            }
            // Nobody says anything to what was sent to many (RFC 1122, 3.2.2).
            None if packet.to.is_multicast() || packet.to.octets()[3] == 255 => None,
            None => Some(Icmpv4DstUnreachable::PortUnreachable),
        };
        if let Some(reason) = refused {
            self.link.send_to(packet.from, &packet::unreachable(packet, reason));
        }
    }

    /// Does all that can be done without waiting, and offers the guest its frames, in order, until `take` refuses one:
    /// that stays the next. `now` never goes back.
    pub fn poll(&mut self, now: Duration, take: &mut impl FnMut(&[u8]) -> bool) {
        self.now = self.now.max(now);
        for _ in 0..TURNS {
            self.exchange();
            self.forward_packets();
            if !self.link.deliver(take) || !self.tcp.stack().has_packets() {
                return;
            }
        }
    }

    /// Exchanges bytes with the host's sockets.
    fn exchange(&mut self) {
        let ready = poll::ready(&self.tcp);
        let link = &mut self.link;
        self.tcp.run(&ready, self.now, &mut |message| {
            if let Some(packet) = Packet::parse(&message) {
                link.send_to(packet.to, &message);
            }
        });
        let (mut packets, mut lost) = (Vec::new(), Vec::new());
        let mut budget = udp::PACKETS_MAX;
        let has_room = link.has_room();
        self.udp.receive(
            &mut || {
                budget -= usize::from(budget > 0);
                has_room && budget > 0
            },
            &mut |datagram| packets.extend(datagram.to_packet()),
            &mut |datagram| lost.extend(datagram.to_packet()),
        );
        for packet in &packets {
            if let Some(parsed) = Packet::parse(packet) {
                link.send_to(parsed.to, packet);
            }
        }
        for packet in &lost {
            if let Some(parsed) = Packet::parse(packet) {
                link.send_to(parsed.from, &packet::unreachable(&parsed, Icmpv4DstUnreachable::PortUnreachable));
            }
        }
    }

    /// Gives the stack's packets Ethernet headers, as many as there is room for.
    fn forward_packets(&mut self) {
        while self.link.has_room() {
            let Some(packet) = self.tcp.stack().pop() else { return };
            if let Some(parsed) = Packet::parse(&packet) {
                self.link.send_to(parsed.to, &packet);
            }
        }
    }

    /// When there is something to do even if neither guest nor host say anything: a packet is to be sent again.
    pub fn poll_at(&mut self) -> Option<Duration> {
        let now = self.now;
        self.tcp.stack().next_event(now)
    }

    /// TCP connections there are: made, being made, and waiting out their last packets.
    pub fn connections(&self) -> usize {
        self.tcp.connections()
    }

    /// UDP flows there are.
    pub fn flows(&self) -> usize {
        self.udp.flows()
    }

    /// Frames that were lost because the guest didn't take those before.
    pub fn lost(&self) -> u64 {
        self.link.lost()
    }
}
