//! Shared memory objects in the direct map: 2 MiB pages, looked up once each.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;

use hyp_abi::Error;
use hyp_kernel::addr::HUGE_SIZE;
use hyp_service::Pieces;
use rv_virtio::memory::GuestAddress;

use crate::ipc::shared::SharedMemory;

/// An object as memory that begins at `base`.
pub struct KernelMemory {
    object: Arc<SharedMemory>,
    base: u64,
    size: u64,
    /// Where pages are, as far as they were touched; 0 if not.
    pages: Vec<Cell<usize>>,
}

// SAFETY: cells are used by the worker alone, which owns this.
unsafe impl Send for KernelMemory {}

impl KernelMemory {
    /// The first `size` bytes of an object.
    pub fn new(object: Arc<SharedMemory>, base: u64, size: u64) -> Result<Self, Error> {
        if size == 0 || size > object.size() as u64 {
            return Err(Error::InvalidArgument);
        }
        let count = object.size() / HUGE_SIZE;
        let mut pages = Vec::new();
        pages.try_reserve_exact(count).map_err(|_| Error::OutOfMemory)?;
        pages.resize_with(count, || Cell::new(0));
        Ok(Self { object, base, size, pages })
    }

    #[inline(always)]
    fn page(&self, index: usize) -> Option<usize> {
        let page = self.pages.get(index)?.get();
        if page != 0 { Some(page) } else { self.touch(index) }
    }

    #[cold]
    fn touch(&self, index: usize) -> Option<usize> {
        let page = self.object.page(index).ok()?.direct();
        self.pages.get(index)?.set(page);
        Some(page)
    }
}

// SAFETY: pages of the object stay where they are as long as it, which this keeps. The kernel has no references to them.
unsafe impl Pieces for KernelMemory {
    #[inline(always)]
    fn piece(&self, address: GuestAddress, len: usize) -> Option<(*mut u8, usize)> {
        let offset = address.0.wrapping_sub(self.base);
        let rest = self.size.checked_sub(offset).filter(|rest| *rest > 0)? as usize;
        let (index, within) = (offset as usize / HUGE_SIZE, offset as usize % HUGE_SIZE);
        let start = self.page(index)? + within;
        Some((core::ptr::with_exposed_provenance_mut(start), len.min(rest).min(HUGE_SIZE - within)))
    }

    #[inline(always)]
    fn whole(&self, address: GuestAddress, len: usize) -> Option<*mut u8> {
        let offset = address.0.wrapping_sub(self.base);
        let end = offset.checked_add(len as u64)?;
        let (index, within) = (offset as usize / HUGE_SIZE, offset as usize % HUGE_SIZE);
        if end > self.size || within + len > HUGE_SIZE {
            return None;
        }
        Some(core::ptr::with_exposed_provenance_mut(self.page(index)? + within))
    }
}
