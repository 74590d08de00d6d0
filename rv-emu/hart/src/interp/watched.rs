//! The optimistic engine, telling the hart's record what it does. It gives up where [`super::fast::Fast`] does.

use rv_float::Flags;

use super::arithmetic::u64_engine;
use super::block::BlockOp;
use super::fast::{Bail, Fast};
use crate::engine::{AmoFn, Engine, Flow, FpFn, HelperFn, MemOp, Operands};
use crate::hart::{Hart, rounding};

/// For one instruction of a recorded run.
pub(super) struct Watched<'a> {
    pub(super) hart: &'a mut Hart,
    pub(super) op: &'a BlockOp,
}

impl Watched<'_> {
    fn hart(&self) -> &Hart {
        self.hart
    }

    fn hart_mut(&mut self) -> &mut Hart {
        self.hart
    }

    fn fast(&mut self) -> Fast<'_, false> {
        Fast { hart: self.hart, op: self.op }
    }
}

impl Engine for Watched<'_> {
    type Stop = Bail;
    u64_engine!();

    fn x(&mut self, r: u8) -> u64 {
        self.fast().x(r)
    }

    fn set_x(&mut self, r: u8, value: u64) {
        if r == 0 {
            return;
        }
        self.fast().set_x(r, value);
        if let Some(record) = self.hart.record() {
            record.x(r, value);
        }
    }

    fn load(&mut self, addr: u64, op: MemOp) -> Result<u64, Bail> {
        let value = self.fast().load(addr, op)?;
        if let Some(record) = self.hart.record() {
            record.load(addr, op.size, value);
        }
        Ok(value)
    }

    fn store(&mut self, addr: u64, value: u64, op: MemOp) -> Result<(), Bail> {
        self.fast().store(addr, value, op)?;
        if let Some(record) = self.hart.record() {
            record.store(addr, op.size, value);
        }
        Ok(())
    }

    fn amo(&mut self, addr: u64, operand: u64, size: u8, f: AmoFn) -> Result<u64, Bail> {
        let old = self.fast().amo(addr, operand, size, f)?;
        if let Some(record) = self.hart.record() {
            record.load(addr, size, old);
            record.store(addr, size, f(old, operand));
        }
        Ok(old)
    }

    fn branch(&mut self, cond: u64, target: u64) -> Flow {
        self.fast().branch(cond, target)
    }

    fn fp_begin(&mut self) -> Result<(), Bail> {
        self.fast().fp_begin()
    }

    fn f(&mut self, r: u8) -> u64 {
        self.fast().f(r)
    }

    fn set_f(&mut self, r: u8, value: u64) {
        self.fast().set_f(r, value);
        if let Some(record) = self.hart.record() {
            record.f(r, value);
        }
    }

    /// Computed from no flags: only so can it be told which ones this instruction raises.
    fn fp(&mut self, f: FpFn, [a, b, c]: [u64; 3], rm: u8) -> Result<u64, Bail> {
        let csr = &mut self.hart.state.csr;
        let rounding = rounding(rm, csr.frm).ok_or(Bail)?;
        let mut raised = Flags::NONE;
        let value = f(a, b, c, rounding, &mut raised);
        csr.fflags |= raised.bits();
        if let Some(record) = self.hart.record() {
            record.flags(raised.bits());
        }
        Ok(value)
    }

    fn helper(&mut self, f: HelperFn, o: &Operands) -> Result<Flow, Bail> {
        self.fast().helper(f, o)
    }
}
