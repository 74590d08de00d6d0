//! smoltcp's interface to which TCP packets are given: it has every address, and answers as each of them.

use std::collections::VecDeque;
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

use super::plan::{GATEWAY, MTU, PREFIX};

/// Bytes that a connection buffers in each direction.
const BUFFER: usize = 64 << 10;
/// How long a guest may owe us an answer, in its time.
const SILENCE: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(120);
/// Packets that wait for the guest: then the stack waits.
const OUT_MAX: usize = 128;

/// Sockets, and the packets between them and the guest.
pub struct Stack {
    interface: Interface,
    queues: Queues,
    /// The sockets.
    pub sockets: SocketSet<'static>,
}

impl Stack {
    /// A stack without sockets.
    pub fn new() -> Self {
        let mut queues = Queues::default();
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut queues, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // An empty list has room for one.
            let _ = addresses.push(IpCidr::new(GATEWAY.into(), PREFIX));
        });
        // Together these make it take packets for any address.
        interface.set_any_ip(true);
        let _ = interface.routes_mut().add_default_ipv4_route(GATEWAY);
        Self { interface, queues, sockets: SocketSet::new(Vec::new()) }
    }

    /// Makes a socket.
    pub fn open(&mut self) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        // Everything that is there is sent: the cable has no bandwidth to save.
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        // A guest that says nothing for so long is gone; one that is merely busy answers probes.
        socket.set_timeout(Some(SILENCE));
        self.sockets.add(socket)
    }

    /// Begins a connection to the guest.
    pub fn connect(&mut self, handle: SocketHandle, to: std::net::SocketAddrV4, from: std::net::SocketAddrV4) -> bool {
        let socket = self.sockets.get_mut::<tcp::Socket>(handle);
        socket.connect(self.interface.context(), to, from).is_ok()
    }

    /// The socket.
    pub fn socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Takes a packet of the guest, and says what is to say.
    pub fn packet(&mut self, packet: &[u8], now: Duration) {
        self.queues.into = Some(packet.to_vec());
        self.run(now);
    }

    /// Does all that is due.
    pub fn run(&mut self, now: Duration) {
        self.interface.poll(instant(now), &mut self.queues, &mut self.sockets);
    }

    /// When there is something to do again, if nothing comes until then.
    pub fn next_event(&mut self, now: Duration) -> Option<Duration> {
        let at = self.interface.poll_at(instant(now), &self.sockets)?;
        Some(Duration::from_micros(at.total_micros().max(0) as u64).max(now))
    }

    /// The next packet for the guest.
    pub fn pop(&mut self) -> Option<Vec<u8>> {
        self.queues.out.pop_front()
    }

    /// Whether packets wait for the guest.
    pub fn has_packets(&self) -> bool {
        !self.queues.out.is_empty()
    }
}

fn instant(now: Duration) -> Instant {
    Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

/// The stack's network card.
#[derive(Debug, Default)]
struct Queues {
    into: Option<Vec<u8>>,
    out: VecDeque<Vec<u8>>,
}

struct Received(Vec<u8>);

struct Sending<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let mut packet = vec![0; len];
        let result = fill(&mut packet);
        self.0.push_back(packet);
        result
    }
}

impl Device for Queues {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    /// There is always room for the one packet that may answer one of the guest's.
    fn receive(&mut self, _now: Instant) -> Option<(Received, Sending<'_>)> {
        self.into.take().map(|packet| (Received(packet), Sending(&mut self.out)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sending<'_>> {
        (self.out.len() < OUT_MAX).then_some(Sending(&mut self.out))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}
