//! The complete engine: translation, devices, traps and helpers.

use rv_float::Flags;

use super::arithmetic::{sign_extend, u64_engine};
use super::block::BlockOp;
use crate::engine::{AmoFn, Engine, Flow, FpFn, HelperFn, MemOp, Operands};
use crate::hart::{Core, Hart, rounding};
use crate::mmu::Regime;
use crate::trap::{Access, AccessKind, Refusal, Source, Trap};

pub(super) struct Slow<'a> {
    pub(super) core: Core<'a>,
    pub(super) op: &'a BlockOp,
}

impl Slow<'_> {
    fn hart(&self) -> &Hart {
        self.core.hart
    }

    fn hart_mut(&mut self) -> &mut Hart {
        self.core.hart
    }

    fn illegal(&self) -> Trap {
        Refusal::Illegal.trap(self.op.operands.raw)
    }
}

impl Engine for Slow<'_> {
    type Stop = Trap;
    u64_engine!();

    fn x(&mut self, r: u8) -> u64 {
        self.core.hart.state.x[usize::from(r)]
    }

    fn set_x(&mut self, r: u8, value: u64) {
        self.core.set_x(r, value);
    }

    fn load(&mut self, addr: u64, op: MemOp) -> Result<u64, Trap> {
        let access = Access { kind: AccessKind::Load, source: op.source, size: op.size, va: addr };
        let regime = Regime::data(&self.core.hart.state);
        let value = self.core.load(access, regime)?;
        Ok(if op.signed { sign_extend(value, op.size) } else { value })
    }

    fn store(&mut self, addr: u64, value: u64, op: MemOp) -> Result<(), Trap> {
        let access = Access { kind: AccessKind::Store, source: op.source, size: op.size, va: addr };
        let regime = Regime::data(&self.core.hart.state);
        self.core.store(access, value, regime)
    }

    fn amo(&mut self, addr: u64, operand: u64, size: u8, f: AmoFn) -> Result<u64, Trap> {
        let access = Access { kind: AccessKind::Store, source: Source::Atomic, size, va: addr };
        let phys = self.core.atomic_address(access)?;
        let old = sign_extend(self.core.atomic_read(addr, phys, size), size);
        self.core.atomic_write(addr, phys, size, f(old, operand));
        Ok(old)
    }

    fn branch(&mut self, cond: u64, target: u64) -> Flow {
        let taken = cond != 0;
        if taken != self.op.backward {
            self.core.hart.state.cycles += u64::from(self.op.miss);
        }
        if taken { self.jump(target) } else { Flow::Next }
    }

    fn fp_begin(&mut self) -> Result<(), Trap> {
        if self.core.hart.state.fp_enabled() { Ok(()) } else { Err(self.illegal()) }
    }

    fn f(&mut self, r: u8) -> u64 {
        self.core.hart.state.f[usize::from(r)]
    }

    fn set_f(&mut self, r: u8, value: u64) {
        self.core.hart.state.f[usize::from(r)] = value;
        if let Some(record) = self.core.hart.record() {
            record.f(r, value);
        }
        self.core.hart.dirty_fp();
    }

    fn fp(&mut self, f: FpFn, [a, b, c]: [u64; 3], rm: u8) -> Result<u64, Trap> {
        let csr = &mut self.core.hart.state.csr;
        let Some(rounding) = rounding(rm, csr.frm) else { return Err(self.illegal()) };
        let mut raised = Flags::NONE;
        let value = f(a, b, c, rounding, &mut raised);
        let accrued = csr.fflags | raised.bits();
        if accrued != csr.fflags {
            csr.fflags = accrued;
            self.core.hart.dirty_fp();
        }
        if let Some(record) = self.core.hart.record() {
            record.flags(raised.bits());
        }
        Ok(value)
    }

    fn helper(&mut self, f: HelperFn, o: &Operands) -> Result<Flow, Trap> {
        f(&mut self.core, o)
    }
}
