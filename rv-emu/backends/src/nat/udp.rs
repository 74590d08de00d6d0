//! UDP: each flow of the guest has a socket of the host, connected to where the flow goes. So only answers of whom the
//! guest has asked come back, and the host says when nobody is there.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use super::config::{Forward, NatError, Transport};
use super::packet::{DATA_MAX, Datagram};
use super::plan::GATEWAY;

/// Datagrams that are taken from all sockets in a row: no more than the guest's link holds.
pub const PACKETS_MAX: usize = 256;
/// Datagrams that are taken from one socket in a row: others have a turn too.
const BURST: usize = 64;
/// The first of the gateway's ports that stand for hosts which use a forwarded port: the dynamic ones (RFC 6335, 6).
const PORTS: u16 = 49_152;

/// Whom a guest's port talks to, as the guest sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    guest: SocketAddrV4,
    remote: SocketAddrV4,
}

#[derive(Debug)]
struct Open {
    socket: UdpSocket,
    used: u64,
}

/// A host that has sent something to a forwarded port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peer {
    forward: usize,
    address: SocketAddr,
}

/// All UDP of a NAT.
#[derive(Debug)]
pub struct Udp {
    flows: BTreeMap<Flow, Open>,
    flows_max: usize,
    forwards: Vec<(SocketAddrV4, UdpSocket)>,
    /// The peer at index `n` is port [`PORTS`]` + n` of the gateway to the guest; the oldest is overwritten.
    peers: Vec<Peer>,
    next_peer: usize,
    /// Counts uses, to tell which flow was quiet for longest.
    uses: u64,
}

/// What the host's answer to a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The datagram is on its way, or lost as datagrams may be.
    Yes,
    /// Nobody takes it.
    Refused,
}

impl Udp {
    /// Opens the forwarded ports among `forwards`.
    ///
    /// # Errors
    /// If the host doesn't give one of them.
    pub fn new(flows_max: usize, forwards: &[Forward]) -> Result<Self, NatError> {
        let open = |forward: &Forward| {
            let socket = bind(forward.host).map_err(|source| NatError::Listen { forward: *forward, source })?;
            Ok((forward.guest, socket))
        };
        let udp = forwards.iter().filter(|forward| forward.transport == Transport::Udp);
        let forwards = udp.map(open).collect::<Result<_, NatError>>()?;
        let flows_max = flows_max.clamp(1, usize::from(u16::MAX - PORTS));
        Ok(Self { flows: BTreeMap::new(), flows_max, forwards, peers: Vec::new(), next_peer: 0, uses: 0 })
    }

    /// Where the host listens, in the order of the forwards.
    pub fn listening(&self) -> impl Iterator<Item = Option<SocketAddr>> + '_ {
        self.forwards.iter().map(|(_, socket)| socket.local_addr().ok())
    }

    /// Sends an answer of the guest to a peer of a forwarded port, if that is what the datagram is.
    pub fn answer_peer(&mut self, datagram: &Datagram<'_>) -> bool {
        let index = datagram.to.port().checked_sub(PORTS).map(usize::from).filter(|_| *datagram.to.ip() == GATEWAY);
        let peer = index.and_then(|index| self.peers.get(index));
        let Some((peer, (guest, socket))) = peer.and_then(|peer| Some((peer, self.forwards.get(peer.forward)?))) else {
            return false;
        };
        if *guest != datagram.from {
            return false;
        }
        // What can't be sent is lost.
        let _ = socket.send_to(datagram.data, peer.address);
        true
    }

    /// Sends a datagram of the guest to `target`, which is what its receiver is on the host's side.
    pub fn send(&mut self, datagram: &Datagram<'_>, target: SocketAddr) -> Sent {
        let flow = Flow { guest: datagram.from, remote: datagram.to };
        self.uses += 1;
        if !self.flows.contains_key(&flow) {
            let Ok(socket) = connect(target) else { return Sent::Refused };
            self.make_room();
            self.flows.insert(flow, Open { socket, used: self.uses });
        }
        let Some(open) = self.flows.get_mut(&flow) else { return Sent::Refused };
        open.used = self.uses;
        match open.socket.send(datagram.data) {
            // An error may be of the datagram before; this one had no chance yet.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => match open.socket.send(datagram.data) {
                Err(error) if refused(&error) => Sent::Refused,
                _ => Sent::Yes,
            },
            Err(error) if refused(&error) => Sent::Refused,
            _ => Sent::Yes,
        }
    }

    fn make_room(&mut self) {
        while self.flows.len() >= self.flows_max {
            let oldest = self.flows.iter().min_by_key(|(_, open)| open.used).map(|(flow, _)| *flow);
            let Some(oldest) = oldest else { return };
            self.flows.remove(&oldest);
        }
    }

    /// Hands on what hosts have sent, as packets for the guest, while `room` says that there is some. A flow whose host
    /// refuses is given to `refused` as one datagram of the guest's, without data.
    pub fn receive(
        &mut self,
        room: &mut impl FnMut() -> bool,
        put: &mut impl FnMut(Datagram<'_>),
        refused: &mut impl FnMut(Datagram<'_>),
    ) {
        let mut buffer = [0; DATA_MAX + 1];
        for (flow, open) in &mut self.flows {
            for _ in 0..BURST {
                if !room() {
                    return;
                }
                match open.socket.recv(&mut buffer) {
                    // What would have to be fragmented is lost.
                    Ok(len) if len > DATA_MAX => {}
                    Ok(len) => {
                        self.uses += 1;
                        open.used = self.uses;
                        put(Datagram { from: flow.remote, to: flow.guest, data: &buffer[..len] });
                    }
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                        refused(Datagram { from: flow.guest, to: flow.remote, data: &[] });
                    }
                    Err(_) => break,
                }
            }
        }
        for index in 0..self.forwards.len() {
            for _ in 0..BURST {
                if !room() {
                    return;
                }
                let (guest, socket) = &self.forwards[index];
                let Ok((len, address)) = socket.recv_from(&mut buffer) else { break };
                let to = *guest;
                let from = self.peer_port(Peer { forward: index, address });
                if len <= DATA_MAX {
                    put(Datagram { from, to, data: &buffer[..len] });
                }
            }
        }
    }

    /// The gateway's port that stands for a peer.
    fn peer_port(&mut self, peer: Peer) -> SocketAddrV4 {
        let known = self.peers.iter().position(|known| *known == peer);
        let index = known.unwrap_or_else(|| {
            let index = self.next_peer;
            self.next_peer = (index + 1) % self.flows_max;
            match self.peers.get_mut(index) {
                Some(old) => *old = peer,
                None => self.peers.push(peer),
            }
            index
        });
        SocketAddrV4::new(GATEWAY, PORTS + index as u16)
    }

    /// Sockets that may have something.
    pub fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let forwards = self.forwards.iter().map(|(_, socket)| socket.as_fd());
        self.flows.values().map(|open| open.socket.as_fd()).chain(forwards)
    }

    /// Flows that are open.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }
}

/// Whether an error means that nobody is there, rather than that the host is busy.
fn refused(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::OutOfMemory)
}

fn bind(address: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn connect(target: SocketAddr) -> io::Result<UdpSocket> {
    let any = if target.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { SocketAddr::from(([0_u16; 8], 0)) };
    let socket = UdpSocket::bind(any)?;
    socket.connect(target)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
