//! `struct virtio_net_hdr`.

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
    pub const LEN: usize = 12;
    /// Of `flags`: the checksum is partial, and the other end is to complete it.
    pub const NEEDS_CSUM: u8 = 1;
    /// Of `flags`: the checksum is known to be right.
    pub const DATA_VALID: u8 = 2;
    /// Of `gso_type`: no segmentation.
    pub const GSO_NONE: u8 = 0;
    /// Offset of `num_buffers`.
    pub const NUM_BUFFERS: u64 = 10;

    /// From memory.
    #[inline]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [flags, gso_type, h0, h1, g0, g1, s0, s1, o0, o1, n0, n1] = bytes;
        Self {
            flags,
            gso_type,
            hdr_len: u16::from_le_bytes([h0, h1]),
            gso_size: u16::from_le_bytes([g0, g1]),
            csum_start: u16::from_le_bytes([s0, s1]),
            csum_offset: u16::from_le_bytes([o0, o1]),
            num_buffers: u16::from_le_bytes([n0, n1]),
        }
    }

    /// As it is in memory.
    #[inline]
    pub const fn to_bytes(&self) -> [u8; Self::LEN] {
        let [h0, h1] = self.hdr_len.to_le_bytes();
        let [g0, g1] = self.gso_size.to_le_bytes();
        let [s0, s1] = self.csum_start.to_le_bytes();
        let [o0, o1] = self.csum_offset.to_le_bytes();
        let [n0, n1] = self.num_buffers.to_le_bytes();
        [self.flags, self.gso_type, h0, h1, g0, g1, s0, s1, o0, o1, n0, n1]
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
