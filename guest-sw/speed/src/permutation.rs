//! A random cycle through memory: each cell holds the next one's address, and
//! no prefetcher or branch predictor knows which that is.

use core::ptr;

use crate::random;

/// A cell fills a cache line, so that no two share one.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    next: *const Cell,
    number: u64,
}

/// 8 MiB: more small pages than TLBs have entries, and more than a level-two
/// cache holds.
pub const CELLS: usize = 128 << 10;

#[unsafe(link_section = ".uninit")]
static mut CYCLE: [Cell; CELLS] = [Cell { next: ptr::null(), number: 0 }; CELLS];

/// The cycle, from one of its cells on.
#[derive(Debug)]
pub struct Cycle(*const Cell);

impl Cycle {
    /// Builds the one cycle that there is (Sattolo's algorithm: each cycle
    /// through all cells is as likely as any other).
    pub fn build() -> Self {
        let cycle = &raw mut CYCLE;
        // SAFETY: a kernel builds it once, and reads it only afterwards.
        let cells = unsafe { &mut *cycle };
        for (number, cell) in cells.iter_mut().enumerate() {
            *cell = Cell { next: cell, number: number as u64 };
        }
        let mut state = 0x9e37_79b9_7f4a_7c15;
        for index in (1..CELLS).rev() {
            state = random(state);
            let other = (state % index as u64) as usize;
            let next = cells[index].next;
            cells[index].next = cells[other].next;
            cells[other].next = next;
        }
        Self(cells.as_ptr())
    }

    /// Follows it, and mixes the numbers of the cells on the way.
    pub fn chase(&self, steps: usize) -> u64 {
        let (mut cell, mut sum) = (self.0, 0u64);
        for _ in 0..steps {
            // SAFETY: the cycle leads from cell to cell for ever.
            unsafe {
                sum = sum.wrapping_mul(3) ^ (*cell).number;
                cell = (*cell).next;
            }
        }
        sum
    }
}
