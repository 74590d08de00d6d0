//! One node: its name and its properties, read in the ways that the
//! specification gives them types ("Property values", 2.2.4).

use crate::walk::{Cells, Token, token};
use crate::{string_at, word_at};

/// A node of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    name: &'a str,
    depth: usize,
    cells: Cells,
    body: &'a [u8],
    strings: &'a [u8],
}

/// A property: its name and its value's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Property<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value; numbers in it are big-endian.
    pub value: &'a [u8],
}

impl<'a> Node<'a> {
    pub(crate) const fn new(name: &'a str, depth: usize, cells: Cells, body: &'a [u8], strings: &'a [u8]) -> Self {
        Self { name, depth, cells, body, strings }
    }

    /// Its name with its unit address, such as `memory@80000000`.
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// How many nodes it lies in: 0 for the root.
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// Whether `name` is its name, with or without the unit address.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.name.split('@').next() == Some(name)
    }

    /// Its properties.
    pub const fn properties(&self) -> Properties<'a> {
        Properties { body: self.body, strings: self.strings, offset: 0 }
    }

    /// The value of a property.
    pub fn property(&self, name: &str) -> Option<&'a [u8]> {
        self.properties().find(|property| property.name == name).map(|property| property.value)
    }

    /// A property that is a number of one or two words.
    pub fn number(&self, name: &str) -> Option<u64> {
        let value = self.property(name)?;
        match value.len() {
            4 | 8 => Some(number(value)),
            _ => None,
        }
    }

    /// A property that is a string, or the first one of a list.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.strings(name).next()
    }

    /// A property that is a list of strings.
    pub fn strings(&self, name: &str) -> Strings<'a> {
        Strings { rest: self.property(name).unwrap_or(&[]) }
    }

    /// Whether it claims to be compatible with `model`.
    pub fn is_compatible(&self, model: &str) -> bool {
        self.strings("compatible").any(|name| name == model)
    }

    /// Its `reg`: addresses and sizes, in as many words as its parent says.
    pub fn regions(&self) -> Regions<'a> {
        let words = |count: u32| (count <= 2).then_some(count as usize * 4);
        let (address, size) = (words(self.cells.address), words(self.cells.size));
        let readable = address.zip(size).filter(|&(address, _)| address > 0);
        let (address, size) = readable.unwrap_or((4, 0));
        let rest = self.property("reg").filter(|_| readable.is_some());
        Regions { rest: rest.unwrap_or(&[]), address, size }
    }
}

/// The number in up to eight big-endian bytes.
fn number(bytes: &[u8]) -> u64 {
    let words = [word_at(bytes, 0), word_at(bytes, 4)];
    words.into_iter().flatten().fold(0, |value, word| value << 32 | u64::from(word))
}

/// The properties of a node.
#[derive(Clone, Debug)]
pub struct Properties<'a> {
    body: &'a [u8],
    strings: &'a [u8],
    offset: usize,
}

impl<'a> Iterator for Properties<'a> {
    type Item = Property<'a>;

    fn next(&mut self) -> Option<Property<'a>> {
        // Properties come before children ("Node properties", 5.4.2).
        let Token::Prop { name_offset, value } = token(self.body, &mut self.offset)? else {
            self.offset = self.body.len();
            return None;
        };
        let name = string_at(self.strings, name_offset)?;
        Some(Property { name, value })
    }
}

/// The strings of a list, each ended by a zero.
#[derive(Clone, Debug)]
pub struct Strings<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = string_at(self.rest, 0)?;
        self.rest = &self.rest[text.len() + 1..];
        Some(text)
    }
}

/// Addresses and sizes of `reg`; the size is 0 where it has none.
#[derive(Clone, Debug)]
pub struct Regions<'a> {
    rest: &'a [u8],
    address: usize,
    size: usize,
}

impl Iterator for Regions<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        let entry = self.rest.get(..self.address + self.size)?;
        self.rest = &self.rest[entry.len()..];
        let (address, size) = entry.split_at(self.address);
        Some((number(address), number(size)))
    }
}
