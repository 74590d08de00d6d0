//! A device tree of the user's own: read strictly, fitted to what is loaded, and written anew.
//!
//! The file is not trusted. Everything in it is checked while it is read (Devicetree Specification, chapter 5), and what is handed to
//! software is written from what was understood: no offset of the file survives.

use vm_fdt::{FdtReserveEntry, FdtWriter};

use super::tree::Chosen;
use crate::map::Range;

const MAGIC: u32 = 0xd00d_feed;
/// The format's version: 17 since 2005, compatible with 16.
const VERSION: u32 = 17;
const COMPATIBLE_VERSION: u32 = 16;
const HEADER: usize = 40;
/// A file larger than this is taken for a mistake.
const SIZE_MAX: usize = 16 << 20;
/// Nobody builds deeper trees, and each level takes some of the host's stack.
const DEPTH_MAX: usize = 32;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROP: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// A device tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceTree {
    reserved: Vec<(u64, u64)>,
    boot_cpu: u32,
    root: Node,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    name: String,
    properties: Vec<(String, Vec<u8>)>,
    children: Vec<Node>,
}

impl Node {
    fn property(&self, name: &str) -> Option<&[u8]> {
        self.properties.iter().find(|(other, _)| other == name).map(|(_, value)| &value[..])
    }

    fn set(&mut self, name: &str, value: Vec<u8>) {
        match self.properties.iter_mut().find(|(other, _)| other == name) {
            Some((_, old)) => *old = value,
            None => self.properties.push((name.to_owned(), value)),
        }
    }

    fn cells(&self, name: &str, default: u32) -> u32 {
        self.property(name).and_then(|value| word(value, 0)).unwrap_or(default)
    }
}

impl DeviceTree {
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// What is wrong, and at which byte.
    pub(crate) fn parse(bytes: &[u8]) -> Result<DeviceTree, String> {
        let header = |index: usize| word(bytes, 4 * index).ok_or("it is shorter than a header");
        if header(0)? != MAGIC {
            return Err("it doesn't begin with 0xd00dfeed".to_owned());
        }
        let total = header(1)? as usize;
        if bytes.len() < HEADER || total < HEADER || total > bytes.len() || total > SIZE_MAX {
            return Err(format!("its header says {total} bytes, the file has {}", bytes.len()));
        }
        if header(5)? < COMPATIBLE_VERSION || header(6)? > VERSION {
            return Err(format!("its version is {}, compatible with {}: not 17", header(5)?, header(6)?));
        }
        let bytes = &bytes[..total];
        let block = |name: &str, at: u32, len: u32| {
            let range = at as usize..(at as usize).saturating_add(len as usize);
            let block = bytes.get(range).filter(|_| at as usize >= HEADER);
            block.ok_or_else(|| format!("its {name} block (at {at:#x}, {len:#x} bytes) is not in the file"))
        };
        // A file of version 16 doesn't say how long its structure is; it ends by itself.
        let structure_at = header(2)?;
        let structure_len = if header(5)? >= 17 { header(9)? } else { (total as u32).saturating_sub(structure_at) };
        if !structure_at.is_multiple_of(4) {
            return Err(format!("its structure block at {structure_at:#x} is not aligned"));
        }
        let structure = block("structure", structure_at, structure_len)?;
        let strings = block("strings", header(3)?, header(8)?)?;
        let reserved = reservations(bytes, header(4)? as usize)?;
        let mut reader = Reader { structure, strings, at: 0, base: structure_at as usize };
        let root = reader.tree()?;
        Ok(DeviceTree { reserved, boot_cpu: header(7)?, root })
    }

    /// Fits it to what is loaded: the command line, if there is one, replaces the tree's; the initial archive's place is that of what was
    /// loaded, or nowhere.
    pub(crate) fn choose(&mut self, chosen: &Chosen) {
        let found = self.root.children.iter().position(|node| node.name == "chosen");
        let index = found.unwrap_or_else(|| {
            self.root.children.insert(0, Node { name: "chosen".to_owned(), ..Node::default() });
            0
        });
        let node = &mut self.root.children[index];
        if let Some(append) = &chosen.append {
            node.set("bootargs", append.bytes().chain([0]).collect());
        }
        node.properties.retain(|(name, _)| !matches!(&name[..], "linux,initrd-start" | "linux,initrd-end"));
        if let Some(initrd) = chosen.initrd {
            node.set("linux,initrd-start", initrd.base().to_be_bytes().to_vec());
            node.set("linux,initrd-end", initrd.end().to_be_bytes().to_vec());
        }
    }

    /// Checks that the memory that it speaks of is there.
    ///
    /// # Errors
    /// Which region isn't.
    pub(crate) fn fits(&self, memory: Range) -> Result<(), String> {
        let cells = (self.root.cells("#address-cells", 2), self.root.cells("#size-cells", 1));
        let is_memory = |node: &&Node| node.property("device_type") == Some(b"memory\0");
        for node in self.root.children.iter().filter(is_memory) {
            let reg = node.property("reg").unwrap_or_default();
            for (base, len) in
                regions(reg, cells).ok_or_else(|| format!("`reg` of its node {} is malformed", node.name))?
            {
                if len != 0 && Range::new(base, len).is_none_or(|region| !memory.contains(region)) {
                    return Err(format!(
                        "its node {} speaks of {len:#x} bytes at {base:#x}; the machine's memory is {memory}",
                        node.name
                    ));
                }
            }
        }
        Ok(())
    }

    /// The tree as bytes for software.
    ///
    /// # Errors
    /// Which name or size the format doesn't allow.
    pub(crate) fn build(&self) -> Result<Vec<u8>, String> {
        let said = |error: vm_fdt::Error| error.to_string();
        let entry = |(at, len): &(u64, u64)| FdtReserveEntry::new(*at, *len).map_err(said);
        let reserved = self.reserved.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let mut fdt = FdtWriter::new_with_mem_reserv(&reserved).map_err(said)?;
        fdt.set_boot_cpuid_phys(self.boot_cpu);
        write(&mut fdt, &self.root)?;
        fdt.finish().map_err(said)
    }
}

/// No deeper than [`DEPTH_MAX`], as the reader has seen to.
fn write(fdt: &mut FdtWriter, node: &Node) -> Result<(), String> {
    let said = |name: &str| {
        let text = format!("`{}` in its node `{}`", name.escape_default(), node.name.escape_default());
        move |error: vm_fdt::Error| format!("{text}: {error}")
    };
    let open = fdt.begin_node(&node.name).map_err(said(""))?;
    for (name, value) in &node.properties {
        fdt.property(name, value).map_err(said(name))?;
    }
    node.children.iter().try_for_each(|child| write(fdt, child))?;
    fdt.end_node(open).map_err(said(""))
}

/// The memory reservation block (5.3): pairs of address and size, up to one of zeros.
fn reservations(bytes: &[u8], at: usize) -> Result<Vec<(u64, u64)>, String> {
    let bad = || format!("its reservation block at {at:#x} has no end");
    let block = bytes.get(at..).filter(|_| at >= HEADER).ok_or_else(bad)?;
    let mut reserved = Vec::new();
    for entry in block.chunks_exact(16) {
        match (number(&entry[..8]), number(&entry[8..])) {
            (0, 0) => return Ok(reserved),
            pair => reserved.push(pair),
        }
    }
    Err(bad())
}

/// `reg` as addresses and sizes of so many words each; `None` if it isn't made of such.
fn regions(reg: &[u8], (address, size): (u32, u32)) -> Option<Vec<(u64, u64)>> {
    if !(1..=2).contains(&address) || !(1..=2).contains(&size) {
        return None;
    }
    let (address, size) = (address as usize * 4, size as usize * 4);
    let entries = reg.chunks_exact(address + size);
    let whole = entries.remainder().is_empty();
    whole.then(|| entries.map(|entry| (number(&entry[..address]), number(&entry[address..]))).collect())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Up to eight big-endian bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Reads the structure block (5.4).
struct Reader<'a> {
    structure: &'a [u8],
    strings: &'a [u8],
    at: usize,
    /// Where the block is in the file, for messages.
    base: usize,
}

impl Reader<'_> {
    fn wrong(&self, at: usize, what: &str) -> String {
        format!("{what}, at byte {:#x}", self.base + at)
    }

    fn word(&mut self) -> Result<u32, String> {
        let found = word(self.structure, self.at).ok_or_else(|| self.wrong(self.at, "its structure is cut off"))?;
        self.at += 4;
        Ok(found)
    }

    fn token(&mut self) -> Result<u32, String> {
        loop {
            match self.word()? {
                NOP => {}
                token => return Ok(token),
            }
        }
    }

    /// The one root, and the end behind it.
    fn tree(&mut self) -> Result<Node, String> {
        if self.token()? != BEGIN_NODE {
            return Err(self.wrong(self.at - 4, "its structure doesn't begin with a node"));
        }
        let mut open = vec![self.begin(true)?];
        loop {
            let at = self.at;
            match self.token()? {
                BEGIN_NODE if open.len() == DEPTH_MAX => {
                    return Err(self.wrong(at, "its nodes lie too deep in one another"));
                }
                BEGIN_NODE => open.push(self.begin(false)?),
                PROP => {
                    let property = self.property()?;
                    let node = open.last_mut().ok_or("no node is open")?;
                    if !node.children.is_empty() {
                        return Err(self.wrong(at, "a property comes behind its node's children"));
                    }
                    if node.property(&property.0).is_some() {
                        let what = format!("`{}` is there twice in its node `{}`", property.0, node.name);
                        return Err(self.wrong(at, &what));
                    }
                    node.properties.push(property);
                }
                END_NODE => {
                    let node = open.pop().ok_or("no node is open")?;
                    match open.last_mut() {
                        Some(parent) if parent.children.iter().any(|child| child.name == node.name) => {
                            return Err(self.wrong(at, &format!("there are two nodes `{}`", node.name)));
                        }
                        Some(parent) => parent.children.push(node),
                        None if self.token()? == END => return Ok(node),
                        None => return Err(self.wrong(self.at - 4, "there is more behind its root")),
                    }
                }
                token => return Err(self.wrong(at, &format!("{token:#x} is no token"))),
            }
        }
    }

    fn begin(&mut self, root: bool) -> Result<Node, String> {
        let at = self.at;
        let rest = self.structure.get(at..).unwrap_or_default();
        let name = string(rest).ok_or_else(|| self.wrong(at, "a node's name is no text, or has no end"))?;
        if root != name.is_empty() {
            return Err(self.wrong(at, "the root must have no name, and all others one"));
        }
        self.at = (at + name.len() + 1).next_multiple_of(4);
        Ok(Node { name: name.to_owned(), ..Node::default() })
    }

    fn property(&mut self) -> Result<(String, Vec<u8>), String> {
        let at = self.at;
        let (len, name) = (self.word()? as usize, self.word()? as usize);
        let end = self.at.checked_add(len).ok_or("a property is too long")?;
        let value = self.structure.get(self.at..end).ok_or_else(|| self.wrong(at, "a property is too long"))?.to_vec();
        let name = string(self.strings.get(name..).unwrap_or_default()).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| self.wrong(at, "a property's name is not in the strings block"))?;
        self.at = end.next_multiple_of(4);
        Ok((name.to_owned(), value))
    }
}

/// The text up to a zero.
fn string(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    std::str::from_utf8(&bytes[..end]).ok()
}
