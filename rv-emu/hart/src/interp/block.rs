//! Pre-decoded code: straight runs of instructions within one physical page.

use rv_isa::{Class, Insn, IsaSet, Op};

use crate::cost::Costs;
use crate::engine::Operands;
use crate::ext::Extension;
use crate::interp::handlers::{self, Handler};
use crate::ram::{PAGE_SIZE, Ram};

/// Instructions in a block at most. Handlers call each other along a block, so this also bounds their stack in builds where the
/// compiler doesn't turn those calls into jumps.
const BLOCK_MAX: usize = 64;

/// One decoded instruction.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct BlockOp {
    pub(crate) handler: Handler,
    pub(crate) operands: Operands,
    /// Cycles of the block up to and with this instruction, by the static part of the cost model.
    pub(crate) cost: u32,
    /// Offset of the next instruction from the start of the page; may be just past its end.
    next: u16,
    /// Position in the block.
    pub(crate) index: u16,
    /// Cycles that a branch adds if static prediction gets it wrong.
    pub(crate) miss: u16,
    /// A conditional branch that static prediction takes: it goes backward.
    pub(crate) backward: bool,
    /// Nothing may follow without the run loop having a look.
    pub(crate) ends_block: bool,
    /// A jump whose target comes next in the block.
    followed: bool,
    /// What the handler stands for.
    pub(crate) kind: Kind,
}

/// What an entry of a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An instruction of the base.
    Row(Op),
    /// A jump whose target comes next in the block.
    Followed,
    /// A software marker.
    Marker,
    /// No instruction of the base; perhaps an extension's.
    Foreign,
    /// No instruction: the end of a run that no jump ends.
    End,
}

/// Blocks are read all the time.
const _: () = assert!(size_of::<BlockOp>() == 40);

impl BlockOp {
    /// Address of the next instruction in memory, in a block whose page starts at virtual address `page`.
    #[inline(always)]
    pub(crate) fn next_pc(&self, page: u64) -> u64 {
        page.wrapping_add(u64::from(self.next))
    }

    /// Address of this instruction.
    #[inline(always)]
    pub(crate) fn pc(&self, page: u64) -> u64 {
        self.next_pc(page).wrapping_sub(self.operands.length())
    }
}

/// Makes a run of instructions end properly, wherever it was cut.
pub(crate) fn close(ops: &mut Vec<BlockOp>) {
    let Some(last) = ops.last_mut() else { return };
    if last.followed {
        last.handler = handlers::select(Op::Jal, &last.operands);
        last.followed = false;
        last.kind = Kind::Row(Op::Jal);
        last.ends_block = true;
    }
    if !last.ends_block {
        let end = BlockOp { handler: handlers::END, index: last.index + 1, ends_block: true, kind: Kind::End, ..*last };
        ops.push(end);
    }
}

/// A run of instructions. It ends with one that `ends_block`, or with the marker of [`BlockOp::end_after`].
pub(crate) struct Block {
    pub(crate) ops: Vec<BlockOp>,
    /// Static cycles of the whole run.
    pub(crate) cost: u64,
}

/// Turns memory into blocks.
pub(crate) struct Translator<'a> {
    pub(crate) costs: &'a Costs,
    pub(crate) isa: IsaSet,
    pub(crate) extensions: &'a [Box<dyn Extension>],
}

/// A decoded instruction, and where in the page decoding goes on; `None` if it ends the block.
struct Decoded {
    op: BlockOp,
    then: Option<u64>,
}

impl Translator<'_> {
    /// Decodes from `phys` to the end of its page, or of the run. `None` if not even one instruction lies within the page.
    ///
    /// Unconditional jumps within the page are followed, and branches that are not taken stay in the block.
    pub(crate) fn block(&self, ram: &mut Ram, phys: u64) -> Option<Block> {
        let page = phys & !(PAGE_SIZE - 1);
        let mut ops: Vec<BlockOp> = Vec::new();
        let mut cost = 0;
        let mut at = Some(phys - page);
        while let Some(offset) = at.filter(|_| ops.len() < BLOCK_MAX) {
            let Some((raw, len)) = fetch(ram, page, offset) else { break };
            ram.mark_code(page, offset, offset + len);
            let decoded = self.decode(raw, offset, ops.len() as u16, cost);
            cost = decoded.op.cost;
            at = decoded.then;
            ops.push(decoded.op);
        }
        finished(ops)
    }

    /// The instruction `raw` alone, at `offset` in its page.
    pub(crate) fn lone(&self, raw: u32, offset: u64) -> Block {
        let decoded = self.decode(raw, offset, 0, 0);
        finished(vec![decoded.op]).expect("a block of one instruction isn't empty")
    }

    /// The instruction `raw`, if the hart has it.
    pub(crate) fn known(&self, raw: u32) -> Option<Insn> {
        rv_isa::decode(raw).filter(|insn| self.isa.contains(insn.isa()))
    }

    fn decode(&self, raw: u32, offset: u64, index: u16, cost: u32) -> Decoded {
        let raw = if raw & 3 == 3 { raw } else { raw & 0xffff };
        let Some(insn) = self.known(raw) else {
            let op = self.foreign(raw, offset, index, cost);
            return Decoded { op, then: None };
        };
        let Insn { imm, rd, rs1, rs2, rs3, .. } = insn;
        let operands = Operands { imm, rd, rs1, rs2, rs3, raw };
        let class = insn.op.row().class;
        let next = offset + operands.length();
        let inside = if insn.op == Op::Jal { target(&operands, offset) } else { None };
        let ends = class.ends_block() && class != Class::Branch || handlers::is_marker(insn.op, &operands);
        let then = if ends { inside } else { Some(next) };
        let handler = match inside {
            Some(_) => handlers::follow(&operands),
            None => handlers::select(insn.op, &operands),
        };
        let kind = match inside {
            Some(_) => Kind::Followed,
            None if handlers::is_marker(insn.op, &operands) => Kind::Marker,
            None => Kind::Row(insn.op),
        };
        let op = BlockOp {
            handler,
            operands,
            cost: cost + self.costs.of(class),
            next: next as u16,
            index,
            miss: self.costs.branch_miss.min(u16::MAX.into()) as u16,
            backward: class == Class::Branch && imm < 0,
            ends_block: then.is_none(),
            followed: inside.is_some(),
            kind,
        };
        Decoded { op, then }
    }

    /// An instruction that the base doesn't know: an extension's, or illegal.
    fn foreign(&self, raw: u32, offset: u64, index: u16, cost: u32) -> BlockOp {
        let mut operands = Operands { imm: 0, rd: 0, rs1: 0, rs2: 0, rs3: 0, raw };
        let mut handler = handlers::ILLEGAL;
        for (number, extension) in self.extensions.iter().enumerate() {
            let hit = extension.insns().iter().position(|row| raw & row.mask == row.matches);
            if let Some(row) = hit {
                operands.imm = number as i32;
                operands.rs1 = row as u8;
                handler = handlers::EXTENSION;
                break;
            }
        }
        BlockOp {
            handler,
            operands,
            cost: cost + self.costs.of(Class::System),
            next: (offset + operands.length()) as u16,
            index,
            miss: 0,
            backward: false,
            ends_block: true,
            followed: false,
            kind: Kind::Foreign,
        }
    }
}

/// A block of `ops`; `None` if there are none.
fn finished(mut ops: Vec<BlockOp>) -> Option<Block> {
    close(&mut ops);
    let cost = ops.last()?.cost.into();
    Some(Block { ops, cost })
}

/// The instruction at `offset` of the page and its length, if it lies within the page.
fn fetch(ram: &Ram, page: u64, offset: u64) -> Option<(u32, u64)> {
    if offset + 2 > PAGE_SIZE {
        return None;
    }
    let low = ram.load(page + offset, 2)? as u32;
    if low & 3 != 3 {
        return Some((low, 2));
    }
    if offset + 4 > PAGE_SIZE {
        return None;
    }
    Some((ram.load(page + offset, 4)? as u32, 4))
}

/// Offset in the page that a jump at `offset` goes to, if it stays in the page.
fn target(operands: &Operands, offset: u64) -> Option<u64> {
    let target = offset as i64 + i64::from(operands.imm);
    (0..PAGE_SIZE as i64).contains(&target).then_some(target as u64)
}
