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
    /// All of them.
    pub const ALL: u64 = USIP | UTIP | UEIP;
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

/// `misa`.
pub mod misa {
    /// The N extension.
    pub const N: u64 = 1 << 13;
}
