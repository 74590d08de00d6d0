//! How a NAT is set up: the guest's network, forwarded ports, the resolver.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::str::FromStr;

use super::plan::GUEST;

/// What can be chosen about a NAT.
#[derive(Debug, Clone)]
pub struct NatConfig {
    /// The guest reaches nothing outside. DHCP, ARP, echo of the gateway and forwarded ports go on.
    pub restrict: bool,
    /// Where questions to 10.0.2.3 go; with `None` their port is closed. The default is the host's first resolver.
    pub dns: Option<SocketAddr>,
    /// Ports of the host that lead to the guest.
    pub forwards: Vec<Forward>,
    /// TCP connections at a time; more are refused. Each may hold 128 KiB.
    pub connections_max: usize,
    /// UDP flows at a time, a socket of the host each; the one that was quiet for longest makes room for another.
    pub flows_max: usize,
}

impl Default for NatConfig {
    fn default() -> Self {
        Self { restrict: false, dns: host_resolver(), forwards: Vec::new(), connections_max: 256, flows_max: 128 }
    }
}

/// What is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A port of the host that leads to one of the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// Of what.
    pub transport: Transport,
    /// Where the host listens; port 0 is any that is free.
    pub host: SocketAddrV4,
    /// Where it leads.
    pub guest: SocketAddrV4,
}

impl FromStr for Forward {
    type Err = String;

    /// Reads `tcp:[ADDRESS]:PORT-[ADDRESS]:PORT`, as QEMU's `hostfwd`: host before guest. Without addresses the host
    /// listens on its loopback only (QEMU: on all of its addresses), and the guest is 10.0.2.15.
    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("`{text}` is not PROTOCOL:[ADDRESS]:PORT-[ADDRESS]:PORT, such as tcp::2222-:22");
        let (transport, rest) = text.split_once(':').ok_or_else(wanted)?;
        let transport = match transport {
            "tcp" | "" => Transport::Tcp,
            "udp" => Transport::Udp,
            other => return Err(format!("`{other}` in `{text}` is neither tcp nor udp")),
        };
        let (host, guest) = rest.split_once('-').ok_or_else(wanted)?;
        let host = endpoint(host, Ipv4Addr::LOCALHOST).ok_or_else(wanted)?;
        let guest = endpoint(guest, GUEST).ok_or_else(wanted)?;
        if guest.port() == 0 {
            return Err(format!("`{text}`: the guest has no port 0"));
        }
        if !super::plan::is_guest(*guest.ip()) {
            return Err(format!("`{text}`: {} is no address of the guest's network, 10.0.2.0/24", guest.ip()));
        }
        Ok(Self { transport, host, guest })
    }
}

impl fmt::Display for Forward {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = if self.transport == Transport::Tcp { "tcp" } else { "udp" };
        write!(formatter, "{transport}:{}-{}", self.host, self.guest)
    }
}

fn endpoint(text: &str, default: Ipv4Addr) -> Option<SocketAddrV4> {
    let (address, port) = text.split_once(':')?;
    let address = if address.is_empty() { default } else { address.parse().ok()? };
    Some(SocketAddrV4::new(address, port.parse().ok()?))
}

/// Why there is no NAT.
#[derive(Debug, thiserror::Error)]
pub enum NatError {
    /// The host doesn't give the port.
    #[error("can't listen on the host for {forward}: {source}")]
    Listen {
        /// What was asked for.
        forward: Forward,
        /// What the host says.
        source: io::Error,
    },
}

/// The first resolver that the host is configured to ask.
fn host_resolver() -> Option<SocketAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf").ok()?;
    resolver(&text).map(|address| SocketAddr::new(address, super::plan::DNS_PORT))
}

/// The first `nameserver` of a resolver configuration (resolv.conf(5)).
fn resolver(text: &str) -> Option<IpAddr> {
    let mut lines = text.lines().map(str::split_whitespace);
    lines.find_map(|mut words| (words.next()? == "nameserver").then(|| words.next()?.parse().ok())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwards_are_read() {
        let forward: Forward = "tcp::2222-:22".parse().unwrap();
        assert_eq!(forward.to_string(), "tcp:127.0.0.1:2222-10.0.2.15:22");
        let forward: Forward = "udp:0.0.0.0:53-10.0.2.99:5353".parse().unwrap();
        assert_eq!(forward.to_string(), "udp:0.0.0.0:53-10.0.2.99:5353");
    }

    #[test]
    fn what_is_wrong_with_a_forward_is_said() {
        for (text, part) in [
            ("", "is not PROTOCOL"),
            ("tcp::1", "is not PROTOCOL"),
            ("sctp::1-:1", "neither tcp nor udp"),
            ("tcp::65536-:1", "is not PROTOCOL"),
            ("tcp::1-:0", "no port 0"),
            ("tcp:x:1-:1", "is not PROTOCOL"),
            ("tcp::1-10.0.2.2:1", "no address of the guest's"),
            ("tcp::1-8.8.8.8:1", "no address of the guest's"),
        ] {
            let error = text.parse::<Forward>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_first_resolver_is_found() {
        let text =
            "# nameserver 1.1.1.1\nsearch example.org\nnameserver\tx\nnameserver 192.0.2.1\nnameserver 192.0.2.2";
        assert_eq!(resolver(text), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(resolver("options edns0\n"), None);
        assert_eq!(resolver("nameserver 2001:db8::1"), Some("2001:db8::1".parse().unwrap()));
    }
}
