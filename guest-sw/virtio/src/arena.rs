//! Memory that is taken once and never given back.

use core::slice;

use crate::Error;

/// A stretch of memory that nobody else uses.
#[derive(Debug)]
pub struct Arena {
    next: usize,
    end: usize,
}

impl Arena {
    /// The memory from `start` to `end`.
    ///
    /// # Safety
    /// It is readable and writable memory, at the same addresses for devices, and nobody else's for ever.
    pub const unsafe fn new(start: usize, end: usize) -> Self {
        Self { next: start, end }
    }

    /// Takes `size` zeroed bytes. All are touched: nobody meets a page for the first time when it counts.
    pub fn take(&mut self, size: usize, align: usize) -> Result<*mut u8, Error> {
        let start = self.next.checked_next_multiple_of(align).ok_or(Error::OutOfMemory)?;
        let next = start.checked_add(size).filter(|&next| next <= self.end).ok_or(Error::OutOfMemory)?;
        self.next = next;
        let start = start as *mut u8;
        // SAFETY: inside of the stretch, and taken by nobody before.
        unsafe { start.write_bytes(0, size) };
        Ok(start)
    }

    /// Takes zeroed words of 32 bits.
    pub fn words(&mut self, count: usize) -> Result<&'static mut [u32], Error> {
        let size = count.checked_mul(4).ok_or(Error::OutOfMemory)?;
        let start = self.take(size, 8)?;
        // SAFETY: taken for ever, aligned, zeroed.
        Ok(unsafe { slice::from_raw_parts_mut(start.cast(), count) })
    }

    /// Takes zeroed bytes.
    pub fn bytes(&mut self, size: usize, align: usize) -> Result<&'static mut [u8], Error> {
        let start = self.take(size, align)?;
        // SAFETY: taken for ever, zeroed.
        Ok(unsafe { slice::from_raw_parts_mut(start, size) })
    }

    /// Takes zeroed half-words.
    pub fn halves(&mut self, count: usize) -> Result<&'static mut [u16], Error> {
        let start = self.take(count * 2, 8)?;
        // SAFETY: taken for ever, aligned, zeroed.
        Ok(unsafe { slice::from_raw_parts_mut(start.cast(), count) })
    }
}
