//! The side that measures: netperf's.

use smoltcp::phy::Device;
use smoltcp::socket::{tcp, udp};
use smoltcp::wire::IpEndpoint;

use crate::flow::{self, Flow, Link};
use crate::payload::same;
use crate::stack::{self, Address, Memory, Stack};
use crate::wire::{HEADER_SIZE, Header, Kind, Opening, SUMMARY_SIZE, Summary, Test};
use crate::{Options, PORT, Poll, SIZE_MAX};

/// Its own port.
const OWN_PORT: u16 = 49152;
/// After how many microseconds a datagram that was not answered is sent again.
const RETRY: u64 = 200_000;
const RETRIES_MAX: u32 = 50;
/// Messages per poll.
const BURST: usize = 16;
/// How long a connection may take, in microseconds.
const CONNECT_MAX: u64 = 20_000_000;

/// What a test came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Messages that were sent.
    pub messages: u64,
    /// Bytes of them; with those of the answers, where there are any.
    pub bytes: u64,
    /// Messages that were sent again.
    pub retries: u64,
    /// Answers that weren't right.
    pub corrupt: u64,
    /// What the server says.
    pub server: Summary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The server isn't known to be ready.
    Opening,
    Running,
    /// All was sent; the server's summary isn't there.
    Closing,
    Done,
}

/// A message that waits for its answer.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// Since when, by the caller's clock.
    started: u64,
    /// When it will be sent again.
    deadline: u64,
}

/// A client and its one test.
pub struct Client {
    stack: Stack,
    options: Options,
    server: IpEndpoint,
    /// What a stream of datagrams is sent by, if not by the socket.
    flow: Option<Flow>,
    phase: Phase,
    outcome: Outcome,
    /// Of datagrams: when the last one that wants an answer is sent again, and how often it was.
    deadline: u64,
    tries: u32,
    pending: Option<Pending>,
    /// Bytes of the message that were written, and of its answer that were read.
    written: usize,
    read: usize,
    /// The beginning of what the server says in a connection.
    words: [u8; HEADER_SIZE + SUMMARY_SIZE],
    words_len: usize,
    clock: fn() -> u64,
}

impl Client {
    /// A client at `address` whose server is at `server`. `clock` is what latencies are measured by.
    pub fn new<D: Device>(
        device: &mut D,
        memory: &'static mut Memory,
        (address, server): (&Address, &Address),
        options: &Options,
        clock: fn() -> u64,
    ) -> Result<Self, &'static str> {
        let overhead = if options.test.is_udp() { HEADER_SIZE } else { 1 };
        let frame_max = device.capabilities().max_transmission_unit;
        if options.size < overhead || options.size > SIZE_MAX {
            return Err("messages of that size can't be sent");
        }
        if options.test.is_udp() && options.size + flow::HEADERS > frame_max {
            return Err("a datagram of that size doesn't fit into a frame");
        }
        if options.count == 0 {
            return Err("no messages");
        }
        let wanted = (options.test.is_udp(), !options.test.is_udp());
        let mut stack = Stack::new(device, memory, address, wanted, options.seed);
        stack.payload.make(options.seed, options.size);
        let offloaded = !device.capabilities().checksum.udp.tx();
        let by_flow = options.flow && offloaded && options.test == Test::UdpStream;
        let flow = by_flow.then(|| Flow::new((address, OWN_PORT), (server, PORT), options.size));
        let server = IpEndpoint::new(server.ip(), PORT);
        if let Some(handle) = stack.udp {
            let socket = stack.sockets.get_mut::<udp::Socket<'_>>(handle);
            socket.bind(OWN_PORT).map_err(|_| "bind")?;
        }
        if let Some(handle) = stack.tcp {
            let socket = stack.sockets.get_mut::<tcp::Socket<'_>>(handle);
            socket.set_nagle_enabled(!options.nodelay);
            // Seeds make connections of several runs differ.
            let port = OWN_PORT + (options.seed % 1000) as u16;
            socket.connect(stack.interface.context(), server, port).map_err(|_| "connect")?;
        }
        Ok(Self {
            stack,
            options: *options,
            server,
            flow,
            phase: Phase::Opening,
            outcome: Outcome::default(),
            deadline: 0,
            tries: 0,
            pending: None,
            written: 0,
            read: 0,
            words: [0; HEADER_SIZE + SUMMARY_SIZE],
            words_len: 0,
            clock,
        })
    }

    /// What the test came to, as far as it is known.
    pub const fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Goes on. `latency` gets the time of every answered message.
    #[inline]
    pub fn poll<D: Link>(&mut self, now: u64, device: &mut D, latency: &mut impl FnMut(u64)) -> Poll {
        match (self.phase, self.options.test) {
            (Phase::Running, Test::UdpStream) => self.udp_stream(now, device),
            (Phase::Running, Test::TcpStream) => self.tcp_stream(now, device),
            (Phase::Running, Test::UdpRr) => self.udp_rr(now, device, latency),
            (Phase::Running, Test::TcpRr) => self.tcp_rr(now, device, latency),
            (Phase::Done, _) => {
                self.stack.send_out(now, device);
                Poll::Done
            }
            (phase, test) if test.is_udp() => self.udp_exchange(now, device, phase),
            (Phase::Opening, _) => self.tcp_open(now, device),
            (Phase::Closing, _) => self.tcp_close(now, device),
        }
    }

    fn waiting(&mut self, now: u64, own: Option<u64>) -> Poll {
        Poll::Waiting(self.stack.deadline(now, own))
    }

    fn opening(&self) -> Opening {
        let Options { test, size, count, seed, .. } = self.options;
        Opening { test, size: size as u32, count, seed }
    }
}

/// UDP.
impl Client {
    #[inline]
    fn udp(&mut self) -> &mut udp::Socket<'static> {
        let handle = self.stack.udp.expect("a test of UDP has a socket of UDP");
        self.stack.sockets.get_mut(handle)
    }

    /// Queues a datagram of `size` bytes; whether there was room.
    #[inline]
    fn queue(&mut self, header: Header, size: usize) -> bool {
        let server = self.server;
        let handle = self.stack.udp.expect("a test of UDP has a socket of UDP");
        let socket = self.stack.sockets.get_mut::<udp::Socket<'_>>(handle);
        stack::send(socket, server, header, self.stack.payload.message(header.sequence, size - HEADER_SIZE))
    }

    fn udp_stream<D: Link>(&mut self, now: u64, device: &mut D) -> Poll {
        if self.flow.is_some() {
            return self.udp_flow(now, device);
        }
        let size = self.options.size;
        for _ in 0..BURST {
            if self.outcome.messages == self.options.count {
                return self.udp_drain(now, device);
            }
            let header = Header { kind: Kind::Data, size: size as u32, sequence: self.outcome.messages };
            if self.queue(header, size) {
                self.outcome.messages += 1;
                self.outcome.bytes += size as u64;
            }
            self.stack.send_one(now, device);
            if self.udp().send_queue() > 0 {
                // The device is full; or the server's address isn't known any more, and its answer is there.
                let progress = self.stack.take_in(now, device) | self.stack.send_out(now, device);
                return if progress { Poll::Busy } else { self.waiting(now, None) };
            }
        }
        // Nothing but address resolution comes, so a look now and then is enough.
        self.stack.take_in(now, device);
        Poll::Busy
    }

    /// The same without the socket. A function of its own, which finds everything through one pointer each.
    #[inline(never)]
    fn udp_flow<D: Link>(&mut self, now: u64, device: &mut D) -> Poll {
        let Self { flow: Some(flow), options: Options { size, count, .. }, outcome, stack, .. } = self else {
            return Poll::Failed("no flow");
        };
        let mut sequence = outcome.messages;
        let burst_end = (sequence + BURST as u64).min(*count);
        while sequence < burst_end {
            let header = Header { kind: Kind::Data, size: *size as u32, sequence };
            let payload = stack.payload.message(sequence, *size - HEADER_SIZE);
            if !flow.send(device, header.to_bytes(), payload) {
                break;
            }
            sequence += 1;
        }
        outcome.bytes += (sequence - outcome.messages) * *size as u64;
        outcome.messages = sequence;
        if sequence == *count {
            return self.udp_drain(now, device);
        }
        let progress = self.stack.take_in(now, device);
        if progress || sequence == burst_end { Poll::Busy } else { self.waiting(now, None) }
    }

    fn udp_drain<D: Device>(&mut self, now: u64, device: &mut D) -> Poll {
        self.stack.send_out(now, device);
        if self.udp().send_queue() > 0 {
            let progress = self.stack.take_in(now, device);
            return if progress { Poll::Busy } else { self.waiting(now, None) };
        }
        self.phase = Phase::Closing;
        (self.deadline, self.tries) = (0, 0);
        Poll::Busy
    }

    fn udp_rr<D: Device>(&mut self, now: u64, device: &mut D, latency: &mut impl FnMut(u64)) -> Poll {
        let size = self.options.size;
        for _ in 0..BURST {
            let pending = match self.pending {
                Some(pending) if now < pending.deadline => pending,
                Some(_) if self.tries >= RETRIES_MAX => return Poll::Failed("no answer"),
                earlier => {
                    let started = earlier.map_or_else(self.clock, |pending| pending.started);
                    self.outcome.retries += u64::from(earlier.is_some());
                    self.tries += u32::from(earlier.is_some());
                    let header = Header { kind: Kind::Request, size: size as u32, sequence: self.outcome.messages };
                    self.queue(header, size);
                    self.stack.send_out(now, device);
                    *self.pending.insert(Pending { started, deadline: now + RETRY })
                }
            };
            if !self.stack.take_in(now, device) {
                self.stack.send_out(now, device);
                return self.waiting(now, Some(pending.deadline));
            }
            if !self.take_reply() {
                continue;
            }
            latency((self.clock)() - pending.started);
            (self.pending, self.tries) = (None, 0);
            self.outcome.messages += 1;
            self.outcome.bytes += 2 * size as u64;
            if self.outcome.messages == self.options.count {
                self.phase = Phase::Closing;
                self.deadline = 0;
                return Poll::Measured;
            }
        }
        Poll::Busy
    }

    /// Looks for the answer to the message that was sent last, and checks it.
    #[inline]
    fn take_reply(&mut self) -> bool {
        let (size, sequence) = (self.options.size, self.outcome.messages);
        let handle = self.stack.udp.expect("a test of UDP has a socket of UDP");
        let socket = self.stack.sockets.get_mut::<udp::Socket<'_>>(handle);
        while let Ok((bytes, _)) = socket.recv() {
            let Some(header) = Header::from_bytes(bytes) else {
                self.outcome.corrupt += 1;
                continue;
            };
            if header.kind == Kind::Reply && header.sequence == sequence {
                let expected = self.stack.payload.message(sequence, size - HEADER_SIZE);
                let right = header.size == size as u32 && same(&bytes[HEADER_SIZE..], expected);
                self.outcome.corrupt += u64::from(!right);
                return true;
            }
        }
        false
    }

    /// Says that it begins or ends, until the server has said that it knows.
    fn udp_exchange<D: Device>(&mut self, now: u64, device: &mut D, phase: Phase) -> Poll {
        let opening = phase == Phase::Opening;
        if now >= self.deadline {
            if self.tries >= RETRIES_MAX {
                return Poll::Failed("the server doesn't answer");
            }
            // The end of a stream is measured, and so is what it takes to say it again.
            self.outcome.retries += u64::from(!opening && self.tries > 0);
            self.tries += 1;
            self.deadline = now + RETRY;
            self.udp_announce(opening);
            self.stack.send_out(now, device);
        }
        while self.stack.take_in(now, device) {
            while let Ok((bytes, _)) = self.udp().recv() {
                match Header::from_bytes(bytes).map(|header| header.kind) {
                    Some(Kind::Ready) if opening => {
                        self.phase = Phase::Running;
                        return Poll::Ready;
                    }
                    Some(Kind::Summary) if !opening => {
                        let Some(summary) = Summary::from_bytes(&bytes[HEADER_SIZE..]) else {
                            continue;
                        };
                        self.outcome.server = summary;
                        self.phase = Phase::Done;
                        // A stream is measured up to here: what was sent counts when it has arrived.
                        return if self.options.test.is_rr() { Poll::Done } else { Poll::Measured };
                    }
                    _ => {}
                }
            }
        }
        self.stack.send_out(now, device);
        let deadline = self.deadline;
        self.waiting(now, Some(deadline))
    }

    fn udp_announce(&mut self, opening: bool) {
        let (server, count, description) = (self.server, self.options.count, self.opening().to_bytes());
        let (kind, words): (_, &[u8]) = if opening { (Kind::Open, &description) } else { (Kind::Close, &[]) };
        let size = HEADER_SIZE + words.len();
        let header = Header { kind, size: size as u32, sequence: count };
        // Without room, there is another try.
        stack::send(self.udp(), server, header, words);
    }
}

/// TCP.
impl Client {
    #[inline]
    fn tcp(&mut self) -> &mut tcp::Socket<'static> {
        let handle = self.stack.tcp.expect("a test of TCP has a socket of TCP");
        self.stack.sockets.get_mut(handle)
    }

    fn tcp_open<D: Device>(&mut self, now: u64, device: &mut D) -> Poll {
        if self.deadline == 0 {
            self.deadline = now + CONNECT_MAX;
        }
        let mut progress = self.stack.take_in(now, device);
        let opening = self.opening().to_bytes();
        if self.written == 0 && self.tcp().can_send() {
            // The buffer is empty, so it has room for all.
            self.written = self.tcp().send_slice(&opening).unwrap_or(0);
        }
        if self.hear(HEADER_SIZE) {
            (self.written, self.words_len) = (0, 0);
            self.phase = Phase::Running;
            return Poll::Ready;
        }
        progress |= self.stack.send_out(now, device);
        if !self.tcp().is_open() || now >= self.deadline {
            return Poll::Failed("no connection");
        }
        let deadline = self.deadline;
        if progress { Poll::Busy } else { self.waiting(now, Some(deadline)) }
    }

    /// Reads what the server says up to `wanted` bytes; whether they are there.
    fn hear(&mut self, wanted: usize) -> bool {
        let handle = self.stack.tcp.expect("a test of TCP has a socket of TCP");
        let socket = self.stack.sockets.get_mut::<tcp::Socket<'_>>(handle);
        while self.words_len < wanted && socket.can_recv() {
            let room = &mut self.words[self.words_len..wanted];
            self.words_len += socket.recv_slice(room).unwrap_or(0);
        }
        self.words_len == wanted
    }

    fn tcp_stream<D: Device>(&mut self, now: u64, device: &mut D) -> Poll {
        let mut progress = false;
        for _ in 0..BURST {
            if self.outcome.messages == self.options.count {
                self.tcp().close();
                return self.tcp_close(now, device);
            }
            progress |= self.write_some();
            progress |= self.stack.send_out(now, device);
            // Acknowledgements make room, and let small segments go.
            if self.stack.take_in(now, device) {
                progress = true;
                self.stack.send_out(now, device);
            }
            if !progress {
                return if self.tcp().may_send() { self.waiting(now, None) } else { Poll::Failed("connection lost") };
            }
        }
        Poll::Busy
    }

    /// Writes of the current message what there is room for; whether it wrote anything.
    #[inline]
    fn write_some(&mut self) -> bool {
        let (size, sequence) = (self.options.size, self.outcome.messages);
        let handle = self.stack.tcp.expect("a test of TCP has a socket of TCP");
        let socket = self.stack.sockets.get_mut::<tcp::Socket<'_>>(handle);
        let message = &self.stack.payload.message(sequence, size)[self.written..];
        let count = socket.send_slice(message).unwrap_or(0);
        self.written += count;
        self.outcome.bytes += count as u64;
        if self.written == size && !self.options.test.is_rr() {
            self.written = 0;
            self.outcome.messages += 1;
        }
        count > 0
    }

    fn tcp_rr<D: Device>(&mut self, now: u64, device: &mut D, latency: &mut impl FnMut(u64)) -> Poll {
        let size = self.options.size;
        for _ in 0..BURST {
            let clock = self.clock;
            let started = self.pending.get_or_insert_with(|| Pending { started: clock(), deadline: 0 }).started;
            let mut progress = false;
            if self.written < size {
                progress |= self.write_some();
                progress |= self.stack.send_out(now, device);
            }
            if self.stack.take_in(now, device) {
                progress = true;
                self.read_some();
            }
            if self.read == size {
                latency((self.clock)() - started);
                (self.pending, self.written, self.read) = (None, 0, 0);
                self.outcome.messages += 1;
                if self.outcome.messages == self.options.count {
                    self.tcp().close();
                    self.phase = Phase::Closing;
                    return Poll::Measured;
                }
                continue;
            }
            progress |= self.stack.send_out(now, device);
            if !progress {
                let alive = self.tcp().may_recv();
                return if alive { self.waiting(now, None) } else { Poll::Failed("connection lost") };
            }
        }
        Poll::Busy
    }

    /// Reads of the answer what has come, and checks it.
    fn read_some(&mut self) {
        let (size, sequence) = (self.options.size, self.outcome.messages);
        let handle = self.stack.tcp.expect("a test of TCP has a socket of TCP");
        let socket = self.stack.sockets.get_mut::<tcp::Socket<'_>>(handle);
        let expected = self.stack.payload.message(sequence, size);
        while self.read < size && socket.can_recv() {
            let Some((count, right)) = stack::read(socket, &expected[self.read..]) else {
                return;
            };
            self.read += count;
            self.outcome.bytes += count as u64;
            self.outcome.corrupt += u64::from(!right);
        }
    }

    /// All was sent: waits until the server says that all has arrived. A stream is measured up to there.
    fn tcp_close<D: Device>(&mut self, now: u64, device: &mut D) -> Poll {
        let before = core::mem::replace(&mut self.phase, Phase::Closing);
        let mut progress = self.stack.take_in(now, device);
        if self.hear(HEADER_SIZE + SUMMARY_SIZE) {
            let heard = Header::from_bytes(&self.words).filter(|header| header.kind == Kind::Summary);
            let Some(summary) = heard.and_then(|_| Summary::from_bytes(&self.words[HEADER_SIZE..])) else {
                return Poll::Failed("the server says something else than what arrived");
            };
            self.outcome.server = summary;
            self.stack.send_out(now, device);
            self.phase = Phase::Done;
            return if self.options.test.is_rr() { Poll::Done } else { Poll::Measured };
        }
        progress |= self.stack.send_out(now, device) | (before != Phase::Closing);
        if progress {
            return Poll::Busy;
        }
        if self.tcp().may_recv() { self.waiting(now, None) } else { Poll::Failed("connection lost") }
    }
}
