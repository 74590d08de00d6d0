//! The guest's address space: all memory, and the registers of devices that the device tree names.

use fdt::Fdt;
use rt::image;
use rt::paging::{MEGAPAGE_SIZE, Mapper, PAGE_SIZE, Table, flag};
use virtio::Arena;

use crate::Stop;
use crate::machine::PLICS;

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
    let image = image::range();
    let holds_image = |&(start, size): &(u64, u64)| (start..start + size).contains(&(image.start as u64));
    let ram = tree.memory().find(holds_image).ok_or(Stop::Other("the device tree names no memory here"))?;
    let ram = ram.0 as usize..(ram.0 + ram.1) as usize & !(PAGE_SIZE - 1);
    image::map(&mut mapper, &ram);
    map_devices(tree, &mut mapper)?;
    // SAFETY: what runs and what it uses keeps its address.
    unsafe { image::translate(&mapper) };
    // The device tree may lie on either side.
    let blob = tree.blob().as_ptr_range();
    let (blob_start, blob_end) = (blob.start as usize, blob.end as usize);
    let within = |address: usize| address.clamp(image.end, ram.end);
    let parts = [(image.end, within(blob_start)), (within(blob_end), ram.end)];
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
