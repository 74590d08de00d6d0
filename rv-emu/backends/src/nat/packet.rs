//! IPv4 packets: those of the guest taken apart and checked (RFC 791), those to it put together.

use std::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Icmpv4DstUnreachable, Icmpv4Packet, Icmpv4Repr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use super::plan::{GATEWAY, MTU};

/// Hops that our packets may make: they make none.
const HOPS: u8 = 64;
/// Bytes of a packet's header without options.
const HEADER: usize = 20;
/// Bytes of a datagram's data at most: nothing is fragmented on the way to the guest.
pub const DATA_MAX: usize = MTU - HEADER - 8;

/// A packet of the guest's, whole and with a right checksum.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Who says to have sent it.
    pub from: Ipv4Addr,
    /// Whom it is for.
    pub to: Ipv4Addr,
    /// What is in it.
    pub protocol: IpProtocol,
    /// Its contents.
    pub payload: &'a [u8],
    /// All of it, without what Ethernet has padded.
    pub bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Checks a packet. Fragments are none: their guest hears nothing, as if they were lost.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let packet = Ipv4Packet::new_checked(bytes).ok()?;
        let repr = Ipv4Repr::parse(&packet, &ChecksumCapabilities::default()).ok()?;
        if packet.more_frags() || packet.frag_offset() != 0 {
            return None;
        }
        let bytes = bytes.get(..usize::from(packet.total_len()))?;
        let payload = bytes.get(usize::from(packet.header_len())..)?;
        Some(Self { from: repr.src_addr, to: repr.dst_addr, protocol: repr.next_header, payload, bytes })
    }

    /// The ports and data of a UDP datagram with a right checksum, or with none.
    pub fn udp(&self) -> Option<Datagram<'a>> {
        let datagram = UdpPacket::new_checked(self.payload).ok()?;
        let (from, to) = (IpAddress::from(self.from), IpAddress::from(self.to));
        let repr = UdpRepr::parse(&datagram, &from, &to, &ChecksumCapabilities::default()).ok()?;
        Some(Datagram {
            from: SocketAddrV4::new(self.from, repr.src_port),
            to: SocketAddrV4::new(self.to, repr.dst_port),
            data: datagram.payload(),
        })
    }
}

/// A UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Its sender.
    pub from: SocketAddrV4,
    /// Its receiver.
    pub to: SocketAddrV4,
    /// What it carries.
    pub data: &'a [u8],
}

impl Datagram<'_> {
    /// As a packet; `None` if it would have to be fragmented.
    pub fn to_packet(self) -> Option<Vec<u8>> {
        if self.data.len() > DATA_MAX {
            return None;
        }
        let udp = UdpRepr { src_port: self.from.port(), dst_port: self.to.port() };
        let len = udp.header_len() + self.data.len();
        Some(build(*self.from.ip(), *self.to.ip(), IpProtocol::Udp, len, |payload| {
            let (from, to) = (IpAddress::from(*self.from.ip()), IpAddress::from(*self.to.ip()));
            let copy = |room: &mut [u8]| room.copy_from_slice(self.data);
            let mut packet = UdpPacket::new_unchecked(payload);
            udp.emit(&mut packet, &from, &to, self.data.len(), copy, &ChecksumCapabilities::default());
        }))
    }
}

/// What we say to an ICMP message (RFC 792): an echo to an echo, nothing to others.
pub fn echo(request: &Packet<'_>) -> Option<Vec<u8>> {
    let packet = Icmpv4Packet::new_checked(request.payload).ok()?;
    match Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default()).ok()? {
        Icmpv4Repr::EchoRequest { ident, seq_no, data } => {
            let reply = Icmpv4Repr::EchoReply { ident, seq_no, data };
            Some(icmp(request.to, request.from, &reply))
        }
        _ => None,
    }
}

/// Says that a packet didn't get where it was to go (RFC 792, "Destination Unreachable Message"), with the header and
/// the first 8 bytes of it.
pub fn unreachable(packet: &Packet<'_>, reason: Icmpv4DstUnreachable) -> Vec<u8> {
    let header = Ipv4Repr {
        src_addr: packet.from,
        dst_addr: packet.to,
        next_header: packet.protocol,
        payload_len: packet.payload.len(),
        hop_limit: HOPS,
    };
    let data = &packet.payload[..packet.payload.len().min(8)];
    icmp(GATEWAY, packet.from, &Icmpv4Repr::DstUnreachable { reason, header, data })
}

fn icmp(from: Ipv4Addr, to: Ipv4Addr, message: &Icmpv4Repr<'_>) -> Vec<u8> {
    build(from, to, IpProtocol::Icmp, message.buffer_len(), |payload| {
        message.emit(&mut Icmpv4Packet::new_unchecked(payload), &ChecksumCapabilities::default());
    })
}

fn build(
    from: Ipv4Addr,
    to: Ipv4Addr,
    protocol: IpProtocol,
    payload_len: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let header = Ipv4Repr { src_addr: from, dst_addr: to, next_header: protocol, payload_len, hop_limit: HOPS };
    let mut bytes = vec![0; HEADER + payload_len];
    let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
    header.emit(&mut packet, &ChecksumCapabilities::default());
    fill(packet.payload_mut());
    bytes
}
