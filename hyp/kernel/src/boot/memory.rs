//! Which memory is free at boot: the banks, without what somebody already uses.

use fdt::Fdt;
use hyp_kernel::addr::{PAGE_SIZE, Phys};

use crate::boot::tree::Board;
use crate::mm::kernel_map;

/// Most ranges that are kept track of; each occupied range may split one.
const RANGES_MAX: usize = 32;

/// A short list of (start, end).
pub struct Ranges {
    items: [(Phys, Phys); RANGES_MAX],
    len: usize,
}

impl Ranges {
    /// The ranges.
    pub fn as_mut_slice(&mut self) -> &mut [(Phys, Phys)] {
        &mut self.items[..self.len]
    }

    fn push(&mut self, range: (Phys, Phys)) {
        if range.0 < range.1 {
            assert!(self.len < RANGES_MAX, "memory is too fragmented");
            self.items[self.len] = range;
            self.len += 1;
        }
    }

    /// Takes `start..end` away, in whole pages.
    fn exclude(&mut self, start: Phys, end: Phys) {
        let (start, end) = (start.page(), end.add(PAGE_SIZE - 1).page());
        let old = core::mem::replace(self, Self::EMPTY);
        for &(from, to) in &old.items[..old.len] {
            self.push((from, to.min(start)));
            self.push((from.max(end), to));
        }
    }

    const EMPTY: Self = Self { items: [(Phys(0), Phys(0)); RANGES_MAX], len: 0 };
}

/// The free ranges. Below the kernel in its bank is the firmware, whether or not
/// the device tree says so.
pub fn free_ranges(fdt: &Fdt<'_>, board: &Board<'_>, tree: Phys) -> Ranges {
    let mut ranges = Ranges::EMPTY;
    let (image_start, image_end) = kernel_map::image();
    for (start, end) in board.banks.into_iter().flatten() {
        let holds_image = start <= image_start && image_start < end;
        ranges.push((if holds_image { image_end } else { start }, end));
    }
    ranges.exclude(tree, tree.add(fdt.blob().len()));
    if let Some((start, end)) = board.initrd {
        ranges.exclude(start, end);
    }
    let reserved = fdt.nodes().skip_while(|node| !node.is_called("reserved-memory"));
    let children = reserved.skip(1).take_while(|node| node.depth() > 1);
    for (start, size) in children.flat_map(|node| node.regions()) {
        ranges.exclude(Phys(start as usize), Phys((start + size) as usize));
    }
    ranges
}
