//! The H extension's instructions: loads and stores as a guest would do them, and the two fences.

use rv_isa::fields::{hstatus, mstatus};

use super::Outcome;
use super::system::helpers;
use crate::engine::{Engine, Flow, Operands};
use crate::hart::Core;
use crate::mmu::{Regime, Space};
use crate::mode::Mode;
use crate::trap::{Access, AccessKind, Refusal, Source, Trap};

helpers! {
    /// Guest byte, sign-extended.
    hlv_b => |core, o| load(core, o, 1, true);
    /// Guest byte, zero-extended.
    hlv_bu => |core, o| load(core, o, 1, false);
    /// Guest halfword, sign-extended.
    hlv_h => |core, o| load(core, o, 2, true);
    /// Guest halfword, zero-extended.
    hlv_hu => |core, o| load(core, o, 2, false);
    /// Guest word, sign-extended.
    hlv_w => |core, o| load(core, o, 4, true);
    /// Guest word, zero-extended.
    hlv_wu => |core, o| load(core, o, 4, false);
    /// Guest doubleword.
    hlv_d => |core, o| load(core, o, 8, false);
    /// Guest halfword of code, zero-extended.
    hlvx_hu => |core, o| access(core, o, 2, Source::HypervisorExecute, false);
    /// Guest word of code, zero-extended.
    hlvx_wu => |core, o| access(core, o, 4, Source::HypervisorExecute, false);
    /// Guest byte.
    hsv_b => |core, o| store(core, o, 1);
    /// Guest halfword.
    hsv_h => |core, o| store(core, o, 2);
    /// Guest word.
    hsv_w => |core, o| store(core, o, 4);
    /// Guest doubleword.
    hsv_d => |core, o| store(core, o, 8);
    /// Drop VS-stage translations of the current VMID.
    hfence_vvma => |core, o| fence(core, o, false);
    /// Drop G-stage translations.
    hfence_gvma => |core, o| fence(core, o, true);
    /// The same as HFENCE.VVMA, ordered by the fences of Svinval.
    hinval_vvma => |core, o| fence(core, o, false);
    /// The same as HFENCE.GVMA, ordered by the fences of Svinval.
    hinval_gvma => |core, o| fence(core, o, true);
}

/// HLV and HSV act with V=1 and the privilege of hstatus.SPVP, whatever MPRV says.
fn regime(core: &Core<'_>, o: &Operands) -> Result<Regime, Trap> {
    let status = core.hart.state.csr.hstatus;
    let refusal = match core.hart.state.mode {
        Mode::VS | Mode::VU => Some(Refusal::Virtual),
        Mode::U if status & hstatus::HU == 0 || core.hart.state.forbidden.guest_access => Some(Refusal::Illegal),
        _ => None,
    };
    match refusal {
        Some(refusal) => Err(refusal.trap(o.raw)),
        None => Ok(Regime { privilege: u8::from(status & hstatus::SPVP != 0), virt: true }),
    }
}

fn load(core: &mut Core<'_>, o: &Operands, size: u8, signed: bool) -> Result<Flow, Trap> {
    access(core, o, size, Source::Hypervisor, signed)
}

fn access(core: &mut Core<'_>, o: &Operands, size: u8, source: Source, signed: bool) -> Result<Flow, Trap> {
    let regime = regime(core, o)?;
    let va = core.hart.state.x[usize::from(o.rs1)];
    let value = core.load(Access { kind: AccessKind::Load, source, size, va }, regime)?;
    let unused = 64 - 8 * u32::from(size);
    core.set_x(o.rd, if signed { ((value << unused) as i64 >> unused) as u64 } else { value });
    Ok(Flow::Next)
}

fn store(core: &mut Core<'_>, o: &Operands, size: u8) -> Result<Flow, Trap> {
    let regime = regime(core, o)?;
    let va = core.hart.state.x[usize::from(o.rs1)];
    let value = core.hart.state.x[usize::from(o.rs2)];
    core.store(Access { kind: AccessKind::Store, source: Source::Hypervisor, size, va }, value, regime)?;
    Ok(Flow::Next)
}

/// TVM traps HFENCE.GVMA in HS, but not HFENCE.VVMA. Combined translations are all dropped: that is always allowed.
fn fence(core: &mut Core<'_>, o: &Operands, gvma: bool) -> Result<Flow, Trap> {
    let tvm = core.hart.state.csr.mstatus & mstatus::TVM != 0;
    let refusal = match core.hart.state.mode {
        Mode::VS | Mode::VU => Some(Refusal::Virtual),
        Mode::U => Some(Refusal::Illegal),
        Mode::HS if gvma && tvm => Some(Refusal::Illegal),
        _ => None,
    };
    if let Some(refusal) = refusal {
        return Err(refusal.trap(o.raw));
    }
    core.hart.fence(&Space::GUEST);
    let costs = core.hart.costs();
    core.hart.charge(if gvma { costs.fence_gvma_local } else { costs.fence_vma_local });
    Ok(Flow::Next)
}
