//! The heap of the program: an arena of which blocks are only taken. All that is made in it is the device tree, once.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes: a tree of the most vCPUs, several times, since it moves as it grows.
const SIZE: usize = 1 << 20;

struct Heap {
    arena: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: a part of the arena is handed out once, to whoever has moved `used` past it.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap { arena: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };

// SAFETY: blocks lie in the arena, are aligned as asked for, and don't overlap.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let arena = self.arena.get().cast::<u8>();
        let start = |used: usize| (arena.addr() + used).next_multiple_of(layout.align()) - arena.addr();
        let end = |used: usize| start(used).checked_add(layout.size()).filter(|end| *end <= SIZE);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end) {
            // SAFETY: it ends within the arena.
            Ok(before) => unsafe { arena.add(start(before)) },
            Err(_) => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
