//! Memory as devices of the board see it: RAM, and nothing else of the map.
//!
//! What a device writes is written like by any other that is no hart: code decoded from there is dropped, watched pages
//! report it, and reservations end ([`Ram::write_bytes`]).

use std::cell::RefCell;

use rv_hart::Ram;
use rv_virtio::memory::{GuestAddress, GuestMemory, MemoryError, Region};

use crate::map::Range;

/// RAM for as long as a device works. Harts stand still meanwhile, so a cell is all that sharing takes.
pub(crate) struct Dma<'a, 'ram> {
    ram: &'a RefCell<&'ram mut Ram>,
    /// Devices reach no ROM.
    range: Range,
}

impl<'a, 'ram> Dma<'a, 'ram> {
    pub(crate) fn new(ram: &'a RefCell<&'ram mut Ram>, range: Range) -> Self {
        Self { ram, range }
    }

    fn check(&self, address: GuestAddress, len: u64) -> Result<(), MemoryError> {
        // Nothing, anywhere within, is in memory too.
        let inside = Range::new(address.0, len.max(1)).is_some_and(|range| self.range.contains(range));
        if inside { Ok(()) } else { Err(MemoryError { address, len }) }
    }
}

impl<'a, 'ram> GuestMemory for Dma<'a, 'ram> {
    type Region = Window<'a, 'ram>;

    fn region(&self, address: GuestAddress, len: u64) -> Result<Window<'a, 'ram>, MemoryError> {
        self.check(address, len)?;
        Ok(Window { ram: self.ram, base: address.0, len: len as usize })
    }

    fn read(&self, address: GuestAddress, into: &mut [u8]) -> Result<(), MemoryError> {
        let len = into.len() as u64;
        self.check(address, len)?;
        self.ram.borrow().read_bytes(address.0, into).map_err(|_| MemoryError { address, len })
    }

    fn write(&self, address: GuestAddress, from: &[u8]) -> Result<(), MemoryError> {
        let len = from.len() as u64;
        self.check(address, len)?;
        self.ram.borrow_mut().write_bytes(address.0, from).map_err(|_| MemoryError { address, len })
    }
}

/// A piece of RAM that was found to be there.
pub(crate) struct Window<'a, 'ram> {
    ram: &'a RefCell<&'ram mut Ram>,
    base: u64,
    len: usize,
}

impl Window<'_, '_> {
    fn at(&self, offset: usize, size: usize) -> Option<u64> {
        let end = offset.checked_add(size)?;
        (end <= self.len).then_some(self.base + offset as u64)
    }

    fn load<const N: usize>(&self, offset: usize) -> [u8; N] {
        let mut bytes = [0; N];
        if let Some(at) = self.at(offset, N) {
            // It is memory: `Dma::region` has checked. Else it would read as zero.
            let _ = self.ram.borrow().read_bytes(at, &mut bytes);
        }
        bytes
    }

    fn store(&self, offset: usize, bytes: &[u8]) {
        if let Some(at) = self.at(offset, bytes.len()) {
            // As for `load`.
            let _ = self.ram.borrow_mut().write_bytes(at, bytes);
        }
    }
}

impl Region for Window<'_, '_> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map::{RAM_BASE, ROM};

    #[test]
    fn devices_reach_ram_and_nothing_else() {
        let mut ram = Ram::new(&[(ROM.base, ROM.len), (RAM_BASE, 8192)]).unwrap();
        let cell = RefCell::new(&mut ram);
        let dma = Dma::new(&cell, Range::new(RAM_BASE, 8192).unwrap());
        dma.write(GuestAddress(RAM_BASE + 8190), &[1, 2]).unwrap();
        assert_eq!(dma.read_u16(GuestAddress(RAM_BASE + 8190)), Ok(0x0201));
        for (address, len) in [(ROM.base, 4), (RAM_BASE - 2, 4), (RAM_BASE + 8190, 4), (u64::MAX - 1, 4)] {
            let error = Err(MemoryError { address: GuestAddress(address), len });
            assert_eq!(dma.read(GuestAddress(address), &mut vec![0; len as usize]), error);
            assert_eq!(dma.write(GuestAddress(address), &vec![0; len as usize]), error);
            assert!(dma.region(GuestAddress(address), len).is_err());
        }
        let window = dma.region(GuestAddress(RAM_BASE + 16), 8).unwrap();
        window.store_u32(4, 0xdead_beef);
        window.store_u64(4, u64::MAX);
        assert_eq!((window.load_u64(0), window.load_u32(8)), (0xdead_beef_0000_0000, 0));
        assert_eq!(ram.load(RAM_BASE + 20, 4), Some(0xdead_beef));
    }
}
