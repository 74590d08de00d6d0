//! The guest's Ethernet: frames that wait for the guest, and who has which address (ARP, RFC 826).

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use smoltcp::wire::{ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr};

use super::plan::{self, GATEWAY, MAC};

/// Frames that wait for the guest at most; what comes then is lost.
const FRAMES_MAX: usize = 512;
/// Addresses of guests that are remembered: one, and a few of its containers and bridges.
const NEIGHBOURS_MAX: usize = 16;

/// The NAT's side of the cable.
#[derive(Debug, Default)]
pub struct Link {
    /// The one that was heard of last is the last.
    neighbours: Vec<(Ipv4Addr, EthernetAddress)>,
    waiting: VecDeque<Vec<u8>>,
    lost: u64,
}

impl Link {
    /// Whether what is sent now will not be lost.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < FRAMES_MAX
    }

    /// Frames that were lost because the guest doesn't take them.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Offers frames to the guest until it refuses one; whether it took any.
    pub fn deliver(&mut self, take: &mut impl FnMut(&[u8]) -> bool) -> bool {
        let before = self.waiting.len();
        while self.waiting.front().is_some_and(|frame| take(frame)) {
            self.waiting.pop_front();
        }
        self.waiting.len() < before
    }

    /// Remembers where a guest's address is.
    pub fn learn(&mut self, address: Ipv4Addr, mac: EthernetAddress) {
        if !plan::is_guest(address) || !mac.is_unicast() || self.neighbours.last() == Some(&(address, mac)) {
            return;
        }
        self.neighbours.retain(|(known, _)| *known != address);
        if self.neighbours.len() == NEIGHBOURS_MAX {
            self.neighbours.remove(0);
        }
        self.neighbours.push((address, mac));
    }

    /// Takes an ARP packet: questions for our addresses are answered, no others.
    pub fn arp(&mut self, payload: &[u8]) {
        let Some(Ok(ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        })) = ArpPacket::new_checked(payload).ok().map(|packet| ArpRepr::parse(&packet))
        else {
            return;
        };
        self.learn(source_protocol_addr, source_hardware_addr);
        if operation == ArpOperation::Request && plan::is_ours(target_protocol_addr) {
            let answer = ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Reply,
                source_hardware_addr: MAC,
                source_protocol_addr: target_protocol_addr,
                target_hardware_addr: source_hardware_addr,
                target_protocol_addr: source_protocol_addr,
            };
            self.send_arp(source_hardware_addr, &answer);
        }
    }

    /// Sends an IPv4 packet to whoever of the guest's side has `to`. If nobody is known to have it, the question goes
    /// out instead: who sent the packet sends it again.
    pub fn send_to(&mut self, to: Ipv4Addr, packet: &[u8]) {
        if let Some((_, mac)) = self.neighbours.iter().find(|(known, _)| *known == to) {
            return self.send(*mac, packet);
        }
        if plan::is_guest(to) {
            let question = ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Request,
                source_hardware_addr: MAC,
                source_protocol_addr: GATEWAY,
                target_hardware_addr: EthernetAddress([0; 6]),
                target_protocol_addr: to,
            };
            self.send_arp(EthernetAddress::BROADCAST, &question);
        }
    }

    /// Sends an IPv4 packet to an Ethernet address.
    pub fn send(&mut self, mac: EthernetAddress, packet: &[u8]) {
        self.put(mac, EthernetProtocol::Ipv4, packet.len(), |payload| payload.copy_from_slice(packet));
    }

    fn send_arp(&mut self, mac: EthernetAddress, packet: &ArpRepr) {
        self.put(mac, EthernetProtocol::Arp, packet.buffer_len(), |payload| {
            packet.emit(&mut ArpPacket::new_unchecked(payload));
        });
    }

    fn put(&mut self, mac: EthernetAddress, ethertype: EthernetProtocol, len: usize, fill: impl FnOnce(&mut [u8])) {
        if !self.has_room() {
            self.lost += 1;
            return;
        }
        let mut bytes = vec![0; EthernetFrame::<&[u8]>::buffer_len(len)];
        let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
        EthernetRepr { src_addr: MAC, dst_addr: mac, ethertype }.emit(&mut frame);
        fill(frame.payload_mut());
        self.waiting.push_back(bytes);
    }
}
