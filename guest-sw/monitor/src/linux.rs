//! The header of a RISC-V kernel as its build leaves it (Linux, `Documentation/arch/riscv/boot-image-header.rst`).

/// Offsets of the header's fields.
const TEXT_OFFSET: usize = 8;
const IMAGE_SIZE: usize = 16;
const FLAGS: usize = 24;
const MAGIC: usize = 56;
/// "RSC\x05".
const MAGIC_WORD: [u8; 4] = *b"RSC\x05";
/// Bit 0 of the flags: the kernel is big-endian.
const BIG_ENDIAN: u64 = 1;

/// A kernel begins at a multiple of this (`arch/riscv` boot.rst, "Kernel location").
pub const ALIGN: u64 = 2 << 20;

/// What a kernel says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where it wants to be, from the start of memory.
    pub text_offset: u64,
    /// Bytes of memory that it takes from there, its zeroed data included.
    pub image_size: u64,
    /// Its byte order.
    pub big_endian: bool,
}

impl Header {
    /// Bytes of the header.
    pub const SIZE: usize = 64;

    /// The header that a file begins with; `None` if it is no such kernel, or a packed one.
    pub fn read(file: &[u8]) -> Option<Header> {
        let header = file.get(..Self::SIZE)?;
        if header[MAGIC..MAGIC + 4] != MAGIC_WORD {
            return None;
        }
        let field = |at: usize| header[at..at + 8].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let big_endian = field(FLAGS) & BIG_ENDIAN != 0;
        Some(Header { text_offset: field(TEXT_OFFSET), image_size: field(IMAGE_SIZE), big_endian })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read_and_anything_else_is_not() {
        let mut file = [0; 64];
        assert_eq!(Header::read(&file), None);
        file[56..60].copy_from_slice(b"RSC\x05");
        file[10] = 0x20;
        file[16..24].copy_from_slice(&0x1234_5678_9abc_def0_u64.to_le_bytes());
        let header = Header { text_offset: 2 << 20, image_size: 0x1234_5678_9abc_def0, big_endian: false };
        assert_eq!(Header::read(&file), Some(header));
        file[24] = 1;
        assert_eq!(Header::read(&file), Some(Header { big_endian: true, ..header }));
        assert_eq!(Header::read(&file[..63]), None);
    }
}
