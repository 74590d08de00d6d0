//! The initial archive, which stays in memory as long as the kernel.

use hyp_kernel::addr::Phys;
use hyp_kernel::cpio::{self, CpioError};

use crate::sync::Once;

static ARCHIVE: Once<&'static [u8]> = Once::new();

/// Remembers where it is.
pub fn set(range: Option<(Phys, Phys)>) {
    let archive = range.map(|(start, end)| {
        let pointer: *const u8 = core::ptr::with_exposed_provenance(start.direct());
        // SAFETY: the device tree says that the archive is there, and the frame
        // allocator never got that memory.
        unsafe { core::slice::from_raw_parts(pointer, end.0 - start.0) }
    });
    ARCHIVE.set(archive.unwrap_or(&[]));
}

/// The content of a file.
pub fn find(name: &str) -> Result<Option<&'static [u8]>, CpioError> {
    Ok(cpio::find(ARCHIVE.get(), name.as_bytes())?.map(|entry| entry.data))
}

/// A file with its name as the archive has it, which lives as long as the kernel.
pub fn find_named(name: &str) -> Result<Option<(&'static str, &'static [u8])>, CpioError> {
    let Some(entry) = cpio::find(ARCHIVE.get(), name.as_bytes())? else { return Ok(None) };
    let name = core::str::from_utf8(entry.name).unwrap_or("?");
    Ok(Some((name.strip_prefix("./").unwrap_or(name), entry.data)))
}
