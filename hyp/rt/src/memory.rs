//! Memory and files as the kernel maps them.

use core::ptr;
use core::slice;

use hyp_abi::PAGE_SIZE;

use crate::sys;

/// Anonymous memory that stays mapped as long as the process lives.
#[derive(Debug)]
pub struct Mapping {
    addr: usize,
    size: usize,
}

impl Mapping {
    /// Maps `size` bytes (rounded up to pages); costs nothing until touched.
    pub fn new(size: usize) -> sys::Result<Self> {
        let size = size.next_multiple_of(PAGE_SIZE);
        Ok(Self { addr: sys::map(size, 0)?, size })
    }

    /// Address of the first byte.
    pub fn addr(&self) -> usize {
        self.addr
    }

    /// Size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// A pointer to the byte at `offset`, for memory that a guest shares.
    pub fn pointer(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.size, "offset {offset:#x} outside of a mapping");
        ptr::with_exposed_provenance_mut(self.addr + offset)
    }

    /// The memory as a slice.
    ///
    /// # Safety
    /// No guest and no other thread may change it while the slice lives.
    pub unsafe fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: the range is mapped and zero-initialised; exclusiveness is
        // the caller's promise.
        unsafe { slice::from_raw_parts_mut(self.pointer(0), self.size) }
    }
}

/// A file of the initial archive.
pub fn file(name: &str) -> sys::Result<&'static [u8]> {
    let info = sys::file_map(name)?;
    // SAFETY: the kernel mapped `len` initialised bytes there for this process,
    // and nothing here ever unmaps or writes them.
    Ok(unsafe { slice::from_raw_parts(ptr::with_exposed_provenance(info.addr), info.len) })
}
