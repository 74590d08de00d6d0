//! One request: taken apart and checked, before anything is done.

use crate::memory::{GuestAddress, GuestMemory};
use crate::queue::{Chain, Queue, QueueError, Token};

const TYPE_IN: u32 = 0;
const TYPE_OUT: u32 = 1;
const TYPE_FLUSH: u32 = 4;
const TYPE_GET_ID: u32 = 8;
const TYPE_DISCARD: u32 = 11;
const TYPE_WRITE_ZEROES: u32 = 13;

/// Bytes of `type`, `reserved` and `sector`.
const HEADER: usize = 16;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sectors are read.
    In,
    /// Sectors are written.
    Out,
    /// What was written becomes stable.
    Flush,
    /// The device's name.
    GetId,
    /// Sectors aren't needed any more.
    Discard,
    /// Sectors become zero.
    WriteZeroes,
    /// Something else, of this number.
    Unknown(u32),
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// It was done.
    Ok = 0,
    /// The device or the driver has erred.
    IoError = 1,
    /// The device doesn't do such things.
    Unsupported = 2,
}

/// A request without its data, which stay in the chain: [`Chain::readable`] and
/// [`Chain::writable`], without header and status byte. It can be kept while others are served, and
/// be completed in any order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub kind: Kind,
    /// Where data are read or written.
    pub sector: u64,
    token: Token,
    status: GuestAddress,
}

impl Request {
    /// Takes header and status byte off a chain. A request that lacks them can't be answered, which
    /// is an error of the queue.
    #[inline]
    pub fn take<M: GuestMemory>(chain: &mut Chain, memory: &M) -> Result<Self, QueueError> {
        let header: [u8; HEADER] = chain.take_header(memory)?.ok_or(QueueError::Request)?;
        let status = chain.take_last_writable_byte().ok_or(QueueError::Request)?;
        let [t0, t1, t2, t3, _, _, _, _, sector @ ..] = header;
        let kind = match u32::from_le_bytes([t0, t1, t2, t3]) {
            TYPE_IN => Kind::In,
            TYPE_OUT => Kind::Out,
            TYPE_FLUSH => Kind::Flush,
            TYPE_GET_ID => Kind::GetId,
            TYPE_DISCARD => Kind::Discard,
            TYPE_WRITE_ZEROES => Kind::WriteZeroes,
            other => Kind::Unknown(other),
        };
        Ok(Self { kind, sector: u64::from_le_bytes(sector), token: chain.token(), status })
    }

    /// Writes the answer and gives the request back to the queue: `written` bytes of data were
    /// written to the driver's memory from its beginning on, out of `room`. To be published.
    #[inline]
    pub fn complete<M: GuestMemory>(
        &self,
        status: Status,
        written: u64,
        room: u64,
        queue: &mut Queue<M>,
        memory: &M,
    ) -> Result<(), QueueError> {
        memory.write_u8(self.status, status as u8)?;
        // The used length may claim only what was written from the beginning on, and the status byte
        // comes behind the data.
        let used = if written == room { written + 1 } else { written };
        queue.push(self.token, u32::try_from(used).unwrap_or(u32::MAX));
        Ok(())
    }
}
