//! The device tree that the supervisor gets: the board's, with the firmware's
//! own memory in the reservation block ("Memory Reservation Block", 5.3), so
//! that no kernel takes it for free RAM.
//!
//! The block has to grow by one entry. So the tree is copied, with everything
//! behind the header moved by an entry's size, into memory of the firmware,
//! where it is reserved at the same time.

use fdt::{Fdt, HEADER_SIZE, header};

/// An entry: address and size, 64 bits each, big-endian.
const ENTRY_SIZE: usize = 16;
const COPY_SIZE: usize = 128 << 10;

/// The firmware's memory, as link.ld lays it out.
const RESERVED: (u64, u64) = (0x8000_0000, 2 << 20);

#[repr(C, align(4096))]
struct Copy([u8; COPY_SIZE]);

#[unsafe(link_section = ".uninit")]
static mut COPY: Copy = Copy([0; COPY_SIZE]);

/// The address of a tree like `tree` that reserves the firmware's memory; of
/// the same tree when it doesn't fit.
pub fn with_reservation(tree: &Fdt<'_>) -> usize {
    let blob = tree.blob();
    let copy = &raw mut COPY;
    // SAFETY: only the first hart comes here, and once.
    let copy = unsafe { &mut (*copy).0 };
    match insert_reservation(blob, copy) {
        Some(()) => copy.as_ptr() as usize,
        None => blob.as_ptr() as usize,
    }
}

fn insert_reservation(blob: &[u8], copy: &mut [u8; COPY_SIZE]) -> Option<()> {
    let word = |offset: usize| {
        let bytes = blob.get(offset..offset + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    let reservations = word(header::RESERVATIONS_OFFSET)? as usize;
    let (before, behind) = blob.split_at_checked(reservations)?;
    if reservations < HEADER_SIZE || blob.len() + ENTRY_SIZE > COPY_SIZE {
        return None;
    }
    let moved = reservations + ENTRY_SIZE;
    copy[..reservations].copy_from_slice(before);
    copy[reservations..reservations + 8].copy_from_slice(&RESERVED.0.to_be_bytes());
    copy[reservations + 8..moved].copy_from_slice(&RESERVED.1.to_be_bytes());
    copy[moved..moved + behind.len()].copy_from_slice(behind);
    for field in [header::TOTAL_SIZE, header::STRUCTURE_OFFSET, header::STRINGS_OFFSET] {
        let value = word(field)?;
        // What lies before the reservation block has stayed where it was.
        if field == header::TOTAL_SIZE || value as usize >= reservations {
            let value = value + ENTRY_SIZE as u32;
            copy[field..field + 4].copy_from_slice(&value.to_be_bytes());
        }
    }
    Some(())
}
