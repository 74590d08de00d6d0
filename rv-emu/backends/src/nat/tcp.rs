//! TCP: a connection of the guest ends in a socket of the [stack](super::stack), and goes on in a socket of the host.
//!
//! The guest's SYN is kept until the host's connection stands. So the guest sees what the host saw: a connection, a
//! reset, or that there is no way. Each direction ends by itself (half-closed connections), and a reset on either
//! side is one on the other.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{RecvError, Socket, State};
use smoltcp::wire::{Icmpv4DstUnreachable, TcpPacket};

use super::config::{Forward, NatError, Transport};
use super::packet::{self, Packet};
use super::plan::GATEWAY;
use super::stack::Stack;

/// The first of the gateway's ports from which forwarded connections come to the guest (RFC 6335, 6).
const PORTS: u16 = 49_152;

/// Both ends of a connection, as the guest sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    guest: SocketAddrV4,
    remote: SocketAddrV4,
}

/// A connection, or what may become one.
#[derive(Debug)]
struct Connection {
    /// Gone when the host's part is over; the guest's may still be waiting out its last packets.
    host: Option<TcpStream>,
    phase: Phase,
    /// The host has sent its last byte.
    host_ended: bool,
    /// The guest has sent its last byte, and the host knows.
    guest_ended: bool,
}

#[derive(Debug)]
enum Phase {
    /// The host is connecting; this packet of the guest is what asked for it.
    Connecting(Vec<u8>),
    /// The guest's part is in the stack.
    Open(SocketHandle),
}

/// All TCP of a NAT.
pub struct Tcp {
    stack: Stack,
    connections: BTreeMap<Flow, Connection>,
    connections_max: usize,
    forwards: Vec<(SocketAddrV4, TcpListener)>,
    next_port: u16,
}

impl Tcp {
    /// Opens the forwarded ports among `forwards`.
    ///
    /// # Errors
    /// If the host doesn't give one of them.
    pub fn new(connections_max: usize, forwards: &[Forward]) -> Result<Self, NatError> {
        let open = |forward: &Forward| {
            let listener = TcpListener::bind(forward.host).and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok(listener)
            });
            Ok((forward.guest, listener.map_err(|source| NatError::Listen { forward: *forward, source })?))
        };
        let tcp = forwards.iter().filter(|forward| forward.transport == Transport::Tcp);
        let forwards = tcp.map(open).collect::<Result<_, NatError>>()?;
        Ok(Self { stack: Stack::new(), connections: BTreeMap::new(), connections_max, forwards, next_port: PORTS })
    }

    /// Where the host listens, in the order of the forwards.
    pub fn listening(&self) -> impl Iterator<Item = Option<SocketAddr>> + '_ {
        self.forwards.iter().map(|(_, listener)| listener.local_addr().ok())
    }

    /// Takes a packet of the guest. `target` says where its receiver is on the host's side. An answer that isn't TCP's
    /// is returned.
    pub fn packet(
        &mut self,
        packet: &Packet<'_>,
        now: Duration,
        target: impl FnOnce(SocketAddrV4) -> Option<SocketAddr>,
    ) -> Option<Vec<u8>> {
        let segment = TcpPacket::new_checked(packet.payload).ok()?;
        let flow = Flow {
            guest: SocketAddrV4::new(packet.from, segment.src_port()),
            remote: SocketAddrV4::new(packet.to, segment.dst_port()),
        };
        let opens = segment.syn() && !segment.ack() && !segment.rst();
        if !opens || self.is_busy(&flow) {
            // Of what the stack doesn't know it resets.
            self.stack.packet(packet.bytes, now);
            return None;
        }
        if let Some(Connection { phase: Phase::Connecting(_), .. }) = self.connections.get(&flow) {
            return None;
        }
        // A checksum that is wrong would make the stack drop the segment later, when the host is connected.
        if !segment.verify_checksum(&packet.from.into(), &packet.to.into()) {
            return None;
        }
        let Some(target) = target(flow.remote) else {
            return Some(packet::unreachable(packet, Icmpv4DstUnreachable::NetProhibited));
        };
        if !self.has_room() {
            self.stack.packet(packet.bytes, now);
            return None;
        }
        match connect(target) {
            Ok(host) => {
                let phase = Phase::Connecting(packet.bytes.to_vec());
                let connection = Connection { host: Some(host), phase, host_ended: false, guest_ended: false };
                self.connections.insert(flow, connection);
                None
            }
            Err(error) => self.refuse(packet.bytes, &error, now),
        }
    }

    /// Whether the guest's socket of a flow is in use. One that only waits out its last packets is given up for a new
    /// connection (RFC 9293, 3.6.1).
    fn is_busy(&mut self, flow: &Flow) -> bool {
        let Some(Connection { phase: Phase::Open(handle), .. }) = self.connections.get(flow) else { return false };
        let handle = *handle;
        if self.stack.socket(handle).is_open() {
            return true;
        }
        self.stack.sockets.remove(handle);
        self.connections.remove(flow);
        false
    }

    /// Whether there may be one more connection; one that only waits out its last packets makes room.
    fn has_room(&mut self) -> bool {
        if self.connections.len() < self.connections_max {
            return true;
        }
        let Self { stack, connections, .. } = self;
        let over = connections.iter().find_map(|(flow, connection)| match connection.phase {
            Phase::Open(handle) => (!stack.socket(handle).is_open()).then_some((*flow, handle)),
            Phase::Connecting(_) => None,
        });
        if let Some((flow, handle)) = over {
            stack.sockets.remove(handle);
            connections.remove(&flow);
        }
        over.is_some()
    }

    /// Tells the guest that its connection can't be: by a reset, which the stack makes as no socket is there for the
    /// packet, or by an ICMP message, which is returned.
    fn refuse(&mut self, syn: &[u8], error: &io::Error, now: Duration) -> Option<Vec<u8>> {
        let reason = match error.kind() {
            io::ErrorKind::NetworkUnreachable => Icmpv4DstUnreachable::NetUnreachable,
            io::ErrorKind::HostUnreachable | io::ErrorKind::TimedOut => Icmpv4DstUnreachable::HostUnreachable,
            io::ErrorKind::PermissionDenied => Icmpv4DstUnreachable::NetProhibited,
            _ => {
                self.stack.packet(syn, now);
                return None;
            }
        };
        Packet::parse(syn).map(|packet| packet::unreachable(&packet, reason))
    }

    /// Does all that can be done without waiting: accepts, connects, moves bytes. `ready` has what the host says of the
    /// sockets of [`Tcp::sockets`], in their order. Messages that aren't TCP's are put into `messages`.
    pub fn run(&mut self, ready: &[PollFlags], now: Duration, messages: &mut impl FnMut(Vec<u8>)) {
        let mut ready = ready.iter().copied();
        let listeners: Vec<bool> =
            self.forwards.iter().map(|_| ready.next().is_some_and(|it| !it.is_empty())).collect();
        let mut standing = Vec::new();
        for (flow, connection) in &mut self.connections {
            let awaited = awaited(&self.stack, connection);
            let Some(host) = &connection.host else { continue };
            let ready = if awaited.is_empty() { None } else { ready.next() }.unwrap_or(PollFlags::empty());
            match &connection.phase {
                Phase::Connecting(_) if ready.is_empty() => {}
                Phase::Connecting(_) => standing.push((*flow, host.take_error().unwrap_or_else(Some))),
                Phase::Open(handle) => pump(self.stack.socket(*handle), connection, !ready.is_empty()),
            }
        }
        for (flow, error) in standing {
            if let Some(message) = self.stands(&flow, error, now) {
                messages(message);
            }
        }
        for (index, _) in listeners.iter().enumerate().filter(|(_, ready)| **ready) {
            self.accept(index);
        }
        self.stack.run(now);
        self.sweep();
    }

    /// The host has connected, or not.
    fn stands(&mut self, flow: &Flow, error: Option<io::Error>, now: Duration) -> Option<Vec<u8>> {
        let connection = self.connections.get_mut(flow)?;
        let Phase::Connecting(syn) = &mut connection.phase else { return None };
        let syn = std::mem::take(syn);
        if let Some(error) = error {
            self.connections.remove(flow);
            return self.refuse(&syn, &error, now);
        }
        let handle = self.stack.open();
        connection.phase = Phase::Open(handle);
        // A fresh socket listens; the packet is the next that it can get, so that it is this connection's.
        let _ = self.stack.socket(handle).listen(flow.remote);
        self.stack.packet(&syn, now);
        None
    }

    /// Takes connections to a forwarded port, and begins theirs to the guest.
    fn accept(&mut self, index: usize) {
        while self.has_room() {
            let (guest, listener) = &self.forwards[index];
            let guest = *guest;
            let Ok((host, _)) = listener.accept() else { return };
            let Some(flow) = self.free_port(guest).filter(|_| host.set_nonblocking(true).is_ok()) else { return };
            let handle = self.stack.open();
            if !self.stack.connect(handle, flow.guest, flow.remote) {
                self.stack.sockets.remove(handle);
                return;
            }
            let phase = Phase::Open(handle);
            self.connections
                .insert(flow, Connection { host: Some(host), phase, host_ended: false, guest_ended: false });
        }
    }

    /// A flow from the gateway to `guest` that there isn't yet.
    fn free_port(&mut self, guest: SocketAddrV4) -> Option<Flow> {
        for _ in PORTS..=u16::MAX {
            let remote = SocketAddrV4::new(GATEWAY, self.next_port);
            self.next_port = self.next_port.checked_add(1).unwrap_or(PORTS);
            let flow = Flow { guest, remote };
            if !self.connections.contains_key(&flow) {
                return Some(flow);
            }
        }
        None
    }

    /// Forgets connections that are over on both sides.
    fn sweep(&mut self) {
        let Self { stack, connections, .. } = self;
        connections.retain(|_, connection| {
            let Phase::Open(handle) = connection.phase else { return true };
            let socket = stack.socket(handle);
            // What the guest has sent before the end goes to the host first.
            if socket.can_recv() && connection.host.is_some() {
                return true;
            }
            match socket.state() {
                State::TimeWait => connection.host = None,
                // In `Listen` the guest has taken back what it asked for.
                State::Closed | State::Listen => {
                    if let Some(host) = connection.host.take() {
                        hang_up(host, connection.host_ended && connection.guest_ended);
                    }
                    // While there is an endpoint, a reset is still to be sent.
                    if socket.is_listening() || socket.remote_endpoint().is_none() {
                        stack.sockets.remove(handle);
                        return false;
                    }
                }
                _ => {}
            }
            true
        });
    }

    /// The host's sockets and what is awaited of each.
    pub fn sockets(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let listeners = self.forwards.iter().map(|(_, listener)| (listener.as_fd(), PollFlags::IN));
        let connections = self.connections.values().filter_map(|connection| {
            let awaited = awaited(&self.stack, connection);
            let host = connection.host.as_ref().filter(|_| !awaited.is_empty())?;
            Some((host.as_fd(), awaited))
        });
        listeners.chain(connections)
    }

    /// The stack between guest and host.
    pub fn stack(&mut self) -> &mut Stack {
        &mut self.stack
    }

    /// Connections, those that are being made and those that are waiting out their last packets too.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }
}

/// What the host's socket is waited for; nothing if the guest's side is what it waits for.
fn awaited(stack: &Stack, connection: &Connection) -> PollFlags {
    let Phase::Open(handle) = connection.phase else { return PollFlags::OUT };
    let socket = stack.sockets.get::<Socket>(handle);
    let mut awaited = PollFlags::empty();
    awaited.set(PollFlags::IN, socket.can_send() && !connection.host_ended);
    awaited.set(PollFlags::OUT, socket.can_recv());
    awaited
}

/// Moves bytes in both directions, and ends.
fn pump(socket: &mut Socket<'static>, connection: &mut Connection, host_ready: bool) {
    let Some(host) = &connection.host else { return };
    let to_host = to_host(socket, host, &mut connection.guest_ended);
    let from_host = match host_ready && !connection.host_ended {
        true => from_host(socket, host, &mut connection.host_ended),
        false => Ok(()),
    };
    if to_host.and(from_host).is_err() {
        // The host's side is dead: the guest's is reset.
        socket.abort();
        connection.host = None;
    }
}

fn to_host(socket: &mut Socket<'static>, mut host: &TcpStream, ended: &mut bool) -> io::Result<()> {
    while socket.can_recv() {
        let written = socket.recv(|bytes| match host.write(bytes) {
            Ok(len) => (len, Ok(len)),
            Err(error) => (0, Err(error)),
        });
        match written {
            Ok(Ok(1..)) => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(0)) | Err(_) => return Ok(()),
        }
    }
    // All bytes before the guest's FIN are with the host.
    if !*ended && matches!(socket.recv(|_| (0, ())), Err(RecvError::Finished)) {
        *ended = true;
        match host.shutdown(Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn from_host(socket: &mut Socket<'static>, mut host: &TcpStream, ended: &mut bool) -> io::Result<()> {
    while socket.can_send() {
        let read = socket.send(|room| match host.read(room) {
            Ok(len) => (len, Ok(len)),
            Err(error) => (0, Err(error)),
        });
        match read {
            Ok(Ok(0)) => {
                *ended = true;
                socket.close();
                return Ok(());
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

/// Ends the host's part: in order, or else with a reset.
fn hang_up(host: TcpStream, in_order: bool) {
    if !in_order {
        // Without time to linger, closing is resetting (tcp(7)); if that can't be set, it is closing.
        let _ = sockopt::set_socket_linger(&host, Some(Duration::ZERO));
    }
}

/// Begins a connection of the host, without waiting for it.
fn connect(target: SocketAddr) -> io::Result<TcpStream> {
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &target) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    Ok(stream)
}
