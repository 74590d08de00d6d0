//! The heap: power-of-two size classes over one arena that is mapped once and
//! backed when touched. Blocks of a class are reused, never merged: programs
//! here allocate at start and then run.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use crate::sync::Mutex;
use crate::sys;

const ARENA_SIZE: usize = 64 << 20;
const CLASS_MIN_LOG2: usize = 4;
const CLASSES: usize = 26 - CLASS_MIN_LOG2 + 1;

/// The allocator of every user program.
#[derive(Debug)]
pub struct Heap(Mutex<Arena>);

#[derive(Debug)]
struct Arena {
    next: usize,
    end: usize,
    free: [Option<FreeBlock>; CLASSES],
}

#[derive(Clone, Copy, Debug)]
struct FreeBlock(NonNull<Option<FreeBlock>>);

// SAFETY: free blocks belong to the arena, and the arena is behind a lock.
unsafe impl Send for FreeBlock {}

#[global_allocator]
static HEAP: Heap = Heap(Mutex::new(Arena { next: 0, end: 0, free: [None; CLASSES] }));

/// The class whose blocks are `1 << (class + CLASS_MIN_LOG2)` bytes.
fn class_of(layout: Layout) -> usize {
    let size = layout.size().max(layout.align()).next_power_of_two();
    (size.trailing_zeros() as usize).saturating_sub(CLASS_MIN_LOG2)
}

impl Arena {
    fn allocate(&mut self, class: usize) -> *mut u8 {
        if let Some(block) = self.free[class] {
            // SAFETY: a block in the list holds the link that `release` wrote.
            self.free[class] = unsafe { block.0.read() };
            return block.0.as_ptr().cast();
        }
        if self.end == 0 && !self.map_arena() {
            return ptr::null_mut();
        }
        let size = 1 << (class + CLASS_MIN_LOG2);
        let start = self.next.next_multiple_of(size);
        if start + size > self.end {
            return ptr::null_mut();
        }
        self.next = start + size;
        ptr::with_exposed_provenance_mut(start)
    }

    fn map_arena(&mut self) -> bool {
        let Ok(start) = sys::map(ARENA_SIZE, 0) else {
            return false;
        };
        self.next = start;
        self.end = start + ARENA_SIZE;
        true
    }

    /// # Safety
    /// `pointer` came from `allocate(class)` and is not used any more.
    unsafe fn release(&mut self, pointer: NonNull<u8>, class: usize) {
        let block = FreeBlock(pointer.cast());
        // SAFETY: the block is at least 16 bytes, aligned to its size, and ours.
        unsafe { block.0.write(self.free[class]) };
        self.free[class] = Some(block);
    }
}

// SAFETY: blocks are as large and aligned as their class, which covers the
// layout, and are handed out once until they are released.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match class_of(layout) {
            class if class < CLASSES => self.0.lock().allocate(class),
            _ => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if let Some(pointer) = NonNull::new(pointer) {
            // SAFETY: by the contract of GlobalAlloc the block is the caller's
            // and of this layout, hence of this class.
            unsafe { self.0.lock().release(pointer, class_of(layout)) };
        }
    }
}
