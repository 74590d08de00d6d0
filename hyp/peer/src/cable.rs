//! The peer's end of the cable, as the network stack wants to see a device. Frames have virtio's header before them.

use alloc::boxed::Box;
use core::ptr;

use hyp_rt::event::Event;
use hyp_wire::{End, Producer};
use netload::smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use netload::smoltcp::time::Instant;
use netload::{Tap, View};

/// Bytes of virtio's header.
const HEADER: usize = 12;
/// Of its flags: the checksum is known to be right. Nothing on this cable gets damaged.
const DATA_VALID: u8 = 2;
/// Bytes of Ethernet's header.
const ETHERNET: usize = 14;
/// What a frame of the lab's network carries at most.
const MTU: usize = 16_896;
const FRAME_MAX: usize = MTU + ETHERNET;

/// The end, and who is told when the other one sleeps.
pub struct Cable {
    end: End,
    other: Event,
    bits: u32,
    incoming: Buffer,
    outgoing: Buffer,
}

/// Room for a frame, made once; with some more, so that it can be aligned as what it is copied from or to.
type Buffer = Box<Room64>;

#[repr(C, align(64))]
struct Room64([u8; FRAME_MAX + WORD]);

const WORD: usize = 8;
/// Bytes of IPv4's header, and of those behind it.
const IPV4: usize = 20;
const UDP: usize = 8;
const TCP: usize = 20;
/// Where IPv4's header says what is behind it, and TCP's number there.
const PROTOCOL: usize = ETHERNET + 9;
const IS_TCP: u8 = 6;

/// Where a frame's payload begins: what is best aligned, for it is copied most.
fn payload(frame: &[u8]) -> usize {
    ETHERNET + IPV4 + if frame.get(PROTOCOL) == Some(&IS_TCP) { TCP } else { UDP }
}

fn buffer() -> Buffer {
    Box::new(Room64([0; FRAME_MAX + WORD]))
}

impl Cable {
    pub fn new(end: End, other: Event, bits: u32) -> Self {
        Cable { end, other, bits, incoming: buffer(), outgoing: buffer() }
    }

    /// Whether this side may sleep until it is woken.
    pub fn may_sleep(&mut self) -> bool {
        self.end.receiver.prepare_to_wait()
    }

    /// This side looks by itself again.
    pub fn finish_sleep(&mut self) {
        self.end.receiver.finish_wait();
    }
}

/// A frame that has arrived.
pub struct Received<'a>(&'a [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(self.0)
    }
}

/// A place for a frame.
pub struct Room<'a> {
    sender: &'a mut Producer,
    buffer: &'a mut Buffer,
    other: &'a Event,
    bits: u32,
}

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, fill: F) -> R {
        let len = len.min(FRAME_MAX);
        // Where UDP's payload is aligned, whose frames are the largest that are sent from here.
        let shift = WORD - (ETHERNET + IPV4 + UDP) % WORD;
        let bytes = &mut self.buffer.0[shift..shift + len];
        let result = fill(bytes);
        let like = 0usize.wrapping_sub(HEADER + payload(bytes));
        let sent = self.sender.send(HEADER + len, like, |to| {
            let mut header = [0; HEADER];
            header[0] = DATA_VALID;
            // SAFETY: the place of header and frame.
            unsafe {
                ptr::copy_nonoverlapping(header.as_ptr(), to, HEADER);
                ptr::copy_nonoverlapping(bytes.as_ptr(), to.add(HEADER), len);
            }
            Ok::<(), ()>(())
        });
        // A full cable loses frames, as cables do.
        if sent == Ok(Some(true)) {
            let _ = self.other.signal(self.bits);
        }
        result
    }
}

impl Device for Cable {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Room<'_>)> {
        let Cable { end, other, bits, incoming, outgoing } = self;
        let frame = end.receiver.receive()?;
        // What is in it may change while it is read: it is copied first.
        let len = frame.len().saturating_sub(HEADER).min(FRAME_MAX);
        let shift = (frame.as_ptr() as usize + HEADER) % WORD;
        let bytes = &mut incoming.0[shift..shift + len];
        let whole = frame.copy(HEADER, bytes);
        // A backend that waits for room.
        if frame.release() {
            let _ = other.signal(*bits);
        }
        let room = Room { sender: &mut end.sender, buffer: outgoing, other, bits: *bits };
        Some((Received(if whole { bytes } else { &[] }), room))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        let Cable { end, other, bits, outgoing, .. } = self;
        Some(Room { sender: &mut end.sender, buffer: outgoing, other, bits: *bits })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME_MAX;
        // Both ends of the cable trust it: checksums stay partial, or are not computed at all.
        capabilities.checksum.udp = Checksum::None;
        capabilities.checksum.tcp = Checksum::None;
        capabilities
    }
}

impl Tap for Cable {
    fn offer(&mut self, take: impl FnOnce(View<'_>) -> bool) -> bool {
        let Some(frame) = self.end.receiver.receive() else { return false };
        let Some(len) = frame.len().checked_sub(HEADER) else { return false };
        // SAFETY: the frame lies in the cable's memory, which stays mapped.
        let taken = take(unsafe { View::new(frame.as_ptr().add(HEADER), len) });
        // A backend that waits for room is told.
        if taken && frame.release() {
            let _ = self.other.signal(self.bits);
        }
        taken
    }
}
