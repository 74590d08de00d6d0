//! Page tables: Sv39, and Sv39x4 for guests ("Sv39: Page-Based 39-bit Virtual-
//! Memory System" and "Guest-Physical Address Translation" in the Privileged
//! specification), for programs that map once and keep the map.
//!
//! Tables are found by their physical addresses, so whoever builds a map does
//! so while these are also its virtual ones.

/// The smallest page.
pub const PAGE_SIZE: usize = 4096;
/// A page of the next level.
pub const MEGAPAGE_SIZE: usize = 2 << 20;
/// A page of the root.
pub const GIGAPAGE_SIZE: usize = 1 << 30;

/// Entries of a table other than the root of Sv39x4.
pub const ENTRIES: usize = 512;

/// What an entry allows. A and D are set beforehand, so that no hart needs to.
pub mod flag {
    /// The entry means something.
    pub const VALID: u64 = 1;
    /// Loads.
    pub const READ: u64 = 1 << 1;
    /// Stores.
    pub const WRITE: u64 = 1 << 2;
    /// Fetches.
    pub const EXECUTE: u64 = 1 << 3;
    /// User mode; guests' physical addresses always need it.
    pub const USER: u64 = 1 << 4;
    /// Has been used.
    pub const ACCESSED: u64 = 1 << 6;
    /// Has been written.
    pub const DIRTY: u64 = 1 << 7;
    /// Memory for data.
    pub const RW: u64 = READ | WRITE;
    /// Memory for code.
    pub const RX: u64 = READ | EXECUTE;
    /// Memory for either.
    pub const RWX: u64 = RW | EXECUTE;
}

const MODE_SV39: usize = 8 << 60;

/// One table.
#[repr(C, align(4096))]
#[derive(Clone, Debug)]
pub struct Table(pub [u64; ENTRIES]);

/// The root of Sv39x4: four times as large, and aligned to its size.
#[repr(C, align(16384))]
#[derive(Clone, Debug)]
pub struct GuestRoot(pub [u64; 4 * ENTRIES]);

impl Table {
    /// A table that maps nothing.
    pub const EMPTY: Self = Self([0; ENTRIES]);
}

impl GuestRoot {
    /// A root that maps nothing.
    pub const EMPTY: Self = Self([0; 4 * ENTRIES]);
}

/// A map under construction: a root, and spare tables for the levels below.
#[derive(Debug)]
pub struct Mapper<'a> {
    root: &'a mut [u64],
    spare: core::slice::IterMut<'a, Table>,
}

impl<'a> Mapper<'a> {
    /// Builds a map in `root`, which is a [`Table`]'s or a [`GuestRoot`]'s
    /// entries, taking further tables from `spare`.
    pub fn new(root: &'a mut [u64], spare: &'a mut [Table]) -> Self {
        assert!(root.len() == ENTRIES || root.len() == 4 * ENTRIES);
        Self { root, spare: spare.iter_mut() }
    }

    /// Maps `size` bytes with the largest pages that fit. All three numbers
    /// are multiples of a page's size, and nothing is mapped there yet.
    pub fn map(&mut self, virt: usize, phys: usize, size: usize, flags: u64) {
        self.map_up_to(GIGAPAGE_SIZE, virt, phys, size, flags);
    }

    /// The same with no page larger than `page_max`.
    pub fn map_up_to(&mut self, page_max: usize, virt: usize, phys: usize, size: usize, flags: u64) {
        assert!((virt | phys | size).is_multiple_of(PAGE_SIZE));
        let mut done = 0;
        while done < size {
            let (virt, phys, rest) = (virt + done, phys + done, size - done);
            let fits = |page: usize| page <= page_max.min(rest) && (virt | phys).is_multiple_of(page);
            let level = if fits(GIGAPAGE_SIZE) { 2 } else { usize::from(fits(MEGAPAGE_SIZE)) };
            let entry = self.entry(virt, level);
            assert!(*entry == 0, "mapped twice");
            *entry = entry_of(phys, flags | flag::VALID | flag::ACCESSED | flag::DIRTY);
            done += PAGE_SIZE << (9 * level);
        }
    }

    /// The entry for `virt` in the table of `level`, with tables above it made
    /// where there were none.
    fn entry(&mut self, virt: usize, level: usize) -> &mut u64 {
        let index_mask = self.root.len() - 1;
        let mut entry = &mut self.root[virt >> 30 & index_mask];
        for level in (level..2).rev() {
            if *entry == 0 {
                let table = self.spare.next().expect("enough spare tables");
                *entry = entry_of(&raw const *table as usize, flag::VALID);
            }
            assert!(*entry & flag::RWX == 0, "a page, not a table");
            let table = (*entry >> 10 << 12) as *mut Table;
            // SAFETY: the address of a table that this map took from `spare`,
            // and nobody else refers to.
            entry = unsafe { &mut (*table).0[virt >> (12 + 9 * level) & (ENTRIES - 1)] };
        }
        entry
    }

    /// The value of `satp`, `vsatp` or `hgatp` that puts the map into effect,
    /// with address space 0.
    pub fn atp(&self) -> usize {
        MODE_SV39 | self.root.as_ptr() as usize >> 12
    }
}

const fn entry_of(phys: usize, flags: u64) -> u64 {
    (phys as u64 >> 12) << 10 | flags
}
