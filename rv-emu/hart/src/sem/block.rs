//! Cache-block operations (Zicbom, Zicboz). There are no caches to manage: what remains is who may ask, and for which addresses.

use rv_isa::fields::menvcfg;

use super::Outcome;
use super::system::helpers;
use crate::engine::{Engine, Flow, Operands};
use crate::hart::Core;
use crate::mode::Mode;
use crate::trap::{Refusal, Trap};

/// Bytes of a cache block (Zic64b).
pub const BLOCK_SIZE: u64 = 64;

helpers! {
    /// Invalidate a block, or flush it, which is the same without caches.
    cbo_inval => |core, o| manage(core, o, menvcfg::CBIE);
    /// Write a block back.
    cbo_clean => |core, o| manage(core, o, menvcfg::CBCFE);
    /// Write a block back, and invalidate it.
    cbo_flush => |core, o| manage(core, o, menvcfg::CBCFE);
    /// Write zeros to a block.
    cbo_zero => zero;
}

fn manage(core: &mut Core<'_>, o: &Operands, field: u64) -> Result<Flow, Trap> {
    check(core, o, field)?;
    let operand = core.hart.state.x[usize::from(o.rs1)];
    core.reach_block(operand)?;
    Ok(Flow::Next)
}

fn zero(core: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    check(core, o, menvcfg::CBZE)?;
    let operand = core.hart.state.x[usize::from(o.rs1)];
    core.zero(operand, BLOCK_SIZE)?;
    Ok(Flow::Next)
}

/// Every level above the current one must have enabled the operation in its environment configuration.
fn check(core: &Core<'_>, o: &Operands, field: u64) -> Result<(), Trap> {
    let csr = &core.hart.state.csr;
    let mode = core.hart.state.mode;
    let closed = |config: u64| config & field == 0;
    let refusal = match mode {
        Mode::M => None,
        _ if closed(csr.menvcfg) => Some(Refusal::Illegal),
        Mode::U if closed(csr.senvcfg) => Some(Refusal::Illegal),
        Mode::VS | Mode::VU if closed(csr.henvcfg) => Some(Refusal::Virtual),
        Mode::VU if closed(csr.senvcfg) => Some(Refusal::Virtual),
        _ => None,
    };
    refusal.map_or(Ok(()), |refusal| Err(refusal.trap(o.raw)))
}
