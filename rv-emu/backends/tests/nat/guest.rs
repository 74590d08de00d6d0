//! A guest for the NAT: smoltcp on the other end of the cable, in a time of its own that passes with each step.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant as HostTime};

use rv_backends::nat::{Nat, NatConfig};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr};

/// The guest's Ethernet address.
pub const MAC: EthernetAddress = EthernetAddress([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
/// No test waits longer for the host.
const PATIENCE: Duration = Duration::from_secs(60);

/// A guest with its network.
pub struct Guest {
    pub nat: Nat,
    pub interface: Interface,
    pub sockets: SocketSet<'static>,
    pub cable: Cable,
    pub now: Duration,
    /// Of so many frames to the guest, one isn't taken at first.
    pub refuse_every: usize,
    offered: usize,
    next_port: u16,
}

/// The guest's end of the cable.
#[derive(Default)]
pub struct Cable {
    pub into: VecDeque<Vec<u8>>,
    pub out: VecDeque<Vec<u8>>,
}

pub struct Received(Vec<u8>);
pub struct Sending<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let mut frame = vec![0; len];
        let result = fill(&mut frame);
        self.0.push_back(frame);
        result
    }
}

impl Device for Cable {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(Received, Sending<'_>)> {
        self.into.pop_front().map(|frame| (Received(frame), Sending(&mut self.out)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Sending<'_>> {
        Some(Sending(&mut self.out))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// A network whose resolver is nowhere, whatever the host has.
pub fn config() -> NatConfig {
    NatConfig { dns: None, ..NatConfig::default() }
}

impl Guest {
    /// A guest with the address that it would get.
    pub fn new(config: NatConfig) -> Self {
        let mut guest = Self::without_address(config);
        guest.set_address(Ipv4Addr::new(10, 0, 2, 15));
        guest
    }

    pub fn without_address(config: NatConfig) -> Self {
        let mut cable = Cable::default();
        let interface = Interface::new(Config::new(MAC.into()), &mut cable, Instant::ZERO);
        let nat = Nat::new(config).unwrap();
        let sockets = SocketSet::new(Vec::new());
        let now = Duration::ZERO;
        Self { nat, interface, sockets, cable, now, refuse_every: usize::MAX, offered: 0, next_port: 40_000 }
    }

    pub fn set_address(&mut self, address: Ipv4Addr) {
        self.interface.update_ip_addrs(|all| all.push(IpCidr::new(address.into(), 24)).unwrap());
        self.interface.routes_mut().add_default_ipv4_route(Ipv4Addr::new(10, 0, 2, 2)).unwrap();
    }

    /// A millisecond of the guest's time, and up to one of the host's.
    pub fn step(&mut self) {
        self.now += Duration::from_millis(1);
        let now = Instant::from_micros(self.now.as_micros() as i64);
        self.interface.poll(now, &mut self.cable, &mut self.sockets);
        let quiet = self.cable.out.is_empty();
        while let Some(frame) = self.cable.out.pop_front() {
            self.nat.frame(&frame);
        }
        let Self { nat, cable, offered, .. } = self;
        let refuse_every = self.refuse_every;
        nat.poll(self.now, &mut |frame| {
            *offered += 1;
            let taken = !(*offered).is_multiple_of(refuse_every);
            if taken {
                cable.into.push_back(frame.to_vec());
            }
            taken
        });
        if quiet && self.cable.into.is_empty() {
            self.nat.wait(Duration::from_millis(1), &[]);
        }
    }

    /// Goes on until `done` has something.
    pub fn until<T>(&mut self, mut done: impl FnMut(&mut Self) -> Option<T>) -> T {
        let start = HostTime::now();
        loop {
            if let Some(value) = done(self) {
                return value;
            }
            assert!(start.elapsed() < PATIENCE, "nothing comes of it");
            self.step();
        }
    }

    /// Begins a connection to `to`.
    pub fn connect(&mut self, to: &str) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; 64 << 10]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        self.next_port += 1;
        let to: SocketAddrV4 = to.parse().unwrap();
        socket.connect(self.interface.context(), to, self.next_port).unwrap();
        self.sockets.add(socket)
    }

    /// Listens on a port.
    pub fn listen(&mut self, port: u16) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; 64 << 10]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket.listen(port).unwrap();
        self.sockets.add(socket)
    }

    pub fn tcp(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// A UDP socket on a port.
    pub fn bind(&mut self, port: u16) -> SocketHandle {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 16], vec![0; 32 << 10]);
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(port).unwrap();
        self.sockets.add(socket)
    }

    pub fn send_to(&mut self, handle: SocketHandle, data: &[u8], to: &str) {
        let to: SocketAddrV4 = to.parse().unwrap();
        self.sockets.get_mut::<udp::Socket>(handle).send_slice(data, to).unwrap();
    }

    /// The next datagram, and who has sent it.
    pub fn receive(&mut self, handle: SocketHandle) -> (Vec<u8>, String) {
        self.until(|guest| {
            let (data, from) = guest.sockets.get_mut::<udp::Socket>(handle).recv().ok()?;
            Some((data.to_vec(), from.endpoint.to_string()))
        })
    }

    /// Sends all of `data`, and takes `bytes` meanwhile; then ends its own side. What was taken up to the other's end.
    pub fn converse(&mut self, handle: SocketHandle, data: &[u8]) -> Vec<u8> {
        let (mut sent, mut taken) = (0, Vec::new());
        self.until(|guest| {
            let socket = guest.tcp(handle);
            if sent < data.len() && socket.can_send() {
                sent += socket.send_slice(&data[sent..]).unwrap();
                if sent == data.len() {
                    socket.close();
                }
            }
            if sent == data.len() {
                socket.close();
            }
            if socket.can_recv() {
                socket.recv(|bytes| (bytes.len(), taken.extend_from_slice(bytes))).unwrap();
            }
            let finished = matches!(socket.recv(|_| (0, ())), Err(tcp::RecvError::Finished));
            (finished && sent == data.len()).then_some(())
        });
        taken
    }
}

/// Bytes that show when one is lost, doubled or moved.
pub fn pattern(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}
