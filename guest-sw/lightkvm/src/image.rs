//! The header of a RISC-V kernel image (Linux, `Documentation/arch/riscv/boot-image-header.rst`).

use crate::sys::{Error, refuse};

const IMAGE_SIZE: usize = 16;
const MAGIC: usize = 56;
const HEADER_SIZE: usize = 64;

/// Bytes of memory that the kernel takes from where it was put, its zeroed data included.
///
/// # Errors
/// It isn't such an image.
pub fn size(image: &[u8]) -> Result<u64, Error> {
    let header = image.get(..HEADER_SIZE);
    match header {
        Some(header) if &header[MAGIC..MAGIC + 4] == b"RSC\x05" => {
            let size = header[IMAGE_SIZE..IMAGE_SIZE + 8].try_into().unwrap_or_default();
            Ok(u64::from_le_bytes(size))
        }
        _ => refuse("the kernel isn't an uncompressed RISC-V Image"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_the_headers_and_anything_else_is_refused() {
        let mut image = [0; 64];
        image[MAGIC..60].copy_from_slice(b"RSC\x05");
        image[IMAGE_SIZE] = 7;
        assert_eq!(size(&image), Ok(7));
        assert!(size(&image[..63]).is_err());
        image[MAGIC] = 0;
        assert!(size(&image).is_err());
    }
}
