//! Writes a flattened device tree (Devicetree Specification v0.4, chapter 5) into a buffer, in one pass and without allocating.
//!
//! Names of properties are not collected: each is written once for each use, which costs some hundred bytes.

use crate::sys::{Error, refuse};

const MAGIC: u32 = 0xd00d_feed;
const VERSION: u32 = 17;
const COMPATIBLE_VERSION: u32 = 16;
const HEADER_SIZE: usize = 40;
/// One empty entry ends the block of reservations.
const RESERVATIONS_SIZE: usize = 16;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROP: u32 = 3;
const END: u32 = 9;

/// Bytes for the names of properties.
const NAMES_MAX: usize = 4096;

/// A tree that is being written.
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    used: usize,
    names: [u8; NAMES_MAX],
    names_used: usize,
    overflow: bool,
}

impl<'a> Writer<'a> {
    /// An empty tree in `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Writer<'a> {
        let overflow = buffer.len() < HEADER_SIZE + RESERVATIONS_SIZE;
        buffer.fill(0);
        Writer { buffer, used: HEADER_SIZE + RESERVATIONS_SIZE, names: [0; NAMES_MAX], names_used: 0, overflow }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match self.buffer.get_mut(self.used..self.used + bytes.len()) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.overflow = true,
        }
        self.used += bytes.len();
    }

    fn word(&mut self, word: u32) {
        self.bytes(&word.to_be_bytes());
    }

    fn pad(&mut self) {
        self.used = self.used.next_multiple_of(4);
    }

    /// Begins a node, called `name` or, with a unit address, `name@unit`.
    pub fn begin(&mut self, name: &str, unit: Option<u64>) {
        self.word(BEGIN_NODE);
        self.bytes(name.as_bytes());
        if let Some(unit) = unit {
            let mut digits = [0; 17];
            let mut first = digits.len();
            let mut rest = unit;
            loop {
                first -= 1;
                digits[first] = b"0123456789abcdef"[(rest & 15) as usize];
                rest >>= 4;
                if rest == 0 {
                    break;
                }
            }
            self.bytes(b"@");
            self.bytes(&digits[first..]);
        }
        self.bytes(&[0]);
        self.pad();
    }

    /// Ends the node that was begun last.
    pub fn end(&mut self) {
        self.word(END_NODE);
    }

    /// Begins a property whose value of `size` bytes the caller writes.
    fn property(&mut self, name: &str, size: usize) {
        self.word(PROP);
        self.word(size as u32);
        self.word(self.names_used as u32);
        let end = self.names_used + name.len();
        match self.names.get_mut(self.names_used..end + 1) {
            Some(room) => room[..name.len()].copy_from_slice(name.as_bytes()),
            None => self.overflow = true,
        }
        self.names_used = end + 1;
    }

    /// A property without a value.
    pub fn flag(&mut self, name: &str) {
        self.property(name, 0);
    }

    /// A property of 32-bit cells.
    pub fn cells(&mut self, name: &str, cells: &[u32]) {
        self.property(name, cells.len() * 4);
        cells.iter().for_each(|cell| self.word(*cell));
    }

    /// A property of one address and size, two cells each.
    pub fn region(&mut self, name: &str, address: u64, size: u64) {
        self.cells(name, &[(address >> 32) as u32, address as u32, (size >> 32) as u32, size as u32]);
    }

    /// A property of pieces of text that are one string.
    pub fn text<'t>(&mut self, name: &str, pieces: impl Iterator<Item = &'t str> + Clone) {
        let size: usize = pieces.clone().map(str::len).sum();
        self.property(name, size + 1);
        pieces.for_each(|piece| self.bytes(piece.as_bytes()));
        self.bytes(&[0]);
        self.pad();
    }

    /// A property of one or more strings.
    pub fn strings<'t>(&mut self, name: &str, strings: impl Iterator<Item = &'t str> + Clone) {
        let size: usize = strings.clone().map(|string| string.len() + 1).sum();
        self.property(name, size);
        for string in strings {
            self.bytes(string.as_bytes());
            self.bytes(&[0]);
        }
        self.pad();
    }

    /// Ends the tree; its size in bytes.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn finish(mut self) -> Result<usize, Error> {
        self.word(END);
        let structure_end = self.used;
        let names = self.names;
        self.bytes(names.get(..self.names_used).unwrap_or_default());
        if self.overflow {
            return refuse("the device tree is too large");
        }
        let structure = HEADER_SIZE + RESERVATIONS_SIZE;
        let header = [
            MAGIC,
            self.used as u32,
            structure as u32,
            structure_end as u32,
            HEADER_SIZE as u32,
            VERSION,
            COMPATIBLE_VERSION,
            0,
            self.names_used as u32,
            (structure_end - structure) as u32,
        ];
        for (index, word) in header.iter().enumerate() {
            self.buffer[index * 4..index * 4 + 4].copy_from_slice(&word.to_be_bytes());
        }
        Ok(self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut buffer = [0; 1024];
        let mut writer = Writer::new(&mut buffer);
        writer.begin("", None);
        writer.cells("#address-cells", &[2]);
        writer.begin("uart", Some(0x1000_0000));
        writer.region("reg", 0x1000_0000, 0x100);
        writer.text("riscv,isa", ["rv64", "ima"].into_iter());
        writer.strings("compatible", ["a", "bc"].into_iter());
        writer.flag("on");
        writer.end();
        writer.end();
        let size = writer.finish().unwrap();
        let tree = fdt::Fdt::new(&buffer[..size]).unwrap();
        let uart = tree.find("/uart@10000000").expect("the node is there");
        assert_eq!(uart.property("riscv,isa"), Some(&b"rv64ima\0"[..]));
        assert_eq!(uart.property("compatible"), Some(&b"a\0bc\0"[..]));
        assert_eq!(uart.property("on"), Some(&b""[..]));
        assert_eq!(uart.property("reg").unwrap().len(), 16);
    }

    #[test]
    fn a_buffer_too_small_is_an_error() {
        for size in 0..70 {
            let mut buffer = [0; 70];
            let mut writer = Writer::new(&mut buffer[..size]);
            writer.begin("", None);
            writer.cells("#address-cells", &[2]);
            writer.end();
            assert!(writer.finish().is_err(), "{size}");
        }
    }
}
