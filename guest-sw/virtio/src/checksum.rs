//! Checksum offload ("Packet Transmission", 5.1.6.2): where a frame's transport checksum is, the partial sum that
//! the driver leaves there, and the check of frames that nobody has vouched for.

const ETHERNET: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The transport part of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// Where it begins in the frame.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// Where its checksum is, from its beginning.
    pub checksum: usize,
    protocol: u8,
}

/// The TCP or UDP part of a whole IPv4 packet in an Ethernet frame.
#[inline]
pub fn transport(frame: &[u8]) -> Option<Transport> {
    let header: &[u8; ETHERNET + 20] = frame.first_chunk()?;
    let protocol = header[ETHERNET + 9];
    let checksum = match protocol {
        TCP => 16,
        UDP => 6,
        _ => return None,
    };
    let fragment = (header[ETHERNET + 6] & 0x3f) | header[ETHERNET + 7];
    if header[12..14] != IPV4 || header[ETHERNET] >> 4 != 4 || fragment != 0 {
        return None;
    }
    let start = ETHERNET + usize::from(header[ETHERNET] & 15) * 4;
    let end = ETHERNET + usize::from(u16::from_be_bytes([header[ETHERNET + 2], header[ETHERNET + 3]]));
    let whole = start >= ETHERNET + 20 && end >= start + checksum + 2 && end <= frame.len();
    whole.then_some(Transport { start, end, checksum, protocol })
}

/// Puts the pseudo header's sum where the checksum will be, for the device to add the rest.
#[inline]
pub fn prepare(frame: &mut [u8], part: &Transport) {
    let sum = pseudo_header(frame, part);
    if let Some(field) = frame.get_mut(part.start + part.checksum..).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *field = sum.to_be_bytes();
    }
}

/// Whether a frame's transport checksum is right; also if it has none.
pub fn is_right(frame: &[u8]) -> bool {
    let Some(part) = transport(frame) else {
        return true;
    };
    let field = part.start + part.checksum;
    if part.protocol == UDP && frame[field..field + 2] == [0, 0] {
        return true; // Its sender made none.
    }
    let mut sum = u64::from(pseudo_header(frame, &part));
    let (pairs, rest) = frame[part.start..part.end].as_chunks::<2>();
    sum += pairs.iter().map(|&pair| u64::from(u16::from_be_bytes(pair))).sum::<u64>();
    sum += rest.first().map_or(0, |&byte| u64::from(byte) << 8);
    fold(sum) == 0xffff
}

/// The one's complement sum of the pseudo header (RFC 768, RFC 9293).
#[inline]
fn pseudo_header(frame: &[u8], part: &Transport) -> u16 {
    let addresses = frame.get(ETHERNET + 12..ETHERNET + 20).unwrap_or(&[]);
    let (pairs, _) = addresses.as_chunks::<2>();
    let sum = pairs.iter().map(|&pair| u64::from(u16::from_be_bytes(pair))).sum::<u64>();
    fold(sum + u64::from(part.protocol) + (part.end - part.start) as u64)
}

#[inline]
const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::{is_right, prepare, transport};

    /// A UDP datagram of two bytes from 10.0.0.2:1 to 10.0.0.1:2, its checksum made by hand.
    fn datagram() -> [u8; 44] {
        let mut frame = [0; 44];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[14..18].copy_from_slice(&[0x45, 0, 0, 30]);
        frame[23] = 17;
        frame[26..34].copy_from_slice(&[10, 0, 0, 2, 10, 0, 0, 1]);
        frame[34..44].copy_from_slice(&[0, 1, 0, 2, 0, 10, 0, 0, 0x12, 0x34]);
        // 0x0a00 + 2 + 0x0a00 + 1 + 17 + 10 = 0x141e; + 1 + 2 + 10 + 0x1234 = 0x265f
        let sum: u16 = !0x265f;
        frame[40..42].copy_from_slice(&sum.to_be_bytes());
        frame
    }

    #[test]
    fn checksums_are_checked() {
        let mut frame = datagram();
        assert!(is_right(&frame));
        frame[43] ^= 1;
        assert!(!is_right(&frame));
        frame[40..42].fill(0);
        assert!(is_right(&frame), "no checksum");
    }

    #[test]
    fn pseudo_header_is_what_the_device_starts_from() {
        let mut frame = datagram();
        let part = transport(&frame).unwrap();
        assert_eq!((part.start, part.checksum, part.end), (34, 6, 44));
        prepare(&mut frame, &part);
        assert_eq!(frame[40..42], 0x141eu16.to_be_bytes());
    }

    #[test]
    fn other_frames_have_no_transport_part() {
        let mut frame = datagram();
        frame[12] = 9;
        assert_eq!(transport(&frame), None);
        let mut frame = datagram();
        frame[17] = 200; // Longer than the frame.
        assert_eq!(transport(&frame), None);
        let mut frame = datagram();
        frame[20] = 0x20; // A fragment.
        assert_eq!(transport(&frame), None);
        assert_eq!(transport(&frame[..20]), None);
    }
}
