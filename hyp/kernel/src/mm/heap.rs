//! The kernel's heap: power-of-two classes from 16 bytes to half a page, carved
//! from pages that stay with the heap; larger blocks are frames. It serves small
//! long-lived objects (threads, VMs, lists), never the run of a guest.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

use hyp_kernel::addr::{PAGE_SIZE, Phys};

use crate::mm::frame;
use crate::sync::SpinLock;

const CLASS_MIN: usize = 16;
const CLASS_MAX: usize = PAGE_SIZE / 2;
const CLASSES: usize = (CLASS_MAX.ilog2() - CLASS_MIN.ilog2()) as usize + 1;

/// First words of the lists of free blocks; 0 ends a list.
struct FreeLists([usize; CLASSES]);

struct Heap(SpinLock<FreeLists>);

#[global_allocator]
static HEAP: Heap = Heap(SpinLock::new(FreeLists([0; CLASSES])));
static HEAP_PAGES: AtomicUsize = AtomicUsize::new(0);

/// Pages that the small classes hold, in use or not.
pub fn pages() -> usize {
    HEAP_PAGES.load(Ordering::Relaxed)
}

fn block_size(layout: Layout) -> usize {
    layout.size().max(layout.align()).max(CLASS_MIN).next_power_of_two()
}

fn class_of(size: usize) -> usize {
    (size.ilog2() - CLASS_MIN.ilog2()) as usize
}

fn order_of(size: usize) -> usize {
    (size / PAGE_SIZE).ilog2() as usize
}

impl FreeLists {
    fn refill(&mut self, size: usize) -> Option<()> {
        let start = frame::allocate(0)?.direct();
        HEAP_PAGES.fetch_add(1, Ordering::Relaxed);
        (start..start + PAGE_SIZE).step_by(size).for_each(|block| self.push(block, size));
        Some(())
    }

    fn push(&mut self, block: usize, size: usize) {
        let head = &mut self.0[class_of(size)];
        // SAFETY: the block is free and at least 16 bytes.
        unsafe { ptr::with_exposed_provenance_mut::<usize>(block).write(*head) };
        *head = block;
    }

    fn pop(&mut self, size: usize) -> Option<usize> {
        if self.0[class_of(size)] == 0 {
            self.refill(size)?;
        }
        let head = &mut self.0[class_of(size)];
        let block = *head;
        // SAFETY: a block in the list holds the link that `push` wrote.
        *head = unsafe { ptr::with_exposed_provenance::<usize>(block).read() };
        Some(block)
    }
}

// SAFETY: blocks are as large and aligned as their class or order, which covers
// the layout, and are handed out once until they are released.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = block_size(layout);
        let block =
            if size <= CLASS_MAX { self.0.lock().pop(size) } else { frame::allocate(order_of(size)).map(Phys::direct) };
        block.map_or(ptr::null_mut(), ptr::with_exposed_provenance_mut)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let size = block_size(layout);
        let block = pointer.expose_provenance();
        if size <= CLASS_MAX {
            self.0.lock().push(block, size);
        } else {
            // SAFETY: by the contract of GlobalAlloc it came from `alloc` with
            // this layout, hence from `frame::allocate` with this order.
            unsafe { frame::release(Phys::from_direct(block), order_of(size)) };
        }
    }
}
