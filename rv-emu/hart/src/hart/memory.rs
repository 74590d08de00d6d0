//! The complete way of a memory access: alignment, translation, protection, then memory or a device.

use rv_isa::cause;

use super::{Core, Hart};
use crate::bus::Bus;
use crate::mmu::pmp::{self, PmpAccess};
use crate::mmu::tlb::Perms;
use crate::mmu::walk::{Leaf, Touched, Walk};
use crate::mmu::{PHYS_BITS, Regime};
use crate::ram::PAGE_SIZE;
use crate::trap::{Access, AccessKind, Source, Tinst, Trap};

/// One part of an access that lies within a page.
#[derive(Clone, Copy)]
struct Piece {
    phys: u64,
    len: u8,
}

impl Hart {
    /// Where a load or store of the byte at `va` would go now, for an observer; `None` if it would trap. As an access would, it may mark
    /// page-table entries and fill the TLB.
    pub fn data_address(&mut self, bus: &mut dyn Bus, va: u64, kind: AccessKind, regime: Regime) -> Option<u64> {
        let access = Access { kind, source: Source::Int, size: 1, va };
        Core { hart: self, bus }.resolve(access, va, 1, regime).ok()
    }
}

impl Core<'_> {
    /// An explicit load of `access.size` bytes, zero-extended.
    pub(crate) fn load(&mut self, access: Access, regime: Regime) -> Result<u64, Trap> {
        let access = self.effective(access, regime);
        let pieces = self.pieces(access, regime)?;
        let mut value = 0;
        let mut shift = 0;
        for piece in pieces.into_iter().flatten() {
            value |= self.read(access, regime, piece)? << shift;
            shift += 8 * u32::from(piece.len);
        }
        if let Some(record) = self.hart.record() {
            record.load(access.va, access.size, value);
        }
        Ok(value)
    }

    /// An explicit store of the low `access.size` bytes of `value`. Every page is checked before the first byte is written.
    pub(crate) fn store(&mut self, access: Access, value: u64, regime: Regime) -> Result<(), Trap> {
        let access = self.effective(access, regime);
        let pieces = self.pieces(access, regime)?;
        if let Some(record) = self.hart.record() {
            record.store(access.va, access.size, value);
        }
        let mut value = value;
        for piece in pieces.into_iter().flatten() {
            self.write(access, regime, piece, value)?;
            value = value.checked_shr(8 * u32::from(piece.len)).unwrap_or(0);
        }
        self.after_store();
        Ok(())
    }

    /// Writes zeros to the `size` bytes at `va`, a multiple of it, for the operand `operand` of a CBO.ZERO.
    pub(crate) fn zero(&mut self, operand: u64, size: u64) -> Result<(), Trap> {
        let regime = Regime::data(&self.hart.state);
        let whole = Access { kind: AccessKind::Store, source: Source::CacheBlock, size: 1, va: operand };
        let access = self.effective(whole, regime);
        let phys = self.resolve(access, access.va, 1, regime)? & !(size - 1);
        for offset in (0..size).step_by(8) {
            if !self.bus.ram().store(phys + offset, 8, 0) {
                return Err(Trap { tinst: Tinst::Zero, ..denied(access, regime, cause::STORE_ACCESS_FAULT) });
            }
            if let Some(record) = self.hart.record() {
                record.store((access.va & !(size - 1)).wrapping_add(offset), 8, 0);
            }
        }
        self.after_store();
        Ok(())
    }

    /// Whether a load or a store may reach the cache block of `operand`; the fault is that of a store ("Cache-Block Management Operations").
    pub(crate) fn reach_block(&mut self, operand: u64) -> Result<(), Trap> {
        let regime = Regime::data(&self.hart.state);
        let whole = Access { kind: AccessKind::Load, source: Source::CacheBlock, size: 1, va: operand };
        let access = self.effective(whole, regime);
        // Whoever may store may load, and a load sets no dirty bit.
        self.resolve(access, access.va, 1, regime)
            .map(|_| ())
            .map_err(|trap| Trap { code: store_fault(trap.code), ..trap })
    }

    /// The access with its address as pointer masking leaves it.
    fn effective(&self, access: Access, regime: Regime) -> Access {
        let state = &self.hart.state;
        if !state.masks_pointers() {
            return access;
        }
        let masked = match access.source {
            Source::Hypervisor | Source::HypervisorExecute => regime.hypervisor_pointer_mask(state),
            _ => regime.pointer_mask(state),
        };
        Access { va: regime.masked(access.va, masked, state), ..access }
    }

    /// Where an AMO, LR or SC acts: aligned, and in memory. They are never split (A extension, "Load-Reserved/Store-Conditional").
    pub(crate) fn atomic_address(&mut self, access: Access) -> Result<u64, Trap> {
        let regime = Regime::data(&self.hart.state);
        let access = self.effective(access, regime);
        let fault = |code| Trap {
            gva: regime.virt,
            tinst: Tinst::Transformed { offset: 0 },
            ..Trap::exception(code, access.va)
        };
        let (misaligned, denied) = match access.kind {
            AccessKind::Load => (cause::LOAD_ADDRESS_MISALIGNED, cause::LOAD_ACCESS_FAULT),
            _ => (cause::STORE_ADDRESS_MISALIGNED, cause::STORE_ACCESS_FAULT),
        };
        if !access.aligned() {
            return Err(fault(misaligned));
        }
        let phys = self.resolve(access, access.va, access.size, regime)?;
        let ram = self.bus.ram();
        let writable = access.kind == AccessKind::Load || ram.writable(phys);
        if ram.contains(phys, access.size.into()) && writable { Ok(phys) } else { Err(fault(denied)) }
    }

    /// Reads memory at `phys`, which [`Core::atomic_address`] gave for `va`.
    pub(crate) fn atomic_read(&mut self, va: u64, phys: u64, size: u8) -> u64 {
        let value = self.bus.ram().load(phys, size).unwrap_or(0);
        if let Some(record) = self.hart.record() {
            record.load(va, size, value);
        }
        value
    }

    /// Writes memory at `phys`, which [`Core::atomic_address`] gave for `va`.
    pub(crate) fn atomic_write(&mut self, va: u64, phys: u64, size: u8, value: u64) {
        self.bus.ram().store(phys, size, value);
        self.after_store();
        if let Some(record) = self.hart.record() {
            record.store(va, size, value);
        }
    }

    /// Stores may have hit code or a watched page: then the block that runs must end.
    pub(crate) fn after_store(&mut self) {
        let ram = self.bus.ram();
        if ram.watch_hit() || ram.code_cursor() != self.hart.code_cursor {
            self.hart.attend();
        }
    }

    /// Translates an access, in two pieces if it crosses a page ("a straddling access reports the page boundary").
    fn pieces(&mut self, access: Access, regime: Regime) -> Result<[Option<Piece>; 2], Trap> {
        let room = PAGE_SIZE - access.va % PAGE_SIZE;
        let size = access.size;
        if u64::from(size) <= room {
            let phys = self.resolve(access, access.va, size, regime)?;
            return Ok([Some(Piece { phys, len: size }), None]);
        }
        let first = room as u8;
        let low = self.resolve(access, access.va, first, regime)?;
        let high = self.resolve(access, access.va.wrapping_add(room), size - first, regime)?;
        Ok([Some(Piece { phys: low, len: first }), Some(Piece { phys: high, len: size - first })])
    }

    /// Translates the `len` bytes at `va` of an access, checks PMP, and teaches the TLB.
    pub(crate) fn resolve(&mut self, access: Access, va: u64, len: u8, regime: Regime) -> Result<u64, Trap> {
        let hart = &mut *self.hart;
        let ram = self.bus.ram();
        let mut walk =
            Walk { state: &hart.state, extensions: &hart.extensions, ram, access, va, regime, touched: Touched::new() };
        let machine = regime.privilege == 3;
        let everything = Perms { read: true, write: true, exec: true };
        let found = if machine { Ok(Leaf { addr: va, perms: everything }) } else { walk.translate() };
        let found = found.and_then(|leaf| {
            let inside = leaf.addr >> PHYS_BITS == 0;
            let allowed = inside && pmp::allows(&walk.state.csr, machine, leaf.addr, len.into(), needs(access));
            if allowed { Ok(leaf) } else { Err(walk.access_fault()) }
        });
        let touched = walk.touched;
        hart.charge_walk(&touched);
        let leaf = found?;
        self.fill(va, leaf, regime);
        Ok(leaf.addr)
    }

    /// Enters a page of memory into the TLB, with the permissions that hold for all of it.
    fn fill(&mut self, va: u64, leaf: Leaf, regime: Regime) {
        let page = leaf.addr & !(PAGE_SIZE - 1);
        let Some((host, plain)) = self.bus.ram().page(page) else { return };
        let hart = &mut *self.hart;
        let Some(pmp) = pmp::page_perms(&hart.state.csr, regime.privilege == 3, page) else { return };
        let perms = Perms {
            read: leaf.perms.read && pmp.read,
            write: leaf.perms.write && pmp.write && pmp.read && plain,
            exec: leaf.perms.exec && pmp.exec,
        };
        let space = regime.space(&hart.state);
        hart.mmu.tlb(space).fill(va, page, host, perms);
    }

    /// Reads one piece from memory or a device.
    fn read(&mut self, access: Access, regime: Regime, piece: Piece) -> Result<u64, Trap> {
        if let Some(value) = self.bus.ram().load(piece.phys, piece.len) {
            return Ok(value);
        }
        let denied = denied(access, regime, cause::LOAD_ACCESS_FAULT);
        if !device_access(access, piece) {
            return Err(denied);
        }
        let hart = &mut *self.hart;
        hart.charge(hart.costs.mmio_device_read);
        hart.counters.mmio[0] += 1;
        hart.attend();
        let (id, now) = (hart.state.hart_id as usize, hart.state.cycles);
        self.bus.read(id, piece.phys, piece.len, now).map_err(|_| denied)
    }

    /// Writes one piece to memory or a device.
    fn write(&mut self, access: Access, regime: Regime, piece: Piece, value: u64) -> Result<(), Trap> {
        if self.bus.ram().store(piece.phys, piece.len, value) {
            return Ok(());
        }
        let denied = denied(access, regime, cause::STORE_ACCESS_FAULT);
        if !device_access(access, piece) || self.bus.ram().contains(piece.phys, 1) {
            return Err(denied);
        }
        let hart = &mut *self.hart;
        hart.charge(hart.costs.mmio_device_write);
        hart.counters.mmio[1] += 1;
        hart.attend();
        let (id, now) = (hart.state.hart_id as usize, hart.state.cycles);
        self.bus.write(id, piece.phys, piece.len, value, now).map_err(|_| denied)
    }

    /// The instruction parcel (16 bits) at `va` of the instruction at `pc`.
    pub(super) fn parcel(&mut self, pc: u64, va: u64) -> Result<u32, Trap> {
        let access = Access { kind: AccessKind::Fetch, source: Source::Fetch, size: 2, va: pc };
        let regime = Regime::fetch(&self.hart.state);
        let space = regime.space(&self.hart.state);
        let phys = match self.hart.mmu.tlb(space).executable(va) {
            Some(phys) => phys,
            None => self.resolve(access, va, 2, regime)?,
        };
        let fault = Trap { gva: regime.virt, ..Trap::exception(cause::INSTRUCTION_ACCESS_FAULT, va) };
        self.bus.ram().load(phys, 2).map(|parcel| parcel as u32).ok_or(fault)
    }
}

impl Hart {
    fn charge_walk(&mut self, touched: &Touched) {
        for &entry in touched.addrs() {
            let cached = self.mmu.walker.touch(entry);
            self.counters.pte_reads += 1;
            self.charge(if cached { self.costs.pte_cached } else { self.costs.pte_read });
        }
    }
}

/// The fault of a store in place of that of a load.
fn store_fault(code: u64) -> u64 {
    match code {
        cause::LOAD_ACCESS_FAULT => cause::STORE_ACCESS_FAULT,
        cause::LOAD_PAGE_FAULT => cause::STORE_PAGE_FAULT,
        cause::LOAD_GUEST_PAGE_FAULT => cause::STORE_GUEST_PAGE_FAULT,
        code => code,
    }
}

/// Devices take aligned accesses in one piece only; anything else there is an access fault.
fn device_access(access: Access, piece: Piece) -> bool {
    access.aligned() && piece.len == access.size
}

fn denied(access: Access, regime: Regime, code: u64) -> Trap {
    Trap { gva: regime.virt, tinst: Tinst::Transformed { offset: 0 }, ..Trap::exception(code, access.va) }
}

fn needs(access: Access) -> PmpAccess {
    match (access.kind, access.source) {
        (_, Source::HypervisorExecute) => PmpAccess::LoadExecute,
        (AccessKind::Fetch, _) => PmpAccess::Fetch,
        (AccessKind::Load, _) => PmpAccess::Load,
        (AccessKind::Store, _) => PmpAccess::Store,
    }
}
