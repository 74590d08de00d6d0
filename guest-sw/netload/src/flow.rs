//! Datagrams of one size to one peer, without a socket between: what a kernel's connected socket does once route and
//! neighbour are known. The headers are made once, by smoltcp's wire formats; a datagram is a copy of them and of its
//! payload, straight into the device's buffer.
//!
//! Neighbours are static entries here: whoever makes a flow says what the peer's address on the wire is.
//!
//! Who receives remembers the headers of a datagram that the stack has found right, as kernels do with flows: a frame with
//! the same ones is another datagram of that flow, and nothing else has to be known.

use core::array;
use core::ops::BitOr;

use smoltcp::phy::{ChecksumCapabilities, Device};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpAddress, IpProtocol, Ipv4Address, Ipv4Packet,
    Ipv4Repr, UdpPacket,
};

use crate::stack::Address;
use crate::view::View;
use crate::wire::HEADER_SIZE;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const UDP: usize = 8;
/// Bytes of the headers before the payload.
pub const HEADERS: usize = ETHERNET + IPV4 + UDP;
/// Where the checksum is in UDP's header.
const CHECKSUM: usize = 6;
const HOP_LIMIT: u8 = 64;

/// A checksum that the device completes: it is the sum of all from `start` on, and belongs `offset` bytes from there.
/// The sum of the pseudo header is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// Where the checksummed part begins in the frame.
    pub start: u16,
    /// Where its checksum is, from there.
    pub offset: u16,
}

/// A device that takes frames with partial checksums directly.
pub trait Link: Device {
    /// Transmits a frame of `len` bytes that `fill` writes. `false`, without a call of `fill`, if there is no room.
    fn send(&mut self, len: usize, partial: Partial, fill: impl FnOnce(&mut [u8])) -> bool;
}

/// A device whose next frame can be looked at before it is received.
pub trait Tap: Device {
    /// Shows the next frame, if there is one. It is done with if `take` says so, which then is the answer, and stays the next if not.
    fn offer(&mut self, take: impl FnOnce(View<'_>) -> bool) -> bool;
}

/// Bytes before the headers, so that payload would be aligned behind them as in the drivers' buffers: the copy goes
/// by words.
const PAD: usize = 8 - HEADERS % 8;

/// Headers.
#[derive(Clone, Debug)]
#[repr(C, align(8))]
struct Template([u8; PAD + HEADERS]);

/// Words of the headers, behind the two bytes that they begin with: so frames are aligned.
const WORDS: usize = HEADERS / size_of::<u64>();
const _: () = assert!(HEADERS == size_of::<u16>() + WORDS * size_of::<u64>());
// The checksum is the last two bytes.
const _: () = assert!(ETHERNET + IPV4 + CHECKSUM + size_of::<u16>() == HEADERS);

impl Template {
    /// Whether a frame begins with these, but for the checksum; not if it isn't aligned as they are.
    #[inline]
    fn begins(&self, frame: &View<'_>) -> bool {
        if frame.alignment() != PAD || frame.len() < HEADERS {
            return unlike();
        }
        let (first, words) = self.numbers();
        let word = |index: usize| frame.number(size_of::<u16>() + index * size_of::<u64>()).unwrap_or(0) ^ words[index];
        let [most @ .., last]: [u64; WORDS] = array::from_fn(word);
        let checked = u64::from_ne_bytes([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);
        let differences = most.into_iter().fold(last & checked, BitOr::bitor);
        if frame.number(0) != Some(first) || differences != 0 { unlike() } else { true }
    }

    /// Two bytes, and words.
    #[inline]
    fn numbers(&self) -> (u16, [u64; WORDS]) {
        let headers = self.0[PAD..].as_ptr();
        // SAFETY: so many bytes; the words are aligned as the template is.
        unsafe { (headers.cast::<u16>().read(), headers.add(size_of::<u16>()).cast::<[u64; WORDS]>().read()) }
    }

    /// Copies them, by words where that goes (see [`put`]).
    #[inline]
    fn put(&self, to: &mut [u8; HEADERS]) {
        let headers = &self.0[PAD..];
        if to.as_ptr().addr() % align_of::<u64>() == PAD {
            let (first, words) = self.numbers();
            let to = to.as_mut_ptr();
            // SAFETY: as many bytes, and aligned.
            unsafe {
                to.cast::<u16>().write(first);
                to.add(size_of::<u16>()).cast::<[u64; WORDS]>().write(words);
            }
        } else {
            copy_bytes(to, headers);
        }
    }
}

/// The headers of a flow whose datagrams arrive.
#[derive(Clone, Debug)]
pub(crate) struct Known(Template);

impl Known {
    /// The flow that a frame belongs to.
    pub(crate) fn new(frame: View<'_>) -> Option<Self> {
        let mut template = Template([0; PAD + HEADERS]);
        frame.copy(&mut template.0[PAD..]).then_some(Self(template))
    }

    /// Whether a frame is of this flow. Its checksum is another one for each datagram, and the device's business.
    #[inline]
    pub(crate) fn has(&self, frame: &View<'_>) -> bool {
        self.0.begins(frame)
    }
}

/// Something else. Cold, so that the compiler lays out the way of a stream's datagrams as the straight one.
#[cold]
pub(crate) const fn unlike() -> bool {
    false
}

/// A flow of datagrams.
#[derive(Clone, Debug)]
pub struct Flow {
    template: Template,
    size: usize,
}

impl Flow {
    /// Datagrams with `size` bytes of payload from one address and port to another. It has to fit into a frame.
    pub fn new(from: (&Address, u16), to: (&Address, u16), size: usize) -> Self {
        let mut template = Template([0; PAD + HEADERS]);
        let headers = &mut template.0[PAD..];
        let ethernet = EthernetRepr {
            src_addr: EthernetAddress(from.0.mac),
            dst_addr: EthernetAddress(to.0.mac),
            ethertype: EthernetProtocol::Ipv4,
        };
        ethernet.emit(&mut EthernetFrame::new_unchecked(&mut *headers));
        let [source, target] = [from, to].map(|(address, _)| Ipv4Address::from_octets(address.ip));
        let ip = Ipv4Repr {
            src_addr: source,
            dst_addr: target,
            next_header: IpProtocol::Udp,
            payload_len: UDP + size,
            hop_limit: HOP_LIMIT,
        };
        let mut packet = Ipv4Packet::new_unchecked(&mut headers[ETHERNET..]);
        ip.emit(&mut packet, &ChecksumCapabilities::default());
        let mut packet = UdpPacket::new_unchecked(&mut headers[ETHERNET + IPV4..]);
        packet.set_len((UDP + size) as u16);
        packet.set_src_port(from.1);
        packet.set_dst_port(to.1);
        packet.set_checksum(pseudo_header(source.into(), target.into(), (UDP + size) as u16));
        Self { template, size }
    }

    /// Sends a datagram whose payload is `head` and then `rest`; whether the device had room for it.
    #[inline]
    pub fn send(&self, device: &mut impl Link, head: [u8; HEADER_SIZE], rest: &[u8]) -> bool {
        assert!(HEADER_SIZE + rest.len() == self.size);
        let partial = Partial { start: (ETHERNET + IPV4) as u16, offset: CHECKSUM as u16 };
        device.send(HEADERS + self.size, partial, |frame| {
            let Some((headers, payload)) = frame.split_first_chunk_mut::<HEADERS>() else { return };
            self.template.put(headers);
            if let Some((first, payload)) = payload.split_first_chunk_mut::<HEADER_SIZE>() {
                put(first, head);
                payload.copy_from_slice(rest);
            }
        })
    }
}

/// Stores by words where that goes: byte by byte, it costs as much as the rest of a small message.
#[inline]
fn put(to: &mut [u8; HEADER_SIZE], from: [u8; HEADER_SIZE]) {
    let words: *mut u128 = to.as_mut_ptr().cast();
    if words.addr().is_multiple_of(size_of::<u64>()) {
        let number = u128::from_le_bytes(from);
        let halves = [number as u64, (number >> 64) as u64].map(u64::to_le);
        // SAFETY: as many bytes, and aligned.
        unsafe { words.cast::<[u64; 2]>().write(halves) };
    } else {
        copy_bytes(to, &from);
    }
}

/// What is not aligned. Cold, so that the compiler lays out the other way as the straight one.
#[cold]
fn copy_bytes(to: &mut [u8], from: &[u8]) {
    to.copy_from_slice(from);
}

/// The one's complement sum of the pseudo header (RFC 768).
fn pseudo_header(source: IpAddress, target: IpAddress, len: u16) -> u16 {
    let (IpAddress::Ipv4(source), IpAddress::Ipv4(target)) = (source, target);
    let octets = [source.octets(), target.octets()];
    let words = octets
        .iter()
        .flat_map(|octets| octets.chunks_exact(2))
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let mut sum = words.sum::<u32>() + u32::from(u8::from(IpProtocol::Udp)) + u32::from(len);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
