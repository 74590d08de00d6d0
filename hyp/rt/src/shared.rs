//! Memory that several processes map.

use core::ptr;

use hyp_abi::syscall::{SHARED_CREATE, SHARED_MAP, UNMAP};

use crate::handle::Handle;
use crate::sys::{Result, syscall};

/// A shared memory object: zeroed 2 MiB pages, made when touched.
#[derive(Debug, PartialEq, Eq)]
pub struct Shared(Handle);

impl Shared {
    /// An object of `size` bytes, a multiple of 2 MiB.
    pub fn new(size: usize) -> Result<Self> {
        // SAFETY: no pointers.
        unsafe { syscall(SHARED_CREATE, [size, 0, 0]) }.map(Handle::from_raw).map(Self)
    }

    /// An object that a message brought.
    pub const fn from_handle(handle: Handle) -> Self {
        Self(handle)
    }

    /// Its handle, for messages.
    pub const fn handle(&self) -> &Handle {
        &self.0
    }

    /// Maps all of it; gives the address. It stays mapped until [`unmap`].
    pub fn map(&self) -> Result<usize> {
        // SAFETY: the kernel maps only where nothing is mapped.
        unsafe { syscall(SHARED_MAP, [self.0.number(), 0, 0]) }
    }

    /// A pointer to a mapping.
    pub fn map_pointer(&self) -> Result<*mut u8> {
        self.map().map(ptr::with_exposed_provenance_mut)
    }
}

/// Takes a mapping away.
///
/// # Safety
/// Nothing uses it any more.
pub unsafe fn unmap(addr: usize, size: usize) -> Result<()> {
    // SAFETY: passed on to the caller.
    unsafe { syscall(UNMAP, [addr, size, 0]) }.map(drop)
}
