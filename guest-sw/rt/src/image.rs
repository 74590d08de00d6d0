//! A kernel that is one image in memory, as `kernel.ld` lays it out, and its address space: all memory at its physical
//! address, code and constants read-only.

use core::ops::Range;
use core::ptr::addr_of;

use crate::csr_write;
use crate::paging::{MEGAPAGE_SIZE, Mapper, flag};

unsafe extern "C" {
    static _text_start: u8;
    static _text_end: u8;
    static _data_start: u8;
    static _image_end: u8;
}

/// Where the image lies.
pub fn range() -> Range<usize> {
    addr_of!(_text_start) as usize..addr_of!(_image_end) as usize
}

/// Maps the memory in which the image lies. Both its ends are multiples of a page's size.
pub fn map(mapper: &mut Mapper<'_>, memory: &Range<usize>) {
    let Range { start: text, end: image_end } = range();
    let (text_end, data) = (addr_of!(_text_end) as usize, addr_of!(_data_start) as usize);
    // Small pages as far as the image goes, large ones behind it.
    let small_end = image_end.next_multiple_of(MEGAPAGE_SIZE).min(memory.end);
    for (start, end, flags) in [
        (memory.start, text, flag::RW),
        (text, text_end, flag::RX),
        (text_end, data, flag::READ),
        (data, small_end, flag::RW),
        (small_end, memory.end, flag::RW),
    ] {
        mapper.map(start, start, end - start, flags);
    }
}

/// Turns translation on.
///
/// # Safety
/// What runs and what it uses keeps its address.
pub unsafe fn translate(mapper: &Mapper<'_>) {
    // SAFETY: the caller vouches for it.
    unsafe {
        csr_write!(satp, mapper.atp());
        core::arch::asm!("sfence.vma", options(nostack));
    }
}
