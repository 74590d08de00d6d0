//! Putting files into memory, none over another.

use rv_hart::Ram;
use rv_hart::ram::PAGE_SIZE;

use super::Software;
use super::dtb::DeviceTree;
use super::tree::{Chosen, Tree};
use crate::image::{Image, ImageError};
use crate::map::{RAM_BASE, Range};

/// Where a kernel goes on RV64: 2 MiB above the start of memory.
const KERNEL_OFFSET: u64 = 2 << 20;
/// The archive starts half-way up, but no more than this above the kernel.
const INITRD_OFFSET_MAX: u64 = 128 << 20;
/// One that has no room there starts at a multiple of this.
const INITRD_ALIGN: u64 = 2 << 20;
/// The device tree ends below 3 GiB, where 32-bit firmware reaches it too, and starts at a multiple of 2 MiB.
const TREE_LIMIT: u64 = 3 << 30;
const TREE_ALIGN: u64 = 2 << 20;
/// Free bytes behind it, for software that adds to it.
const TREE_ROOM: usize = 4 << 10;
/// Where its header says how long it is.
const TREE_TOTAL_SIZE: usize = 4;

/// Where things went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// First instruction after the reset vector.
    pub(crate) entry: u64,
    /// Where the firmware shall go next; 0 if there is no kernel.
    pub(crate) next: u64,
    /// The device tree.
    pub(crate) tree: u64,
    /// All that was loaded, in the order in which it was.
    pub(crate) layout: Vec<Part>,
    /// Symbols of the ELF files.
    pub(crate) symbols: std::collections::BTreeMap<String, u64>,
}

/// Something that was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The file, or what it is.
    pub name: String,
    /// Where it is.
    pub range: Range,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.name, self.range)
    }
}

struct Placer<'a> {
    ram: &'a mut Ram,
    contents: Contents,
    memory: Range,
    taken: Vec<Part>,
}

/// What memory holds before it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Zeros, as the host gave it: what shall be zero need not be touched.
    Fresh,
    /// What software has left there.
    Used,
}

/// Loads `software` and the device tree.
///
/// # Errors
/// Which file does not fit, where, and why.
pub(crate) fn place(
    ram: &mut Ram,
    contents: Contents,
    memory: Range,
    software: &Software,
    tree: &Tree,
) -> Result<Placed, ImageError> {
    let mut placer = Placer { ram, contents, memory, taken: Vec::new() };
    let mut placed = Placed { entry: RAM_BASE, next: 0, tree: 0, layout: Vec::new(), symbols: Default::default() };
    if let Some(bios) = &software.bios {
        placed.entry = placer.image(bios, RAM_BASE)?;
        placed.symbols.extend(bios.symbols.clone());
    }
    if let Some(kernel) = &software.kernel {
        placed.next = placer.image(kernel, RAM_BASE + kernel.text_offset.unwrap_or(KERNEL_OFFSET))?;
        placed.symbols.extend(kernel.symbols.clone());
        if software.bios.is_none() {
            placed.entry = placed.next;
        }
    }
    let blob = |initrd| blob(software, tree, Chosen { append: software.append.clone(), initrd }, memory);
    let initrd = match &software.initrd {
        // Where it is makes no difference to the length of the tree, and so to where that goes.
        Some(bytes) => Some(placer.initrd(bytes, placer.tree_at(blob(Some(memory))?.len() as u64))?),
        None => None,
    };
    placed.tree = placer.tree(&blob(initrd)?)?;
    placed.layout = placer.taken;
    Ok(placed)
}

/// The device tree for software: the board's own, or the user's, with room behind it. U-Boot edits it where it keeps it, and writes over its
/// own data if that takes more room.
fn blob(software: &Software, tree: &Tree, chosen: Chosen, memory: Range) -> Result<Vec<u8>, ImageError> {
    let mut blob = packed_blob(software, tree, chosen, memory)?;
    blob.resize(blob.len() + TREE_ROOM, 0);
    let len = blob.len() as u32;
    blob[TREE_TOTAL_SIZE..TREE_TOTAL_SIZE + 4].copy_from_slice(&len.to_be_bytes());
    Ok(blob)
}

fn packed_blob(software: &Software, tree: &Tree, chosen: Chosen, memory: Range) -> Result<Vec<u8>, ImageError> {
    let Some(file) = &software.tree else { return Ok(tree.build(&chosen)) };
    let build = || {
        let mut tree = DeviceTree::parse(&file.bytes)?;
        tree.fits(memory)?;
        tree.choose(&chosen);
        tree.build()
    };
    build().map_err(|reason| ImageError::Tree { file: file.name.clone(), reason })
}

impl Placer<'_> {
    /// Loads a program: at `base` if it may lie anywhere, else where it says. Returns its first instruction.
    fn image(&mut self, image: &Image, base: u64) -> Result<u64, ImageError> {
        let offset = if image.movable { base } else { 0 };
        for segment in &image.segments {
            let addr = segment.addr.wrapping_add(offset);
            self.put(&image.name, "a segment", addr, &segment.bytes, segment.len)?;
        }
        Ok(image.entry.unwrap_or(0).wrapping_add(offset))
    }

    /// Puts the archive half-way up, below the device tree; or, where that is no room, right above what is loaded.
    fn initrd(&mut self, bytes: &[u8], tree: u64) -> Result<Range, ImageError> {
        if bytes.is_empty() {
            return Err(ImageError::Empty { file: "initrd".to_owned() });
        }
        let len = bytes.len() as u64;
        let offset = (self.memory.len() / 2).min(INITRD_OFFSET_MAX);
        let usual = (RAM_BASE + KERNEL_OFFSET + offset) & !0xfff;
        let top = self.taken.iter().map(|part| part.range.end()).max().unwrap_or(RAM_BASE);
        let free = |range: Range| range.end() <= tree && !self.taken.iter().any(|part| part.range.overlaps(range));
        let fits = |addr: u64| Range::new(addr, len).is_some_and(free);
        let above = top.next_multiple_of(INITRD_ALIGN);
        let addr = if !fits(usual) && fits(above) { above } else { usual };
        self.put("initrd", "the archive", addr, bytes, len)
    }

    /// Where a device tree of `len` bytes goes.
    fn tree_at(&self, len: u64) -> u64 {
        let limit = self.memory.end().min(TREE_LIMIT);
        let addr = limit.saturating_sub(len) & !(TREE_ALIGN - 1);
        let range = Range::new(addr, len);
        let free = range.is_some_and(|range| self.taken.iter().all(|part| !part.range.overlaps(range)));
        // Little machines have no room for the alignment.
        if addr > RAM_BASE && free { addr } else { limit.saturating_sub(len) & !0xfff }
    }

    fn tree(&mut self, bytes: &[u8]) -> Result<u64, ImageError> {
        let len = bytes.len() as u64;
        self.put("device tree", "it", self.tree_at(len), bytes, len).map(Range::base)
    }

    fn put(&mut self, file: &str, what: &str, addr: u64, bytes: &[u8], len: u64) -> Result<Range, ImageError> {
        let memory = self.memory;
        let outside = || ImageError::Outside {
            file: file.to_owned(),
            what: what.to_owned(),
            addr,
            len,
            memory: memory.to_string(),
        };
        let range = Range::new(addr, len).filter(|range| memory.contains(*range)).ok_or_else(outside)?;
        if let Some(other) = self.taken.iter().find(|part| part.range.overlaps(range)) {
            return Err(ImageError::Overlap { file: file.to_owned(), addr, len, other: other.to_string() });
        }
        self.ram.write_bytes(addr, bytes).map_err(|_| outside())?;
        if self.contents == Contents::Used {
            let rest = addr + bytes.len() as u64..addr + len;
            self.clear(rest).map_err(|_| outside())?;
        }
        self.taken.push(Part { name: file.to_owned(), range });
        Ok(range)
    }

    fn clear(&mut self, range: std::ops::Range<u64>) -> Result<(), rv_hart::RamError> {
        let zeros = [0; PAGE_SIZE as usize];
        for addr in range.clone().step_by(PAGE_SIZE as usize) {
            let len = (range.end - addr).min(PAGE_SIZE);
            self.ram.write_bytes(addr, &zeros[..len as usize])?;
        }
        Ok(())
    }
}
