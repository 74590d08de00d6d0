//! A little assembler for the parts of a program that are not random.

use rv_isa::asm::{LI_MAX, li};
use rv_isa::{Fields, Op, encode};

/// Instructions from an address on.
pub struct Asm {
    base: u64,
    words: Vec<u32>,
}

impl Asm {
    /// Nothing yet, at `base`.
    pub fn new(base: u64) -> Asm {
        Asm { base, words: Vec::new() }
    }

    /// Address of the next instruction.
    pub fn here(&self) -> u64 {
        self.base + 4 * self.words.len() as u64
    }

    /// Appends instructions.
    pub fn put(&mut self, words: &[u32]) {
        self.words.extend_from_slice(words);
    }

    /// Loads a constant.
    pub fn li(&mut self, rd: u8, value: u64) {
        self.words.extend_from_slice(li(rd, value, &mut [0; LI_MAX]));
    }

    /// Leaves room for one instruction, which [`Asm::fill`] fills.
    pub fn hole(&mut self) -> u64 {
        let at = self.here();
        self.words.push(0);
        at
    }

    /// Makes the hole at `at` the branch or jump `op` to `target`.
    pub fn fill(&mut self, at: u64, op: Op, rs1: u8, rs2: u8, target: u64) {
        let index = ((at - self.base) / 4) as usize;
        assert_eq!(self.words[index], 0, "a hole");
        let imm = target.wrapping_sub(at) as i32;
        self.words[index] = encode(op, Fields { rs1, rs2, imm, ..Fields::default() });
    }

    /// Branches or jumps to `target`.
    pub fn branch(&mut self, op: Op, rs1: u8, rs2: u8, target: u64) {
        let at = self.hole();
        self.fill(at, op, rs1, rs2, target);
    }

    /// Goes on at a later address.
    pub fn skip_to(&mut self, at: u64) {
        assert!(at >= self.here() && at.is_multiple_of(4), "only forward");
        self.words.resize(((at - self.base) / 4) as usize, 0);
    }

    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}
