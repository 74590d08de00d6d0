//! Addresses as types, so that the four address spaces of a hypervisor cannot
//! be mixed up, and the direct map that joins two of them.

use core::fmt;

/// log2 of the page size.
pub const PAGE_SHIFT: u32 = 12;
/// Bytes in a page.
pub const PAGE_SIZE: usize = 1 << PAGE_SHIFT;
/// Bytes in a large page (a leaf of level 1).
pub const HUGE_SIZE: usize = 2 << 20;
/// Bytes under one entry of an Sv39 root (a leaf of level 2).
pub const GIGA_SIZE: usize = 1 << 30;

/// Where physical address 0 appears in the kernel's half of every address space.
pub const DIRECT_MAP: usize = 0xffff_ffc0_0000_0000;
/// User addresses are below this.
pub const USER_LIMIT: usize = 1 << 38;

macro_rules! address {
    ($(#[doc = $text:literal])* $name:ident($int:ty)) => {
        $(#[doc = $text])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
        #[repr(transparent)]
        pub struct $name(pub $int);

        impl $name {
            /// The start of the page that holds this address.
            pub const fn page(self) -> Self {
                Self(self.0 & !(PAGE_SIZE as $int - 1))
            }
            /// The offset in its page.
            pub const fn offset(self) -> usize {
                (self.0 & (PAGE_SIZE as $int - 1)) as usize
            }
            /// Whether this is a multiple of `size`, a power of two.
            pub const fn is_aligned(self, size: usize) -> bool {
                self.0 & (size as $int - 1) == 0
            }
            /// The address `bytes` further on.
            #[allow(clippy::should_implement_trait, reason = "an offset is no address")]
            pub const fn add(self, bytes: usize) -> Self {
                Self(self.0 + bytes as $int)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

address! {
    /// An address of the machine's memory.
    Phys(usize)
}
address! {
    /// An address in a process.
    UserVirt(usize)
}
address! {
    /// A guest physical address.
    GuestPhys(u64)
}

impl Phys {
    /// Where the kernel sees this memory.
    pub const fn direct(self) -> usize {
        DIRECT_MAP + self.0
    }

    /// The physical address behind an address of the direct map.
    pub const fn from_direct(virt: usize) -> Self {
        assert!(virt >= DIRECT_MAP);
        Self(virt - DIRECT_MAP)
    }
}

#[cfg(test)]
mod tests {
    use super::{DIRECT_MAP, Phys, UserVirt};

    #[test]
    fn pages_and_offsets_make_up_the_address() {
        let address = UserVirt(0x1234_5678);
        assert_eq!(address.page().0 + address.offset(), address.0);
        assert!(address.page().is_aligned(4096));
        assert!(!address.is_aligned(16));
    }

    #[test]
    fn the_direct_map_is_its_own_inverse() {
        let phys = Phys(0x8020_0000);
        assert_eq!(phys.direct(), DIRECT_MAP + 0x8020_0000);
        assert_eq!(Phys::from_direct(phys.direct()), phys);
    }
}
