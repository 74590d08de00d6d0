//! The guest's address space: all memory, and the UART's page.

use fdt::Fdt;
use rt::image;
use rt::paging::{Mapper, PAGE_SIZE, Table, flag};

static mut ROOT: Table = Table::EMPTY;
static mut SPARE: [Table; 8] = [Table::EMPTY; 8];

/// Maps what the device tree says there is, and turns translation on.
pub fn map(tree: &Fdt<'_>, uart: usize) {
    let (root, spare) = (&raw mut ROOT, &raw mut SPARE);
    // SAFETY: only this function names them, and it runs once.
    let (root, spare) = unsafe { (&mut (*root).0, &mut *spare) };
    let mut mapper = Mapper::new(root, spare);
    let (start, size) = tree.memory().next().unwrap_or((0x8000_0000, 0x20_0000));
    image::map(&mut mapper, &(start as usize..(start + size) as usize));
    let page = uart & !(PAGE_SIZE - 1);
    mapper.map(page, page, PAGE_SIZE, flag::RW);
    // SAFETY: what runs and what it uses keeps its address.
    unsafe { image::translate(&mapper) };
}
