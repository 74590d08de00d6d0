//! The guest's address space: everything at its physical address, code and constants read-only, and the registers
//! of devices that the device tree names.

use core::ptr::addr_of;

use fdt::Fdt;
use rt::csr_write;
use rt::paging::{MEGAPAGE_SIZE, Mapper, PAGE_SIZE, Table, flag};
use virtio::Arena;

use crate::Stop;
use crate::machine::PLICS;

unsafe extern "C" {
    static _text_start: u8;
    static _text_end: u8;
    static _data_start: u8;
    static _image_end: u8;
}

static mut ROOT: Table = Table::EMPTY;
static mut SPARE: [Table; 16] = [Table::EMPTY; 16];

/// Pages of devices, at most.
const DEVICE_PAGES_MAX: usize = 32;

/// Maps what the device tree says there is, and turns translation on; the memory that nothing lies in.
pub fn map(tree: &Fdt<'_>) -> Result<Arena, Stop> {
    let (root, spare) = (&raw mut ROOT, &raw mut SPARE);
    // SAFETY: only this function names them, and it runs once.
    let (root, spare) = unsafe { (&mut (*root).0, &mut *spare) };
    let mut mapper = Mapper::new(root, spare);
    let [text, text_end, data, image_end] = [
        addr_of!(_text_start) as usize,
        addr_of!(_text_end) as usize,
        addr_of!(_data_start) as usize,
        addr_of!(_image_end) as usize,
    ];
    let holds_image = |&(start, size): &(u64, u64)| (start..start + size).contains(&(text as u64));
    let ram = tree.memory().find(holds_image).ok_or(Stop::Other("the device tree names no memory here"))?;
    let (ram_start, ram_end) = (ram.0 as usize, (ram.0 + ram.1) as usize & !(PAGE_SIZE - 1));
    // Small pages as far as the image goes, large ones behind it.
    let small_end = image_end.next_multiple_of(MEGAPAGE_SIZE).min(ram_end);
    for (start, end, flags) in [
        (ram_start, text, flag::RW),
        (text, text_end, flag::RX),
        (text_end, data, flag::READ),
        (data, small_end, flag::RW),
        (small_end, ram_end, flag::RW),
    ] {
        mapper.map(start, start, end - start, flags);
    }
    map_devices(tree, &mut mapper)?;
    // SAFETY: what runs and what it uses keeps its address.
    unsafe {
        csr_write!(satp, mapper.atp());
        core::arch::asm!("sfence.vma", options(nostack));
    }
    // The device tree may lie on either side.
    let blob = tree.blob().as_ptr_range();
    let (blob_start, blob_end) = (blob.start as usize, blob.end as usize);
    let parts = [(image_end, blob_start.clamp(image_end, ram_end)), (blob_end.clamp(image_end, ram_end), ram_end)];
    let larger = usize::from(parts[1].1 - parts[1].0 > parts[0].1 - parts[0].0);
    // SAFETY: RAM with neither image nor device tree in it.
    Ok(unsafe { Arena::new(parts[larger].0, parts[larger].1) })
}

fn map_devices(tree: &Fdt<'_>, mapper: &mut Mapper<'_>) -> Result<(), Stop> {
    let mut pages = [usize::MAX; DEVICE_PAGES_MAX];
    let mut count = 0;
    for (start, _) in tree.compatible("virtio,mmio").filter_map(|node| node.regions().next()) {
        let page = start as usize & !(PAGE_SIZE - 1);
        if !pages.contains(&page) {
            *pages.get_mut(count).ok_or(Stop::Other("too many devices"))? = page;
            count += 1;
            mapper.map(page, page, PAGE_SIZE, flag::RW);
        }
    }
    let plic = PLICS.iter().find_map(|name| tree.compatible(name).next());
    if let Some((start, size)) = plic.and_then(|node| node.regions().next()) {
        // As large as it must be for its contexts, so that large pages do.
        let size = (size as usize).next_multiple_of(MEGAPAGE_SIZE);
        mapper.map(start as usize, start as usize, size, flag::RW);
    }
    Ok(())
}
