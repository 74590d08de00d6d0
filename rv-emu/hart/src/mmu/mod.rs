//! From virtual addresses to physical ones: software TLBs in front, the walk of the specification behind.

pub mod pmp;
pub mod tlb;
pub(crate) mod walk;
mod walk_cache;

use rv_isa::fields::mstatus;

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
    /// What the walker still has.
    pub(crate) walker: WalkCache,
}

impl Mmu {
    pub(crate) fn new() -> Mmu {
        Mmu { tlbs: std::array::from_fn(|_| Tlb::new()), walker: WalkCache::new() }
    }

    pub(crate) fn tlb(&mut self, space: Space) -> &mut Tlb {
        &mut self.tlbs[space as usize]
    }

    pub(crate) fn entries(&self, space: Space) -> *const Entry {
        self.tlbs[space as usize].as_ptr()
    }

    pub(crate) fn flush(&mut self, spaces: &[Space]) {
        self.walker.flush();
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

    /// The space that this regime looks at memory through.
    pub fn space(self, state: &HartState) -> Space {
        let status = if self.virt { state.csr.vsstatus } else { state.csr.mstatus };
        Space::new(self.privilege, self.virt, status & mstatus::SUM != 0)
    }
}
