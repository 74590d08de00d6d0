//! Reading and writing the memory of the calling process. Every page is looked
//! up (and made, if need be) in its page table and accessed through the direct
//! map, so no address that a process gives can make the kernel fault.

use core::ptr;

use hyp_abi::Error;
use hyp_kernel::addr::{PAGE_SIZE, UserVirt};

use crate::proc::address_space::{Access, AddressSpace};
use crate::proc::process::Process;

/// Calls `part(kernel address, offset, length)` for each page of a user range.
fn for_each_page(
    space: &mut AddressSpace,
    start: UserVirt,
    len: usize,
    access: Access,
    mut part: impl FnMut(usize, usize, usize),
) -> Result<(), Error> {
    start.0.checked_add(len).ok_or(Error::BadAddress)?;
    let mut done = 0;
    while done < len {
        let address = start.add(done);
        let page = space.touch(address, access)?;
        let count = (PAGE_SIZE - address.offset()).min(len - done);
        part(page.translate(address).direct(), done, count);
        done += count;
    }
    Ok(())
}

/// Copies user memory into `buffer`.
pub fn read(process: &Process, start: UserVirt, buffer: &mut [u8]) -> Result<(), Error> {
    let (len, target) = (buffer.len(), buffer.as_mut_ptr());
    for_each_page(&mut process.space.lock(), start, len, Access::Read, |from, offset, count| {
        // SAFETY: the page is there while the space is locked; `offset + count`
        // is at most the buffer's length. The process may race with us, which
        // makes the bytes arbitrary, as they are anyway.
        unsafe { ptr::copy(ptr::with_exposed_provenance(from), target.add(offset), count) };
    })
}

/// Copies `bytes` to user memory.
pub fn write(process: &Process, start: UserVirt, bytes: &[u8]) -> Result<(), Error> {
    write_space(&mut process.space.lock(), start, bytes)
}

/// Copies `bytes` to the user memory of a space at hand.
pub fn write_space(space: &mut AddressSpace, start: UserVirt, bytes: &[u8]) -> Result<(), Error> {
    for_each_page(space, start, bytes.len(), Access::Write, |to, offset, count| {
        // SAFETY: as in `read`.
        unsafe {
            let source = bytes.as_ptr().add(offset);
            ptr::copy(source, ptr::with_exposed_provenance_mut(to), count);
        }
    })
}

/// Types that any bytes are a value of, and whose bytes are all initialised.
///
/// # Safety
/// Both of the above; in particular no padding.
pub unsafe trait Plain: Copy {}

// SAFETY: two words.
unsafe impl Plain for hyp_abi::syscall::FileMapping {}
// SAFETY: two 32-bit words and three of 64 bits.
unsafe impl Plain for hyp_abi::vm::MemoryRegion {}
// SAFETY: 32 words.
unsafe impl Plain for hyp_abi::vm::UerFrame {}
// SAFETY: bytes and 32-bit words, in multiples of four bytes.
unsafe impl Plain for hyp_abi::channel::Message {}
// SAFETY: two words.
unsafe impl Plain for hyp_abi::channel::ChannelPair {}
// SAFETY: two 64-bit words and four of 32 bits.
unsafe impl Plain for hyp_abi::event::IoEvent {}
// SAFETY: six 32-bit words.
unsafe impl Plain for hyp_abi::event::IrqEvent {}
// SAFETY: words.
unsafe impl Plain for hyp_abi::process::ProcessSpec {}
// SAFETY: words.
unsafe impl Plain for hyp_abi::stats::ThreadStats {}
// SAFETY: words.
unsafe impl Plain for hyp_abi::stats::HostStats {}
// SAFETY: words.
unsafe impl Plain for hyp_abi::stats::HartStats {}
// SAFETY: a word.
unsafe impl Plain for u64 {}

/// Reads a value from user memory.
pub fn read_value<T: Plain>(process: &Process, address: UserVirt) -> Result<T, Error> {
    let mut value = core::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: all bytes of `value` are initialised, and any bytes are a `T`.
    unsafe {
        let bytes = core::slice::from_raw_parts_mut(value.as_mut_ptr().cast(), size_of::<T>());
        read(process, address, bytes)?;
        Ok(value.assume_init())
    }
}

/// Writes a value to user memory.
pub fn write_value<T: Plain>(process: &Process, address: UserVirt, value: &T) -> Result<(), Error> {
    // SAFETY: all bytes of a plain value are initialised.
    let bytes = unsafe { core::slice::from_raw_parts(ptr::from_ref(value).cast(), size_of::<T>()) };
    write(process, address, bytes)
}
