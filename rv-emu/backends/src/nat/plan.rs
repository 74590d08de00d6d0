//! Who has which address, and where the guest's packets may go.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use smoltcp::wire::EthernetAddress;

/// The address that DHCP gives.
pub const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The gateway, behind which the host's loopback is.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
/// The resolver.
pub const DNS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
/// The mask of the guest's network.
pub const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
/// Bits of the network in addresses.
pub const PREFIX: u8 = 24;
/// Where resolvers are asked.
pub const DNS_PORT: u16 = 53;
/// The Ethernet address of gateway and resolver.
pub const MAC: EthernetAddress = EthernetAddress([0x52, 0x55, 10, 0, 2, 2]);
/// The most that a frame carries.
pub const MTU: usize = 1500;

/// Whether the address belongs to the guest's network.
pub fn is_inside(address: Ipv4Addr) -> bool {
    address.octets()[..3] == GATEWAY.octets()[..3]
}

/// Whether the NAT itself has the address.
pub fn is_ours(address: Ipv4Addr) -> bool {
    address == GATEWAY || address == DNS
}

/// Whether a guest may have the address.
pub fn is_guest(address: Ipv4Addr) -> bool {
    is_inside(address) && !is_ours(address) && !matches!(address.octets()[3], 0 | 255)
}

/// Where on the host's side a packet to `to` goes; `None` if nowhere.
pub fn outward(to: SocketAddrV4, dns: Option<SocketAddr>, restrict: bool) -> Option<SocketAddr> {
    let (address, port) = (*to.ip(), to.port());
    // Loopback's packets never leave a machine (RFC 1122, 3.2.1.3), and the host has one too.
    // From 224 on there are groups, and addresses that nobody has (RFC 1112, 4).
    let odd = address.is_loopback() || matches!(address.octets()[0], 0 | 224..);
    if restrict || odd || port == 0 {
        return None;
    }
    match address {
        GATEWAY => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        DNS => dns.filter(|_| port == DNS_PORT),
        _ if is_inside(address) => None,
        _ => Some(to.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_go_where_they_may() {
        let dns = Some("192.0.2.1:5300".parse().unwrap());
        let out = |to: &str| outward(to.parse().unwrap(), dns, false).map(|address| address.to_string());
        assert_eq!(out("10.0.2.2:80").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(out("10.0.2.3:53").as_deref(), Some("192.0.2.1:5300"));
        assert_eq!(out("192.0.2.9:80").as_deref(), Some("192.0.2.9:80"));
        for nowhere in ["10.0.2.3:80", "10.0.2.77:80", "127.0.0.1:80", "224.0.0.1:1", "240.0.0.1:1", "0.1.2.3:1"] {
            assert_eq!(out(nowhere), None, "{nowhere}");
        }
        assert_eq!(out("255.255.255.255:1"), None);
        assert_eq!(out("192.0.2.9:0"), None);
        assert_eq!(outward("192.0.2.9:80".parse().unwrap(), dns, true), None);
        assert_eq!(outward("10.0.2.3:53".parse().unwrap(), None, false), None);
    }
}
