//! Shared memory objects: 2 MiB pages that are made when they are touched first,
//! by whichever process or guest, and freed with the last handle and mapping.

use alloc::sync::Arc;
use alloc::vec::Vec;

use hyp_abi::Error;
use hyp_kernel::addr::{HUGE_SIZE, Phys};

use crate::mm::frame::OwnedFrames;
use crate::stats::{Counted, Kind};
use crate::sync::SpinLock;

/// log2 of the frames of a page.
const PAGE_ORDER: usize = 9;
/// Largest object: 64 GiB.
const SIZE_MAX: usize = 64 << 30;

struct Page {
    frames: OwnedFrames,
    _live: Counted,
}

/// A shared memory object.
pub struct SharedMemory {
    pages: SpinLock<Vec<Option<Page>>>,
    _live: Counted,
}

impl SharedMemory {
    /// An object of `size` bytes, a multiple of 2 MiB.
    pub fn new(size: usize) -> Result<Arc<Self>, Error> {
        if size == 0 || !size.is_multiple_of(HUGE_SIZE) || size > SIZE_MAX {
            return Err(Error::InvalidArgument);
        }
        let count = size / HUGE_SIZE;
        let mut pages = Vec::new();
        pages.try_reserve_exact(count).map_err(|_| Error::OutOfMemory)?;
        pages.resize_with(count, || None);
        Ok(Arc::new(Self { pages: SpinLock::new(pages), _live: Counted::new(Kind::Shared) }))
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        self.pages.lock().len() * HUGE_SIZE
    }

    /// The page with this index, made if it was never touched. It stays where
    /// it is as long as the object lives.
    pub fn page(&self, index: usize) -> Result<Phys, Error> {
        let mut pages = self.pages.lock();
        let page = pages.get_mut(index).ok_or(Error::BadAddress)?;
        if let Some(page) = page {
            return Ok(page.frames.phys());
        }
        let frames = OwnedFrames::zeroed(PAGE_ORDER).ok_or(Error::OutOfMemory)?;
        let phys = frames.phys();
        *page = Some(Page { frames, _live: Counted::new(Kind::SharedPage) });
        Ok(phys)
    }
}

const _: () = assert!(4096 << PAGE_ORDER == HUGE_SIZE);
