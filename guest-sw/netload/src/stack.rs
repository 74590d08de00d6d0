//! A network stack with the sockets of one side, in memory that is there beforehand.

use core::mem::MaybeUninit;

use smoltcp::iface::{Config, Interface, PollIngressSingleResult, PollResult, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, IpEndpoint, Ipv4Address};

use crate::payload::{Payload, same};
use crate::wire::{HEADER_SIZE, Header};

/// Who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// On the wire.
    pub mac: [u8; 6],
    /// In the network; the first 24 bits are everybody's.
    pub ip: [u8; 4],
}

impl Address {
    pub(crate) fn ip(&self) -> IpAddress {
        IpAddress::Ipv4(Ipv4Address::from_octets(self.ip))
    }
}

const PREFIX: u8 = 24;
/// Datagrams that wait to be read, and to be sent.
const DATAGRAMS_IN: usize = 64;
const DATAGRAMS_OUT: usize = 16;
const UDP_IN: usize = 192 << 10;
const UDP_OUT: usize = 96 << 10;
/// Of a connection, each way.
const TCP_BUFFER: usize = 256 << 10;

/// All memory that a side needs. Empty, it is all zeros, so that no program's image has it inside.
pub struct Memory {
    sockets: MaybeUninit<[SocketStorage<'static>; 2]>,
    udp_in_heads: MaybeUninit<[udp::PacketMetadata; DATAGRAMS_IN]>,
    udp_out_heads: MaybeUninit<[udp::PacketMetadata; DATAGRAMS_OUT]>,
    buffers: Buffers,
    pub(crate) payload: Payload,
}

#[repr(C, align(64))]
struct Buffers {
    udp_in: [u8; UDP_IN],
    udp_out: [u8; UDP_OUT],
    tcp_in: [u8; TCP_BUFFER],
    tcp_out: [u8; TCP_BUFFER],
}

impl Memory {
    /// Memory that nobody uses yet.
    pub const EMPTY: Self = Self {
        sockets: MaybeUninit::zeroed(),
        udp_in_heads: MaybeUninit::zeroed(),
        udp_out_heads: MaybeUninit::zeroed(),
        buffers: Buffers {
            udp_in: [0; UDP_IN],
            udp_out: [0; UDP_OUT],
            tcp_in: [0; TCP_BUFFER],
            tcp_out: [0; TCP_BUFFER],
        },
        payload: Payload::EMPTY,
    };
}

/// An interface, and a socket of each kind that is wanted.
pub(crate) struct Stack {
    pub interface: Interface,
    pub sockets: SocketSet<'static>,
    pub udp: Option<SocketHandle>,
    pub tcp: Option<SocketHandle>,
    pub payload: &'static mut Payload,
}

impl Stack {
    pub fn new<D: Device>(
        device: &mut D,
        memory: &'static mut Memory,
        address: &Address,
        (wants_udp, wants_tcp): (bool, bool),
        seed: u64,
    ) -> Self {
        let hardware = HardwareAddress::Ethernet(EthernetAddress(address.mac));
        let mut config = Config::new(hardware);
        config.random_seed = seed;
        let mut interface = Interface::new(config, device, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // There is room for two.
            let _ = addresses.push(IpCidr::new(address.ip(), PREFIX));
        });
        let Memory { sockets, udp_in_heads, udp_out_heads, buffers, payload } = memory;
        let sockets = sockets.write([SocketStorage::EMPTY; 2]);
        let udp_in_heads = udp_in_heads.write([udp::PacketMetadata::EMPTY; DATAGRAMS_IN]);
        let udp_out_heads = udp_out_heads.write([udp::PacketMetadata::EMPTY; DATAGRAMS_OUT]);
        let mut sockets = SocketSet::new(&mut sockets[..]);
        // What isn't wanted isn't there: each socket costs every poll a look.
        let udp = wants_udp.then(|| {
            let received = udp::PacketBuffer::new(&mut udp_in_heads[..], &mut buffers.udp_in[..]);
            let sent = udp::PacketBuffer::new(&mut udp_out_heads[..], &mut buffers.udp_out[..]);
            sockets.add(udp::Socket::new(received, sent))
        });
        let tcp = wants_tcp.then(|| {
            let received = tcp::SocketBuffer::new(&mut buffers.tcp_in[..]);
            let sent = tcp::SocketBuffer::new(&mut buffers.tcp_out[..]);
            sockets.add(tcp::Socket::new(received, sent))
        });
        Self { interface, sockets, udp, tcp, payload }
    }

    /// Takes in one frame; whether there was one.
    #[inline]
    pub fn take_in<D: Device>(&mut self, now: u64, device: &mut D) -> bool {
        let result = self.interface.poll_ingress_single(instant(now), device, &mut self.sockets);
        !matches!(result, PollIngressSingleResult::None)
    }

    /// Sends what sockets have to send, as far as the device has room; whether it sent anything.
    #[inline]
    pub fn send_out<D: Device>(&mut self, now: u64, device: &mut D) -> bool {
        let mut any = false;
        while matches!(
            self.interface.poll_egress(instant(now), device, &mut self.sockets),
            PollResult::SocketStateChanged
        ) {
            any = true;
        }
        any
    }

    /// Sends one frame, for sockets that have no more; whether it did.
    #[inline]
    pub fn send_one<D: Device>(&mut self, now: u64, device: &mut D) -> bool {
        let result = self.interface.poll_egress(instant(now), device, &mut self.sockets);
        matches!(result, PollResult::SocketStateChanged)
    }

    /// When the stack wants to be polled though nothing has arrived: the earlier one of its own time and `own`.
    pub fn deadline(&mut self, now: u64, own: Option<u64>) -> Option<u64> {
        let stack = self.interface.poll_at(instant(now), &self.sockets);
        let stack = stack.map(|at| u64::try_from(at.total_micros()).unwrap_or(0));
        stack.into_iter().chain(own).min()
    }
}

/// Queues a datagram; whether there was room.
#[inline]
pub(crate) fn send(socket: &mut udp::Socket<'_>, to: IpEndpoint, header: Header, payload: &[u8]) -> bool {
    let size = HEADER_SIZE + payload.len();
    let fill = |buffer: &mut [u8]| {
        buffer[..HEADER_SIZE].copy_from_slice(&header.to_bytes());
        buffer[HEADER_SIZE..].copy_from_slice(payload);
        size
    };
    socket.send_with(size, to, fill).is_ok()
}

/// Reads what lies in one piece of a message whose rest is `expected`: how many bytes, and whether they are right.
#[inline]
pub(crate) fn read(socket: &mut tcp::Socket<'_>, expected: &[u8]) -> Option<(usize, bool)> {
    let take = |bytes: &mut [u8]| {
        let count = bytes.len().min(expected.len());
        (count, (count, same(&bytes[..count], &expected[..count])))
    };
    socket.recv(take).ok()
}

#[inline]
fn instant(micros: u64) -> Instant {
    Instant::from_micros(micros as i64)
}
