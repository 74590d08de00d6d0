//! Guest memory for tests: a vector, shared by a driver and a device on one thread.

extern crate alloc;

use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::{GuestAddress, GuestMemory, MemoryError, Region};

/// Memory from `base` on. Clones share the bytes.
#[derive(Debug, Clone)]
pub struct VecMemory {
    base: GuestAddress,
    bytes: Rc<RefCell<Vec<u8>>>,
}

impl VecMemory {
    /// `len` zero bytes at `base`.
    pub fn new(base: GuestAddress, len: usize) -> Self {
        Self { base, bytes: Rc::new(RefCell::new(vec![0; len])) }
    }

    /// The memory's bytes, as they are now.
    pub fn to_vec(&self) -> Vec<u8> {
        self.bytes.borrow().clone()
    }

    fn offset(&self, address: GuestAddress, len: u64) -> Result<usize, MemoryError> {
        let error = MemoryError { address, len };
        let offset = address.0.checked_sub(self.base.0).ok_or(error)?;
        let end = offset.checked_add(len).ok_or(error)?;
        if end > self.bytes.borrow().len() as u64 {
            return Err(error);
        }
        Ok(offset as usize)
    }
}

impl GuestMemory for VecMemory {
    type Region = VecRegion;

    fn region(&self, address: GuestAddress, len: u64) -> Result<VecRegion, MemoryError> {
        let start = self.offset(address, len)?;
        Ok(VecRegion { bytes: Rc::clone(&self.bytes), start, len: len as usize })
    }

    fn read(&self, address: GuestAddress, into: &mut [u8]) -> Result<(), MemoryError> {
        let start = self.offset(address, into.len() as u64)?;
        into.copy_from_slice(&self.bytes.borrow()[start..start + into.len()]);
        Ok(())
    }

    fn write(&self, address: GuestAddress, from: &[u8]) -> Result<(), MemoryError> {
        let start = self.offset(address, from.len() as u64)?;
        self.bytes.borrow_mut()[start..start + from.len()].copy_from_slice(from);
        Ok(())
    }
}

/// A piece of a [`VecMemory`]. Being for tests, it panics where a queue breaks its word.
#[derive(Debug)]
pub struct VecRegion {
    bytes: Rc<RefCell<Vec<u8>>>,
    start: usize,
    len: usize,
}

impl VecRegion {
    fn load<const N: usize>(&self, offset: usize) -> [u8; N] {
        let start = self.checked(offset, N);
        let mut value = [0; N];
        value.copy_from_slice(&self.bytes.borrow()[start..start + N]);
        value
    }

    fn store(&self, offset: usize, value: &[u8]) {
        let start = self.checked(offset, value.len());
        self.bytes.borrow_mut()[start..start + value.len()].copy_from_slice(value);
    }

    fn checked(&self, offset: usize, size: usize) -> usize {
        assert!(offset + size <= self.len, "{size} bytes at {offset} of {}", self.len);
        assert!((self.start + offset).is_multiple_of(size), "a word of {size} bytes at {offset}");
        self.start + offset
    }
}

impl Region for VecRegion {
    fn load_u16(&self, offset: usize) -> u16 {
        u16::from_le_bytes(self.load(offset))
    }

    fn load_u32(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.load(offset))
    }

    fn load_u64(&self, offset: usize) -> u64 {
        u64::from_le_bytes(self.load(offset))
    }

    fn store_u16(&self, offset: usize, value: u16) {
        self.store(offset, &value.to_le_bytes());
    }

    fn store_u32(&self, offset: usize, value: u32) {
        self.store(offset, &value.to_le_bytes());
    }

    fn store_u64(&self, offset: usize, value: u64) {
        self.store(offset, &value.to_le_bytes());
    }
}
