//! The optimistic engine: plain registers and memory pages that the TLB knows; everything else is left to the slow engine.

use rv_float::Flags;

use super::arithmetic::{sign_extend, u64_engine};
use super::block::BlockOp;
use crate::engine::{AmoFn, Engine, Flow, FpFn, HelperFn, MemOp, Operands};
use crate::hart::{Hart, rounding};
use crate::mmu::tlb::probe;

/// The instruction needs the slow engine. Nothing has changed.
pub(super) struct Bail;

/// `SINK`: the destination is x0, so that results go nowhere.
pub(super) struct Fast<'a, const SINK: bool> {
    pub(super) hart: &'a mut Hart,
    pub(super) op: &'a BlockOp,
}

impl<const SINK: bool> Fast<'_, SINK> {
    #[inline(always)]
    fn hart(&self) -> &Hart {
        self.hart
    }

    #[inline(always)]
    fn hart_mut(&mut self) -> &mut Hart {
        self.hart
    }

    /// Host address of `size` bytes at `addr`, if the TLB has the page for this use and the address is aligned.
    #[inline(always)]
    fn host(&self, addr: u64, size: u8, write: bool) -> Result<*mut u8, Bail> {
        let entries = self.hart.data_tlb;
        // SAFETY: `data_tlb` always points to a TLB of this hart.
        let host = unsafe {
            match size {
                1 => probe::<1>(entries, addr, write),
                2 => probe::<2>(entries, addr, write),
                4 => probe::<4>(entries, addr, write),
                _ => probe::<8>(entries, addr, write),
            }
        };
        host.ok_or(Bail)
    }
}

/// Reads `size` bytes, zero-extended.
///
/// # Safety
/// `host` must be readable for `size` bytes and aligned to it.
#[inline(always)]
unsafe fn read(host: *const u8, size: u8) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => host.read().into(),
            2 => u16::from_le(host.cast::<u16>().read()).into(),
            4 => u32::from_le(host.cast::<u32>().read()).into(),
            _ => u64::from_le(host.cast::<u64>().read()),
        }
    }
}

/// Writes the low `size` bytes of `value`.
///
/// # Safety
/// `host` must be writable for `size` bytes and aligned to it.
#[inline(always)]
unsafe fn write(host: *mut u8, size: u8, value: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        match size {
            1 => host.write(value as u8),
            2 => host.cast::<u16>().write((value as u16).to_le()),
            4 => host.cast::<u32>().write((value as u32).to_le()),
            _ => host.cast::<u64>().write(value.to_le()),
        }
    }
}

impl<const SINK: bool> Engine for Fast<'_, SINK> {
    type Stop = Bail;
    u64_engine!();

    #[inline(always)]
    fn x(&mut self, r: u8) -> u64 {
        debug_assert!(r < 32);
        // SAFETY: the decoder makes register numbers from 5-bit fields.
        unsafe { *self.hart.state.x.get_unchecked(usize::from(r)) }
    }

    #[inline(always)]
    fn set_x(&mut self, r: u8, value: u64) {
        debug_assert!(r < 32 && (r == 0) == SINK);
        if !SINK {
            // SAFETY: the decoder makes register numbers from 5-bit fields.
            unsafe { *self.hart.state.x.get_unchecked_mut(usize::from(r)) = value }
        }
    }

    #[inline(always)]
    fn load(&mut self, addr: u64, op: MemOp) -> Result<u64, Bail> {
        let host = self.host(addr, op.size, false)?;
        // SAFETY: a TLB hit proves that the whole aligned access lies in a readable host page.
        let value = unsafe { read(host, op.size) };
        Ok(if op.signed { sign_extend(value, op.size) } else { value })
    }

    #[inline(always)]
    fn store(&mut self, addr: u64, value: u64, op: MemOp) -> Result<(), Bail> {
        let host = self.host(addr, op.size, true)?;
        // SAFETY: a TLB hit proves that the whole aligned access lies in a writable host page without code.
        unsafe { write(host, op.size, value) };
        Ok(())
    }

    #[inline(always)]
    fn amo(&mut self, addr: u64, operand: u64, size: u8, f: AmoFn) -> Result<u64, Bail> {
        let host = self.host(addr, size, true)?;
        // SAFETY: as for a store; a page that may be written may be read.
        let old = sign_extend(unsafe { read(host, size) }, size);
        // SAFETY: as above.
        unsafe { write(host, size, f(old, operand)) };
        Ok(old)
    }

    #[inline(always)]
    fn branch(&mut self, cond: u64, target: u64) -> Flow {
        let taken = cond != 0;
        if taken != self.op.backward {
            self.hart.state.cycles += u64::from(self.op.miss);
        }
        if taken { self.jump(target) } else { Flow::Next }
    }

    #[inline(always)]
    fn fp_begin(&mut self) -> Result<(), Bail> {
        if self.hart.fp_ready { Ok(()) } else { Err(Bail) }
    }

    #[inline(always)]
    fn f(&mut self, r: u8) -> u64 {
        debug_assert!(r < 32);
        // SAFETY: the decoder makes register numbers from 5-bit fields.
        unsafe { *self.hart.state.f.get_unchecked(usize::from(r)) }
    }

    #[inline(always)]
    fn set_f(&mut self, r: u8, value: u64) {
        debug_assert!(r < 32);
        // SAFETY: the decoder makes register numbers from 5-bit fields.
        unsafe { *self.hart.state.f.get_unchecked_mut(usize::from(r)) = value }
    }

    #[inline(always)]
    fn fp(&mut self, f: FpFn, [a, b, c]: [u64; 3], rm: u8) -> Result<u64, Bail> {
        let csr = &mut self.hart.state.csr;
        let rounding = rounding(rm, csr.frm).ok_or(Bail)?;
        let mut flags = Flags::from_bits(csr.fflags);
        let value = f(a, b, c, rounding, &mut flags);
        csr.fflags = flags.bits();
        Ok(value)
    }

    #[inline(always)]
    fn helper(&mut self, _f: HelperFn, _o: &Operands) -> Result<Flow, Bail> {
        Err(Bail)
    }
}
