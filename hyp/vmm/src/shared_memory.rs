//! Memory that a monitor shares with others: guests, the kernel's workers, backend processes.

use core::ptr;

use hyp_rt::shared::Shared;
use hyp_rt::sys;
use hyp_service::Mapped;

/// Shared memory comes in pieces of this many bytes.
const UNIT: usize = 2 << 20;

/// A memory object, mapped here. The mapping stays as long as the process.
#[derive(Debug)]
pub struct SharedMemory {
    object: Shared,
    addr: usize,
    size: usize,
}

impl SharedMemory {
    /// `size` zeroed bytes; backed when touched.
    pub fn new(size: usize) -> sys::Result<Self> {
        let object = Shared::new(size.next_multiple_of(UNIT))?;
        let addr = object.map()?;
        Ok(Self { object, addr, size })
    }

    /// The object, for others.
    pub fn object(&self) -> &Shared {
        &self.object
    }

    /// Address of the first byte here.
    pub fn addr(&self) -> usize {
        self.addr
    }

    /// Its bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// A pointer to the byte at `offset`.
    pub fn pointer(&self, offset: usize) -> *mut u8 {
        assert!(offset <= self.size, "offset {offset:#x} outside of a mapping");
        ptr::with_exposed_provenance_mut(self.addr + offset)
    }

    /// The memory as that of a guest or a disk, at `base`.
    pub fn mapped(&self, base: u64) -> Mapped {
        // SAFETY: the mapping stays, and this type makes no references to it.
        unsafe { Mapped::new(base, self.size as u64, self.pointer(0)) }
    }
}
