//! From virtual addresses to physical ones: software TLBs in front, the walk of the specification behind.

pub mod pmp;
pub mod tlb;
pub(crate) mod walk;
mod walk_cache;

use rv_isa::fields::{hstatus, menvcfg, mstatus};

use crate::mode::Mode;
use crate::state::HartState;
pub use pmp::PmpAccess;
pub use tlb::Space;
use tlb::{Entry, SPACES, Tlb};
pub use walk::Regime;
pub use walk_cache::WalkCache;

/// Bits of a physical address (44-bit page numbers). Nothing answers above.
pub(crate) const PHYS_BITS: u32 = 56;

/// The TLBs of a hart. Not part of its state: it can be emptied at any time.
pub(crate) struct Mmu {
    tlbs: [Tlb; SPACES],
    /// Never filled: for accesses whose addresses must be masked first.
    empty: Tlb,
    /// What the walker still has.
    pub(crate) walker: WalkCache,
}

impl Mmu {
    pub(crate) fn new() -> Mmu {
        Mmu { tlbs: std::array::from_fn(|_| Tlb::new()), empty: Tlb::new(), walker: WalkCache::new() }
    }

    pub(crate) fn tlb(&mut self, space: Space) -> &mut Tlb {
        &mut self.tlbs[space as usize]
    }

    pub(crate) fn entries(&self, space: Space) -> *const Entry {
        self.tlbs[space as usize].as_ptr()
    }

    /// Entries that never hit.
    pub(crate) fn no_entries(&self) -> *const Entry {
        self.empty.as_ptr()
    }

    /// Forgets translations. The walker keeps its entries: they go by physical address.
    pub(crate) fn flush(&mut self, spaces: &[Space]) {
        for space in spaces {
            self.tlbs[*space as usize].flush();
        }
    }

    pub(crate) fn flush_all(&mut self) {
        self.walker.flush();
        self.tlbs.iter_mut().for_each(Tlb::flush);
    }

    pub(crate) fn end_writes(&mut self, phys: u64) {
        for tlb in &mut self.tlbs {
            tlb.end_writes(phys);
        }
    }
}

impl Regime {
    /// Fetches: always the current mode.
    pub fn fetch(state: &HartState) -> Regime {
        Regime::of(state.mode)
    }

    /// Explicit loads and stores: the current mode, or in M-mode with MPRV that of MPP and MPV ("Memory Privilege in mstatus").
    pub fn data(state: &HartState) -> Regime {
        let status = state.csr.mstatus;
        if state.mode != Mode::M || status & mstatus::MPRV == 0 {
            return Regime::of(state.mode);
        }
        let privilege = (status >> mstatus::MPP_SHIFT & 3) as u8;
        Regime { privilege, virt: privilege != 3 && status & mstatus::MPV != 0 }
    }

    fn of(mode: Mode) -> Regime {
        Regime { privilege: mode.privilege(), virt: mode.virt() }
    }

    /// How many upper bits of an address pointer masking ignores: 0, 7 or 16. MXR turns it off ("Pointer Masking").
    pub fn pointer_mask(self, state: &HartState) -> u32 {
        let csr = &state.csr;
        let config = match (self.privilege, self.virt) {
            (3, _) => 0,
            (0, _) => csr.senvcfg,
            (_, true) => csr.henvcfg,
            (_, false) => csr.menvcfg,
        };
        self.mask_length((config & menvcfg::PMM) >> menvcfg::PMM_SHIFT, state)
    }

    /// The same for HLV and HSV: in U-mode hstatus.HUPMM takes the place of senvcfg.PMM.
    pub fn hypervisor_pointer_mask(self, state: &HartState) -> u32 {
        if state.mode == Mode::U && self.privilege == 0 {
            return self.mask_length((state.csr.hstatus & hstatus::HUPMM) >> hstatus::HUPMM_SHIFT, state);
        }
        self.pointer_mask(state)
    }

    /// The length that the value `pmm` of a PMM field stands for.
    fn mask_length(self, pmm: u64, state: &HartState) -> u32 {
        let csr = &state.csr;
        let executable_readable = (csr.mstatus | if self.virt { csr.vsstatus } else { 0 }) & mstatus::MXR != 0;
        match pmm {
            2 if !executable_readable => 7,
            3 if !executable_readable => 16,
            _ => 0,
        }
    }

    /// `va` without its upper `masked` bits: they become copies of the one below if the address is virtual, and 0 if not.
    pub fn masked(self, va: u64, masked: u32, state: &HartState) -> u64 {
        let csr = &state.csr;
        let translated = if self.virt { csr.vsatp } else { csr.satp } >> 60 != 0;
        match masked {
            0 => va,
            _ if translated => ((va << masked) as i64 >> masked) as u64,
            _ => va << masked >> masked,
        }
    }

    /// The space that this regime looks at memory through.
    pub fn space(self, state: &HartState) -> Space {
        let status = if self.virt { state.csr.vsstatus } else { state.csr.mstatus };
        Space::new(self.privilege, self.virt, status & mstatus::SUM != 0)
    }
}
