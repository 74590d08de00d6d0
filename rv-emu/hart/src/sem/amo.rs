//! The A extension. Harts run one at a time, so that acquire and release need nothing.

use super::Outcome;
use super::system::helpers;
use crate::engine::{AmoFn, Engine, Flow, Operands};
use crate::hart::Core;
use crate::trap::{Access, AccessKind, Source, Trap};

macro_rules! amos {
    ($($word:ident, $double:ident => $f:expr;)*) => { $(
        #[doc = concat!("`", stringify!($word), "`: 32-bit read-modify-write.")]
        #[inline(always)]
        pub fn $word<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            amo(e, o, 4, $f)
        }

        #[doc = concat!("`", stringify!($double), "`: 64-bit read-modify-write.")]
        #[inline(always)]
        pub fn $double<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            amo(e, o, 8, $f)
        }
    )* };
}

#[inline(always)]
fn amo<E: Engine>(e: &mut E, o: &Operands, size: u8, f: AmoFn) -> Outcome<E> {
    let (addr, operand) = (e.x(o.rs1), e.x(o.rs2));
    let operand = if size == 4 { e.sext32(operand) } else { operand };
    let old = e.amo(addr, operand, size, f)?;
    e.set_x(o.rd, old);
    Ok(Flow::Next)
}

// Words come sign-extended to 64 bits, which keeps the order of both signed and unsigned comparisons.
amos! {
    amoswap_w, amoswap_d => |_, new| new;
    amoadd_w, amoadd_d => |old, operand| old.wrapping_add(operand);
    amoxor_w, amoxor_d => |old, operand| old ^ operand;
    amoand_w, amoand_d => |old, operand| old & operand;
    amoor_w, amoor_d => |old, operand| old | operand;
    amomin_w, amomin_d => |old, operand| (old as i64).min(operand as i64) as u64;
    amomax_w, amomax_d => |old, operand| (old as i64).max(operand as i64) as u64;
    amominu_w, amominu_d => |old, operand| old.min(operand);
    amomaxu_w, amomaxu_d => |old, operand| old.max(operand);
}

helpers! {
    /// Load-reserved word.
    lr_w => |core, o| load_reserved(core, o, 4);
    /// Load-reserved doubleword.
    lr_d => |core, o| load_reserved(core, o, 8);
    /// Store-conditional word.
    sc_w => |core, o| store_conditional(core, o, 4);
    /// Store-conditional doubleword.
    sc_d => |core, o| store_conditional(core, o, 8);
}

fn load_reserved(core: &mut Core<'_>, o: &Operands, size: u8) -> Result<Flow, Trap> {
    let va = core.hart.state.x[usize::from(o.rs1)];
    let access = Access { kind: AccessKind::Load, source: Source::Atomic, size, va };
    let phys = core.atomic_address(access)?;
    let value = core.ram_value(phys, size);
    core.hart.state.reservation = Some(phys);
    if let Some(record) = core.hart.record() {
        record.load(va, size, value);
    }
    core.set_x(o.rd, if size == 4 { value as i32 as u64 } else { value });
    Ok(Flow::Next)
}

/// Every SC ends the reservation; it needs store permission even when it fails.
fn store_conditional(core: &mut Core<'_>, o: &Operands, size: u8) -> Result<Flow, Trap> {
    let va = core.hart.state.x[usize::from(o.rs1)];
    let value = core.hart.state.x[usize::from(o.rs2)];
    let access = Access { kind: AccessKind::Store, source: Source::Atomic, size, va };
    let phys = core.atomic_address(access)?;
    let success = core.hart.state.reservation.take() == Some(phys);
    if success {
        core.bus.ram().store(phys, size, value);
        if let Some(record) = core.hart.record() {
            record.store(va, size, value);
        }
    }
    core.set_x(o.rd, u64::from(!success));
    Ok(Flow::Next)
}
