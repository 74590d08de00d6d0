//! Where blocks are kept: by physical address, with a table by virtual pc in front.

use rustc_hash::FxHashMap;

use super::block::Block;
use crate::ram::PAGE_SIZE;

/// Entries of the table by virtual pc.
const JUMPS: usize = 4096;
/// When this many blocks are held, all are dropped.
const BLOCKS_MAX: usize = 1 << 16;

#[derive(Clone, Copy)]
struct Jump {
    pc: u64,
    context: u64,
    block: *const Block,
}

const NO_JUMP: Jump = Jump { pc: 0, context: 0, block: std::ptr::null() };

/// The blocks of one hart. A look-up's context is the mode and the epoch: a new epoch voids the whole table at once.
pub(crate) struct Cache {
    jumps: Box<[Jump; JUMPS]>,
    pages: FxHashMap<u64, FxHashMap<u16, Box<Block>>>,
    blocks: usize,
    epoch: u64,
}

impl Cache {
    pub(crate) fn new() -> Cache {
        Cache { jumps: Box::new([NO_JUMP; JUMPS]), pages: FxHashMap::default(), blocks: 0, epoch: 1 }
    }

    /// What look-ups in `mode` carry until the next epoch; never 0.
    pub(crate) fn context(&self, mode: u8) -> u64 {
        self.epoch << 3 | u64::from(mode)
    }

    /// The block for virtual address `pc`, if known.
    #[inline(always)]
    pub(crate) fn jump(&self, pc: u64, context: u64) -> Option<*const Block> {
        let jump = &self.jumps[(pc >> 1) as usize % JUMPS];
        (jump.pc == pc && jump.context == context).then_some(jump.block)
    }

    /// Remembers the block for `pc`.
    pub(crate) fn set_jump(&mut self, pc: u64, context: u64, block: *const Block) {
        self.jumps[(pc >> 1) as usize % JUMPS] = Jump { pc, context, block };
    }

    /// The block at physical address `phys`.
    pub(crate) fn block(&self, phys: u64) -> Option<*const Block> {
        let block = self.pages.get(&page(phys))?.get(&offset(phys))?;
        Some(&raw const **block)
    }

    /// Keeps a block. Returns where it stays until it is dropped.
    pub(crate) fn insert(&mut self, phys: u64, block: Block) -> *const Block {
        if self.blocks == BLOCKS_MAX {
            self.drop_all();
        }
        self.blocks += 1;
        let place = self.pages.entry(page(phys)).or_default().entry(offset(phys));
        // A pointer from before the box was moved into the map might not be used any more.
        &raw const **place.insert_entry(Box::new(block)).get()
    }

    /// Translations changed: no virtual address is known any more.
    pub(crate) fn new_epoch(&mut self) {
        self.epoch += 1;
    }

    /// Drops the blocks of the physical page at `phys`.
    pub(crate) fn drop_page(&mut self, phys: u64) {
        if let Some(blocks) = self.pages.remove(&page(phys)) {
            self.blocks -= blocks.len();
            self.new_epoch();
        }
    }

    /// Drops everything.
    pub(crate) fn drop_all(&mut self) {
        self.pages.clear();
        self.blocks = 0;
        self.new_epoch();
    }
}

fn page(phys: u64) -> u64 {
    phys / PAGE_SIZE
}

fn offset(phys: u64) -> u16 {
    (phys % PAGE_SIZE) as u16
}
