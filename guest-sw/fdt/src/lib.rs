//! A reader of flattened device trees (Devicetree Specification v0.4, chapter
//! 5) for programs that are told about their machine in no other way.
//!
//! The blob comes from outside, so nothing in it is trusted: every access is
//! checked, every loop ends with the blob, and a malformed tree reads as a
//! shorter one. It borrows the blob, allocates nothing and never panics.
#![no_std]

mod node;
mod walk;

pub use node::{Node, Properties, Property, Regions, Strings};
pub use walk::Nodes;

/// Why a blob isn't a device tree that this reader understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Too short for a header, or for the size that the header claims.
    Truncated,
    /// It doesn't begin with 0xd00dfeed.
    BadMagic,
    /// Its format is incompatible with version 17.
    BadVersion,
    /// A block lies outside the blob.
    BadBlock,
}

const MAGIC: u32 = 0xd00d_feed;
const VERSION: u32 = 17;

/// Bytes of the header ("Header", 5.2): ten big-endian words.
pub const HEADER_SIZE: usize = 40;

/// Offsets of the header's words, in bytes.
pub mod header {
    /// Size of the whole blob.
    pub const TOTAL_SIZE: usize = 4;
    /// Where the structure block is.
    pub const STRUCTURE_OFFSET: usize = 8;
    /// Where the strings block is.
    pub const STRINGS_OFFSET: usize = 12;
    /// Where the memory reservation block is.
    pub const RESERVATIONS_OFFSET: usize = 16;
    /// The oldest version that it is compatible with.
    pub const COMPATIBLE_VERSION: usize = 24;
    /// Size of the strings block.
    pub const STRINGS_SIZE: usize = 32;
    /// Size of the structure block.
    pub const STRUCTURE_SIZE: usize = 36;
}

/// A device tree in memory.
#[derive(Clone, Copy, Debug)]
pub struct Fdt<'a> {
    blob: &'a [u8],
    structure: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Fdt<'a> {
    /// The tree at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        let word = |offset| word_at(bytes, offset).ok_or(Error::Truncated);
        if word(0)? != MAGIC {
            return Err(Error::BadMagic);
        }
        if word(header::COMPATIBLE_VERSION)? > VERSION {
            return Err(Error::BadVersion);
        }
        let total = word(header::TOTAL_SIZE)? as usize;
        let blob = bytes.get(..total).ok_or(Error::Truncated)?;
        let block = |offset, size| {
            let start = word(offset)? as usize;
            let end = start.checked_add(word(size)? as usize);
            end.and_then(|end| blob.get(start..end)).ok_or(Error::BadBlock)
        };
        Ok(Self {
            blob,
            structure: block(header::STRUCTURE_OFFSET, header::STRUCTURE_SIZE)?,
            strings: block(header::STRINGS_OFFSET, header::STRINGS_SIZE)?,
        })
    }

    /// The tree at an address, as a boot protocol passes it.
    ///
    /// # Safety
    /// `address` is 8-byte aligned and readable for a header and then for as
    /// many bytes as the header says, which nobody writes while it is borrowed.
    pub unsafe fn at(address: *const u8) -> Result<Self, Error> {
        // SAFETY: the caller vouches for the header's bytes.
        let head = unsafe { core::slice::from_raw_parts(address, HEADER_SIZE) };
        if word_at(head, 0) != Some(MAGIC) {
            return Err(Error::BadMagic);
        }
        let total = word_at(head, header::TOTAL_SIZE).unwrap_or(0) as usize;
        // SAFETY: the caller vouches for as many bytes as the header says.
        Self::new(unsafe { core::slice::from_raw_parts(address, total) })
    }

    /// The whole blob.
    pub const fn blob(&self) -> &'a [u8] {
        self.blob
    }

    /// All nodes, parents before children.
    pub const fn nodes(&self) -> Nodes<'a> {
        Nodes::new(self.structure, self.strings)
    }

    /// The node at `path`, such as `/chosen`; a component without a unit
    /// address matches a node with any.
    pub fn find(&self, path: &str) -> Option<Node<'a>> {
        let mut components = path.split('/').filter(|name| !name.is_empty());
        let mut wanted = components.next();
        let mut depth = 1;
        for node in self.nodes() {
            let Some(name) = wanted else {
                return Some(node); // The root: the first node that there is.
            };
            if node.depth() < depth {
                if node.depth() > 0 {
                    return None; // Left the parent that matched.
                }
            } else if node.depth() == depth && node.is_called(name) {
                wanted = components.next();
                depth += 1;
                if wanted.is_none() {
                    return Some(node);
                }
            }
        }
        None
    }

    /// Nodes that claim to be compatible with `model`.
    pub fn compatible(&self, model: &str) -> impl Iterator<Item = Node<'a>> {
        self.nodes().filter(move |node| node.is_compatible(model))
    }

    /// The memory that the machine has, from all its memory nodes.
    pub fn memory(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        self.nodes()
            .filter(|node| node.depth() == 1 && node.text("device_type") == Some("memory"))
            .flat_map(|node| node.regions())
    }

    /// The harts that the machine has and that are enabled: their numbers.
    pub fn harts(&self) -> impl Iterator<Item = u64> + use<'a> {
        self.nodes()
            .filter(|node| node.depth() == 2 && node.text("device_type") == Some("cpu"))
            .filter(|node| matches!(node.text("status"), None | Some("okay")))
            .filter_map(|node| node.regions().next())
            .map(|(hart, _)| hart)
    }

    /// The command line.
    pub fn bootargs(&self) -> &'a str {
        self.find("/chosen").and_then(|chosen| chosen.text("bootargs")).unwrap_or("")
    }

    /// The value of `key` in a command line of `key=value` words.
    pub fn bootarg(&self, key: &str) -> Option<&'a str> {
        self.bootargs()
            .split_ascii_whitespace()
            .filter_map(|word| word.split_once('='))
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// Where the initial RAM disk lies: start and end.
    pub fn initrd(&self) -> Option<(u64, u64)> {
        let chosen = self.find("/chosen")?;
        let start = chosen.number("linux,initrd-start")?;
        let end = chosen.number("linux,initrd-end")?;
        (start < end).then_some((start, end))
    }
}

/// The big-endian word at a byte offset.
pub(crate) fn word_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_be_bytes(word.try_into().ok()?))
}

/// The bytes of a zero-terminated string at an offset, without the zero.
pub(crate) fn string_at(bytes: &[u8], offset: usize) -> Option<&str> {
    let rest = bytes.get(offset..)?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    core::str::from_utf8(&rest[..end]).ok()
}
