//! Fields of CSRs and page-table entries, as masks. Names are those of the privileged specification; values that a field may have are given
//! in place, so that they can be compared with the masked register.

/// mstatus ("Machine Status Registers"); sstatus and vsstatus have a part of the same fields, at the same places.
pub mod mstatus {
    /// S-level interrupts are enabled.
    pub const SIE: u64 = 1 << 1;
    /// M-level interrupts are enabled.
    pub const MIE: u64 = 1 << 3;
    /// SIE before a trap to S.
    pub const SPIE: u64 = 1 << 5;
    /// U-mode is big-endian.
    pub const UBE: u64 = 1 << 6;
    /// MIE before a trap to M.
    pub const MPIE: u64 = 1 << 7;
    /// Privilege before a trap to S: U or S.
    pub const SPP: u64 = 1 << 8;
    /// State of the vector unit: as FS.
    pub const VS: u64 = 3 << 9;
    /// Privilege before a trap to M: U (0), S (1) or M (3).
    pub const MPP: u64 = 3 << 11;
    /// State of the floating-point unit: off, initial, clean, dirty.
    pub const FS: u64 = 3 << 13;
    /// State of other extensions.
    pub const XS: u64 = 3 << 15;
    /// Explicit accesses use MPP and MPV.
    pub const MPRV: u64 = 1 << 17;
    /// S-mode may access user pages.
    pub const SUM: u64 = 1 << 18;
    /// Loads may read executable pages.
    pub const MXR: u64 = 1 << 19;
    /// Trap virtual memory management: satp, hgatp, SFENCE.VMA and HFENCE.GVMA are illegal below M.
    pub const TVM: u64 = 1 << 20;
    /// Trap WFI below M (timeout wait).
    pub const TW: u64 = 1 << 21;
    /// Trap SRET below M.
    pub const TSR: u64 = 1 << 22;
    /// XLEN of U-mode.
    pub const UXL: u64 = 3 << 32;
    /// XLEN of S-mode.
    pub const SXL: u64 = 3 << 34;
    /// S-mode is big-endian.
    pub const SBE: u64 = 1 << 36;
    /// M-mode is big-endian.
    pub const MBE: u64 = 1 << 37;
    /// mtval is a guest virtual address.
    pub const GVA: u64 = 1 << 38;
    /// V before a trap to M.
    pub const MPV: u64 = 1 << 39;
    /// FS, VS or XS is dirty; read-only.
    pub const SD: u64 = 1 << 63;
    /// Position of MPP.
    pub const MPP_SHIFT: u32 = 11;
    /// Position of FS.
    pub const FS_SHIFT: u32 = 13;
    /// Position of UXL.
    pub const UXL_SHIFT: u32 = 32;
    /// Position of SXL.
    pub const SXL_SHIFT: u32 = 34;
}

/// hstatus ("Hypervisor Status Register").
pub mod hstatus {
    /// VS-mode is big-endian.
    pub const VSBE: u64 = 1 << 5;
    /// stval is a guest virtual address.
    pub const GVA: u64 = 1 << 6;
    /// V before a trap to HS.
    pub const SPV: u64 = 1 << 7;
    /// Privilege in the guest before a trap to HS; privilege of HLV and HSV.
    pub const SPVP: u64 = 1 << 8;
    /// U-mode may use HLV and HSV.
    pub const HU: u64 = 1 << 9;
    /// Guest external interrupt source.
    pub const VGEIN: u64 = 0x3f << 12;
    /// Position of VGEIN.
    pub const VGEIN_SHIFT: u32 = 12;
    /// Trap virtual memory management in VS-mode.
    pub const VTVM: u64 = 1 << 20;
    /// Trap WFI in VS-mode.
    pub const VTW: u64 = 1 << 21;
    /// Trap SRET in VS-mode.
    pub const VTSR: u64 = 1 << 22;
    /// Pointer masking of HLV and HSV in U-mode: as PMM of menvcfg.
    pub const HUPMM: u64 = 3 << 48;
    /// Position of HUPMM.
    pub const HUPMM_SHIFT: u32 = 48;
    /// XLEN of VS-mode.
    pub const VSXL: u64 = 3 << 32;
    /// Position of VSXL.
    pub const VSXL_SHIFT: u32 = 32;
}

/// menvcfg, senvcfg and henvcfg ("Machine Environment Configuration Register"). senvcfg has FIOM,
/// the fields of cache blocks, and PMM.
pub mod menvcfg {
    /// Fences of I/O imply memory.
    pub const FIOM: u64 = 1 << 0;
    /// What CBO.INVAL does: trap (0), flush (1), invalidate (3).
    pub const CBIE: u64 = 3 << 4;
    /// CBO.CLEAN and CBO.FLUSH are enabled.
    pub const CBCFE: u64 = 1 << 6;
    /// CBO.ZERO is enabled.
    pub const CBZE: u64 = 1 << 7;
    /// Pointer masking of the next lower mode: off (0), the upper 7 bits (2), the upper 16 bits (3).
    pub const PMM: u64 = 3 << 32;
    /// Position of CBIE.
    pub const CBIE_SHIFT: u32 = 4;
    /// Position of PMM.
    pub const PMM_SHIFT: u32 = 32;
    /// Hardware sets accessed and dirty bits, instead of raising page faults (Svadu, Svade).
    pub const ADUE: u64 = 1 << 61;
    /// Page-based memory types are enabled (Svpbmt).
    pub const PBMTE: u64 = 1 << 62;
    /// stimecmp (in henvcfg: vstimecmp) is enabled (Sstc).
    pub const STCE: u64 = 1 << 63;
}

/// mip and mie, and their views sip, hip, vsip and so on ("Machine Interrupt Registers"). vsip and vsie have VSSIP, VSTIP and VSEIP at the
/// places of SSIP, STIP and SEIP.
pub mod mip {
    /// Supervisor software.
    pub const SSIP: u64 = 1 << 1;
    /// Virtual supervisor software.
    pub const VSSIP: u64 = 1 << 2;
    /// Machine software.
    pub const MSIP: u64 = 1 << 3;
    /// Supervisor timer.
    pub const STIP: u64 = 1 << 5;
    /// Virtual supervisor timer.
    pub const VSTIP: u64 = 1 << 6;
    /// Machine timer.
    pub const MTIP: u64 = 1 << 7;
    /// Supervisor external.
    pub const SEIP: u64 = 1 << 9;
    /// Virtual supervisor external.
    pub const VSEIP: u64 = 1 << 10;
    /// Machine external.
    pub const MEIP: u64 = 1 << 11;
    /// Supervisor guest external.
    pub const SGEIP: u64 = 1 << 12;
    /// Counter overflow.
    pub const LCOFIP: u64 = 1 << 13;
}

/// hvictl ("Virtual interrupts for VS level", Advanced Interrupt Architecture).
pub mod hvictl {
    /// Major interrupts come from this register, and a guest's own access to sip and sie traps.
    pub const VTI: u64 = 1 << 30;
    /// The interrupt's number.
    pub const IID: u64 = 0xfff << 16;
    /// By default the interrupt ranks below a supervisor external one.
    pub const DPR: u64 = 1 << 9;
    /// vstopi shows priority numbers.
    pub const IPRIOM: u64 = 1 << 8;
    /// The interrupt's priority number.
    pub const IPRIO: u64 = 0xff;
    /// Position of IID.
    pub const IID_SHIFT: u32 = 16;
}

/// mstateen0 and hstateen0 (Smstateen), as far as the base has bits there.
pub mod stateen {
    /// State of an IMSIC: stopei, vstopei, and interrupt files behind siselect and vsiselect.
    pub const IMSIC: u64 = 1 << 58;
    /// Other state of the Advanced Interrupt Architecture.
    pub const AIA: u64 = 1 << 59;
    /// siselect, sireg, vsiselect and vsireg.
    pub const CSRIND: u64 = 1 << 60;
}

/// satp, vsatp and hgatp ("Supervisor Address Translation and Protection Register"). The root table of hgatp is 16 KiB, so the low two bits of
/// its PPN are 0.
pub mod satp {
    /// Translation scheme.
    pub const MODE: u64 = 0xf << 60;
    /// Address-space identifier of satp and vsatp.
    pub const ASID: u64 = 0xffff << 44;
    /// Virtual-machine identifier of hgatp.
    pub const VMID: u64 = 0x3fff << 44;
    /// Root page number.
    pub const PPN: u64 = (1 << 44) - 1;
    /// No translation.
    pub const BARE: u64 = 0;
    /// Sv39; Sv39x4 in hgatp.
    pub const SV39: u64 = 8 << 60;
    /// Sv48; Sv48x4 in hgatp.
    pub const SV48: u64 = 9 << 60;
    /// Sv57; Sv57x4 in hgatp.
    pub const SV57: u64 = 10 << 60;
    /// Position of MODE.
    pub const MODE_SHIFT: u32 = 60;
    /// Position of ASID and VMID.
    pub const ASID_SHIFT: u32 = 44;
}

/// Page-table entries of Sv39, Sv48 and Sv57 ("Sv39: Page-Based 39-bit Virtual-Memory System").
pub mod pte {
    /// Valid.
    pub const V: u64 = 1 << 0;
    /// Readable.
    pub const R: u64 = 1 << 1;
    /// Writable.
    pub const W: u64 = 1 << 2;
    /// Executable.
    pub const X: u64 = 1 << 3;
    /// User.
    pub const U: u64 = 1 << 4;
    /// Global.
    pub const G: u64 = 1 << 5;
    /// Accessed.
    pub const A: u64 = 1 << 6;
    /// Dirty.
    pub const D: u64 = 1 << 7;
    /// For software to use.
    pub const RSW: u64 = 3 << 8;
    /// Page number.
    pub const PPN: u64 = ((1 << 44) - 1) << 10;
    /// Bits 60:54, reserved: a page fault if set.
    pub const RESERVED: u64 = 0x7f << 54;
    /// Memory type (Svpbmt): PMA (0), NC (1), IO (2).
    pub const PBMT: u64 = 3 << 61;
    /// Naturally aligned power-of-two range (Svnapot).
    pub const N: u64 = 1 << 63;
    /// Position of the page number.
    pub const PPN_SHIFT: u32 = 10;
}

/// mseccfg ("Machine Security Configuration Register", Smepmp).
pub mod mseccfg {
    /// Machine mode lockdown: entries are for M-mode alone, or for the others.
    pub const MML: u64 = 1 << 0;
    /// Machine mode whitelist policy: M-mode needs a matching entry.
    pub const MMWP: u64 = 1 << 1;
    /// Rule locking bypass: locked entries can be changed.
    pub const RLB: u64 = 1 << 2;
}

/// mhpmevent ("Hardware Performance Monitor", Sscofpmf); mcyclecfg and minstretcfg (Smcntrpmf) have the same filters.
pub mod mhpmevent {
    /// The counter has overflowed, and raises no interrupt until this is cleared.
    pub const OF: u64 = 1 << 63;
    /// Doesn't count in M-mode.
    pub const MINH: u64 = 1 << 62;
    /// Doesn't count in S-mode (HS).
    pub const SINH: u64 = 1 << 61;
    /// Doesn't count in U-mode.
    pub const UINH: u64 = 1 << 60;
    /// Doesn't count in VS-mode.
    pub const VSINH: u64 = 1 << 59;
    /// Doesn't count in VU-mode.
    pub const VUINH: u64 = 1 << 58;
}

/// One of the eight entries of a pmpcfg register ("Physical Memory Protection CSRs").
pub mod pmpcfg {
    /// Readable.
    pub const R: u8 = 1 << 0;
    /// Writable.
    pub const W: u8 = 1 << 1;
    /// Executable.
    pub const X: u8 = 1 << 2;
    /// Address matching.
    pub const A: u8 = 3 << 3;
    /// No match.
    pub const A_OFF: u8 = 0;
    /// Top of range.
    pub const A_TOR: u8 = 1 << 3;
    /// Naturally aligned four bytes.
    pub const A_NA4: u8 = 2 << 3;
    /// Naturally aligned power of two.
    pub const A_NAPOT: u8 = 3 << 3;
    /// Locked until reset, and binding for M-mode.
    pub const L: u8 = 1 << 7;
}

/// misa ("Machine ISA Register").
pub mod misa {
    /// MXL for 64 bits.
    pub const RV64: u64 = 2 << 62;

    /// The bits of lower-case extension letters.
    pub const fn letters(letters: &str) -> u64 {
        let bytes = letters.as_bytes();
        let mut bits = 0;
        let mut index = 0;
        while index < bytes.len() {
            bits |= 1 << (bytes[index] - b'a');
            index += 1;
        }
        bits
    }
}
