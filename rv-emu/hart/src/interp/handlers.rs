//! A fast and a slow handler for every instruction row, made from its one semantic function.

use rv_isa::{Class, Op};

use super::block::{BlockOp, Kind};
use super::fast::{Bail, Fast};
use super::slow::Slow;
use super::watched::Watched;
use crate::bus::Bus;
use crate::engine::{Engine, Flow, HelperFn, Operands};
use crate::hart::{Core, Hart};
use crate::record::Record;
use crate::sem;
use crate::trap::Trap;

/// Runs one instruction and, as a rule, the rest of its block. On return `state` is exact.
///
/// # Safety
/// The pointer must be to an instruction of a live block that ends with one that `ends_block`.
pub(crate) type Handler = unsafe fn(&mut Hart, *const BlockOp, &mut dyn Bus);

/// Goes on with the next instruction of the block.
///
/// # Safety
/// As [`Handler`]; and `op` must not end its block.
#[inline(always)]
unsafe fn next(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus) {
    // SAFETY: a block ends with an instruction that doesn't call this.
    unsafe {
        let op = op.add(1);
        ((*op).handler)(hart, op, bus)
    }
}

/// Counts the instructions of a run that ends with `op`.
#[inline(always)]
fn leave(hart: &mut Hart, op: &BlockOp) {
    hart.state.cycles += u64::from(op.cost);
    hart.state.retired += u64::from(op.index) + 1;
}

/// Makes the state exact before a slow instruction: its own cost is charged, and it has not retired.
fn enter_slow(hart: &mut Hart, op: &BlockOp) {
    hart.state.pc = op.pc(hart.page);
    hart.state.cycles += u64::from(op.cost);
    hart.state.retired += u64::from(op.index);
}

/// Ends a slow instruction: traps, leaves the block, or goes on in it.
///
/// # Safety
/// As [`Handler`].
#[cold]
unsafe fn finish_slow(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus, outcome: Result<Flow, Trap>) {
    // SAFETY: the caller's promise. Blocks are never dropped while one runs.
    let this = unsafe { &*op };
    match outcome {
        Err(trap) => hart.trap(trap, this.operands.raw),
        Ok(flow) => {
            hart.state.retired += 1;
            if flow == Flow::Next {
                hart.state.pc = this.next_pc(hart.page);
            }
            if flow == Flow::Jump || this.ends_block || hart.must_stop() {
                return;
            }
            // The block's end counts all its instructions: give back what is counted already.
            hart.state.cycles -= u64::from(this.cost);
            hart.state.retired -= u64::from(this.index) + 1;
            if hart.record().is_some_and(|record| record.pause()) {
                return;
            }
            // SAFETY: `this` doesn't end the block.
            unsafe { next(hart, op, bus) }
        }
    }
}

/// As a [`Handler`], for one instruction of a recorded run. True if the next one of the block follows; then the block's end brings the state
/// up to date.
type WatchedHandler = unsafe fn(&mut Hart, *const BlockOp, &mut dyn Bus) -> bool;

/// What a fast handler would do after the instruction; `None` if that is to call the slow one.
fn tried_fast(hart: &mut Hart, this: &BlockOp, tried: Result<Flow, Bail>, ends: bool) -> Option<bool> {
    match tried {
        Ok(Flow::Next) if !ends => return Some(true),
        Ok(Flow::Next) => hart.state.pc = this.next_pc(hart.page),
        Ok(Flow::Jump) => {}
        Err(Bail) => {
            if let Some(record) = hart.record() {
                record.forget();
            }
            return None;
        }
    }
    leave(hart, this);
    Some(false)
}

/// Runs one entry of a block, and tells the hart's record of it. True if the next one of the block follows.
///
/// # Safety
/// As [`Handler`].
pub(crate) unsafe fn run_watched(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus) -> bool {
    // SAFETY: the caller's promise.
    let this = unsafe { &*op };
    match this.kind {
        // SAFETY: as above.
        Kind::Row(row) => unsafe { WATCHED[row as usize](hart, op, bus) },
        Kind::Followed => {
            let mut engine = Watched { hart, op: this };
            let link = engine.next_pc();
            engine.set_x(this.operands.rd, link);
            true
        }
        Kind::Marker | Kind::Foreign | Kind::End => {
            // SAFETY: as above. These end their block, so that nothing else runs.
            unsafe { (this.handler)(hart, op, bus) }
            false
        }
    }
}

macro_rules! handlers {
    ($($name:ident, $variant:ident, $mnemonic:literal, $matches:literal, $mask:literal, $format:ident, $class:ident, $($isa:ident)+;)*) => {
        mod fast {
            use super::*;
            $(
                pub(super) unsafe fn $name<const SINK: bool>(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus) {
                    // SAFETY: the caller's promise.
                    let this = unsafe { &*op };
                    let mut engine = Fast::<SINK> { hart, op: this };
                    match sem_of::$name(&mut engine, &this.operands) {
                        Ok(Flow::Next) if const { !ends(Class::$class) } => {
                            // SAFETY: instructions of this class don't end a block.
                            unsafe { next(hart, op, bus) }
                        }
                        Ok(Flow::Next) => {
                            hart.state.pc = this.next_pc(hart.page);
                            leave(hart, this);
                        }
                        Ok(Flow::Jump) => leave(hart, this),
                        // SAFETY: the caller's promise.
                        Err(Bail) => unsafe { slow::$name(hart, op, bus) },
                    }
                }
            )*
        }
        mod slow {
            use super::*;
            $(
                #[cold]
                pub(super) unsafe fn $name(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus) {
                    // SAFETY: the caller's promise.
                    let this = unsafe { &*op };
                    enter_slow(hart, this);
                    let mut engine = Slow { core: Core { hart, bus }, op: this };
                    let outcome = sem_of::$name(&mut engine, &this.operands);
                    // SAFETY: the caller's promise.
                    unsafe { finish_slow(hart, op, bus, outcome) }
                }
            )*
        }
        mod watched {
            use super::*;
            $(
                pub(super) unsafe fn $name(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus) -> bool {
                    // SAFETY: the caller's promise.
                    let this = unsafe { &*op };
                    let tried = sem_of::$name(&mut Watched { hart, op: this }, &this.operands);
                    if let Some(goes_on) = tried_fast(hart, this, tried, const { ends(Class::$class) }) {
                        return goes_on;
                    }
                    // SAFETY: the caller's promise.
                    unsafe { slow::$name(hart, op, bus) }
                    hart.record().is_some_and(Record::paused)
                }
            )*
        }
        static WATCHED: &[WatchedHandler] = &[$(watched::$name),*];
        static FAST: &[Handler] = &[$(fast::$name::<false>),*];
        static FAST_X0: &[Handler] = &[$(fast::$name::<true>),*];
        static SLOW: &[Handler] = &[$(slow::$name),*];
    };
}

/// All semantic functions under one roof, by the names of the rows.
mod sem_of {
    pub(super) use crate::sem::{
        amo::*, bits::*, block::*, fp::*, hypervisor::*, int::*, mem::*, muldiv::*, system::*,
    };
}

rv_isa::instructions!(handlers);

/// Whether an instruction of `class` ends its block even when control goes on to the next one.
const fn ends(class: Class) -> bool {
    class.ends_block() && !matches!(class, Class::Branch)
}

/// The handler for a decoded instruction.
pub(crate) fn select(op: Op, operands: &Operands) -> Handler {
    match (is_marker(op, operands), operands.rd) {
        (true, _) => MARKER,
        (false, 0) => FAST_X0[op as usize],
        (false, _) => FAST[op as usize],
    }
}

/// The handler that does everything the complete way, as single-stepping wants it.
pub(crate) fn select_slow(op: Op, operands: &Operands) -> Handler {
    if is_marker(op, operands) { MARKER } else { SLOW[op as usize] }
}

/// `slti x0, x0, N` with N > 0: see [`crate::marker`].
pub(crate) fn is_marker(op: Op, operands: &Operands) -> bool {
    op == Op::Slti && operands.rd == 0 && operands.rs1 == 0 && operands.imm > 0
}

/// The handler of a jump whose target follows it in the block: only the return address is left to write.
pub(crate) fn follow(operands: &Operands) -> Handler {
    if operands.rd == 0 { follow_jump::<true> } else { follow_jump::<false> }
}

unsafe fn follow_jump<const SINK: bool>(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus) {
    // SAFETY: the caller's promise.
    let this = unsafe { &*op };
    if !SINK {
        let mut engine = Fast::<SINK> { hart, op: this };
        let link = engine.next_pc();
        engine.set_x(this.operands.rd, link);
    }
    // SAFETY: a followed jump doesn't end its block.
    unsafe { next(hart, op, bus) }
}

/// The end of a run that no jump ends.
pub(crate) const END: Handler = end;

unsafe fn end(hart: &mut Hart, op: *const BlockOp, _bus: &mut dyn Bus) {
    // SAFETY: the caller's promise.
    let this = unsafe { &*op };
    hart.state.pc = this.next_pc(hart.page);
    hart.state.cycles += u64::from(this.cost);
    hart.state.retired += u64::from(this.index);
}

/// Software markers.
const MARKER: Handler = marker;
/// Encodings that are no instruction.
pub(crate) const ILLEGAL: Handler = illegal;
/// Instructions of extensions.
pub(crate) const EXTENSION: Handler = extension;

unsafe fn marker(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus) {
    // SAFETY: the caller's promise.
    unsafe { run_helper(hart, op, bus, sem::system::marker) }
}

unsafe fn illegal(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus) {
    // SAFETY: the caller's promise.
    unsafe { run_helper(hart, op, bus, sem::system::illegal) }
}

unsafe fn extension(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus) {
    // SAFETY: the caller's promise.
    unsafe { run_helper(hart, op, bus, sem::system::extension) }
}

/// Runs `helper` as an instruction of its own.
///
/// # Safety
/// As [`Handler`].
unsafe fn run_helper(hart: &mut Hart, op: *const BlockOp, bus: &mut dyn Bus, helper: HelperFn) {
    // SAFETY: the caller's promise.
    let this = unsafe { &*op };
    enter_slow(hart, this);
    let outcome = helper(&mut Core { hart, bus }, &this.operands);
    // SAFETY: the caller's promise.
    unsafe { finish_slow(hart, op, bus, outcome) }
}
