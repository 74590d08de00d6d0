//! The header at the start of a Linux kernel (`Documentation/arch/riscv/boot-image-header.rst`): where it wants to lie, and how much memory
//! it takes, which is more than the file has: its zeroed data comes behind.

/// Bytes of the header.
const SIZE: usize = 64;
/// `magic2`, "RSC\x05", and where it is.
const MAGIC: &[u8] = b"RSC\x05";
const MAGIC_AT: usize = 0x38;
const TEXT_OFFSET_AT: usize = 8;
const IMAGE_SIZE_AT: usize = 16;
const FLAGS_AT: usize = 24;
/// In `flags`: the kernel is big-endian.
const BIG_ENDIAN: u64 = 1;
/// A kernel maps itself with pages of this size.
const ALIGN: u64 = 2 << 20;
/// More than any memory has: sums with it don't overflow.
const OFFSET_MAX: u64 = 1 << 48;

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes from the start of memory to the kernel, a multiple of 2 MiB.
    pub(super) text_offset: u64,
    /// Bytes that the kernel takes in memory.
    pub(super) image_size: u64,
}

impl Header {
    /// The header of `bytes`, if they have one.
    ///
    /// # Errors
    /// Why a kernel with this header can't be started.
    pub(super) fn of(bytes: &[u8]) -> Result<Option<Header>, String> {
        let Some(header) = bytes.get(..SIZE).filter(|header| header[MAGIC_AT..].starts_with(MAGIC)) else {
            return Ok(None);
        };
        let long = |at: usize| header[at..at + 8].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let (text_offset, image_size, flags) = (long(TEXT_OFFSET_AT), long(IMAGE_SIZE_AT), long(FLAGS_AT));
        if flags & BIG_ENDIAN != 0 {
            return Err("the kernel is big-endian".to_owned());
        }
        if image_size == 0 {
            return Err("its header doesn't say how much memory it takes (image_size is 0)".to_owned());
        }
        if !text_offset.is_multiple_of(ALIGN) || text_offset >= OFFSET_MAX {
            return Err(format!(
                "its header wants it at offset {text_offset:#x}, which is no multiple of 2 MiB in memory"
            ));
        }
        Ok(Some(Header { text_offset, image_size }))
    }
}

#[cfg(test)]
mod tests {
    use crate::Image;

    fn kernel(change: impl Fn(&mut Vec<u8>)) -> Result<Image, String> {
        let mut bytes = vec![0; 256];
        bytes[8..16].copy_from_slice(&0x20_0000u64.to_le_bytes());
        bytes[16..24].copy_from_slice(&0x1000u64.to_le_bytes());
        bytes[0x20] = 2;
        bytes[0x30..0x35].copy_from_slice(b"RISCV");
        bytes[0x38..0x3c].copy_from_slice(b"RSC\x05");
        change(&mut bytes);
        Image::parse("Image", bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn a_kernel_takes_as_much_memory_as_it_says() {
        let image = kernel(|_| {}).unwrap();
        assert_eq!((image.text_offset, image.extent(), image.segments[0].bytes.len()), (Some(0x20_0000), 0x1000, 256));
        // Never less than the file.
        assert_eq!(
            kernel(|bytes| bytes[17] = 0x00).err().as_deref(),
            Some(
                "Image: not a kernel that can be started: its header doesn't say how much memory it takes (image_size is 0)"
            )
        );
        assert_eq!(kernel(|bytes| bytes[16..18].copy_from_slice(&[1, 0])).unwrap().extent(), 256);
        assert_eq!(kernel(|bytes| bytes[0x38] = 0).unwrap().text_offset, None, "raw bytes");
        assert_eq!(kernel(|bytes| bytes.truncate(63)).unwrap().text_offset, None, "raw bytes");
    }

    #[test]
    fn impossible_kernels_are_refused() {
        assert!(kernel(|bytes| bytes[24] = 1).unwrap_err().contains("big-endian"));
        assert!(kernel(|bytes| bytes[8] = 1).unwrap_err().contains("offset 0x200001"));
        assert!(kernel(|bytes| bytes[15] = 1).unwrap_err().contains("no multiple of 2 MiB in memory"));
    }
}
