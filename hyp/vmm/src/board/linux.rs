//! Where a Linux kernel as its build leaves it (`arch/riscv/boot/Image`) and its initial archive go.

use alloc::format;
use alloc::string::{String, ToString};

use monitor::linux::{ALIGN, Header};

use crate::image::MEMORY;

/// Where things go, as offsets in guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The kernel, which begins with its first instruction.
    pub kernel: u64,
    /// The initial archive.
    pub initrd: u64,
}

impl Placement {
    /// Guest physical address of the kernel's first instruction.
    pub fn entry(&self) -> u64 {
        MEMORY + self.kernel
    }
}

/// Finds places for `kernel` and an initial archive of `initrd` bytes in the first `room` bytes of guest memory.
///
/// # Errors
/// It is no kernel, or there is no room.
pub fn place(kernel: &[u8], initrd: u64, room: u64) -> Result<Placement, String> {
    let header = Header::read(kernel)
        .ok_or_else(|| "it is no Linux Image for RISC-V (a compressed one must be unpacked first)".to_string())?;
    if header.big_endian {
        return Err("it is a big-endian kernel".to_string());
    }
    let (at, size) = (header.text_offset, header.image_size.max(kernel.len() as u64));
    if !at.is_multiple_of(ALIGN) {
        return Err(format!("its offset in memory, {at:#x}, is no multiple of {ALIGN:#x}"));
    }
    let initrd_at = at.checked_add(size).and_then(|end| end.checked_next_multiple_of(ALIGN));
    let end = initrd_at.and_then(|start| start.checked_add(initrd));
    match (initrd_at, end) {
        (Some(start), Some(end)) if end <= room => Ok(Placement { kernel: at, initrd: start }),
        _ => {
            Err(format!("{size:#x} bytes at {at:#x}, with {initrd:#x} of an initial archive, don't fit into {room:#x}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: u64 = 64 << 20;

    fn image(offset: u64, size: u64, flags: u64) -> Vec<u8> {
        let mut image = vec![0; 128];
        for (at, value) in [(8, offset), (16, size), (24, flags)] {
            image[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        image[56..60].copy_from_slice(b"RSC\x05");
        image
    }

    #[test]
    fn the_archive_goes_behind_all_that_the_kernel_takes() {
        let placed = place(&image(2 << 20, (5 << 20) + 1, 0), 1000, ROOM).unwrap();
        assert_eq!(placed, Placement { kernel: 2 << 20, initrd: 8 << 20 });
        assert_eq!(placed.entry(), 0x8020_0000);
        assert_eq!(place(&image(0, 0, 0), 0, ROOM).unwrap(), Placement { kernel: 0, initrd: 2 << 20 });
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |image: &[u8], initrd| place(image, initrd, ROOM).unwrap_err();
        assert!(error(b"", 0).contains("no Linux Image"));
        assert!(error(&[0; 128], 0).contains("no Linux Image"));
        assert!(error(&image(0, 0, 0)[..63], 0).contains("no Linux Image"));
        assert!(error(&image(0, 0, 1), 0).contains("big-endian"));
        assert!(error(&image(0x1000, 0, 0), 0).contains("no multiple"));
        for (offset, size, initrd) in
            [(ROOM, 1, 0), (0, ROOM, 1), (0, u64::MAX, 0), (0, 0, u64::MAX), (0u64.wrapping_sub(ALIGN), 8, 0)]
        {
            assert!(error(&image(offset, size, 0), initrd).contains("don't fit"), "{offset:#x} {size:#x} {initrd:#x}");
        }
    }
}
