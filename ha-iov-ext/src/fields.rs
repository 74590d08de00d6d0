//! CSR fields (manual 1.1; ha-iov 8.1).

/// `ustatus`.
pub mod ustatus {
    /// User interrupts are enabled.
    pub const UIE: u64 = 1 << 0;
    /// UIE before the trap.
    pub const UPIE: u64 = 1 << 4;
    /// The trap to U came from a guest (V=1).
    pub const UPV: u64 = 1 << 7;
    /// Its privilege: 1 VS, 0 VU.
    pub const UPP: u64 = 1 << 8;
}

/// `uie` and `uip`, and the bits of the same interrupts in `sie`, `sip`, `mie`, `mip`, `sideleg`, `mideleg`.
pub mod uip {
    /// User software interrupt.
    pub const USIP: u64 = 1 << 0;
    /// User timer interrupt.
    pub const UTIP: u64 = 1 << 4;
    /// User external interrupt.
    pub const UEIP: u64 = 1 << 8;
    /// All of those.
    pub const ALL: u64 = USIP | UTIP | UEIP;
    /// User VEI; in `uie` and `uip` only.
    pub const UVEIP: u64 = 1 << 26;
}

/// Bits that `sie`, `sip`, `mie`, `mip` and `mideleg` gain for VEI.
pub mod sip {
    /// Supervisor VEI.
    pub const SVEIP: u64 = 1 << 24;
    /// Doorbell.
    pub const SVDBP: u64 = 1 << 25;
    /// Both.
    pub const ALL: u64 = SVEIP | SVDBP;
}

/// `hveictl`.
pub mod hveictl {
    /// The loaded guest may send.
    pub const VSE: u64 = 1 << 0;
    /// Contexts may be switched to on this hart (HCS).
    pub const UVE: u64 = 1 << 1;
    /// HCS stores x1 to x31 at `husave` and clears them.
    pub const BANK: u64 = 1 << 2;
    /// A handler runs by HCS.
    pub const HCSA: u64 = 1 << 8;
    /// Trust domain of what is loaded; 0 matches nothing.
    pub const DOM: u64 = 0xffff << DOM_SHIFT;
    /// Place of DOM.
    pub const DOM_SHIFT: u32 = 16;
}

/// `hveidir`.
pub mod hveidir {
    /// There is a directory.
    pub const EN: u64 = 1 << 0;
    /// log2 of its entries.
    pub const K: u64 = 0x1f << K_SHIFT;
    /// Place of K.
    pub const K_SHIFT: u32 = 4;
    /// Page number of the directory.
    pub const PPN: u64 = ((1 << 44) - 1) << PPN_SHIFT;
    /// Place of PPN.
    pub const PPN_SHIFT: u32 = 10;

    /// The value for a directory of 2^`log2_entries` VMIDs at the physical address `addr`, a multiple of 4 KiB.
    pub const fn of(addr: u64, log2_entries: u32) -> u64 {
        EN | (log2_entries as u64) << K_SHIFT & K | addr >> 12 << PPN_SHIFT & PPN
    }
}

/// `huct`.
pub mod huct {
    /// There is a table.
    pub const EN: u64 = 1 << 0;
    /// Page number of the table.
    pub const PPN: u64 = super::hveidir::PPN;
    /// Place of PPN.
    pub const PPN_SHIFT: u32 = super::hveidir::PPN_SHIFT;

    /// The value for a table at the physical address `addr`, a multiple of 4 KiB.
    pub const fn of(addr: u64) -> u64 {
        EN | addr >> 12 << PPN_SHIFT & PPN
    }
}

/// `hvslot` and `hucur`.
pub mod hvslot {
    /// The register names a context.
    pub const V: u64 = 1 << 63;
    /// Of `hvslot`, read-only: the context can't be delivered as it is.
    pub const BAD: u64 = 1 << 62;
    /// Number of the context.
    pub const IDX: u64 = 63;
}

/// `hveifence`: what a write drops from the hart's map cache. The value 0 drops everything.
pub mod hveifence {
    /// Everything.
    pub const ALL: u64 = 0;
    /// Only entries of one VMID.
    pub const BY_VMID: u64 = 1 << 62;
    /// And of those only one VEIRQ.
    pub const BY_VEIRQ: u64 = 1 << 63;
    /// Place of the VMID.
    pub const VMID_SHIFT: u32 = 16;

    /// All entries of a VMID.
    pub const fn vmid(vmid: u16) -> u64 {
        BY_VMID | (vmid as u64) << VMID_SHIFT
    }

    /// The entry of one VEIRQ of a VMID.
    pub const fn veirq(vmid: u16, veirq: u16) -> u64 {
        BY_VEIRQ | self::vmid(vmid) | veirq as u64
    }
}

/// `suestat`: fields at the places that they have in `ustatus`.
pub mod suestat {
    /// UIE of the interrupted context.
    pub const UIE: u64 = 1 << 0;
    /// It ran at V=1.
    pub const V: u64 = 1 << 7;
    /// Its privilege: 1 VS, 0 VU.
    pub const PP: u64 = 1 << 8;
}

/// `stopvei` and `utopvei`.
pub mod topvei {
    /// There is one; its number is in the low bits.
    pub const V: u64 = 1 << 63;
    /// Its number.
    pub const NUMBER: u64 = 63;
}

/// `husave`.
pub mod husave {
    /// Bytes of the area: a doubleword for each register, that of x0 unused.
    pub const SIZE: u64 = 256;

    /// Offset of a register in the area.
    pub const fn offset(register: usize) -> u64 {
        8 * register as u64
    }
}

/// `huectl`.
pub mod huectl {
    /// U-mode may use the CSRs of N and URET.
    pub const NE: u64 = 1 << 0;
}

/// `hstatus`.
pub mod hstatus {
    /// The loaded guest belongs to the current user thread: gate of redirection, of PTE.MMIO and of URET to V=1.
    pub const HUR: u64 = 1 << 10;
}

/// `mstateen0`, `hstateen0` and `sstateen0`.
pub mod stateen {
    /// Custom state: the CSRs of HA-IOV, and URET.
    pub const C: u64 = 1 << 0;
}

/// `misa`.
pub mod misa {
    /// The N extension.
    pub const N: u64 = 1 << 13;
}
