//! The network's DHCP server (RFC 2131): there is one address to give, so it needs no memory.

use std::net::{Ipv4Addr, SocketAddrV4};

use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress};

use super::packet::Datagram;
use super::plan::{DNS, GATEWAY, GUEST, MASK};

/// Where servers listen.
pub const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// For how many seconds the address is the guest's: a day.
const LEASE: u32 = 86_400;

/// The answer to a client's message, and the Ethernet address that it goes to; `None` if there is none.
pub fn answer(message: &[u8]) -> Option<(EthernetAddress, Vec<u8>)> {
    let packet = DhcpPacket::new_checked(message).ok()?;
    let request = DhcpRepr::parse(&packet).ok()?;
    // An answer to a relay would have to be sent to it, and there is none.
    if request.relay_agent_ip != Ipv4Addr::UNSPECIFIED || !request.client_hardware_address.is_unicast() {
        return None;
    }
    let message_type = reply_type(&request)?;
    let broadcast = request.broadcast || message_type == DhcpMessageType::Nak;
    let mut bytes = Vec::new();
    emit(&reply(&request, message_type), &mut bytes)?;
    let mac = if broadcast { EthernetAddress::BROADCAST } else { request.client_hardware_address };
    let to = if broadcast { Ipv4Addr::BROADCAST } else { GUEST };
    let (from, to) = (SocketAddrV4::new(GATEWAY, SERVER_PORT), SocketAddrV4::new(to, CLIENT_PORT));
    Some((mac, Datagram { from, to, data: &bytes }.to_packet()?))
}

/// What kind of answer a request gets (RFC 2131, 4.3).
fn reply_type(request: &DhcpRepr<'_>) -> Option<DhcpMessageType> {
    let other_server = request.server_identifier.is_some_and(|server| server != GATEWAY);
    match request.message_type {
        DhcpMessageType::Discover => Some(DhcpMessageType::Offer),
        // The client has chosen another's offer.
        DhcpMessageType::Request if other_server => None,
        DhcpMessageType::Request => {
            // In SELECTING and INIT-REBOOT the address is in the option, else the client has it (4.3.2).
            let wanted = request.requested_ip.unwrap_or(request.client_ip);
            Some(if wanted == GUEST { DhcpMessageType::Ack } else { DhcpMessageType::Nak })
        }
        DhcpMessageType::Inform => Some(DhcpMessageType::Ack),
        _ => None,
    }
}

fn reply<'a>(request: &DhcpRepr<'_>, message_type: DhcpMessageType) -> DhcpRepr<'a> {
    let informs = message_type != DhcpMessageType::Nak;
    // A client that only asks has an address, and no lease (4.3.5).
    let leases = informs && request.message_type != DhcpMessageType::Inform;
    DhcpRepr {
        message_type,
        transaction_id: request.transaction_id,
        secs: 0,
        client_hardware_address: request.client_hardware_address,
        client_ip: if leases { Ipv4Addr::UNSPECIFIED } else { request.client_ip },
        your_ip: if leases { GUEST } else { Ipv4Addr::UNSPECIFIED },
        server_ip: GATEWAY,
        router: informs.then_some(GATEWAY),
        subnet_mask: informs.then_some(MASK),
        relay_agent_ip: Ipv4Addr::UNSPECIFIED,
        broadcast: request.broadcast,
        requested_ip: None,
        client_identifier: None,
        server_identifier: Some(GATEWAY),
        parameter_request_list: None,
        dns_servers: informs.then(|| [DNS].into_iter().collect()),
        max_size: None,
        lease_duration: leases.then_some(LEASE),
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    }
}

fn emit(message: &DhcpRepr<'_>, bytes: &mut Vec<u8>) -> Option<()> {
    bytes.resize(message.buffer_len(), 0);
    message.emit(&mut DhcpPacket::new_unchecked(&mut bytes[..])).ok()
}
