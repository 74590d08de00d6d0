//! Little-endian fields, one after another, behind a header of request, flags and length.

use crate::{BadMessage, Encoded, MESSAGE_MAX, VringState};

/// Bytes of the header.
const HEADER: usize = 12;

/// Builds a message. Every message of this protocol fits.
pub struct Writer(Encoded);

impl Writer {
    pub fn new(request: u32, flags: u32) -> Writer {
        let mut writer = Writer(Encoded { bytes: [0; MESSAGE_MAX], len: 0 });
        [request, flags, 0].into_iter().for_each(|word| writer.u32(word));
        writer
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        let end = self.0.len + bytes.len();
        self.0.bytes[self.0.len..end].copy_from_slice(bytes);
        self.0.len = end;
    }

    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub fn state(&mut self, state: VringState) {
        self.u32(state.index);
        self.u32(state.num);
    }

    /// Fills in the length.
    pub fn finish(mut self) -> Encoded {
        let payload = (self.0.len - HEADER) as u32;
        self.0.bytes[8..HEADER].copy_from_slice(&payload.to_le_bytes());
        self.0
    }
}

/// Takes a message apart.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Request, flags, and the payload, which is as long as the header says.
    pub fn open(bytes: &'a [u8]) -> Result<(u32, u32, Reader<'a>), BadMessage> {
        let mut reader = Reader(bytes);
        let [request, flags, len] = [reader.u32()?, reader.u32()?, reader.u32()?];
        let payload = reader.0.get(..len as usize).ok_or(BadMessage::Short)?;
        Ok((request, flags, Reader(payload)))
    }

    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], BadMessage> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(BadMessage::Short)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadMessage> {
        self.bytes(N)?.try_into().map_err(|_| BadMessage::Short)
    }

    pub fn u32(&mut self) -> Result<u32, BadMessage> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, BadMessage> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn state(&mut self) -> Result<VringState, BadMessage> {
        Ok(VringState { index: self.u32()?, num: self.u32()? })
    }
}
