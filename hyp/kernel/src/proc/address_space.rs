//! A process's memory: which ranges exist (areas), and the pages that were
//! touched so far. Pages are made at the first fault, whoever causes it: the
//! process, a system call that reads its memory, or its guest.

use alloc::sync::Arc;
use alloc::vec::Vec;

use hyp_abi::Error;
use hyp_kernel::addr::{HUGE_SIZE, PAGE_SIZE, Phys, USER_LIMIT, UserVirt};
use hyp_kernel::pte::{self, Pte, R, U, W, X, level_size};

use crate::arch::{fence_i, sbi, sfence_vma};
use crate::ipc::shared::SharedMemory;
use crate::mm::frame;
use crate::mm::kernel_map;
use crate::mm::tree::{Sv39, Tree, leaf_order};

/// Mappings of `MAP` are placed from here on.
const MAP_BASE: usize = 0x10_0000_0000;
/// End of the initial stack; the page above stays unmapped.
pub const STACK_TOP: usize = USER_LIMIT - PAGE_SIZE;
/// Most areas a process may have.
const AREAS_MAX: usize = 1024;

/// Where an area's pages come from.
#[derive(Clone)]
pub enum Backing {
    /// Zeroed pages.
    Zero,
    /// Zeroed large pages.
    Huge,
    /// A copy of `data`, which begins at address `start`; zero around it.
    Copy {
        /// Address of the first byte of `data`.
        start: usize,
        /// The content: part of the initial archive, which stays in memory.
        data: &'static [u8],
    },
    /// One page of the kernel's, which the area does not own.
    Shared(Phys),
    /// Large pages of a shared memory object, which has a page for each.
    Object(Arc<SharedMemory>),
}

impl Backing {
    /// Level of the leaves of the area.
    const fn level(&self) -> usize {
        match self {
            Self::Huge | Self::Object(_) => 1,
            Self::Zero | Self::Copy { .. } | Self::Shared(_) => 0,
        }
    }

    /// Whether its pages go when the area goes.
    const fn owns_pages(&self) -> bool {
        !matches!(self, Self::Shared(_) | Self::Object(_))
    }
}

/// A range of addresses of one kind.
#[derive(Clone)]
pub struct Area {
    start: usize,
    end: usize,
    /// `R`, `W`, `X` of the PTE.
    flags: u64,
    backing: Backing,
    /// Memory regions of VMs that use it.
    pins: usize,
    /// May be given back with `UNMAP`.
    removable: bool,
}

/// What a process wants to do with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Load.
    Read,
    /// Store.
    Write,
    /// Fetch.
    Execute,
}

impl Access {
    const fn flag(self) -> u64 {
        match self {
            Self::Read => R,
            Self::Write => W,
            Self::Execute => X,
        }
    }
}

/// A page that is there: its frame and how large it is.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// First byte of the leaf.
    pub phys: Phys,
    /// Level of the leaf: 0 for 4 KiB, 1 for 2 MiB.
    pub level: usize,
}

impl Page {
    /// The physical address of `address`, which this page holds.
    pub const fn translate(self, address: UserVirt) -> Phys {
        self.phys.add(address.0 & (level_size(self.level) - 1))
    }
}

/// An address space.
pub struct AddressSpace {
    tree: Tree<Sv39>,
    /// Sorted by address, without overlap.
    areas: Vec<Area>,
}

impl AddressSpace {
    /// One without user memory.
    pub fn new() -> Result<Self, Error> {
        let mut tree = Tree::new()?;
        tree.share_kernel_half(kernel_map::root());
        Ok(Self { tree, areas: Vec::new() })
    }

    /// Root of its page table.
    pub fn root(&self) -> Phys {
        self.tree.root()
    }

    /// Index of the first area that ends above `address`.
    fn position(&self, address: usize) -> usize {
        self.areas.partition_point(|area| area.end <= address)
    }

    fn area_at(&mut self, address: UserVirt) -> Option<&mut Area> {
        let index = self.position(address.0);
        self.areas.get_mut(index).filter(|area| area.start <= address.0)
    }

    /// Adds an area at fixed addresses, which are page aligned.
    pub fn add(&mut self, start: usize, end: usize, flags: u64, backing: Backing) -> Result<(), Error> {
        assert!(start.is_multiple_of(PAGE_SIZE) && end.is_multiple_of(PAGE_SIZE) && start < end);
        let index = self.position(start);
        let overlaps = self.areas.get(index).is_some_and(|next| next.start < end);
        if overlaps || end > USER_LIMIT {
            return Err(Error::AlreadyExists);
        }
        if self.areas.len() >= AREAS_MAX {
            return Err(Error::OutOfMemory);
        }
        let area = Area { start, end, flags, backing, pins: 0, removable: false };
        self.areas.insert(index, area);
        Ok(())
    }

    /// Adds an area of `size` bytes (rounded up) where there is room, which
    /// `UNMAP` may give back.
    pub fn add_anywhere(&mut self, size: usize, backing: Backing) -> Result<usize, Error> {
        let unit = level_size(backing.level());
        if size == 0 || size > USER_LIMIT {
            return Err(Error::InvalidArgument);
        }
        let size = size.next_multiple_of(unit);
        let mut start = MAP_BASE;
        for area in &self.areas[self.position(MAP_BASE)..] {
            if area.start >= start + size {
                break;
            }
            start = area.end.next_multiple_of(unit);
        }
        if start + size > STACK_TOP {
            return Err(Error::OutOfMemory);
        }
        let backing = match backing {
            Backing::Copy { data, .. } => Backing::Copy { start, data },
            other => other,
        };
        let removable = !matches!(backing, Backing::Shared(_));
        self.add(start, start + size, R | W, backing)?;
        let index = self.position(start);
        self.areas[index].removable = removable;
        Ok(start)
    }

    /// Gives back the area that is exactly `start..start + size` (`size` rounded
    /// up to pages). What is left of it is the caller's to drop, without the
    /// lock: it may be the last user of a shared memory object.
    pub fn remove(&mut self, start: usize, size: usize) -> Result<Area, Error> {
        let index = self.position(start);
        let area = self.areas.get(index).ok_or(Error::InvalidArgument)?;
        let end = start.checked_add(size).and_then(|end| end.checked_next_multiple_of(PAGE_SIZE));
        if area.start != start || Some(area.end) != end || !area.removable {
            return Err(Error::InvalidArgument);
        }
        if area.pins > 0 {
            return Err(Error::Busy);
        }
        let area = self.areas.remove(index);
        self.release_pages(&area);
        Ok(area)
    }

    /// Takes away the area of a shared page.
    pub fn remove_shared(&mut self, start: usize) {
        let index = self.position(start);
        let area = self.areas.remove(index);
        assert!(area.start == start && matches!(area.backing, Backing::Shared(_)));
        self.tree.find(UserVirt(start)).set(Pte::default());
        shoot_down(start, PAGE_SIZE);
    }

    /// Unmaps the pages of an area that was removed, and frees them once no
    /// hart can reach them through a stale translation: first all entries are
    /// cleared, then harts fenced, then frames freed.
    fn release_pages(&mut self, area: &Area) {
        let pages = self.clear_entries(area);
        if pages.is_empty() {
            return;
        }
        shoot_down(area.start, area.end - area.start);
        if !area.backing.owns_pages() {
            return;
        }
        for (phys, level) in pages {
            // SAFETY: `make_page` took the frame for this leaf alone, and no
            // translation of it is left.
            unsafe { frame::release(phys, leaf_order(level)) };
        }
    }

    /// Clears all entries of an area; gives what was mapped, and at which level.
    fn clear_entries(&mut self, area: &Area) -> Vec<(Phys, usize)> {
        let mut pages = Vec::new();
        let mut address = area.start;
        while address < area.end {
            let slot = self.tree.find(UserVirt(address));
            let pte = slot.get();
            let size = level_size(slot.level);
            if pte.is_valid() {
                slot.set(Pte::default());
                pages.push((pte.phys(), slot.level));
            }
            address = (address & !(size - 1)) + size;
        }
        pages
    }

    /// Makes sure that `address` can be accessed, and tells where it is.
    pub fn touch(&mut self, address: UserVirt, access: Access) -> Result<Page, Error> {
        if address.0 >= USER_LIMIT {
            // The tree shows the kernel there.
            return Err(Error::BadAddress);
        }
        let slot = self.tree.find(address);
        let pte = slot.get();
        if pte.is_valid() {
            let page = Page { phys: pte.phys(), level: slot.level };
            return if pte.0 & access.flag() != 0 { Ok(page) } else { Err(Error::BadAddress) };
        }
        let area = self.area_at(address).ok_or(Error::BadAddress)?.clone();
        if area.flags & access.flag() == 0 {
            return Err(Error::BadAddress);
        }
        self.make_page(&area, address)
    }

    /// A page fault of the process itself. The fence is for a translation that
    /// was made meanwhile by another hart, or cached as invalid.
    pub fn fault(&mut self, address: UserVirt, access: Access) -> Result<(), Error> {
        self.touch(address, access)?;
        sfence_vma(address.0);
        Ok(())
    }

    fn make_page(&mut self, area: &Area, address: UserVirt) -> Result<Page, Error> {
        let level = area.backing.level();
        let start = UserVirt(address.0 & !(level_size(level) - 1));
        if level > 0
            && let Some(table) = self.tree.take_empty_table(start, level)
        {
            // Of small pages that were here before. Harts may have cached the
            // pointer to it.
            shoot_down(start.0, level_size(level));
            // SAFETY: the tree took the table from the allocator, and neither it
            // nor a hart knows it any more.
            unsafe { frame::release(table, 0) };
        }
        let slot = self.tree.make(start, level)?;
        let phys = match &area.backing {
            Backing::Shared(phys) => *phys,
            Backing::Object(object) => object.page((start.0 - area.start) / HUGE_SIZE)?,
            _ => frame::allocate_zeroed(leaf_order(level)).ok_or(Error::OutOfMemory)?,
        };
        if let Backing::Copy { start: content, data } = area.backing {
            copy_content(phys, start.0, content, data);
        }
        slot.set(Pte::leaf(phys, area.flags | U));
        if area.flags & X != 0 {
            // The page holds new code, for whichever hart runs it.
            fence_i();
            let _ = sbi::remote_fence_i();
        }
        Ok(Page { phys, level })
    }

    /// Counts a memory region that uses `start..start + size`, which must be
    /// inside one removable writable area.
    pub fn pin(&mut self, start: UserVirt, size: usize) -> Result<(), Error> {
        let end = start.0.checked_add(size).ok_or(Error::BadAddress)?;
        let area = self.area_at(start).ok_or(Error::BadAddress)?;
        if end > area.end || !area.removable {
            return Err(Error::BadAddress);
        }
        area.pins += 1;
        Ok(())
    }

    /// Forgets a memory region that `pin` counted.
    pub fn unpin(&mut self, start: UserVirt) {
        let area = self.area_at(start).expect("pinned areas stay");
        assert!(area.pins > 0, "unpinned more often than pinned");
        area.pins -= 1;
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        // Run pages were taken out when their vCPUs were closed. Once the leaves
        // of objects are gone too, every leaf that is left owns its frame.
        debug_assert!(!self.areas.iter().any(|a| matches!(a.backing, Backing::Shared(_))));
        for area in core::mem::take(&mut self.areas) {
            if !area.backing.owns_pages() {
                self.clear_entries(&area);
            }
        }
        self.tree.clear(&mut |pte, level| {
            // SAFETY: as above; no hart runs in this space any more.
            unsafe { frame::release(pte.phys(), leaf_order(level)) };
        });
    }
}

fn shoot_down(start: usize, size: usize) {
    sbi::remote_sfence_vma(start, size).expect("the firmware has no remote fences");
}

/// Copies the part of `data` (which belongs at `content`) that falls into the
/// page at `page`, whose frame is `phys`.
fn copy_content(phys: Phys, page: usize, content: usize, data: &[u8]) {
    let from = content.max(page);
    let to = (content + data.len()).min(page + PAGE_SIZE);
    if from < to {
        let part = &data[from - content..to - content];
        let target: *mut u8 = core::ptr::with_exposed_provenance_mut(phys.direct() + (from - page));
        // SAFETY: the frame is new and not mapped yet; the part fits into it.
        unsafe { target.copy_from_nonoverlapping(part.as_ptr(), part.len()) };
    }
}

const _: () = assert!(pte::ROOT_LEVEL == 2 && MAP_BASE < STACK_TOP);
