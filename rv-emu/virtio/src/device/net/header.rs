//! `struct virtio_net_hdr`.

use core::array;

/// What comes before a frame in its buffer, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// See the constants.
    pub flags: u8,
    /// Kind of segmentation; always [`Header::GSO_NONE`] here.
    pub gso_type: u8,
    /// Length of the frame's headers.
    pub hdr_len: u16,
    /// Size of segments.
    pub gso_size: u16,
    /// Where the checksummed part begins.
    pub csum_start: u16,
    /// Where the checksum is, from there.
    pub csum_offset: u16,
    /// Number of buffers that a received frame is in.
    pub num_buffers: u16,
}

impl Header {
    /// Its bytes in memory.
    pub const LEN: usize = 2 * Self::HALVES;
    /// The same as 16-bit numbers.
    pub const HALVES: usize = 6;
    /// Of `flags`: the checksum is partial, and the other end is to complete it.
    pub const NEEDS_CSUM: u8 = 1;
    /// Of `flags`: the checksum is known to be right.
    pub const DATA_VALID: u8 = 2;
    /// Of `gso_type`: no segmentation.
    pub const GSO_NONE: u8 = 0;
    /// Offset of `num_buffers`.
    pub const NUM_BUFFERS: u64 = 10;

    /// From memory, as the little-endian numbers that it is made of; the first one is two bytes.
    #[inline]
    pub const fn from_halves(
        [first, hdr_len, gso_size, csum_start, csum_offset, num_buffers]: [u16; Self::HALVES],
    ) -> Self {
        let [flags, gso_type] = first.to_le_bytes();
        Self { flags, gso_type, hdr_len, gso_size, csum_start, csum_offset, num_buffers }
    }

    /// From memory.
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let (pairs, _) = bytes.as_chunks::<2>();
        Self::from_halves(array::from_fn(|index| u16::from_le_bytes(pairs[index])))
    }

    /// As it is in memory, in the same numbers.
    #[inline]
    pub const fn to_halves(&self) -> [u16; Self::HALVES] {
        let first = u16::from_le_bytes([self.flags, self.gso_type]);
        [first, self.hdr_len, self.gso_size, self.csum_start, self.csum_offset, self.num_buffers]
    }

    /// As it is in memory.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        for (pair, half) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(self.to_halves()) {
            *pair = half.to_le_bytes();
        }
        bytes
    }

    /// Where the checksum is in the frame, if it is partial.
    #[inline]
    pub const fn partial_checksum(&self) -> Option<u32> {
        if self.flags & Self::NEEDS_CSUM == 0 {
            return None;
        }
        Some(self.csum_start as u32 + self.csum_offset as u32)
    }

    /// Whether the header makes sense for a frame of `len` bytes from someone who may leave
    /// checksums partial or not: without segmentation, and with the checksum within the frame.
    #[inline]
    pub(super) const fn fits(&self, len: u64) -> bool {
        let checksum_fits = match self.partial_checksum() {
            Some(place) => place as u64 + 2 <= len,
            None => true,
        };
        self.gso_type == Self::GSO_NONE && checksum_fits
    }
}
