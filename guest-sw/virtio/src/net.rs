//! The network device ("Network Device", 5.1): a queue to receive and one to transmit, mergeable receive buffers,
//! checksum offload. Both halves are apart, so that a frame can be answered while it is read.

use core::{ptr, slice};

use crate::queue::{Buffer, Queue};
use crate::{Arena, Doorbell, Error, Layout, Transport, checksum};

/// Its device type.
pub const DEVICE_ID: u32 = 1;
/// Queue that it receives by.
const RECEIVE: u16 = 0;
/// Queue that it transmits by.
const TRANSMIT: u16 = 1;

const CSUM: u64 = 1 << 0;
const GUEST_CSUM: u64 = 1 << 1;
const MTU: u64 = 1 << 3;
const MAC: u64 = 1 << 5;
const MERGEABLE: u64 = 1 << 15;

/// Bytes of the header in front of each frame.
const HEADER_SIZE: usize = 12;
/// Buffers that are taken back in one go when there is no free one.
const RECLAIM_MAX: usize = 32;
const NEEDS_CHECKSUM: u8 = 1;
const DATA_VALID: u8 = 2;

const ETHERNET_HEADER: usize = 14;
const MTU_DEFAULT: u16 = 1500;
/// Of a receive buffer, if a frame may take several.
const BUFFER_SIZE: usize = 2048;

/// What a network device is to be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its queues.
    pub layout: Layout,
    /// Whether checksums are left to the device where it can.
    pub checksum: bool,
    /// Whether received frames may lie in several buffers.
    pub mergeable: bool,
    /// Where buffers begin, modulo 8: so that what is copied most is aligned.
    pub offset: usize,
    /// Frames that are transmitted before the device is told: 1 for each at once.
    pub batch: u32,
}

/// What the device says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Features agreed on.
    pub features: u64,
    /// Its address.
    pub mac: [u8; 6],
    /// Bytes of the largest packet in a frame.
    pub mtu: u16,
    /// Whether it completes checksums of what is transmitted.
    pub transmit_checksum: bool,
    /// Whether it, or else this driver, has checked those of what is received.
    pub receive_checksum: bool,
}

/// A network device.
#[derive(Debug)]
pub struct Net {
    info: Info,
    /// The half that receives.
    pub receiver: Receiver,
    /// The half that transmits.
    pub transmitter: Transmitter,
}

impl Net {
    /// Sets up the device at `base`.
    ///
    /// # Safety
    /// As for [`Transport::new`].
    pub unsafe fn new(base: usize, doorbell: Doorbell, options: &Options, arena: &mut Arena) -> Result<Self, Error> {
        // SAFETY: the caller vouches for the registers.
        let mut transport = unsafe { Transport::new(base, doorbell) };
        if transport.device_id()? != DEVICE_ID {
            return Err(Error::NotVirtio);
        }
        let mut wanted = MTU | MAC;
        if options.checksum {
            wanted |= CSUM | GUEST_CSUM;
        }
        if options.mergeable {
            wanted |= MERGEABLE;
        }
        let features = transport.negotiate(options.layout.features(), wanted)?;
        let mut mac = [2, 0, 0, 0, 0, 2];
        if features & MAC != 0 {
            mac = core::array::from_fn(|index| transport.config_byte(index));
        }
        let info = Info {
            features,
            mac,
            mtu: if features & MTU != 0 { transport.config_half(10) } else { MTU_DEFAULT },
            transmit_checksum: features & CSUM != 0,
            receive_checksum: features & GUEST_CSUM != 0,
        };
        // From here on the halves do nothing but notify, so each has its own way to the registers.
        // SAFETY: as above.
        let [receive, transmit] = unsafe { [Transport::new(base, doorbell), Transport::new(base, doorbell)] };
        let mut receiver = Receiver::new(&mut transport, receive, &info, options, arena)?;
        let transmitter = Transmitter::new(&mut transport, transmit, &info, options, arena)?;
        transport.ready()?;
        receiver.fill();
        Ok(Self { info, receiver, transmitter })
    }

    /// What the device says of itself.
    pub const fn info(&self) -> &Info {
        &self.info
    }

    /// How many times the device was told of buffers.
    pub const fn kicks(&self) -> u64 {
        self.receiver.half.transport.kicks() + self.transmitter.half.transport.kicks()
    }

    /// Whether the device still works.
    pub fn check(&self) -> Result<(), Error> {
        self.receiver.half.transport.check()
    }
}

/// What both halves have: queue number `QUEUE`, a way to tell the device of it, and a buffer for each token.
#[derive(Debug)]
struct Half<const QUEUE: u16> {
    transport: Transport,
    queue: Queue,
    buffers: *mut u8,
    stride: usize,
    buffer_size: usize,
    /// Buffers made available since the device was last considered for a notification.
    unkicked: u32,
}

impl<const QUEUE: u16> Half<QUEUE> {
    /// Sets the queue up, without interrupts, and takes memory for buffers of `buffer_size` bytes.
    fn new(
        transport: &mut Transport,
        own: Transport,
        buffer_size: usize,
        options: &Options,
        arena: &mut Arena,
    ) -> Result<Self, Error> {
        let mut queue = Queue::new(transport, QUEUE, &options.layout, arena)?;
        queue.disable_interrupts();
        // Headers are written by half-words.
        assert!(options.offset.is_multiple_of(2));
        let stride = (buffer_size + options.offset).next_multiple_of(64);
        let buffers = arena.take(stride * usize::from(queue.size()), 64)?;
        // SAFETY: inside of what was taken: a stride has room for the offset.
        let buffers = unsafe { buffers.add(options.offset) };
        Ok(Self { transport: own, queue, buffers, stride, buffer_size, unkicked: 0 })
    }

    #[inline]
    fn buffer(&self, token: u16) -> *mut u8 {
        // SAFETY: there is a buffer for each token.
        unsafe { self.buffers.add(usize::from(token) * self.stride) }
    }

    /// Tells the device of buffers, if it wants to be told.
    #[inline]
    fn flush(&mut self) {
        if self.unkicked > 0 {
            self.unkicked = 0;
            if self.queue.wants_kick() {
                self.transport.notify(QUEUE);
            }
        }
    }
}

/// The half that receives.
#[derive(Debug)]
pub struct Receiver {
    half: Half<RECEIVE>,
    mergeable: bool,
    verify: bool,
    /// Where frames of several buffers are put together.
    whole: &'static mut [u8],
    frames: u64,
    bad: u64,
}

/// A frame that was received, which keeps its buffer until it is given back.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    address: *const u8,
    len: usize,
    /// Whether it lies in a receive buffer, which then is to be given back.
    borrowed: bool,
}

impl Receiver {
    fn new(
        transport: &mut Transport,
        own: Transport,
        info: &Info,
        options: &Options,
        arena: &mut Arena,
    ) -> Result<Self, Error> {
        let frame_max = HEADER_SIZE + ETHERNET_HEADER + usize::from(info.mtu);
        let mergeable = info.features & MERGEABLE != 0;
        let buffer_size = if mergeable { BUFFER_SIZE } else { frame_max };
        Ok(Self {
            half: Half::new(transport, own, buffer_size, options, arena)?,
            mergeable,
            verify: info.receive_checksum,
            whole: arena.bytes(frame_max + BUFFER_SIZE, 64)?,
            frames: 0,
            bad: 0,
        })
    }

    /// Lends the device all buffers that it hasn't.
    fn fill(&mut self) {
        while self.lend() {}
        self.half.flush();
    }

    /// Lends the device the next free buffer; whether there was one.
    #[inline]
    fn lend(&mut self) -> bool {
        let half = &mut self.half;
        let Some(token) = half.queue.next_token() else {
            return false;
        };
        let address = half.buffer(token) as usize;
        half.queue.add_one(&Buffer { address, len: half.buffer_size as u32, written: true });
        half.unkicked += 1;
        true
    }

    /// Lends the device the buffer that it gave last once more.
    #[inline]
    fn give_back(&mut self) {
        if self.lend() && self.half.unkicked >= u32::from(self.half.queue.size() / 4) {
            self.half.flush();
        }
    }

    /// Whether a frame has arrived.
    #[inline]
    pub fn has_frame(&self) -> bool {
        self.half.queue.has_used()
    }

    /// The next frame that arrived. It must be [given back](Self::done) before the next is asked for.
    #[inline]
    pub fn receive(&mut self) -> Result<Option<Frame>, Error> {
        while let Some((token, len)) = self.half.queue.pop()? {
            self.frames += 1;
            let (frame, vouched) = self.frame(token, len as usize)?;
            if vouched || !self.verify || checksum::is_right(frame.bytes()) {
                return Ok(Some(frame));
            }
            self.bad += 1;
            self.done(frame);
        }
        Ok(None)
    }

    /// The frame that begins in a buffer, and whether the device vouches for its checksum.
    #[inline]
    fn frame(&mut self, token: u16, len: usize) -> Result<(Frame, bool), Error> {
        if len < HEADER_SIZE || len > self.half.buffer_size {
            return Err(Error::BadFrame);
        }
        let buffer = self.half.buffer(token);
        // SAFETY: a buffer that the device has given back, as far as it has written it.
        let header = unsafe { slice::from_raw_parts(buffer, HEADER_SIZE) };
        let vouched = header[0] & (NEEDS_CHECKSUM | DATA_VALID) != 0;
        let parts = if self.mergeable { u16::from_le_bytes([header[10], header[11]]) } else { 1 };
        if parts > 1 {
            return Ok((self.gather(buffer, len, parts)?, vouched));
        }
        // SAFETY: behind the header.
        let frame = Frame { address: unsafe { buffer.add(HEADER_SIZE) }, len: len - HEADER_SIZE, borrowed: true };
        Ok((frame, vouched))
    }

    /// Puts together a frame that lies in several buffers, and gives them back.
    #[cold]
    fn gather(&mut self, first: *const u8, len: usize, parts: u16) -> Result<Frame, Error> {
        let mut filled = 0;
        // SAFETY: what the device has written of the first buffer.
        let head = unsafe { slice::from_raw_parts(first, len) };
        append(self.whole, &mut filled, head)?;
        self.give_back();
        for _ in 1..parts {
            // All of a frame's buffers are used at once (5.1.6.4).
            let (token, len) = self.half.queue.pop()?.ok_or(Error::BadFrame)?;
            if len as usize > self.half.buffer_size {
                return Err(Error::BadFrame);
            }
            // SAFETY: what the device has written of a buffer that it has given back.
            let part = unsafe { slice::from_raw_parts(self.half.buffer(token), len as usize) };
            append(self.whole, &mut filled, part)?;
            self.give_back();
        }
        let frame = &self.whole[HEADER_SIZE..filled];
        Ok(Frame { address: frame.as_ptr(), len: frame.len(), borrowed: false })
    }

    /// Gives a frame's buffer back to the device.
    #[inline]
    pub fn done(&mut self, frame: Frame) {
        if frame.borrowed {
            self.give_back();
        }
    }

    /// Asks for an interrupt when a frame arrives; whether none has.
    pub fn enable_interrupts(&mut self) -> bool {
        self.half.flush();
        self.half.queue.enable_interrupts(0)
    }

    /// Asks for no interrupts.
    pub fn disable_interrupts(&mut self) {
        self.half.queue.disable_interrupts();
    }

    /// Frames received, and those of them that were dropped for their checksum.
    pub const fn counts(&self) -> (u64, u64) {
        (self.frames, self.bad)
    }
}

fn append(whole: &mut [u8], filled: &mut usize, part: &[u8]) -> Result<(), Error> {
    let end = *filled + part.len();
    whole.get_mut(*filled..end).ok_or(Error::BadFrame)?.copy_from_slice(part);
    *filled = end;
    Ok(())
}

impl Frame {
    /// Its bytes, from the Ethernet header on.
    #[inline]
    pub const fn bytes(&self) -> &[u8] {
        // SAFETY: made from memory that stays where it is; the device has it back only when the frame is gone,
        // which callers see to by `Receiver::done`.
        unsafe { slice::from_raw_parts(self.address, self.len) }
    }
}

/// A checksum that is left to the device: that of all from `start` on, which belongs `offset` bytes from there. The
/// sum of what isn't in that part (the pseudo header) is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// Where the part begins in the frame.
    pub start: u16,
    /// Where the checksum is, from there.
    pub offset: u16,
}

/// The half that transmits.
#[derive(Debug)]
pub struct Transmitter {
    half: Half<TRANSMIT>,
    offload: bool,
    batch: u32,
    in_flight: u16,
    frames: u64,
}

impl Transmitter {
    fn new(
        transport: &mut Transport,
        own: Transport,
        info: &Info,
        options: &Options,
        arena: &mut Arena,
    ) -> Result<Self, Error> {
        let buffer_size = HEADER_SIZE + ETHERNET_HEADER + usize::from(info.mtu);
        Ok(Self {
            half: Half::new(transport, own, buffer_size, options, arena)?,
            offload: info.transmit_checksum,
            batch: options.batch,
            in_flight: 0,
            frames: 0,
        })
    }

    /// Whether a frame can be transmitted. Buffers that the device is done with are taken back only when there is
    /// no other: until then nobody misses them.
    #[inline]
    pub fn has_room(&mut self) -> Result<bool, Error> {
        if self.half.queue.next_token().is_none() {
            // A few: the device has others to go on with meanwhile.
            self.take_back(RECLAIM_MAX)?;
        }
        Ok(self.half.queue.next_token().is_some())
    }

    /// Takes back all buffers that the device is done with.
    pub fn reclaim(&mut self) -> Result<(), Error> {
        self.take_back(usize::MAX)
    }

    #[inline(never)]
    fn take_back(&mut self, max: usize) -> Result<(), Error> {
        for _ in 0..max {
            if self.half.queue.pop()?.is_none() {
                break;
            }
            self.in_flight -= 1;
        }
        Ok(())
    }

    /// Transmits a frame of `len` bytes that `fill` writes. There must be room for it.
    #[inline]
    pub fn transmit<R>(&mut self, len: usize, fill: impl FnOnce(&mut [u8]) -> R) -> R {
        self.put(len, fill, |frame| {
            let part = checksum::transport(frame)?;
            checksum::prepare(frame, &part);
            Some(Offload { start: part.start as u16, offset: part.checksum as u16 })
        })
    }

    /// The same for a frame whose checksum's place is known; its sender has put the pseudo header's sum there, if the
    /// device takes checksums at all.
    #[inline]
    pub fn transmit_offloaded<R>(&mut self, len: usize, part: Option<Offload>, fill: impl FnOnce(&mut [u8]) -> R) -> R {
        self.put(len, fill, |_| part)
    }

    #[inline(always)]
    fn put<R>(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> R,
        part: impl FnOnce(&mut [u8]) -> Option<Offload>,
    ) -> R {
        assert!(HEADER_SIZE + len <= self.half.buffer_size);
        let token = self.half.queue.next_token().expect("room for a frame");
        let buffer = self.half.buffer(token);
        // SAFETY: the driver's while its token is free, and long enough.
        let frame = unsafe { slice::from_raw_parts_mut(buffer.add(HEADER_SIZE), len) };
        let result = fill(frame);
        let part = if self.offload { part(frame) } else { None };
        // No segmentation; the rest of the header stays zero.
        let flags = if part.is_some() { u16::from(NEEDS_CHECKSUM) } else { 0 };
        let Offload { start, offset } = part.unwrap_or_default();
        let header: *mut u16 = buffer.cast();
        // SAFETY: the header's half-words; buffers begin at even addresses.
        unsafe {
            ptr::write(header, flags);
            ptr::write(header.add(3), start);
            ptr::write(header.add(4), offset);
        }
        let buffer = Buffer { address: buffer as usize, len: (HEADER_SIZE + len) as u32, written: false };
        self.half.queue.add_one(&buffer);
        self.in_flight += 1;
        self.frames += 1;
        self.half.unkicked += 1;
        if self.half.unkicked >= self.batch {
            self.flush();
        }
        result
    }

    /// Tells the device of frames, if it wants to be told.
    #[inline]
    pub fn flush(&mut self) {
        self.half.flush();
    }

    /// Frames that the device has and isn't known to be done with.
    pub const fn in_flight(&self) -> u16 {
        self.in_flight
    }

    /// Asks for an interrupt when the device is done with three quarters of the frames that it has, or with all;
    /// whether it isn't yet.
    pub fn enable_interrupts(&mut self, all: bool) -> bool {
        self.flush();
        let wanted = if all { self.in_flight } else { self.in_flight - self.in_flight / 4 };
        wanted > 0 && self.half.queue.enable_interrupts(wanted - 1)
    }

    /// Asks for no interrupts.
    pub fn disable_interrupts(&mut self) {
        self.half.queue.disable_interrupts();
    }

    /// Frames transmitted.
    pub const fn frames(&self) -> u64 {
        self.frames
    }
}
