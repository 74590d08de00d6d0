//! Page table entries of Sv39 and Sv39x4, which share one format, and the
//! arithmetic of their levels.

use crate::addr::{GuestPhys, PAGE_SHIFT, PAGE_SIZE, Phys, UserVirt};

/// Entry is valid.
pub const V: u64 = 1 << 0;
/// Readable.
pub const R: u64 = 1 << 1;
/// Writable.
pub const W: u64 = 1 << 2;
/// Executable.
pub const X: u64 = 1 << 3;
/// For user mode; every G-stage leaf has it (hypervisor extension, 5.5.1).
pub const U: u64 = 1 << 4;
/// Global.
pub const G: u64 = 1 << 5;
/// Accessed. The kernel sets A and D itself, so that neither Svade nor Svadu
/// matters.
pub const A: u64 = 1 << 6;
/// Dirty.
pub const D: u64 = 1 << 7;

const PPN_SHIFT: u32 = 10;
const PPN_MASK: u64 = (1 << 44) - 1;
/// log2 of the entries in one table.
const LEVEL_BITS: u32 = 9;
/// Entries of one page of a table.
pub const ENTRIES: usize = 1 << LEVEL_BITS;
/// Level of the root, for both kinds.
pub const ROOT_LEVEL: usize = 2;
/// Pages of an Sv39x4 root: two more bits of address.
pub const GSTAGE_ROOT_PAGES: usize = 4;

/// One entry of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Pte(pub u64);

impl Pte {
    /// A leaf for `phys` with these flags (V, A and D are added).
    pub const fn leaf(phys: Phys, flags: u64) -> Self {
        assert!(flags & (R | X) != 0);
        Self(((phys.0 as u64 >> PAGE_SHIFT) << PPN_SHIFT) | flags | V | A | D)
    }

    /// A pointer to the next table.
    pub const fn table(phys: Phys) -> Self {
        Self(((phys.0 as u64 >> PAGE_SHIFT) << PPN_SHIFT) | V)
    }

    /// Whether the entry is valid.
    pub const fn is_valid(self) -> bool {
        self.0 & V != 0
    }

    /// Whether a valid entry ends the walk.
    pub const fn is_leaf(self) -> bool {
        self.0 & (R | W | X) != 0
    }

    /// What the entry points to.
    pub const fn phys(self) -> Phys {
        Phys((((self.0 >> PPN_SHIFT) & PPN_MASK) << PAGE_SHIFT) as usize)
    }
}

/// Bytes under one entry of `level`.
pub const fn level_size(level: usize) -> usize {
    PAGE_SIZE << (LEVEL_BITS as usize * level)
}

/// Index of `address` in the table of `level`, 9 bits wide.
pub const fn index(address: UserVirt, level: usize) -> usize {
    (address.0 >> (PAGE_SHIFT as usize + LEVEL_BITS as usize * level)) & (ENTRIES - 1)
}

/// Index of `gpa` in the G-stage table of `level`; 11 bits wide at the root.
pub const fn gstage_index(gpa: GuestPhys, level: usize) -> usize {
    let width = if level == ROOT_LEVEL { ENTRIES * GSTAGE_ROOT_PAGES } else { ENTRIES };
    (gpa.0 as usize >> (PAGE_SHIFT as usize + LEVEL_BITS as usize * level)) & (width - 1)
}

#[cfg(test)]
mod tests {
    use super::{A, D, Pte, R, U, V, W, gstage_index, index, level_size};
    use crate::addr::{GuestPhys, Phys, UserVirt};

    #[test]
    fn a_leaf_holds_its_page_number_and_flags() {
        let pte = Pte::leaf(Phys(0x8_1234_5000), R | W | U);
        assert_eq!(pte.0, (0x81_2345 << 10) | V | R | W | U | A | D);
        assert_eq!(pte.phys(), Phys(0x8_1234_5000));
        assert!(pte.is_valid() && pte.is_leaf());
    }

    #[test]
    fn a_table_pointer_is_no_leaf() {
        let pte = Pte::table(Phys(0x8000_0000));
        assert!(pte.is_valid() && !pte.is_leaf());
        assert!(!Pte::default().is_valid());
    }

    #[test]
    fn bits_above_the_page_number_are_not_part_of_the_address() {
        let pte = Pte(Pte::leaf(Phys(0x1000), R).0 | 1 << 54 | 1 << 63);
        assert_eq!(pte.phys(), Phys(0x1000));
    }

    #[test]
    fn indices_take_nine_bits_and_eleven_at_the_gstage_root() {
        assert_eq!(index(UserVirt(0x3f_ffff_f000), 0), 511);
        assert_eq!(index(UserVirt(0x3f_ffff_f000), 2), 255);
        assert_eq!(gstage_index(GuestPhys(0x1ff_c000_0000), 2), 2047);
        assert_eq!(gstage_index(GuestPhys(0x8020_0000), 1), 1);
        assert_eq!(level_size(1), 2 << 20);
    }
}
