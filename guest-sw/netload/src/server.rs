//! The side that answers and checks: netserver's.

use smoltcp::phy::Device;
use smoltcp::socket::{tcp, udp};

use crate::flow::{HEADERS, Known, Tap, unlike};
use crate::payload::{Payload, same};
use crate::stack::{self, Address, Memory, Stack};
use crate::view::View;
use crate::wire::{HEADER_SIZE, Header, Kind, OPENING_SIZE, Opening, SUMMARY_SIZE, Summary, Test};
use crate::{PORT, Poll};

/// Frames that the stack takes per poll.
const BURST: usize = 16;
/// Frames of a known flow before each of those.
const KNOWN_BURST: usize = 64;

/// What a client hears when its test may begin.
const READY: Header = Header { kind: Kind::Ready, size: HEADER_SIZE as u32, sequence: 0 };

/// What the server knows of the test that it serves, or served last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The test.
    pub opening: Opening,
    /// What arrived.
    pub summary: Summary,
    /// Whether it is over.
    pub done: bool,
}

/// Which messages came: the highest number, and which of those just below it.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// One more than the highest number.
    end: u64,
    /// Bit n: whether `end - 1 - n` came.
    seen: u64,
}

impl Window {
    /// Takes note of a number; whether it is new. Of those too far below nobody knows, so they count as old.
    #[inline]
    fn is_new(&mut self, sequence: u64) -> bool {
        if sequence >= self.end {
            let ahead = sequence - self.end;
            self.seen = if ahead < 63 { self.seen << (ahead + 1) | 1 } else { 1 };
            self.end = sequence + 1;
            return true;
        }
        let behind = self.end - 1 - sequence;
        let bit = 1u64.checked_shl(u32::try_from(behind).unwrap_or(u32::MAX)).unwrap_or(0);
        let new = bit != 0 && self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}

/// A test that is served.
#[derive(Clone, Copy, Debug)]
struct Session {
    opening: Opening,
    summary: Summary,
    window: Window,
    done: bool,
    /// Of a connection: bytes of the current message that were read, and of its answer that were written.
    read: usize,
    written: usize,
    /// Of a connection: whether the current message is right so far.
    right: bool,
    /// Of a connection: bytes of `Ready` and of the summary that were written.
    ready: usize,
    said: usize,
}

impl Session {
    fn new(opening: Opening) -> Self {
        Self {
            opening,
            summary: Summary::default(),
            window: Window::default(),
            done: false,
            read: 0,
            written: 0,
            right: true,
            ready: 0,
            said: 0,
        }
    }

    /// What arrived: all that wasn't seen is lost.
    fn finish(&mut self) -> Summary {
        self.done = true;
        let arrived = self.summary.messages + self.summary.corrupt;
        self.summary.lost = self.opening.count.saturating_sub(arrived);
        self.summary
    }

    /// Checks a datagram; whether it is to be answered, if it is of the kind that is.
    #[inline]
    fn take(&mut self, header: &Header, bytes: &[u8], payload: &Payload) -> bool {
        let size = self.opening.size as usize;
        let plausible = bytes.len() == size && header.size as usize == size && header.sequence < self.opening.count;
        let right = plausible && same(&bytes[HEADER_SIZE..], payload.message(header.sequence, size - HEADER_SIZE));
        self.count_datagram(right, header.sequence);
        right
    }

    /// The same for a frame of the known flow's, if that is a right datagram of the stream. Whatever else it is, the stack says.
    #[inline]
    fn take_framed(&mut self, frame: &View<'_>, payload: &Payload) -> bool {
        let numbers = [HEADERS, HEADERS + size_of::<u64>()].map(|offset| frame.number(offset).map(u64::from_le));
        let [Some(low), Some(sequence)] = numbers else { return unlike() };
        let header = Header::from_numbers(low, sequence).filter(|header| header.kind == Kind::Data && !self.done);
        let Some(header) = header else { return unlike() };
        let size = self.opening.size as usize;
        // Its numbers are inside of the frame, so that it is at least as long as they are.
        let plausible = header.size as usize == size && frame.len() == HEADERS + size && sequence < self.opening.count;
        if !plausible || !frame.ends_with(HEADERS + HEADER_SIZE, payload.message(sequence, size - HEADER_SIZE)) {
            return unlike();
        }
        self.count_datagram(true, sequence);
        true
    }

    #[inline]
    fn count_datagram(&mut self, right: bool, sequence: u64) {
        if !right {
            self.summary.corrupt += 1;
        } else if self.window.is_new(sequence) {
            self.summary.messages += 1;
            self.summary.bytes += u64::from(self.opening.size);
        } else {
            self.summary.duplicate += 1;
        }
    }
}

/// A server, which serves one test after another.
pub struct Server {
    stack: Stack,
    session: Option<Session>,
    /// The flow of a stream of datagrams, once one of them was found right.
    known: Option<Known>,
    /// Whether the device sees to checksums of datagrams, as [`Known`] wants it.
    trusts: bool,
    /// The beginning of what a client says in a connection.
    words: [u8; OPENING_SIZE],
    words_len: usize,
}

impl Server {
    /// A server at `address`.
    pub fn new<D: Device>(device: &mut D, memory: &'static mut Memory, address: &Address) -> Self {
        let mut stack = Stack::new(device, memory, address, (true, true), 1);
        if let Some(handle) = stack.udp {
            // The port isn't 0 and the socket is new, so it can be bound.
            let _ = stack.sockets.get_mut::<udp::Socket<'_>>(handle).bind(PORT);
        }
        let trusts = !device.capabilities().checksum.udp.rx();
        Self { stack, session: None, known: None, trusts, words: [0; OPENING_SIZE], words_len: 0 }
    }

    /// The test that it serves, or served last.
    pub fn report(&self) -> Option<Report> {
        let session = self.session.as_ref()?;
        Some(Report { opening: session.opening, summary: session.summary, done: session.done })
    }

    /// Goes on: [`Poll::Busy`] or [`Poll::Waiting`].
    pub fn poll<D: Tap>(&mut self, now: u64, device: &mut D) -> Poll {
        let mut any = false;
        for _ in 0..BURST {
            any |= self.take_known(device, KNOWN_BURST) > 0;
            let flow = self.new_flow(device);
            // One frame at a time: the sockets never have more than they have room for.
            if !self.stack.take_in(now, device) {
                break;
            }
            any = true;
            if self.serve_udp() {
                self.known = flow;
            }
            self.serve_tcp();
        }
        self.serve_tcp();
        // Answers go once a burst, for which there is room: most frames of a stream have none.
        any |= self.stack.send_out(now, device);
        if any { Poll::Busy } else { Poll::Waiting(self.stack.deadline(now, None)) }
    }

    /// Takes frames as long as they are datagrams of the known flow's stream, `max` at most; how many.
    #[inline(never)]
    fn take_known<D: Tap>(&mut self, device: &mut D, max: usize) -> usize {
        let (Some(known), Some(session)) = (&self.known, &mut self.session) else { return 0 };
        for taken in 0..max {
            if !device.offer(|frame| known.has(&frame) && session.take_framed(&frame, self.stack.payload)) {
                return taken;
            }
        }
        max
    }

    /// The flow that the next frame would make known, in a stream of datagrams.
    fn new_flow<D: Tap>(&self, device: &mut D) -> Option<Known> {
        let streams = self.session.as_ref().is_some_and(|session| session.opening.test == Test::UdpStream);
        if !(self.trusts && streams) {
            return None;
        }
        let mut flow = None;
        device.offer(|frame| {
            flow = Known::new(frame);
            false
        });
        flow
    }

    /// Serves what the stack has received; whether that was a right datagram of a stream.
    fn serve_udp(&mut self) -> bool {
        let mut right = false;
        let Some(handle) = self.stack.udp else {
            return right;
        };
        let payload = &mut *self.stack.payload;
        let socket = self.stack.sockets.get_mut::<udp::Socket<'_>>(handle);
        loop {
            let Ok((bytes, from)) = socket.recv() else {
                return right;
            };
            let Some(header) = Header::from_bytes(bytes) else {
                if let Some(session) = &mut self.session {
                    session.summary.corrupt += u64::from(!session.done);
                }
                continue;
            };
            let mut answer = Answer::None;
            match (header.kind, &mut self.session) {
                (Kind::Open, session) => {
                    let opening = Opening::from_bytes(&bytes[HEADER_SIZE..]);
                    let sound = |opening: &Opening| opening.size as usize >= HEADER_SIZE;
                    if let Some(opening) = opening.filter(sound) {
                        self.known = None;
                        open(session, opening, payload);
                        answer = Answer::Ready;
                    }
                }
                (Kind::Data, Some(session)) if !session.done => {
                    right = session.take(&header, bytes, payload);
                }
                (Kind::Request, Some(session)) if !session.done => {
                    if session.take(&header, bytes, payload) {
                        answer = Answer::Reply(header);
                    }
                }
                (Kind::Close, Some(session)) => answer = Answer::Summary(session.finish()),
                _ => {}
            }
            // Without room for an answer, the client asks again.
            match answer {
                Answer::None => {}
                Answer::Ready => {
                    let _ = socket.send_slice(&READY.to_bytes(), from.endpoint);
                }
                Answer::Reply(header) => {
                    let payload = payload.message(header.sequence, header.size as usize - HEADER_SIZE);
                    stack::send(socket, from.endpoint, Header { kind: Kind::Reply, ..header }, payload);
                }
                Answer::Summary(summary) => {
                    let _ = socket.send_slice(&said(summary), from.endpoint);
                }
            }
        }
    }

    fn serve_tcp(&mut self) {
        let Some(handle) = self.stack.tcp else {
            return;
        };
        let payload = &mut *self.stack.payload;
        let socket = self.stack.sockets.get_mut::<tcp::Socket<'_>>(handle);
        if !socket.is_open() {
            self.words_len = 0;
            // The port isn't 0 and the socket is closed, so it can listen.
            let _ = socket.listen(PORT);
            return;
        }
        if self.words_len < OPENING_SIZE {
            if !socket.can_recv() {
                return;
            }
            self.words_len += socket.recv_slice(&mut self.words[self.words_len..]).unwrap_or(0);
            if self.words_len < OPENING_SIZE {
                return;
            }
            let Some(opening) = Opening::from_bytes(&self.words) else {
                socket.abort();
                return;
            };
            self.session = None;
            self.known = None;
            open(&mut self.session, opening, payload);
        }
        if let Some(session) = &mut self.session {
            session.serve(socket, payload);
        }
    }
}

/// What a datagram is answered with.
enum Answer {
    None,
    Ready,
    Reply(Header),
    Summary(Summary),
}

/// Begins a session, unless it is the one that there is.
fn open(session: &mut Option<Session>, opening: Opening, payload: &mut Payload) {
    let again = session.as_ref().is_some_and(|session| {
        let nothing_yet = session.summary == Summary::default();
        session.opening == opening && nothing_yet && !session.done
    });
    if !again {
        payload.make(opening.seed, opening.size as usize);
        *session = Some(Session::new(opening));
    }
}

/// A summary as it is said.
fn said(summary: Summary) -> [u8; HEADER_SIZE + SUMMARY_SIZE] {
    let mut bytes = [0; HEADER_SIZE + SUMMARY_SIZE];
    let header = Header { kind: Kind::Summary, size: bytes.len() as u32, sequence: 0 };
    bytes[..HEADER_SIZE].copy_from_slice(&header.to_bytes());
    bytes[HEADER_SIZE..].copy_from_slice(&summary.to_bytes());
    bytes
}

/// A connection.
impl Session {
    fn serve(&mut self, socket: &mut tcp::Socket<'_>, payload: &Payload) {
        let ready = READY.to_bytes();
        if self.ready < ready.len() {
            self.ready += socket.send_slice(&ready[self.ready..]).unwrap_or(0);
        }
        let rr = self.opening.test.is_rr();
        loop {
            if rr && self.read == self.opening.size as usize && !self.reply(socket, payload) {
                break;
            }
            if !self.read_some(socket, payload) {
                break;
            }
        }
        let all = self.summary.messages + self.summary.corrupt == self.opening.count;
        let over = all || !socket.may_recv();
        if over && !self.done {
            self.finish();
        }
        if self.done {
            let words = said(self.summary);
            if self.said < words.len() {
                self.said += socket.send_slice(&words[self.said..]).unwrap_or(0);
            }
            if self.said == words.len() {
                socket.close();
            }
        }
    }

    /// Writes the answer to the message that was read; whether it is written whole.
    fn reply(&mut self, socket: &mut tcp::Socket<'_>, payload: &Payload) -> bool {
        let size = self.opening.size as usize;
        let sequence = self.summary.messages + self.summary.corrupt;
        let rest = &payload.message(sequence, size)[self.written..];
        self.written += socket.send_slice(rest).unwrap_or(0);
        if self.written < size {
            return false;
        }
        self.written = 0;
        self.count();
        true
    }

    /// Reads and checks what lies in one piece of the current message; whether there was anything.
    fn read_some(&mut self, socket: &mut tcp::Socket<'_>, payload: &Payload) -> bool {
        let size = self.opening.size as usize;
        let sequence = self.summary.messages + self.summary.corrupt;
        if sequence == self.opening.count || !socket.can_recv() {
            return false;
        }
        let Some((count, right)) = stack::read(socket, &payload.message(sequence, size)[self.read..]) else {
            return false;
        };
        self.read += count;
        self.right &= right;
        if self.read == size && !self.opening.test.is_rr() {
            self.count();
        }
        true
    }

    /// The current message is over.
    fn count(&mut self) {
        if self.right {
            self.summary.messages += 1;
            self.summary.bytes += u64::from(self.opening.size);
        } else {
            self.summary.corrupt += 1;
        }
        (self.read, self.right) = (0, true);
    }
}
