//! The kernel's own map, which is the upper half of every address space: the
//! direct map of memory and devices, with the kernel's image in it. Nothing is
//! both writable and executable.

use hyp_kernel::addr::{DIRECT_MAP, GIGA_SIZE, HUGE_SIZE, PAGE_SIZE, Phys, UserVirt};
use hyp_kernel::pte::{ENTRIES, G, Pte, R, ROOT_LEVEL, W, X, index};

use crate::arch::csr::ATP_MODE_SV39;
use crate::arch::sfence_vma_all;
use crate::csr_write;
use crate::mm::frame;
use crate::sync::Once;

unsafe extern "C" {
    static __image_start: u8;
    static __text_end: u8;
    static __rodata_end: u8;
    static __image_end: u8;
}

static ROOT: Once<Phys> = Once::new();

/// Physical range of the kernel's image.
pub fn image() -> (Phys, Phys) {
    let start = Phys::from_direct(&raw const __image_start as usize);
    let end = Phys::from_direct(&raw const __image_end as usize);
    (start, end)
}

/// Root of the kernel's map.
pub fn root() -> Phys {
    *ROOT.get()
}

fn table() -> &'static mut [Pte; ENTRIES] {
    let phys = frame::allocate_zeroed(0).expect("no memory for the kernel's map");
    // SAFETY: a zeroed page of our own, which holds 512 invalid entries.
    unsafe { &mut *core::ptr::with_exposed_provenance_mut(phys.direct()) }
}

fn phys_of(table: &[Pte; ENTRIES]) -> Phys {
    Phys::from_direct(table.as_ptr() as usize)
}

/// Permissions of a page of the image.
fn image_flags(page: Phys) -> u64 {
    let virt = page.direct();
    if virt < &raw const __text_end as usize {
        R | X
    } else if virt < &raw const __rodata_end as usize {
        R
    } else {
        R | W
    }
}

/// The table of the large page at `start`, which holds a part of the image.
fn image_pages(start: Phys, image: (Phys, Phys)) -> Pte {
    let pages = table();
    for (index, entry) in pages.iter_mut().enumerate() {
        let page = start.add(index * PAGE_SIZE);
        let flags = if (image.0..image.1).contains(&page) { image_flags(page) } else { R | W };
        *entry = Pte::leaf(page, flags | G);
    }
    Pte::table(phys_of(pages))
}

/// The table of the GiB at `start`, which holds the image.
fn image_gigabyte(start: Phys) -> Pte {
    let image = image();
    let large = table();
    for (index, entry) in large.iter_mut().enumerate() {
        let at = start.add(index * HUGE_SIZE);
        let overlaps = at < image.1 && at.add(HUGE_SIZE) > image.0;
        *entry = if overlaps { image_pages(at, image) } else { Pte::leaf(at, R | W | G) };
    }
    Pte::table(phys_of(large))
}

/// Builds the map of the given physical ranges (whole GiBs around them) and
/// begins to use it. The image is in one GiB.
pub fn init(ranges: impl Iterator<Item = (Phys, Phys)>) {
    let root = table();
    let image_giga = image().0.0 / GIGA_SIZE;
    assert_eq!(image_giga, (image().1.0 - 1) / GIGA_SIZE, "the image crosses a GiB");
    for (start, end) in ranges {
        for giga in start.0 / GIGA_SIZE..end.0.div_ceil(GIGA_SIZE) {
            let phys = Phys(giga * GIGA_SIZE);
            let entry = &mut root[index(UserVirt(DIRECT_MAP + phys.0), ROOT_LEVEL)];
            if entry.is_valid() {
                continue;
            }
            *entry = if giga == image_giga { image_gigabyte(phys) } else { Pte::leaf(phys, R | W | G) };
        }
    }
    ROOT.set(phys_of(root));
    activate(phys_of(root));
    sfence_vma_all();
}

/// Translates through `root` from now on. The caller fences.
pub fn activate(root: Phys) {
    activate_with(root, 0);
}

/// The same with an ASID, in its place in `satp`.
pub fn activate_with(root: Phys, asid: u64) {
    csr_write!("satp", ATP_MODE_SV39 | asid | (root.0 / PAGE_SIZE) as u64);
}
