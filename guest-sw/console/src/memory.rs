//! The guest's address space: everything at its physical address, code and
//! constants read-only, and the UART's page.

use core::ptr::addr_of;

use fdt::Fdt;
use rt::csr_write;
use rt::paging::{MEGAPAGE_SIZE, Mapper, PAGE_SIZE, Table, flag};

unsafe extern "C" {
    static _text_start: u8;
    static _text_end: u8;
    static _data_start: u8;
    static _image_end: u8;
}

static mut ROOT: Table = Table::EMPTY;
static mut SPARE: [Table; 8] = [Table::EMPTY; 8];

/// Maps what the device tree says there is, and turns translation on.
pub fn map(tree: &Fdt<'_>, uart: usize) {
    let (root, spare) = (&raw mut ROOT, &raw mut SPARE);
    // SAFETY: only this function names them, and it runs once.
    let (root, spare) = unsafe { (&mut (*root).0, &mut *spare) };
    let mut mapper = Mapper::new(root, spare);
    let (ram_start, ram_size) = tree.memory().next().unwrap_or((0x8000_0000, 0x20_0000));
    let ram_end = (ram_start + ram_size) as usize;

    let [text, text_end, data, image_end] = [
        addr_of!(_text_start) as usize,
        addr_of!(_text_end) as usize,
        addr_of!(_data_start) as usize,
        addr_of!(_image_end) as usize,
    ];
    // Small pages as far as the image goes, large ones behind it.
    let small_end = image_end.next_multiple_of(MEGAPAGE_SIZE).min(ram_end);
    for (start, end, flags) in [
        (ram_start as usize, text, flag::RW),
        (text, text_end, flag::RX),
        (text_end, data, flag::READ),
        (data, small_end, flag::RW),
        (small_end, ram_end, flag::RW),
    ] {
        mapper.map(start, start, end - start, flags);
    }
    let page = uart & !(PAGE_SIZE - 1);
    mapper.map(page, page, PAGE_SIZE, flag::RW);
    // SAFETY: what runs and what it uses keeps its address.
    unsafe {
        csr_write!(satp, mapper.atp());
        core::arch::asm!("sfence.vma", options(nostack));
    }
}
