//! Atomics: the A extension, Zabha, Zacas and Zawrs. Harts run one at a time, so that acquire and release need nothing.

use rv_isa::fields::{hstatus, mstatus};

use super::Outcome;
use super::system::helpers;
use crate::engine::{AmoFn, Engine, Flow, Operands};
use crate::hart::Core;
use crate::interp::arithmetic::sign_extend;
use crate::mode::Mode;
use crate::trap::{Access, AccessKind, Refusal, Source, Trap};

macro_rules! amos {
    ($($byte:ident, $half:ident, $word:ident, $double:ident => $f:expr;)*) => { $(
        #[doc = concat!("`", stringify!($byte), "`: 8-bit read-modify-write.")]
        #[inline(always)]
        pub fn $byte<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            amo(e, o, 1, $f)
        }

        #[doc = concat!("`", stringify!($half), "`: 16-bit read-modify-write.")]
        #[inline(always)]
        pub fn $half<E: Engine>(e: &mut E, o: &Operands) -> Outcome<E> {
            amo(e, o, 2, $f)
        }

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
    let unused = e.imm(64 - 8 * i64::from(size));
    let high = e.sll(operand, unused);
    let operand = e.sra(high, unused);
    let old = e.amo(addr, operand, size, f)?;
    e.set_x(o.rd, old);
    Ok(Flow::Next)
}

// Narrow values come sign-extended to 64 bits, which keeps the order of both signed and unsigned comparisons.
amos! {
    amoswap_b, amoswap_h, amoswap_w, amoswap_d => |_, new| new;
    amoadd_b, amoadd_h, amoadd_w, amoadd_d => |old, operand| old.wrapping_add(operand);
    amoxor_b, amoxor_h, amoxor_w, amoxor_d => |old, operand| old ^ operand;
    amoand_b, amoand_h, amoand_w, amoand_d => |old, operand| old & operand;
    amoor_b, amoor_h, amoor_w, amoor_d => |old, operand| old | operand;
    amomin_b, amomin_h, amomin_w, amomin_d => |old, operand| (old as i64).min(operand as i64) as u64;
    amomax_b, amomax_h, amomax_w, amomax_d => |old, operand| (old as i64).max(operand as i64) as u64;
    amominu_b, amominu_h, amominu_w, amominu_d => |old, operand| old.min(operand);
    amomaxu_b, amomaxu_h, amomaxu_w, amomaxu_d => |old, operand| old.max(operand);
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
    /// Compare and swap a byte.
    amocas_b => |core, o| compare_and_swap(core, o, 1);
    /// Compare and swap a halfword.
    amocas_h => |core, o| compare_and_swap(core, o, 2);
    /// Compare and swap a word.
    amocas_w => |core, o| compare_and_swap(core, o, 4);
    /// Compare and swap a doubleword.
    amocas_d => |core, o| compare_and_swap(core, o, 8);
    /// Compare and swap a quadword, in pairs of registers.
    amocas_q => compare_and_swap_pair;
    /// Wait for a change of the reservation set.
    wrs_nto => wait_on_reservation;
    /// The same for a short time, which is over at once.
    wrs_sto => |_, _| Ok(Flow::Next);
}

/// The wait may end for any reason, and does so at once, unless TW or VTW bound it: their time is 0, as for WFI ("Zawrs").
fn wait_on_reservation(core: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    let csr = &core.hart.state.csr;
    let refusal = match core.hart.state.mode {
        Mode::M => None,
        _ if csr.mstatus & mstatus::TW != 0 => Some(Refusal::Illegal),
        Mode::VS | Mode::VU if csr.hstatus & hstatus::VTW != 0 => Some(Refusal::Virtual),
        _ => None,
    };
    refusal.map_or(Ok(Flow::Next), |refusal| Err(refusal.trap(o.raw)))
}

fn load_reserved(core: &mut Core<'_>, o: &Operands, size: u8) -> Result<Flow, Trap> {
    let va = core.hart.state.x[usize::from(o.rs1)];
    let access = Access { kind: AccessKind::Load, source: Source::Atomic, size, va };
    let phys = core.atomic_address(access)?;
    let value = core.atomic_read(va, phys, size);
    core.hart.state.reservation = Some(phys);
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
        core.atomic_write(va, phys, size, value);
    }
    core.set_x(o.rd, u64::from(!success));
    Ok(Flow::Next)
}

/// Swaps if memory equals rd. Permission to store is needed in any case.
fn compare_and_swap(core: &mut Core<'_>, o: &Operands, size: u8) -> Result<Flow, Trap> {
    let x = &core.hart.state.x;
    let (va, expected, new) = (x[usize::from(o.rs1)], x[usize::from(o.rd)], x[usize::from(o.rs2)]);
    let access = Access { kind: AccessKind::Store, source: Source::Atomic, size, va };
    let phys = core.atomic_address(access)?;
    let old = sign_extend(core.atomic_read(va, phys, size), size);
    if old == sign_extend(expected, size) {
        core.atomic_write(va, phys, size, new);
    }
    core.set_x(o.rd, old);
    Ok(Flow::Next)
}

/// Pairs have the low half in the even register; that of x0 reads 0 and takes nothing ("Zacas").
fn compare_and_swap_pair(core: &mut Core<'_>, o: &Operands) -> Result<Flow, Trap> {
    let x = &core.hart.state.x;
    let pair = |r: u8| if r == 0 { [0, 0] } else { [x[usize::from(r)], x[usize::from(r) + 1]] };
    let (expected, new) = (pair(o.rd), pair(o.rs2));
    let va = x[usize::from(o.rs1)];
    let access = Access { kind: AccessKind::Store, source: Source::Atomic, size: 16, va };
    let phys = core.atomic_address(access)?;
    let old = [core.atomic_read(va, phys, 8), core.atomic_read(va.wrapping_add(8), phys + 8, 8)];
    if old == expected {
        core.atomic_write(va, phys, 8, new[0]);
        core.atomic_write(va.wrapping_add(8), phys + 8, 8, new[1]);
    }
    if o.rd != 0 {
        core.set_x(o.rd, old[0]);
        core.set_x(o.rd + 1, old[1]);
    }
    Ok(Flow::Next)
}
