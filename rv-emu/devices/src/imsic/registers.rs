//! From offsets to registers ("Memory region for an interrupt file", "Arrangement of the memory regions of multiple interrupt files"), and
//! from the numbers that xiselect holds ("CSRs for external interrupts via an IMSIC").

use crate::{AccessError, Width};

/// Interrupt identities of every file, numbered 1 to `IDENTITIES`.
pub const IDENTITIES: u32 = 255;
/// Most guest interrupt files of a hart: GEILEN of RV64.
pub const GUESTS_MAX: u8 = 63;
/// Most harts.
pub(super) const HARTS_MAX: usize = 1 << 14;

/// 64-bit words that hold one bit per identity, 0 included.
pub(super) const WORDS: usize = (IDENTITIES as usize + 1) / 64;

const PAGE: u64 = 0x1000;

const _: () = assert!((IDENTITIES + 1).is_multiple_of(64), "one less than a multiple of 64");

/// Bits of an address that number the files of a hart with `guests` guest interrupt files.
pub const fn guest_index_bits(guests: u8) -> u32 {
    (1 + guests as u32).next_power_of_two().trailing_zeros()
}

/// Bytes of the window of `harts` harts with `guests` guest interrupt files each.
pub const fn size(harts: usize, guests: u8) -> u64 {
    (harts as u64) << guest_index_bits(guests) << PAGE.trailing_zeros()
}

/// What an access to a file's page means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Register {
    /// seteipnum_le of a file.
    SetLittle { hart: usize, file: usize },
    /// seteipnum_be of a file.
    SetBig { hart: usize, file: usize },
    /// Reserved bytes, and pages without a file: read-only zeros.
    Zero,
}

/// The register that an access of `width` at `offset` means. All are 32 bits wide.
pub(super) fn decode(offset: u64, width: Width, harts: usize, guests: u8) -> Result<Register, AccessError> {
    if offset >= size(harts, guests) || !offset.is_multiple_of(4) {
        return Err(AccessError::Offset(offset));
    }
    if width != Width::Word {
        return Err(AccessError::Width { offset, width });
    }
    let page = (offset / PAGE) as usize;
    let (hart, file) = (page >> guest_index_bits(guests), page & ((1 << guest_index_bits(guests)) - 1));
    Ok(match offset % PAGE {
        0 if file <= guests.into() => Register::SetLittle { hart, file },
        4 if file <= guests.into() => Register::SetBig { hart, file },
        _ => Register::Zero,
    })
}

/// A register of an interrupt file that is accessed through CSRs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selected {
    /// eidelivery.
    Delivery,
    /// eithreshold.
    Threshold,
    /// 64 pending bits.
    Pending(usize),
    /// 64 enable bits.
    Enable(usize),
    /// Reserved numbers, and words beyond the last identity: read-only zero.
    Zero,
}

/// The register that `number` selects, as RV64 has them: two numbers to a word.
pub(super) fn selected(number: u8) -> Selected {
    let word = usize::from(number & 0x3f) / 2;
    match number {
        0x70 => Selected::Delivery,
        0x72 => Selected::Threshold,
        0x80..=0xbf if word < WORDS => Selected::Pending(word),
        0xc0..=0xff if word < WORDS => Selected::Enable(word),
        _ => Selected::Zero,
    }
}

/// Identities that exist in a word of an array: all but 0.
pub(super) const fn implemented(word: usize) -> u64 {
    if word == 0 { !1 } else { !0 }
}
