//! The checksum of the Internet protocols: for frames whose sender left it to the device.

use super::Header;

/// Completes the checksum of a frame whose sender has left it partial, where its header says so: for a wire that leads
/// to someone who knows nothing of such frames. `false`, and nothing is changed, if it isn't partial, or isn't within
/// the frame.
pub fn complete_checksum(header: &Header, frame: &mut [u8]) -> bool {
    let Some(at) = header.partial_checksum() else { return false };
    let (start, at) = (usize::from(header.csum_start), at as usize);
    let mut sum = Sum::default();
    let Some(summed) = frame.get(start..).filter(|_| at + 2 <= frame.len()) else { return false };
    sum.add(summed);
    frame[at..at + 2].copy_from_slice(&sum.finish());
    true
}

/// A sum of 16-bit words, big-endian, as bytes come along.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    total: u64,
    odd: bool,
}

impl Sum {
    /// Adds bytes that follow those before.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.total += if self.odd { u64::from(byte) } else { u64::from(byte) << 8 };
            self.odd = !self.odd;
        }
    }

    /// The checksum: the complement of the folded sum. Zero is sent as its other form, since in UDP
    /// it means that there is none.
    pub(super) fn finish(self) -> [u8; 2] {
        let mut sum = self.total;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        match !(sum as u16) {
            0 => [0xff, 0xff],
            checksum => checksum.to_be_bytes(),
        }
    }
}
