//! The network device's behaviour.

use super::checksum::Sum;
use super::{DEVICE_ID, Header, Incoming, RECEIVE, SendError, TRANSMIT, Wire, config, features};
use crate::device::{Counters, Device, Progress, Step, finish, repeat};
use crate::memory::{GuestAddress, GuestMemory};
use crate::queue::{Chain, Gather, Mark, Queue, QueueError, Segment, Token, total_len};
use crate::transport::mmio::{ConfigSpace, Identity};

/// Buffers that a received frame may take.
pub const MERGE_MAX: usize = 64;

/// What a frame may have beyond the MTU: Ethernet's header, and a VLAN tag.
const LINK_HEADERS: u64 = 14 + 4;

/// What can be chosen about a network device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetOptions {
    /// The device's address.
    pub mac: [u8; 6],
    /// The most that a frame carries.
    pub mtu: u16,
    /// Biggest size of each queue.
    pub queue_size: u16,
    /// Features of [`super::features`] that are offered.
    pub features: u64,
}

impl Default for NetOptions {
    fn default() -> Self {
        let checksums = features::CSUM | features::GUEST_CSUM;
        Self {
            mac: [2, 0, 0, 0, 0, 2],
            mtu: 1500,
            queue_size: 256,
            features: checksums | features::MTU | features::MAC | features::MRG_RXBUF | features::STATUS,
        }
    }
}

/// A network device.
pub struct Net<W> {
    wire: W,
    options: NetOptions,
    link_up: bool,
    negotiated: u64,
    counters: Counters,
    chain: Chain,
    /// Buffers of the frame that is being received, with what was written to each.
    merged: [(Token, u32); MERGE_MAX],
    /// Where buffers ended that were too few for the next frame.
    short_at: Option<Mark>,
    /// The wire had no room for the driver's next frame.
    refused: bool,
}

/// Bytes of a received frame with header, on their way to the driver.
struct Placing {
    header: [u8; Header::LEN],
    /// Header and frame.
    total: u64,
    done: u64,
    /// Where a field of the header, and one of the frame, have gone: two bytes each, to be written
    /// when all is in place.
    num_buffers: [GuestAddress; 2],
    checksum: [GuestAddress; 2],
    /// Position of the checksum among all bytes.
    checksum_at: Option<u64>,
}

impl<W: Wire> Net<W> {
    /// A device at the end of a wire.
    pub fn new(wire: W, options: NetOptions) -> Self {
        Self {
            wire,
            options,
            link_up: true,
            negotiated: 0,
            counters: Counters::default(),
            chain: Chain::new(),
            merged: [(Token::default(), 0); MERGE_MAX],
            short_at: None,
            refused: false,
        }
    }

    /// The other end.
    pub const fn wire(&self) -> &W {
        &self.wire
    }

    /// The other end.
    pub const fn wire_mut(&mut self) -> &mut W {
        &mut self.wire
    }

    /// Plugs the cable in, or pulls it. The driver hears of it when the caller gives the new
    /// [`Identity::config`] to the registers.
    pub const fn set_link(&mut self, up: bool) {
        self.link_up = up;
    }

    const fn has(&self, feature: u64) -> bool {
        self.negotiated & feature != 0
    }

    const fn frame_max(&self) -> u64 {
        self.options.mtu as u64 + LINK_HEADERS
    }

    fn config(&self) -> ConfigSpace {
        let status = if self.link_up { config::LINK_UP } else { 0 };
        ConfigSpace::new(config::LEN)
            .with(config::MAC, &self.options.mac)
            .with(config::STATUS, &status.to_le_bytes())
            .with(config::MTU, &self.options.mtu.to_le_bytes())
    }

    /// Sends frames of the driver's. A function of its own, so that its loop has all registers for itself.
    #[inline(never)]
    fn transmit_all<M: GuestMemory>(
        &mut self,
        queue: &mut Queue<M>,
        memory: &M,
        max: u32,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        repeat(max, || self.transmit(queue, memory, progress))
    }

    /// Puts frames into the driver's buffers. As above.
    #[inline(never)]
    fn receive_all<M: GuestMemory>(
        &mut self,
        queue: &mut Queue<M>,
        memory: &M,
        max: u32,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        repeat(max, || self.receive(queue, memory, progress))
    }

    /// Sends one frame of the driver's.
    #[inline]
    fn transmit<M: GuestMemory>(
        &mut self,
        queue: &mut Queue<M>,
        memory: &M,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        let mark = queue.mark();
        let Some((token, piece)) = queue.pop_piece() else {
            return self.transmit_chain(queue, memory, progress);
        };
        let Some((header, place)) = memory.head(piece.address, piece.len as usize) else {
            queue.rewind(mark);
            return self.transmit_chain(queue, memory, progress);
        };
        let header = Header::from_halves(header);
        let frame = Segment::new(piece.at(Header::LEN as u32), piece.len - Header::LEN as u32);
        let place = place.map(|place| place.wrapping_add(Header::LEN));
        let frame = Gather::located(memory, &frame, place);
        self.split().0.send(header, &frame, (mark, token), queue, progress)
    }

    /// The same for a frame in any pieces.
    #[inline(never)]
    fn transmit_chain<M: GuestMemory>(
        &mut self,
        queue: &mut Queue<M>,
        memory: &M,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        let mark = queue.mark();
        if !queue.pop(memory, &mut self.chain)? {
            return Ok(Step::Idle);
        }
        let header = Header::from_bytes(self.chain.take_header(memory)?.ok_or(QueueError::Request)?);
        let token = self.chain.token();
        let (mut sending, chain) = self.split();
        sending.send(header, &chain.gather(memory), (mark, token), queue, progress)
    }

    /// Puts one frame into the driver's buffers.
    #[inline]
    fn receive<M: GuestMemory>(
        &mut self,
        queue: &mut Queue<M>,
        memory: &M,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        let Some(incoming) = self.wire.incoming() else {
            return Ok(Step::Idle);
        };
        let len = u64::from(incoming.len);
        if len == 0 || len > self.frame_max() || !incoming.header.fits(len) {
            return Ok(self.drop_incoming());
        }
        let mut placing = Placing::new(self.header_for_driver(&incoming), &incoming);
        let mark = queue.mark();
        let mut count = 0;
        while placing.done < placing.total {
            if count == self.buffers_max() {
                // Too big for the driver's buffers, however many more it adds.
                queue.rewind(mark);
                return Ok(self.drop_incoming());
            }
            if !queue.pop(memory, &mut self.chain)? {
                self.short_at = Some(queue.mark());
                queue.rewind(mark);
                return Ok(Step::Idle);
            }
            let written = self.fill(&mut placing, memory)?;
            self.merged[count] = (self.chain.token(), written);
            count += 1;
        }
        self.complete(&placing, &incoming, count, memory)?;
        for &(token, written) in &self.merged[..count] {
            queue.push(token, written);
        }
        self.wire.consume();
        self.counters.bytes_out += len;
        progress.bytes += len;
        progress.served += count as u32;
        Ok(Step::Done)
    }

    /// What sending takes, and the chain that what is sent may lie in.
    #[inline(always)]
    const fn split(&mut self) -> (Sending<'_, W>, &Chain) {
        let frame_max = self.frame_max();
        let flags = if self.has(features::CSUM) { Header::NEEDS_CSUM } else { 0 };
        let Self { wire, counters, refused, chain, .. } = self;
        (Sending { wire, counters, refused, frame_max, flags }, chain)
    }

    fn drop_incoming(&mut self) -> Step {
        self.wire.consume();
        self.counters.errors += 1;
        Step::Done
    }

    /// "The device MUST use only a single descriptor if MRG_RXBUF was not negotiated."
    const fn buffers_max(&self) -> usize {
        if self.has(features::MRG_RXBUF) { MERGE_MAX } else { 1 }
    }

    /// "If GUEST_CSUM is not negotiated, the device MUST set flags to zero."
    fn header_for_driver(&self, incoming: &Incoming) -> Header {
        let known = Header::NEEDS_CSUM | Header::DATA_VALID;
        let flags = if self.has(features::GUEST_CSUM) { incoming.header.flags & known } else { 0 };
        let header = Header { flags, num_buffers: 1, ..Header::default() };
        if flags & Header::NEEDS_CSUM == 0 {
            return header;
        }
        Header { csum_start: incoming.header.csum_start, csum_offset: incoming.header.csum_offset, ..header }
    }

    /// Fills the buffer in the chain with what comes next; how much.
    #[inline]
    fn fill<M: GuestMemory>(&mut self, placing: &mut Placing, memory: &M) -> Result<u32, QueueError> {
        let before = placing.done;
        let room = total_len(self.chain.writable());
        // "Each buffer MUST be at least the size of the struct virtio_net_hdr."
        if room < Header::LEN as u64 {
            return Err(QueueError::Request);
        }
        for &segment in self.chain.writable() {
            let mut rest = segment;
            while rest.len > 0 && placing.done < placing.total {
                let step = placing.place(&mut self.wire, memory, rest)?;
                rest = Segment::new(rest.at(step), rest.len - step);
            }
        }
        Ok((placing.done - before) as u32)
    }

    /// Writes what is known only when all is in place.
    fn complete<M: GuestMemory>(
        &mut self,
        placing: &Placing,
        incoming: &Incoming,
        count: usize,
        memory: &M,
    ) -> Result<(), QueueError> {
        if count > 1 {
            write_pair(memory, placing.num_buffers, (count as u16).to_le_bytes())?;
        }
        if placing.checksum_at.is_some() {
            let checksum = self.checksum(incoming);
            write_pair(memory, placing.checksum, checksum)?;
        }
        Ok(())
    }

    /// The checksum that the frame's sender has left out; what it has put in its place (the sum of
    /// the pseudo header) counts.
    fn checksum(&mut self, incoming: &Incoming) -> [u8; 2] {
        let mut sum = Sum::default();
        let mut bytes = [0; 256];
        let mut at = u32::from(incoming.header.csum_start);
        while at < incoming.len {
            let chunk = (incoming.len - at).min(bytes.len() as u32);
            let chunk = &mut bytes[..chunk as usize];
            self.wire.peek(at, chunk);
            sum.add(chunk);
            at += chunk.len() as u32;
        }
        sum.finish()
    }
}

/// The part of a device that sends.
struct Sending<'a, W> {
    wire: &'a mut W,
    counters: &'a mut Counters,
    refused: &'a mut bool,
    frame_max: u64,
    /// Flags that a driver's header may have.
    flags: u8,
}

impl<W: Wire> Sending<'_, W> {
    /// Sends a frame that was taken from the queue, and gives its buffer back; without room on the wire, it is as if it
    /// hadn't been taken.
    #[inline(always)]
    fn send<M: GuestMemory>(
        &mut self,
        mut header: Header,
        frame: &Gather<'_, M>,
        (mark, token): (Mark, Token),
        queue: &mut Queue<M>,
        progress: &mut Progress,
    ) -> Result<Step, QueueError> {
        // "The device MUST ignore flag bits that it does not recognize."
        header.flags &= self.flags;
        let len = frame.len();
        if len == 0 || len > self.frame_max || !header.fits(len) {
            self.counters.errors += 1;
        } else {
            match self.wire.send(&header, frame) {
                Ok(()) => {}
                Err(SendError::Full) => {
                    queue.rewind(mark);
                    *self.refused = true;
                    return Ok(Step::Idle);
                }
                Err(SendError::Memory(error)) => return Err(error.into()),
            }
            self.counters.bytes_in += len;
            progress.bytes += len;
        }
        queue.push(token, 0);
        progress.served += 1;
        Ok(Step::Done)
    }
}

impl Placing {
    fn new(header: Header, incoming: &Incoming) -> Self {
        let partial = incoming.header.partial_checksum();
        let ours = partial.filter(|_| header.flags & Header::NEEDS_CSUM == 0);
        Self {
            header: header.to_bytes(),
            total: Header::LEN as u64 + u64::from(incoming.len),
            done: 0,
            num_buffers: [GuestAddress(0); 2],
            checksum: [GuestAddress(0); 2],
            checksum_at: ours.map(|place| Header::LEN as u64 + u64::from(place)),
        }
    }

    /// Puts the next bytes at the beginning of a segment: of the header or of the frame. How many.
    #[inline]
    fn place<W: Wire, M: GuestMemory>(&mut self, wire: &mut W, memory: &M, to: Segment) -> Result<u32, QueueError> {
        let header_len = Header::LEN as u64;
        let step = if self.done < header_len {
            let rest = &self.header[self.done as usize..];
            let step = rest.len().min(to.len as usize);
            memory.write(to.address, &rest[..step])?;
            note(&mut self.num_buffers, Header::NUM_BUFFERS, self.done, to.prefix(step as u32));
            step as u32
        } else {
            let rest = self.total - self.done;
            let step = rest.min(u64::from(to.len)) as u32;
            wire.copy((self.done - header_len) as u32, memory, to.prefix(step))?;
            if let Some(at) = self.checksum_at {
                note(&mut self.checksum, at, self.done, to.prefix(step));
            }
            step
        };
        self.done += u64::from(step);
        Ok(step)
    }
}

/// Notes where two bytes at `position` have gone, as far as they are among those that were put into
/// `segment`, whose first has position `first`.
#[inline]
fn note(places: &mut [GuestAddress; 2], position: u64, first: u64, segment: Segment) {
    for (place, position) in places.iter_mut().zip(position..) {
        let inside = (first..first + u64::from(segment.len)).contains(&position);
        if inside {
            *place = segment.at((position - first) as u32);
        }
    }
}

fn write_pair<M: GuestMemory>(memory: &M, places: [GuestAddress; 2], bytes: [u8; 2]) -> Result<(), QueueError> {
    for (place, byte) in places.into_iter().zip(bytes) {
        memory.write_u8(place, byte)?;
    }
    Ok(())
}

impl<W: Wire> Device for Net<W> {
    fn identity(&self) -> Identity {
        let size = self.options.queue_size;
        Identity {
            device_id: DEVICE_ID,
            vendor_id: Identity::VENDOR,
            features: crate::features::QUEUES | self.options.features,
            queue_max: Identity::queues(&[size, size]),
            config: self.config(),
            accepts: |_| true,
        }
    }

    fn negotiated(&mut self, features: u64) {
        self.negotiated = features;
    }

    fn reset(&mut self) {
        self.negotiated = 0;
        self.short_at = None;
        self.refused = false;
    }

    fn serve<M: GuestMemory>(
        &mut self,
        index: u16,
        queue: &mut Queue<M>,
        memory: &M,
        max: u32,
    ) -> Result<Progress, QueueError> {
        let mut progress = Progress::default();
        self.short_at = None;
        self.refused = false;
        let last = match index {
            RECEIVE => self.receive_all(queue, memory, max, &mut progress),
            TRANSMIT => self.transmit_all(queue, memory, max, &mut progress),
            _ => Ok(Step::Idle),
        };
        finish(last, queue, progress, &mut self.counters)
    }

    fn rearm<M: GuestMemory>(&mut self, index: u16, queue: &mut Queue<M>) -> bool {
        match (index, self.short_at) {
            (RECEIVE, Some(mark)) => queue.enable_notifications_at(mark),
            (RECEIVE, None) => self.wire.incoming().is_some(),
            // A wire that is full is what wakes us, not the driver.
            (TRANSMIT, _) => !self.refused && queue.enable_notifications(),
            _ => false,
        }
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }
}
