//! The physical allocator: a binary buddy system over all free memory. Free
//! blocks hold their list links themselves, so nothing is touched before it is
//! handed out but the first page of each block; a byte per page says what
//! begins there, which is also how double and wrong frees are caught.

use core::sync::atomic::{AtomicUsize, Ordering};

use hyp_abi::Error;
use hyp_kernel::addr::{PAGE_SHIFT, PAGE_SIZE, Phys};

use crate::arch::zero_pages;
use crate::sync::SpinLock;

/// Largest block: 2^10 pages, 4 MiB.
const ORDER_MAX: usize = 10;
const ORDERS: usize = ORDER_MAX + 1;
/// "No page" in a list.
const NONE: usize = usize::MAX;
/// Marks in the page table of blocks; the low bits are the order.
const FREE: u8 = 0x40;
const USED: u8 = 0x80;

/// Links of a free block, stored in its first page.
#[repr(C)]
struct Links {
    previous: usize,
    next: usize,
}

struct Buddy {
    base: usize,
    marks: &'static mut [u8],
    heads: [usize; ORDERS],
}

static BUDDY: SpinLock<Buddy> = SpinLock::new(Buddy { base: 0, marks: &mut [], heads: [NONE; ORDERS] });
static FREE_PAGES: AtomicUsize = AtomicUsize::new(0);

fn links(page: usize) -> *mut Links {
    core::ptr::with_exposed_provenance_mut(Phys(page << PAGE_SHIFT).direct())
}

impl Buddy {
    fn push(&mut self, page: usize, order: usize) {
        let next = self.heads[order];
        // SAFETY: the page is free, so its content is ours; `next`, if any, is
        // the first page of a free block.
        unsafe {
            links(page).write(Links { previous: NONE, next });
            if next != NONE {
                (*links(next)).previous = page;
            }
        }
        self.heads[order] = page;
        self.marks[page - self.base] = FREE | order as u8;
    }

    fn remove(&mut self, page: usize, order: usize) {
        debug_assert_eq!(self.marks[page - self.base], FREE | order as u8);
        // SAFETY: `page` and its neighbours in the list are free blocks.
        unsafe {
            let Links { previous, next } = links(page).read();
            if next != NONE {
                (*links(next)).previous = previous;
            }
            match previous {
                NONE => self.heads[order] = next,
                _ => (*links(previous)).next = next,
            }
        }
        self.marks[page - self.base] = 0;
    }

    fn allocate(&mut self, order: usize) -> Option<usize> {
        let found = (order..ORDERS).find(|&order| self.heads[order] != NONE)?;
        let page = self.heads[found];
        self.remove(page, found);
        for split in (order..found).rev() {
            self.push(page + (1 << split), split);
        }
        self.marks[page - self.base] = USED | order as u8;
        Some(page)
    }

    fn release(&mut self, mut page: usize, mut order: usize) {
        let mark = &mut self.marks[page - self.base];
        assert_eq!(*mark, USED | order as u8, "page {page:#x} is not a block of order {order}");
        *mark = 0;
        while order < ORDER_MAX {
            let buddy = page ^ (1 << order);
            let mark = buddy.checked_sub(self.base).and_then(|index| self.marks.get(index));
            if mark != Some(&(FREE | order as u8)) {
                break;
            }
            self.remove(buddy, order);
            page &= buddy;
            order += 1;
        }
        self.push(page, order);
    }

    /// Adds a range of pages as the largest blocks that fit.
    fn add(&mut self, mut page: usize, end: usize) {
        while page < end {
            let fits = (end - page).ilog2();
            let order = page.trailing_zeros().min(fits).min(ORDER_MAX as u32) as usize;
            self.push(page, order);
            page += 1 << order;
        }
    }
}

/// Hands the free `ranges` to the allocator. Takes the page marks from the
/// largest of them.
///
/// # Safety
/// Nothing else uses the ranges; they are page aligned and do not overlap.
pub unsafe fn init(ranges: &mut [(Phys, Phys)]) {
    let base = ranges.iter().map(|range| range.0.0).min().expect("no free memory") >> PAGE_SHIFT;
    let end = ranges.iter().map(|range| range.1.0).max().expect("no free memory") >> PAGE_SHIFT;
    let marks_len = end - base;
    let host = ranges.iter_mut().max_by_key(|range| range.1.0 - range.0.0).expect("checked above");
    assert!(host.1.0 - host.0.0 > marks_len, "no room for the page marks");
    let marks_start = host.0;
    host.0 = host.0.add(marks_len.next_multiple_of(PAGE_SIZE));
    let mut buddy = BUDDY.lock();
    // SAFETY: the caller gave us this memory, and it is in the direct map.
    buddy.marks = unsafe {
        let start: *mut u8 = core::ptr::with_exposed_provenance_mut(marks_start.direct());
        start.write_bytes(0, marks_len);
        core::slice::from_raw_parts_mut(start, marks_len)
    };
    buddy.base = base;
    for range in ranges.iter().filter(|range| range.0 < range.1) {
        buddy.add(range.0.0 >> PAGE_SHIFT, range.1.0 >> PAGE_SHIFT);
        FREE_PAGES.fetch_add((range.1.0 - range.0.0) >> PAGE_SHIFT, Ordering::Relaxed);
    }
}

/// Pages that are free now.
pub fn free_pages() -> usize {
    FREE_PAGES.load(Ordering::Relaxed)
}

/// Takes `2^order` pages, aligned to their size, with whatever is in them.
pub fn allocate(order: usize) -> Option<Phys> {
    let page = BUDDY.lock().allocate(order)?;
    FREE_PAGES.fetch_sub(1 << order, Ordering::Relaxed);
    Some(Phys(page << PAGE_SHIFT))
}

/// Pages that only the kernel's heap gets: what processes can ask for ends
/// before, so that the kernel itself never runs out in the middle of something.
const RESERVE: usize = 512;

/// Whether there is memory for another object of the kernel's. Every system call
/// that makes some, of bounded size, asks first.
pub fn admit() -> Result<(), Error> {
    if free_pages() > RESERVE { Ok(()) } else { Err(Error::OutOfMemory) }
}

/// Takes `2^order` pages filled with zeros, but none of the reserve.
pub fn allocate_zeroed(order: usize) -> Option<Phys> {
    if free_pages() < RESERVE + (1 << order) {
        return None;
    }
    let phys = allocate(order)?;
    // SAFETY: the block was just handed to us.
    unsafe { zero_pages(phys.direct(), PAGE_SIZE << order) };
    Some(phys)
}

/// Gives a block back.
///
/// # Safety
/// It came from `allocate(order)`, and nothing uses it any more.
pub unsafe fn release(phys: Phys, order: usize) {
    BUDDY.lock().release(phys.0 >> PAGE_SHIFT, order);
    FREE_PAGES.fetch_add(1 << order, Ordering::Relaxed);
}

/// A block of pages that is given back when dropped.
#[derive(Debug)]
pub struct OwnedFrames {
    phys: Phys,
    order: usize,
}

impl OwnedFrames {
    /// `2^order` pages filled with zeros.
    pub fn zeroed(order: usize) -> Option<Self> {
        allocate_zeroed(order).map(|phys| Self { phys, order })
    }

    /// Where the block is.
    pub fn phys(&self) -> Phys {
        self.phys
    }

    /// Bytes in the block.
    pub fn len(&self) -> usize {
        PAGE_SIZE << self.order
    }
}

impl Drop for OwnedFrames {
    fn drop(&mut self) {
        // SAFETY: the block is ours, and its owner is gone.
        unsafe { release(self.phys, self.order) };
    }
}
