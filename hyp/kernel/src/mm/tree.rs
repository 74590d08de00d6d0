//! Page-table trees. Sv39 and Sv39x4 differ in the width of the root alone, so
//! one walker serves address spaces and G-stages.

use core::marker::PhantomData;

use hyp_abi::Error;
use hyp_kernel::addr::{GuestPhys, Phys, UserVirt};
use hyp_kernel::pte::{ENTRIES, GSTAGE_ROOT_PAGES, Pte, ROOT_LEVEL, gstage_index, index, level_size};

use crate::mm::frame;

/// What tells the two kinds of trees apart.
pub trait Stage {
    /// The addresses that are translated.
    type Address: Copy;
    /// log2 of the pages of the root.
    const ROOT_ORDER: usize;
    /// Entries of the root that belong to the tree (the kernel's half of an
    /// address space does not).
    const ROOT_OWNED: usize;
    /// Index in the table of `level`.
    fn index(address: Self::Address, level: usize) -> usize;
}

/// A process's address space.
pub struct Sv39;
/// A guest's physical memory.
pub struct Sv39x4;

impl Stage for Sv39 {
    type Address = UserVirt;
    const ROOT_ORDER: usize = 0;
    const ROOT_OWNED: usize = ENTRIES / 2;

    fn index(address: UserVirt, level: usize) -> usize {
        index(address, level)
    }
}

impl Stage for Sv39x4 {
    type Address = GuestPhys;
    const ROOT_ORDER: usize = GSTAGE_ROOT_PAGES.ilog2() as usize;
    const ROOT_OWNED: usize = ENTRIES * GSTAGE_ROOT_PAGES;

    fn index(address: GuestPhys, level: usize) -> usize {
        gstage_index(address, level)
    }
}

/// A tree of tables. The tables are its own; what leaves point to is not.
pub struct Tree<S: Stage> {
    root: Phys,
    stage: PhantomData<S>,
}

fn entry(table: Phys, index: usize) -> *mut Pte {
    core::ptr::with_exposed_provenance_mut(table.direct() + index * size_of::<Pte>())
}

fn read(table: Phys, index: usize) -> Pte {
    // SAFETY: tables are whole pages of the direct map, and `index` is masked to
    // their width. Volatile because the hardware walks them too.
    unsafe { entry(table, index).read_volatile() }
}

/// The slot of a leaf, or of the place where one would be.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    table: Phys,
    index: usize,
    /// Level of the slot's table: 0 for pages, 1 for large pages.
    pub level: usize,
}

impl Slot {
    /// The entry there.
    pub fn get(self) -> Pte {
        read(self.table, self.index)
    }

    /// Replaces the entry.
    pub fn set(self, pte: Pte) {
        // SAFETY: as in `read`; the tree's owner decides what is mapped.
        unsafe { entry(self.table, self.index).write_volatile(pte) }
    }
}

impl<S: Stage> Tree<S> {
    /// An empty tree.
    pub fn new() -> Result<Self, Error> {
        let root = frame::allocate_zeroed(S::ROOT_ORDER).ok_or(Error::OutOfMemory)?;
        Ok(Self { root, stage: PhantomData })
    }

    /// Where the root is.
    pub fn root(&self) -> Phys {
        self.root
    }

    /// The slot that decides about `address` now: a leaf, or the invalid entry
    /// where the walk ends.
    pub fn find(&self, address: S::Address) -> Slot {
        let mut slot = Slot { table: self.root, index: 0, level: ROOT_LEVEL };
        loop {
            slot.index = S::index(address, slot.level);
            let pte = slot.get();
            if !pte.is_valid() || pte.is_leaf() || slot.level == 0 {
                return slot;
            }
            slot = Slot { table: pte.phys(), index: 0, level: slot.level - 1 };
        }
    }

    /// The slot of `level` for `address`, with the tables above it made.
    /// `AlreadyExists` when a larger leaf or a table is in the way.
    pub fn make(&mut self, address: S::Address, level: usize) -> Result<Slot, Error> {
        let mut slot = self.find(address);
        while slot.level > level {
            if slot.get().is_valid() {
                return Err(Error::AlreadyExists);
            }
            let table = frame::allocate_zeroed(0).ok_or(Error::OutOfMemory)?;
            slot.set(Pte::table(table));
            let level = slot.level - 1;
            slot = Slot { table, index: S::index(address, level), level };
        }
        if slot.level < level { Err(Error::AlreadyExists) } else { Ok(slot) }
    }

    /// Takes the table out that is in the way of a leaf of `level` for
    /// `address`, if nothing is mapped through it. It is the caller's to free,
    /// once no hart knows it any more.
    pub fn take_empty_table(&mut self, address: S::Address, level: usize) -> Option<Phys> {
        let mut slot = Slot { table: self.root, index: S::index(address, ROOT_LEVEL), level: ROOT_LEVEL };
        while slot.level > level {
            let pte = slot.get();
            if !pte.is_valid() || pte.is_leaf() {
                return None;
            }
            let level = slot.level - 1;
            slot = Slot { table: pte.phys(), index: S::index(address, level), level };
        }
        let pte = slot.get();
        let is_table = pte.is_valid() && !pte.is_leaf();
        if !is_table || (0..ENTRIES).any(|index| read(pte.phys(), index).is_valid()) {
            return None;
        }
        slot.set(Pte::default());
        Some(pte.phys())
    }

    /// Empties the tree: calls `leaf(pte, level)` for each leaf and frees the
    /// tables below the root.
    pub fn clear(&mut self, leaf: &mut dyn FnMut(Pte, usize)) {
        for index in 0..S::ROOT_OWNED {
            let slot = Slot { table: self.root, index, level: ROOT_LEVEL };
            clear_slot(slot, leaf);
        }
    }
}

/// Recursion is bounded by the three levels of a tree.
fn clear_slot(slot: Slot, leaf: &mut dyn FnMut(Pte, usize)) {
    let pte = slot.get();
    if !pte.is_valid() {
        return;
    }
    slot.set(Pte::default());
    if pte.is_leaf() {
        leaf(pte, slot.level);
        return;
    }
    assert!(slot.level > 0, "a table pointer at the lowest level");
    for index in 0..ENTRIES {
        clear_slot(Slot { table: pte.phys(), index, level: slot.level - 1 }, leaf);
    }
    // SAFETY: the table came from `frame::allocate_zeroed(0)` in `make`, and the
    // only pointer to it was just cleared.
    unsafe { frame::release(pte.phys(), 0) };
}

impl Tree<Sv39> {
    /// Shares the kernel's half, which never changes after boot.
    pub fn share_kernel_half(&mut self, kernel_root: Phys) {
        for index in Sv39::ROOT_OWNED..ENTRIES {
            let slot = Slot { table: self.root, index, level: ROOT_LEVEL };
            slot.set(read(kernel_root, index));
        }
    }
}

impl<S: Stage> Drop for Tree<S> {
    fn drop(&mut self) {
        // Leaves were dealt with by the owner; tables are left to us.
        self.clear(&mut |_, _| {});
        // SAFETY: the root came from `new`, and no hart uses it any more: owners
        // drop a tree only after `satp` or `hgatp` names another.
        unsafe { frame::release(self.root, S::ROOT_ORDER) };
    }
}

/// log2 of the pages under a leaf of `level`.
pub const fn leaf_order(level: usize) -> usize {
    (level_size(level) / level_size(0)).ilog2() as usize
}
