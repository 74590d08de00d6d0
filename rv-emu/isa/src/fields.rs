//! Fields of CSRs and page-table entries, as masks.

/// mstatus; sstatus and vsstatus have the same fields at the same places.
pub mod mstatus {
    /// S-level interrupts are enabled.
    pub const SIE: u64 = 1 << 1;
    /// M-level interrupts are enabled.
    pub const MIE: u64 = 1 << 3;
    /// SIE before the trap.
    pub const SPIE: u64 = 1 << 5;
    /// U-mode is big-endian.
    pub const UBE: u64 = 1 << 6;
    /// MIE before the trap.
    pub const MPIE: u64 = 1 << 7;
    /// Privilege before the trap.
    pub const SPP: u64 = 1 << 8;
    /// State of the vector unit.
    pub const VS: u64 = 3 << 9;
    /// Privilege before the trap.
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
    /// Trap virtual memory management.
    pub const TVM: u64 = 1 << 20;
    /// Trap WFI.
    pub const TW: u64 = 1 << 21;
    /// Trap SRET.
    pub const TSR: u64 = 1 << 22;
    /// XLEN of U-mode.
    pub const UXL: u64 = 3 << 32;
    /// XLEN of S-mode.
    pub const SXL: u64 = 3 << 34;
    /// S-mode is big-endian.
    pub const SBE: u64 = 1 << 36;
    /// M-mode is big-endian.
    pub const MBE: u64 = 1 << 37;
    /// Mtval is a guest virtual address.
    pub const GVA: u64 = 1 << 38;
    /// V before the trap.
    pub const MPV: u64 = 1 << 39;
    /// Some state is dirty.
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

/// hstatus.
pub mod hstatus {
    /// VS-mode is big-endian.
    pub const VSBE: u64 = 1 << 5;
    /// Stval is a guest virtual address.
    pub const GVA: u64 = 1 << 6;
    /// V before the trap.
    pub const SPV: u64 = 1 << 7;
    /// Guest privilege before the trap; that of HLV and HSV.
    pub const SPVP: u64 = 1 << 8;
    /// U-mode may use HLV and HSV.
    pub const HU: u64 = 1 << 9;
    /// Guest external interrupt source.
    pub const VGEIN: u64 = 0x3f << 12;
    /// Trap virtual memory management in VS-mode.
    pub const VTVM: u64 = 1 << 20;
    /// Trap WFI in VS-mode.
    pub const VTW: u64 = 1 << 21;
    /// Trap SRET in VS-mode.
    pub const VTSR: u64 = 1 << 22;
    /// XLEN of VS-mode.
    pub const VSXL: u64 = 3 << 32;
    /// Position of VSXL.
    pub const VSXL_SHIFT: u32 = 32;
}

/// menvcfg, senvcfg and henvcfg.
pub mod menvcfg {
    /// Fences of I/O imply memory.
    pub const FIOM: u64 = 1 << 0;
    /// What CBO.INVAL does.
    pub const CBIE: u64 = 3 << 4;
    /// CBO.CLEAN and CBO.FLUSH are enabled.
    pub const CBCFE: u64 = 1 << 6;
    /// CBO.ZERO is enabled.
    pub const CBZE: u64 = 1 << 7;
    /// Hardware sets accessed and dirty bits (Svadu).
    pub const ADUE: u64 = 1 << 61;
    /// Page-based memory types are enabled (Svpbmt).
    pub const PBMTE: u64 = 1 << 62;
    /// The timer comparator is enabled (Sstc).
    pub const STCE: u64 = 1 << 63;
}

/// mip and mie, and their views.
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

/// satp, vsatp and hgatp.
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

/// Page-table entries.
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
    /// Page number.
    pub const PPN: u64 = ((1 << 44) - 1) << 10;
    /// Bits 60:54, reserved.
    pub const RESERVED: u64 = 0x7f << 54;
    /// Memory type (Svpbmt).
    pub const PBMT: u64 = 3 << 61;
    /// Naturally aligned power-of-two range (Svnapot).
    pub const N: u64 = 1 << 63;
    /// Position of the page number.
    pub const PPN_SHIFT: u32 = 10;
}

/// An entry of pmpcfg.
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
    /// Locked, and binding for M-mode.
    pub const L: u8 = 1 << 7;
}

/// misa.
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
