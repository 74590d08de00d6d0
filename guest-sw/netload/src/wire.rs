//! What client and server say to each other. Numbers are little-endian.

/// A test of netperf's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Test {
    /// Datagrams to the server, as fast as they go.
    UdpStream = 1,
    /// Writes into a connection, as fast as they go.
    TcpStream = 2,
    /// A datagram there, one back, and so on.
    UdpRr = 3,
    /// A message there and one back, through a connection.
    TcpRr = 4,
}

/// All tests, with their names.
pub const TESTS: &[(&str, Test)] = &[
    ("udp_stream", Test::UdpStream),
    ("tcp_stream", Test::TcpStream),
    ("udp_rr", Test::UdpRr),
    ("tcp_rr", Test::TcpRr),
];

impl Test {
    /// Its name.
    pub fn name(self) -> &'static str {
        TESTS.iter().find(|(_, test)| *test == self).map_or("", |(name, _)| name)
    }

    /// Whether it is about UDP.
    pub const fn is_udp(self) -> bool {
        matches!(self, Self::UdpStream | Self::UdpRr)
    }

    /// Whether messages are answered.
    pub const fn is_rr(self) -> bool {
        matches!(self, Self::UdpRr | Self::TcpRr)
    }

    fn from_number(number: u32) -> Option<Self> {
        TESTS.iter().map(|&(_, test)| test).find(|&test| test as u32 == number)
    }
}

/// What every datagram begins with, and what is said in a connection besides payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it is.
    pub kind: Kind,
    /// Bytes of the message, this header included.
    pub size: u32,
    /// The number of the message.
    pub sequence: u64,
}

/// What a datagram is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// To the server: an [`Opening`] follows.
    Open = 1,
    /// To the client: the server is ready.
    Ready = 2,
    /// Payload that isn't answered.
    Data = 3,
    /// Payload that is.
    Request = 4,
    /// Payload that answers.
    Reply = 5,
    /// To the server: that was all.
    Close = 6,
    /// To the client: a [`Summary`] follows.
    Summary = 7,
}

const KINDS: &[Kind] = &[Kind::Open, Kind::Ready, Kind::Data, Kind::Request, Kind::Reply, Kind::Close, Kind::Summary];

/// In the upper half of a kind: this protocol.
const MAGIC: u32 = 0x4e4c << 16;

/// Bytes of a [`Header`].
pub const HEADER_SIZE: usize = 16;

impl Header {
    /// As bytes.
    #[inline]
    pub const fn to_bytes(self) -> [u8; HEADER_SIZE] {
        let low = (MAGIC | self.kind as u32) as u64 | (self.size as u64) << 32;
        (low as u128 | (self.sequence as u128) << 64).to_le_bytes()
    }

    /// From the beginning of a message.
    #[inline]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER_SIZE>()?;
        let number = u128::from_le_bytes(*bytes);
        Self::from_numbers(number as u64, (number >> 64) as u64)
    }

    /// From its two halves.
    #[inline]
    pub(crate) fn from_numbers(low: u64, sequence: u64) -> Option<Self> {
        let kind = low as u32 ^ MAGIC;
        let kind = *KINDS.get((kind as usize).wrapping_sub(1))?;
        Some(Self { kind, size: (low >> 32) as u32, sequence })
    }
}

/// What is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The test.
    pub test: Test,
    /// Bytes of a message.
    pub size: u32,
    /// Messages.
    pub count: u64,
    /// What payload is made from.
    pub seed: u64,
}

/// Bytes of an [`Opening`].
pub const OPENING_SIZE: usize = 32;

const OPENING_MAGIC: u32 = MAGIC | 0x4f50;

impl Opening {
    /// As bytes.
    pub fn to_bytes(self) -> [u8; OPENING_SIZE] {
        let words = [OPENING_MAGIC, self.test as u32, self.size, 0];
        let mut bytes = [0; OPENING_SIZE];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        bytes[16..24].copy_from_slice(&self.count.to_le_bytes());
        bytes[24..].copy_from_slice(&self.seed.to_le_bytes());
        bytes
    }

    /// From bytes, if they make sense.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<OPENING_SIZE>()?;
        let word = |index: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[index * 4 + byte]));
        let double = |index: usize| u64::from(word(index)) | u64::from(word(index + 1)) << 32;
        let opening = Self { test: Test::from_number(word(1))?, size: word(2), count: double(4), seed: double(6) };
        let sound = word(0) == OPENING_MAGIC && opening.size > 0 && opening.size as usize <= crate::SIZE_MAX;
        sound.then_some(opening)
    }
}

/// What arrived at the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Different messages, right ones.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages that never came.
    pub lost: u64,
    /// Messages that came again, or too late to tell.
    pub duplicate: u64,
    /// Messages that weren't what was sent.
    pub corrupt: u64,
}

/// Bytes of a [`Summary`].
pub const SUMMARY_SIZE: usize = 40;

impl Summary {
    /// As bytes.
    pub fn to_bytes(self) -> [u8; SUMMARY_SIZE] {
        let numbers = [self.messages, self.bytes, self.lost, self.duplicate, self.corrupt];
        let mut bytes = [0; SUMMARY_SIZE];
        for (bytes, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// From bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<SUMMARY_SIZE>()?;
        let (numbers, _) = bytes.as_chunks::<8>();
        let number = |index: usize| u64::from_le_bytes(numbers[index]);
        let [messages, bytes, lost, duplicate, corrupt] = core::array::from_fn(number);
        Some(Self { messages, bytes, lost, duplicate, corrupt })
    }
}
