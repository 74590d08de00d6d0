//! The walk over the structure block ("Lexical structure", 5.4.1): from one
//! node's beginning to the next, keeping what children inherit from parents.

use crate::{Node, string_at, word_at};

pub(crate) const BEGIN_NODE: u32 = 1;
pub(crate) const END_NODE: u32 = 2;
pub(crate) const PROP: u32 = 3;
pub(crate) const NOP: u32 = 4;

/// Deeper trees are cut: nobody builds them, and the walk's memory is fixed.
const DEPTH_MAX: usize = 16;

/// How many words an address and a size take in `reg` of a node's children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells {
    pub(crate) address: u32,
    pub(crate) size: u32,
}

/// What the specification says when a parent says nothing (2.3.5).
const DEFAULT_CELLS: Cells = Cells { address: 2, size: 1 };

/// All nodes of a tree, parents before children.
#[derive(Clone, Debug)]
pub struct Nodes<'a> {
    structure: &'a [u8],
    strings: &'a [u8],
    offset: usize,
    depth: usize,
    /// `cells[depth]`: what the node at `depth` says to its children.
    cells: [Cells; DEPTH_MAX],
}

/// One item of the structure block.
pub(crate) enum Token<'a> {
    Begin(&'a str),
    End,
    Prop { name_offset: usize, value: &'a [u8] },
}

/// Reads the item at `offset` and moves past it; `None` at the end of the
/// tree or at anything malformed.
pub(crate) fn token<'a>(structure: &'a [u8], offset: &mut usize) -> Option<Token<'a>> {
    loop {
        let kind = word_at(structure, *offset)?;
        *offset += 4;
        match kind {
            NOP => continue,
            END_NODE => return Some(Token::End),
            BEGIN_NODE => {
                let name = string_at(structure, *offset)?;
                *offset += (name.len() + 1).next_multiple_of(4);
                return Some(Token::Begin(name));
            }
            PROP => {
                let len = word_at(structure, *offset)? as usize;
                let name_offset = word_at(structure, *offset + 4)? as usize;
                let start = *offset + 8;
                let value = structure.get(start..start.checked_add(len)?)?;
                *offset = start + len.checked_next_multiple_of(4)?;
                return Some(Token::Prop { name_offset, value });
            }
            _ => return None,
        }
    }
}

impl<'a> Nodes<'a> {
    pub(crate) const fn new(structure: &'a [u8], strings: &'a [u8]) -> Self {
        Self { structure, strings, offset: 0, depth: 0, cells: [DEFAULT_CELLS; DEPTH_MAX] }
    }

    /// Takes note of what the node at `depth` says to its children.
    fn inherit(&mut self, depth: usize, node: &Node<'a>) {
        let cells = |name| node.property(name).and_then(|value| word_at(value, 0));
        self.cells[depth] = Cells {
            address: cells("#address-cells").unwrap_or(DEFAULT_CELLS.address),
            size: cells("#size-cells").unwrap_or(DEFAULT_CELLS.size),
        };
    }
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        loop {
            match token(self.structure, &mut self.offset)? {
                Token::Prop { .. } => {} // Its node reads it by itself.
                Token::End => self.depth = self.depth.checked_sub(1)?,
                Token::Begin(name) => {
                    let depth = self.depth;
                    let cells = match depth.checked_sub(1) {
                        Some(parent) => *self.cells.get(parent)?,
                        None => DEFAULT_CELLS,
                    };
                    let body = self.structure.get(self.offset..)?;
                    let node = Node::new(name, depth, cells, body, self.strings);
                    if depth >= DEPTH_MAX {
                        return None;
                    }
                    self.inherit(depth, &node);
                    self.depth = depth + 1;
                    return Some(node);
                }
            }
        }
    }
}
