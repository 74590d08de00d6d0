//! Reads a flattened device tree (Devicetree Specification 0.4, chapter 5).
//! Nothing is copied: nodes and properties are slices of the blob.

const MAGIC: u32 = 0xd00d_feed;
const HEADER_LEN: usize = 40;
const TOKEN_BEGIN_NODE: u32 = 1;
const TOKEN_END_NODE: u32 = 2;
const TOKEN_PROP: u32 = 3;
const TOKEN_NOP: u32 = 4;

/// A device tree blob.
#[derive(Clone, Copy, Debug)]
pub struct Fdt<'a> {
    structure: &'a [u8],
    strings: &'a [u8],
    /// Length of the whole blob, from its header.
    pub total_len: usize,
}

/// A node: a place in the structure block, just after the node's name.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    fdt: Fdt<'a>,
    offset: usize,
    /// Name with unit address; empty for the root.
    pub name: &'a str,
}

/// A property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: &'a [u8],
}

enum Token<'a> {
    Begin(&'a str),
    End,
    Property(Property<'a>),
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn c_str(bytes: &[u8], at: usize) -> Option<&str> {
    let rest = bytes.get(at..)?;
    let len = rest.iter().position(|&byte| byte == 0)?;
    core::str::from_utf8(&rest[..len]).ok()
}

impl<'a> Fdt<'a> {
    /// Length of the blob that begins with these 8 bytes, if it is one.
    pub fn blob_len(start: &[u8]) -> Option<usize> {
        (be32(start, 0)? == MAGIC).then_some(be32(start, 4)? as usize)
    }

    /// Checks the header.
    pub fn parse(blob: &'a [u8]) -> Option<Self> {
        let total_len = Self::blob_len(blob)?;
        let field = |index: usize| be32(blob, index * 4).map(|value| value as usize);
        if blob.len() < HEADER_LEN || total_len > blob.len() {
            return None;
        }
        let (structure, strings) = (field(2)?, field(3)?);
        Some(Self {
            structure: blob.get(structure..structure.checked_add(field(9)?)?)?,
            strings: blob.get(strings..strings.checked_add(field(8)?)?)?,
            total_len,
        })
    }

    /// The next token and the offset after it; `None` at the end or when the
    /// structure is broken.
    fn token(&self, mut offset: usize) -> Option<(Token<'a>, usize)> {
        loop {
            let token = be32(self.structure, offset)?;
            offset += 4;
            return match token {
                TOKEN_BEGIN_NODE => {
                    let name = c_str(self.structure, offset)?;
                    Some((Token::Begin(name), (offset + name.len() + 1).next_multiple_of(4)))
                }
                TOKEN_END_NODE => Some((Token::End, offset)),
                TOKEN_PROP => self.property(offset),
                TOKEN_NOP => continue,
                _ => None,
            };
        }
    }

    fn property(&self, offset: usize) -> Option<(Token<'a>, usize)> {
        let len = be32(self.structure, offset)? as usize;
        let name = c_str(self.strings, be32(self.structure, offset + 4)? as usize)?;
        let start = offset + 8;
        let value = self.structure.get(start..start.checked_add(len)?)?;
        Some((Token::Property(Property { name, value }), (start + len).next_multiple_of(4)))
    }

    /// The root node.
    pub fn root(&self) -> Option<Node<'a>> {
        match self.token(0)? {
            (Token::Begin(name), offset) => Some(Node { fdt: *self, offset, name }),
            _ => None,
        }
    }

    /// The node at a path of names below the root; a name without unit address
    /// matches the first node that has it.
    pub fn node(&self, path: &[&str]) -> Option<Node<'a>> {
        path.iter().try_fold(self.root()?, |node, name| {
            node.children().find(|child| child.name == *name || child.base_name() == *name)
        })
    }

    /// The first node below `soc` or the root whose `compatible` lists `name`.
    pub fn compatible(&self, name: &str) -> Option<Node<'a>> {
        let root = self.root()?;
        let below = root.children().find(|child| child.base_name() == "soc");
        let nodes = below.into_iter().flat_map(|soc| soc.children()).chain(root.children());
        nodes.into_iter().find(|node| node.is_compatible(name))
    }
}

impl<'a> Node<'a> {
    /// Name without unit address.
    pub fn base_name(&self) -> &'a str {
        self.name.split('@').next().unwrap_or(self.name)
    }

    /// Its properties.
    pub fn properties(&self) -> impl Iterator<Item = Property<'a>> + use<'a> {
        let fdt = self.fdt;
        let mut offset = self.offset;
        core::iter::from_fn(move || match fdt.token(offset)? {
            (Token::Property(property), next) => {
                offset = next;
                Some(property)
            }
            _ => None,
        })
    }

    /// The value of a property.
    pub fn property(&self, name: &str) -> Option<&'a [u8]> {
        self.properties().find(|property| property.name == name).map(|property| property.value)
    }

    /// A property of one or two cells as a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        let value = self.property(name)?;
        match value.len() {
            4 => be32(value, 0).map(u64::from),
            8 => Some(cells(value, 0, 2)),
            _ => None,
        }
    }

    /// A property as a string.
    pub fn string(&self, name: &str) -> Option<&'a str> {
        c_str(self.property(name)?, 0)
    }

    /// Whether `compatible` lists `name`.
    pub fn is_compatible(&self, name: &str) -> bool {
        let list = self.property("compatible").unwrap_or(&[]);
        list.split(|&byte| byte == 0).any(|entry| entry == name.as_bytes())
    }

    /// `reg` as (address, size) pairs, for a parent with two cells each, as all
    /// 64-bit boards have.
    pub fn reg(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        let value = self.property("reg").unwrap_or(&[]);
        value.chunks_exact(16).map(|pair| (cells(pair, 0, 2), cells(pair, 8, 2)))
    }

    /// Its child nodes.
    pub fn children(&self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        let fdt = self.fdt;
        let mut offset = self.offset;
        core::iter::from_fn(move || {
            loop {
                match fdt.token(offset)? {
                    (Token::Property(_), next) => offset = next,
                    (Token::End, _) => return None,
                    (Token::Begin(name), next) => {
                        offset = skip_node(fdt, next)?;
                        return Some(Node { fdt, offset: next, name });
                    }
                }
            }
        })
    }
}

/// The offset after the end of the node whose content begins at `offset`.
fn skip_node(fdt: Fdt<'_>, mut offset: usize) -> Option<usize> {
    let mut depth = 1;
    while depth > 0 {
        let (token, next) = fdt.token(offset)?;
        offset = next;
        match token {
            Token::Begin(_) => depth += 1,
            Token::End => depth -= 1,
            Token::Property(_) => {}
        }
    }
    Some(offset)
}

fn cells(value: &[u8], at: usize, count: usize) -> u64 {
    (0..count).fold(0, |sum, index| sum << 32 | u64::from(be32(value, at + 4 * index).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::Fdt;

    /// `/ { a = <7>; memory@8000 { reg = <0 0x8000 0 0x100>; }; soc { u@1 {
    /// compatible = "x", "uart"; }; }; }`
    fn sample() -> Vec<u8> {
        let strings = b"a\0reg\0compatible\0";
        let mut s: Vec<u8> = Vec::new();
        let word = |s: &mut Vec<u8>, v: u32| s.extend(v.to_be_bytes());
        let begin = |s: &mut Vec<u8>, name: &str| {
            word(s, 1);
            s.extend(name.bytes().chain([0]));
            s.resize(s.len().next_multiple_of(4), 0);
        };
        let prop = |s: &mut Vec<u8>, name: u32, value: &[u8]| {
            [3, value.len() as u32, name].map(|v| word(s, v));
            s.extend(value);
            s.resize(s.len().next_multiple_of(4), 0);
        };
        begin(&mut s, "");
        prop(&mut s, 0, &7u32.to_be_bytes());
        begin(&mut s, "memory@8000");
        let reg: Vec<u8> = [0u32, 0x8000, 0, 0x100].iter().flat_map(|v| v.to_be_bytes()).collect();
        prop(&mut s, 2, &reg);
        word(&mut s, 2);
        begin(&mut s, "soc");
        begin(&mut s, "u@1");
        prop(&mut s, 6, b"x\0uart\0");
        [2, 2, 2, 9].map(|v| word(&mut s, v));
        let (at_struct, at_strings) = (40, 40 + s.len());
        let total = at_strings + strings.len();
        let header = [0xd00d_feed, total, at_struct, at_strings, 0, 17, 16, 0, strings.len(), s.len()];
        let mut blob: Vec<u8> = header.iter().flat_map(|&v| (v as u32).to_be_bytes()).collect();
        blob.extend(s);
        blob.extend(strings);
        blob
    }

    #[test]
    fn nodes_and_properties_are_found() {
        let blob = sample();
        let fdt = Fdt::parse(&blob).unwrap();
        assert_eq!(fdt.root().unwrap().number("a"), Some(7));
        assert_eq!(fdt.node(&["memory"]).unwrap().reg().next(), Some((0x8000, 0x100)));
        assert_eq!(fdt.node(&["soc", "u@1"]).unwrap().name, "u@1");
        assert_eq!(fdt.compatible("uart").unwrap().name, "u@1");
        assert!(fdt.compatible("uar").is_none());
        assert!(fdt.node(&["chosen"]).is_none());
        assert_eq!(fdt.root().unwrap().children().count(), 2);
    }

    #[test]
    fn broken_blobs_end_the_search_without_a_panic() {
        let blob = sample();
        assert!(Fdt::parse(&blob[..blob.len() - 1]).is_none());
        for at in 0..blob.len() {
            let mut broken = blob.clone();
            broken[at] ^= 0xff;
            if let Some(fdt) = Fdt::parse(&broken) {
                let _ = fdt.compatible("uart").map(|node| node.reg().count());
            }
        }
    }
}
