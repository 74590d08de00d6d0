//! Zicsr, Zifencei, fences and the privileged instructions: each is a helper on the hart.

use rv_isa::cause;
use rv_isa::fields::{hstatus, mstatus};

use super::Outcome;
use crate::csr;
use crate::engine::{Engine, Flow, Operands};
use crate::hart::Core;
use crate::mmu::Space;
use crate::mode::Mode;
use crate::trap::{Refusal, Trap};

macro_rules! helpers {
    ($($(#[$doc:meta])* $name:ident => $f:expr;)*) => { $(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            e.helper($f, o)
        }
    )* };
}
pub(super) use helpers;

helpers! {
    /// Atomic read and write.
    csrrw => |core, o| swap(core, o, register(core, o));
    /// Atomic read and set bits.
    csrrs => |core, o| { let mask = register(core, o); modify(core, o, mask, |old, mask| old | mask) };
    /// Atomic read and clear bits.
    csrrc => |core, o| { let mask = register(core, o); modify(core, o, mask, |old, mask| old & !mask) };
    /// Atomic read and write of an immediate.
    csrrwi => |core, o| swap(core, o, o.rs1.into());
    /// Atomic read and set bits of an immediate.
    csrrsi => |core, o| modify(core, o, o.rs1.into(), |old, mask| old | mask);
    /// Atomic read and clear bits of an immediate.
    csrrci => |core, o| modify(core, o, o.rs1.into(), |old, mask| old & !mask);
    /// Environment call.
    ecall => environment_call;
    /// Breakpoint; xtval is the instruction's address.
    ebreak => |core, _| Err(Trap { gva: core.hart.state.mode.virt(), ..Trap::exception(cause::BREAKPOINT, core.hart.state.pc) });
    /// Return from a machine-mode trap.
    mret => machine_return;
    /// Return from a supervisor-mode trap, or from one of VS-mode.
    sret => supervisor_return;
    /// Wait for an interrupt.
    wfi => wait_for_interrupt;
    /// Order stores to page tables before later walks of the first stage.
    sfence_vma => fence_first_stage;
    /// The same, ordered by the two instructions below (Svinval).
    sinval_vma => fence_first_stage;
    /// Order stores before later SINVAL.VMA.
    sfence_w_inval => order_invalidation;
    /// Order earlier SINVAL.VMA before later walks.
    sfence_inval_ir => order_invalidation;
    /// Order stores to code before later fetches. Blocks follow stores by themselves, so nothing is left to do.
    fence_i => |_, _| Ok(Flow::Next);
}

/// Memory ordering: harts run one at a time, so nothing can be seen out of order.
#[inline(always)]
pub fn fence<E: Engine>(_e: &mut E, _o: &Operands) -> Outcome<E> {
    Ok(Flow::Next)
}

/// A may-be-operation (Zimop): rd = 0.
#[inline(always)]
pub fn mop_r<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    let zero = e.imm(0);
    e.set_x(o.rd, zero);
    Ok(Flow::Next)
}

/// A may-be-operation with two sources: rd = 0.
#[inline(always)]
pub fn mop_rr<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
    mop_r(e, o)
}

fn register(core: &Core<'_>, o: &Operands) -> u64 {
    core.hart.state.x[usize::from(o.rs1)]
}

fn number(o: &Operands) -> u16 {
    (o.imm & 0xfff) as u16
}

/// CSRRW and CSRRWI: always write, and read unless rd is x0.
fn swap(core: &mut Core<'_>, o: &Operands, value: u64) -> Result<Flow, Trap> {
    let csr = number(o);
    let row = core.hart.csr_access(csr, true).map_err(|refusal| refusal.trap(o.raw))?;
    let old = if o.rd == 0 { 0 } else { core.hart.csr_read_row(row, core.bus) };
    core.hart.csr_write_row(row, value, Some(&mut *core.bus))?;
    core.set_x(o.rd, old);
    Ok(Flow::Next)
}

/// CSRRS, CSRRC and their immediate forms: always read, and write unless the source field is x0 or 0.
fn modify(core: &mut Core<'_>, o: &Operands, mask: u64, f: fn(u64, u64) -> u64) -> Result<Flow, Trap> {
    let write = o.rs1 != 0;
    let row = core.hart.csr_access(number(o), write).map_err(|refusal| refusal.trap(o.raw))?;
    let old = core.hart.csr_read_row(row, core.bus);
    if write {
        let base = core.hart.csr_modify_base(row, old);
        core.hart.csr_write_row(row, f(base, mask), Some(&mut *core.bus))?;
    }
    core.set_x(o.rd, old);
    Ok(Flow::Next)
}

fn environment_call(core: &mut Core<'_>, _: &Operands) -> Result<Flow, Trap> {
    let code = match core.hart.state.mode {
        Mode::U | Mode::VU => cause::ECALL_FROM_U,
        Mode::HS => cause::ECALL_FROM_S,
        Mode::VS => cause::ECALL_FROM_VS,
        Mode::M => cause::ECALL_FROM_M,
    };
    Err(Trap::exception(code, 0))
}

/// "Trap Return" (H extension): MPV counts only when MPP is not M.
fn machine_return(core: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    let state = &mut core.hart.state;
    if state.mode != Mode::M {
        return Err(Refusal::Illegal.trap(o.raw));
    }
    let status = state.csr.mstatus;
    let privilege = (status >> mstatus::MPP_SHIFT & 3) as u8;
    let mut new = status & !(mstatus::MIE | mstatus::MPIE | mstatus::MPP | mstatus::MPV);
    if status & mstatus::MPIE != 0 {
        new |= mstatus::MIE;
    }
    new |= mstatus::MPIE;
    if privilege != 3 {
        new &= !mstatus::MPRV;
    }
    state.csr.mstatus = new;
    state.mode = Mode::new(privilege, status & mstatus::MPV != 0);
    state.pc = state.csr.mepc;
    core.hart.returned();
    Ok(Flow::Jump)
}

fn supervisor_return(core: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    let csr = &core.hart.state.csr;
    let refusal = match core.hart.state.mode {
        Mode::U => Some(Refusal::Illegal),
        Mode::VU => Some(Refusal::Virtual),
        Mode::HS if csr.mstatus & mstatus::TSR != 0 => Some(Refusal::Illegal),
        Mode::VS if csr.hstatus & hstatus::VTSR != 0 => Some(Refusal::Virtual),
        _ => None,
    };
    if let Some(refusal) = refusal {
        return Err(refusal.trap(o.raw));
    }
    let state = &mut core.hart.state;
    if state.mode == Mode::VS {
        let user = state.csr.vsstatus & mstatus::SPP == 0;
        state.csr.vsstatus = popped_supervisor(state.csr.vsstatus);
        state.mode = if user { Mode::VU } else { Mode::VS };
        state.pc = state.csr.vsepc;
    } else {
        let privilege = u8::from(state.csr.mstatus & mstatus::SPP != 0);
        let virt = state.csr.hstatus & hstatus::SPV != 0;
        state.csr.mstatus = popped_supervisor(state.csr.mstatus) & !mstatus::MPRV;
        state.csr.hstatus &= !hstatus::SPV;
        state.mode = Mode::new(privilege, virt);
        state.pc = state.csr.sepc;
    }
    core.hart.returned();
    Ok(Flow::Jump)
}

/// SIE := SPIE, SPIE := 1, SPP := U.
fn popped_supervisor(status: u64) -> u64 {
    let popped = status & !(mstatus::SIE | mstatus::SPP) | mstatus::SPIE;
    if status & mstatus::SPIE != 0 { popped | mstatus::SIE } else { popped }
}

/// "Wait for Interrupt": TW wins over everything, then VU and U, then VTW. The bounded time of TW and VTW is 0.
fn wait_for_interrupt(core: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    let csr = &core.hart.state.csr;
    let tw = csr.mstatus & mstatus::TW != 0;
    let vtw = csr.hstatus & hstatus::VTW != 0;
    let refusal = match core.hart.state.mode {
        Mode::M => None,
        _ if tw => Some(Refusal::Illegal),
        Mode::U => Some(Refusal::Illegal),
        Mode::VU => Some(Refusal::Virtual),
        Mode::VS if vtw => Some(Refusal::Virtual),
        Mode::HS | Mode::VS => None,
    };
    if let Some(refusal) = refusal {
        return Err(refusal.trap(o.raw));
    }
    core.hart.wait();
    Ok(Flow::Next)
}

/// SFENCE.VMA: TVM traps it in HS, VTVM in VS. The whole stage is dropped, whatever the operands: that is always allowed.
fn fence_first_stage(core: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    let csr = &core.hart.state.csr;
    let refusal = match core.hart.state.mode {
        Mode::U => Some(Refusal::Illegal),
        Mode::VU => Some(Refusal::Virtual),
        Mode::HS if csr.mstatus & mstatus::TVM != 0 => Some(Refusal::Illegal),
        Mode::VS if csr.hstatus & hstatus::VTVM != 0 => Some(Refusal::Virtual),
        _ => None,
    };
    if let Some(refusal) = refusal {
        return Err(refusal.trap(o.raw));
    }
    let spaces = if core.hart.state.mode.virt() { &Space::GUEST } else { &Space::HOST };
    core.hart.fence(spaces);
    core.hart.charge(core.hart.costs().fence_vma_local);
    Ok(Flow::Next)
}

/// The ordering instructions of Svinval: not for users. Invalidations take effect at once, so nothing is left to do.
fn order_invalidation(core: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    match core.hart.state.mode {
        Mode::U => Err(Refusal::Illegal.trap(o.raw)),
        Mode::VU => Err(Refusal::Virtual.trap(o.raw)),
        _ => Ok(Flow::Next),
    }
}

/// A software marker, `slti x0, x0, N`: see [`crate::marker`].
pub(crate) fn marker(core: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    core.hart.account();
    let (hart, now) = (core.hart.state.hart_id as usize, core.hart.state.cycles);
    let cycles = core.bus.marker(hart, o.imm as u16, core.hart.counters(), now);
    core.hart.charge_long(cycles);
    core.hart.attend();
    Ok(Flow::Next)
}

/// An encoding that is no instruction.
pub(crate) fn illegal(_: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    Err(Refusal::Illegal.trap(o.raw))
}

/// An instruction that an extension brought. `imm` is the extension's index, `rs1` its row.
pub(crate) fn extension(core: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    core.hart.execute_extension(o, core.bus)
}

const _: () = assert!(csr::MIDELEG_ONES == 0x444);
