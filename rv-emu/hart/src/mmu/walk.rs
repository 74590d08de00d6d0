//! The page-table walk: "Virtual Address Translation Process" (Supervisor-Level ISA) for both stages, and their combination
//! ("Two-Stage Address Translation", H extension).
//!
//! Steps are numbered as in the specification. A walk reads memory, may set accessed and dirty bits, and changes nothing else.

use rv_isa::fields::{menvcfg, mstatus, pte};
use rv_isa::{Isa, cause};

use super::pmp::{self, PmpAccess};
use super::tlb::Perms;
use crate::ext::{Extension, ReservedLeaf};
use crate::ram::Ram;
use crate::state::HartState;
use crate::trap::{Access, AccessKind, Source, Tinst, Trap};

/// htinst of a fault on an implicit read of a VS-stage entry, RV64.
const PSEUDO_READ: u32 = 0x3000;
/// htinst of a fault on an implicit write (accessed and dirty bits) of a VS-stage entry, RV64.
const PSEUDO_WRITE: u32 = 0x3020;

/// On whose behalf an access is translated; M-mode without MPRV is not translated at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regime {
    /// Effective privilege: 0 U, 1 S, 3 M.
    pub privilege: u8,
    /// Effective virtualization mode.
    pub virt: bool,
}

/// One translation under way.
pub(crate) struct Walk<'a> {
    pub(crate) state: &'a HartState,
    pub(crate) extensions: &'a [Box<dyn Extension>],
    pub(crate) ram: &'a mut Ram,
    /// The access as the instruction means it.
    pub(crate) access: Access,
    /// The address translated: that of the access, or the page boundary inside it.
    pub(crate) va: u64,
    pub(crate) regime: Regime,
    /// Addresses of the entries read or updated so far.
    pub(crate) touched: Touched,
}

/// Most entries that one translation can touch: five levels, each with a G-stage walk of five, the G-stage walk of the result, and as much
/// again for updates.
const TOUCHED_MAX: usize = 64;

/// Addresses of entries.
pub(crate) struct Touched {
    count: usize,
    addrs: [u64; TOUCHED_MAX],
}

impl Touched {
    pub(crate) fn new() -> Touched {
        Touched { count: 0, addrs: [0; TOUCHED_MAX] }
    }

    fn push(&mut self, addr: u64) {
        self.addrs[self.count] = addr;
        self.count += 1;
    }

    pub(crate) fn addrs(&self) -> &[u64] {
        &self.addrs[..self.count]
    }
}

/// Where an address leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Address after this stage.
    pub(crate) addr: u64,
    /// What its page may be used for without another walk.
    pub(crate) perms: Perms,
}

const ALL: Perms = Perms { read: true, write: true, exec: true };

/// The shape of a table tree: `satp`, `vsatp` and `hgatp` decode to it.
#[derive(Clone, Copy)]
struct Scheme {
    levels: u32,
    root: u64,
}

impl Scheme {
    /// `None` for Bare. Modes other than Sv39, Sv48, Sv57 (and their x4 forms) can't be written.
    fn decode(atp: u64) -> Option<Scheme> {
        let levels = match atp >> 60 {
            8 => 3,
            9 => 4,
            10 => 5,
            _ => return None,
        };
        Some(Scheme { levels, root: (atp & ((1 << 44) - 1)) << 12 })
    }

    /// Bits of address below the root table's index, plus its 9 bits.
    fn width(self) -> u32 {
        12 + 9 * self.levels
    }
}

/// What an access needs of a leaf.
#[derive(Clone, Copy)]
enum Want {
    Explicit(AccessKind),
    /// HLVX: execute permission in place of read.
    Execute,
    /// The walk's own read of a VS-stage entry.
    TableRead,
    /// The walk's own update of a VS-stage entry.
    TableWrite,
}

impl Want {
    fn writes(self) -> bool {
        matches!(self, Want::Explicit(AccessKind::Store) | Want::TableWrite)
    }

    fn implicit(self) -> bool {
        matches!(self, Want::TableRead | Want::TableWrite)
    }

    fn allowed(self, entry: u64, mxr: bool) -> bool {
        let has = |bit: u64| entry & bit != 0;
        match self {
            Want::Explicit(AccessKind::Fetch) | Want::Execute => has(pte::X),
            Want::Explicit(AccessKind::Load) => has(pte::R) || mxr && has(pte::X),
            Want::TableRead => has(pte::R),
            Want::Explicit(AccessKind::Store) | Want::TableWrite => has(pte::W),
        }
    }
}

impl Walk<'_> {
    /// Translates `va` to a physical address.
    pub(crate) fn translate(&mut self) -> Result<Leaf, Trap> {
        let csr = &self.state.csr;
        if !self.regime.virt {
            return match Scheme::decode(csr.satp) {
                Some(scheme) => self.first_stage(scheme),
                None => Ok(Leaf { addr: self.va, perms: ALL }),
            };
        }
        let first = match Scheme::decode(csr.vsatp) {
            Some(scheme) => self.first_stage(scheme)?,
            None => Leaf { addr: self.va, perms: ALL },
        };
        let second = self.second_stage(first.addr, self.want())?;
        let perms = Perms {
            read: first.perms.read && second.perms.read,
            write: first.perms.write && second.perms.write,
            exec: first.perms.exec && second.perms.exec,
        };
        Ok(Leaf { addr: second.addr, perms })
    }

    fn want(&self) -> Want {
        match self.access.source {
            Source::HypervisorExecute => Want::Execute,
            _ => Want::Explicit(self.access.kind),
        }
    }

    /// Translation by satp or, if the regime is virtual, by vsatp with every entry's address going through the G-stage.
    fn first_stage(&mut self, scheme: Scheme) -> Result<Leaf, Trap> {
        let unused = 64 - scheme.width();
        if ((self.va << unused) as i64 >> unused) as u64 != self.va {
            return Err(self.page_fault());
        }
        let mut table = scheme.root; // step 1
        for level in (0..scheme.levels).rev() {
            let index = self.va >> (12 + 9 * level) & 0x1ff;
            let at = table + index * 8; // step 2
            let phys = self.table_address(at, Want::TableRead)?;
            let entry = self.read_entry(phys)?;
            if malformed(entry) || self.reserved(entry, self.first_stage_memory_types()) {
                return Err(self.page_fault()); // step 3
            }
            if entry & (pte::R | pte::X) == 0 {
                if level == 0 || entry & NOT_IN_POINTERS != 0 {
                    return Err(self.page_fault()); // step 4
                }
                table = target(entry);
                continue;
            }
            if odd_range(entry, level) || misaligned(entry, level) || !self.first_stage_allows(entry) {
                return Err(self.page_fault()); // steps 5 to 8
            }
            let entry = self.first_stage_mark(entry, at, phys)?; // step 9
            return Ok(Leaf { addr: compose(entry, level, self.va), perms: self.first_stage_perms(entry) }); // step 10
        }
        unreachable!("level 0 is a leaf or a fault")
    }

    fn table_address(&mut self, at: u64, want: Want) -> Result<u64, Trap> {
        if self.regime.virt { Ok(self.second_stage(at, want)?.addr) } else { Ok(at) }
    }

    /// SUM of the level that translates.
    fn sum(&self) -> bool {
        let csr = &self.state.csr;
        let status = if self.regime.virt { csr.vsstatus } else { csr.mstatus };
        status & mstatus::SUM != 0
    }

    /// MXR for the first stage: HS-level MXR reaches both stages, vsstatus.MXR the VS-stage only.
    fn first_stage_mxr(&self) -> bool {
        let csr = &self.state.csr;
        csr.mstatus & mstatus::MXR != 0 || self.regime.virt && csr.vsstatus & mstatus::MXR != 0
    }

    /// The U bit against the regime's privilege: S never fetches from user pages, and reaches their data with SUM only.
    fn privilege_allows(&self, entry: u64, fetch: bool) -> bool {
        match (self.regime.privilege == 0, entry & pte::U != 0) {
            (user, page) if user == page => true,
            (true, _) => false,
            (false, _) => !fetch && self.sum(),
        }
    }

    fn first_stage_allows(&self, entry: u64) -> bool {
        let fetch = self.access.kind == AccessKind::Fetch;
        self.want().allowed(entry, self.first_stage_mxr()) && self.privilege_allows(entry, fetch)
    }

    fn first_stage_perms(&self, entry: u64) -> Perms {
        let data = self.privilege_allows(entry, false);
        Perms {
            read: data && Want::Explicit(AccessKind::Load).allowed(entry, self.first_stage_mxr()),
            write: data && entry & (pte::W | pte::D) == pte::W | pte::D,
            exec: entry & pte::X != 0 && self.privilege_allows(entry, true),
        }
    }

    /// Step 9: accessed and dirty bits of a first-stage leaf. Svadu sets them, Svade faults.
    fn first_stage_mark(&mut self, entry: u64, at: u64, phys: u64) -> Result<u64, Trap> {
        let marked = entry | pte::A | if self.want().writes() { pte::D } else { 0 };
        if marked == entry {
            return Ok(entry);
        }
        let csr = &self.state.csr;
        let virt_off = self.regime.virt && csr.henvcfg & menvcfg::ADUE == 0;
        if csr.menvcfg & menvcfg::ADUE == 0 || virt_off {
            return Err(self.page_fault());
        }
        let phys = if self.regime.virt { self.table_address(at, Want::TableWrite)? } else { phys };
        self.write_entry(phys, marked)?;
        Ok(marked)
    }

    /// Translation by hgatp. Every access counts as one by a user ("Guest Physical Address Translation").
    fn second_stage(&mut self, gpa: u64, want: Want) -> Result<Leaf, Trap> {
        let Some(scheme) = Scheme::decode(self.state.csr.hgatp) else {
            return Ok(Leaf { addr: gpa, perms: ALL });
        };
        if gpa >> (scheme.width() + 2) != 0 {
            return Err(self.guest_page_fault(gpa, want));
        }
        let mxr = self.state.csr.mstatus & mstatus::MXR != 0;
        let mut table = scheme.root & !0x3fff;
        for level in (0..scheme.levels).rev() {
            let root_bits = if level + 1 == scheme.levels { 0x7ff } else { 0x1ff };
            let phys = table + (gpa >> (12 + 9 * level) & root_bits) * 8;
            let entry = self.read_entry(phys)?;
            if malformed(entry) || self.reserved(entry, self.state.csr.menvcfg) {
                return Err(self.reserved_or_fault(entry, gpa, want));
            }
            if entry & (pte::R | pte::X) == 0 {
                if level == 0 || entry & NOT_IN_POINTERS != 0 {
                    return Err(self.guest_page_fault(gpa, want));
                }
                table = target(entry);
                continue;
            }
            if odd_range(entry, level) || misaligned(entry, level) || entry & pte::U == 0 || !want.allowed(entry, mxr) {
                return Err(self.guest_page_fault(gpa, want));
            }
            let entry = self.second_stage_mark(entry, phys, gpa, want)?;
            let perms = Perms {
                read: Want::Explicit(AccessKind::Load).allowed(entry, mxr),
                write: entry & (pte::W | pte::D) == pte::W | pte::D,
                exec: entry & pte::X != 0,
            };
            return Ok(Leaf { addr: compose(entry, level, gpa), perms });
        }
        unreachable!("level 0 is a leaf or a fault")
    }

    /// Step 9 for a G-stage leaf, ruled by menvcfg.ADUE.
    fn second_stage_mark(&mut self, entry: u64, phys: u64, gpa: u64, want: Want) -> Result<u64, Trap> {
        let marked = entry | pte::A | if want.writes() { pte::D } else { 0 };
        if marked == entry {
            return Ok(entry);
        }
        if self.state.csr.menvcfg & menvcfg::ADUE == 0 {
            return Err(self.guest_page_fault(gpa, want));
        }
        self.write_entry(phys, marked)?;
        Ok(marked)
    }

    /// A G-stage entry is invalid or uses reserved encodings: a guest-page fault, unless an extension gives its bits a meaning.
    fn reserved_or_fault(&self, entry: u64, gpa: u64, want: Want) -> Trap {
        let fault = self.guest_page_fault(gpa, want);
        if entry & pte::V == 0 || entry & pte::RESERVED == 0 {
            return fault;
        }
        let leaf = ReservedLeaf { pte: entry, access: self.access, implicit: want.implicit() };
        let code = self.extensions.iter().find_map(|ext| ext.reserved_leaf(self.state, &leaf));
        Trap { code: code.unwrap_or(fault.code), ..fault }
    }

    /// The environment configuration whose PBMTE rules the first stage.
    fn first_stage_memory_types(&self) -> u64 {
        let csr = &self.state.csr;
        if self.regime.virt { csr.henvcfg & csr.menvcfg } else { csr.menvcfg }
    }

    /// Bits of an entry that no extension has given a meaning, or a reserved memory type. `config` rules memory types.
    fn reserved(&self, entry: u64, config: u64) -> bool {
        let no_ranges = entry & pte::N != 0 && !self.state.isa.has(Isa::Svnapot);
        let types = config & menvcfg::PBMTE != 0;
        let bad_type = if types { entry & pte::PBMT == pte::PBMT } else { entry & pte::PBMT != 0 };
        entry & pte::RESERVED != 0 || no_ranges || bad_type
    }

    /// Step 2: reads an entry as a load by S-mode.
    fn read_entry(&mut self, phys: u64) -> Result<u64, Trap> {
        self.touched.push(phys);
        if !pmp::allows(&self.state.csr, false, phys, 8, PmpAccess::Load) {
            return Err(self.access_fault());
        }
        self.ram.load(phys, 8).ok_or_else(|| self.access_fault())
    }

    /// Step 9: updates an entry as a store by S-mode. Harts run one at a time, so this is atomic.
    fn write_entry(&mut self, phys: u64, entry: u64) -> Result<(), Trap> {
        self.touched.push(phys);
        let allowed = pmp::allows(&self.state.csr, false, phys, 8, PmpAccess::Store);
        if allowed && self.ram.store(phys, 8, entry) { Ok(()) } else { Err(self.access_fault()) }
    }

    /// The trap's common part: the address, and the instruction unless it is a fetch.
    fn fault(&self, code: u64) -> Trap {
        let tinst = match self.access.kind {
            AccessKind::Fetch => Tinst::Zero,
            _ => Tinst::Transformed { offset: self.va.wrapping_sub(self.access.va) as u8 },
        };
        Trap { code, interrupt: false, tval: self.va, gva: self.regime.virt, gpa: None, tinst }
    }

    fn page_fault(&self) -> Trap {
        self.fault(match self.access.kind {
            AccessKind::Fetch => cause::INSTRUCTION_PAGE_FAULT,
            AccessKind::Load => cause::LOAD_PAGE_FAULT,
            AccessKind::Store => cause::STORE_PAGE_FAULT,
        })
    }

    pub(crate) fn access_fault(&self) -> Trap {
        self.fault(match self.access.kind {
            AccessKind::Fetch => cause::INSTRUCTION_ACCESS_FAULT,
            AccessKind::Load => cause::LOAD_ACCESS_FAULT,
            AccessKind::Store => cause::STORE_ACCESS_FAULT,
        })
    }

    fn guest_page_fault(&self, gpa: u64, want: Want) -> Trap {
        let mut trap = self.fault(match self.access.kind {
            AccessKind::Fetch => cause::INSTRUCTION_GUEST_PAGE_FAULT,
            AccessKind::Load => cause::LOAD_GUEST_PAGE_FAULT,
            AccessKind::Store => cause::STORE_GUEST_PAGE_FAULT,
        });
        trap.gpa = Some(gpa);
        match want {
            Want::TableRead => trap.tinst = Tinst::Value(PSEUDO_READ),
            Want::TableWrite => trap.tinst = Tinst::Value(PSEUDO_WRITE),
            Want::Explicit(_) | Want::Execute => {}
        }
        trap
    }
}

/// Invalid, or writable without being readable (step 3).
fn malformed(entry: u64) -> bool {
    entry & pte::V == 0 || entry & (pte::R | pte::W) == pte::W
}

/// Physical address that an entry points to.
fn target(entry: u64) -> u64 {
    (entry >> 10 & ((1 << 44) - 1)) << 12
}

/// Bits that a pointer to the next level may not have.
const NOT_IN_POINTERS: u64 = pte::U | pte::A | pte::D | pte::PBMT | pte::N;

/// A range of a size that doesn't exist: there are 64 KiB at level 0 only (Svnapot).
fn odd_range(entry: u64, level: u32) -> bool {
    entry & pte::N != 0 && (level != 0 || entry >> pte::PPN_SHIFT & 0xf != 0b1000)
}

/// A superpage whose low page-number bits are not 0 (step 6).
fn misaligned(entry: u64, level: u32) -> bool {
    target(entry) & ((1 << (12 + 9 * level)) - 1) != 0
}

/// The leaf's page with the address's offset (step 10).
fn compose(entry: u64, level: u32, addr: u64) -> u64 {
    if entry & pte::N != 0 {
        return target(entry) & !0xffff | addr & 0xffff;
    }
    target(entry) | addr & ((1 << (12 + 9 * level)) - 1)
}
