//! Access to CSRs by name, and the bits of those that the kernel uses.

/// Reads a CSR.
#[macro_export]
macro_rules! csr_read {
    ($name:literal) => {{
        let value: u64;
        // SAFETY: reading the CSRs named in this kernel has no side effects.
        unsafe {
            ::core::arch::asm!(concat!("csrr {}, ", $name), out(reg) value, options(nostack))
        };
        value
    }};
}

/// Writes a CSR.
#[macro_export]
macro_rules! csr_write {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: the kernel owns the CSRs; each use says why its value is right.
        unsafe { ::core::arch::asm!(concat!("csrw ", $name, ", {}"), in(reg) value, options(nostack)) }
    }};
}

/// Sets bits of a CSR.
#[macro_export]
macro_rules! csr_set {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: as for `csr_write`.
        unsafe { ::core::arch::asm!(concat!("csrs ", $name, ", {}"), in(reg) value, options(nostack)) }
    }};
}

/// Clears bits of a CSR.
#[macro_export]
macro_rules! csr_clear {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        // SAFETY: as for `csr_write`.
        unsafe { ::core::arch::asm!(concat!("csrc ", $name, ", {}"), in(reg) value, options(nostack)) }
    }};
}

/// Clears bits of a CSR and gives its former value.
#[macro_export]
macro_rules! csr_take {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        let old: u64;
        // SAFETY: as for `csr_write`.
        unsafe {
            ::core::arch::asm!(
                concat!("csrrc {}, ", $name, ", {}"), out(reg) old, in(reg) value, options(nostack)
            )
        };
        old
    }};
}

/// Sets bits of a CSR and gives its former value.
#[macro_export]
macro_rules! csr_add {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        let old: u64;
        // SAFETY: as for `csr_write`.
        unsafe {
            ::core::arch::asm!(
                concat!("csrrs {}, ", $name, ", {}"), out(reg) old, in(reg) value, options(nostack)
            )
        };
        old
    }};
}

/// Writes a CSR and gives its former value.
#[macro_export]
macro_rules! csr_swap {
    ($name:literal, $value:expr) => {{
        let value: u64 = $value;
        let old: u64;
        // SAFETY: as for `csr_write`.
        unsafe {
            ::core::arch::asm!(
                concat!("csrrw {}, ", $name, ", {}"), out(reg) old, in(reg) value, options(nostack)
            )
        };
        old
    }};
}

/// `sstatus.SIE`.
pub const SSTATUS_SIE: u64 = 1 << 1;
/// `sstatus.SPIE`.
pub const SSTATUS_SPIE: u64 = 1 << 5;
/// `sstatus.SPP`.
pub const SSTATUS_SPP: u64 = 1 << 8;
/// `sstatus.FS`, two bits: off, initial, clean, dirty.
pub const SSTATUS_FS: u64 = 3 << 13;
/// `sstatus.FS` = initial.
pub const SSTATUS_FS_INITIAL: u64 = 1 << 13;
/// `sstatus.FS` = clean.
pub const SSTATUS_FS_CLEAN: u64 = 2 << 13;
/// `sstatus.UXL` = 64 bits.
pub const SSTATUS_UXL_64: u64 = 2 << 32;

/// Supervisor software interrupt, in `sie` and `sip`.
pub const INT_SSI: u64 = 1 << 1;
/// Supervisor timer interrupt.
pub const INT_STI: u64 = 1 << 5;
/// VS software interrupt, in `hvip` and `hideleg`.
pub const INT_VSSI: u64 = 1 << 2;
/// VS timer interrupt.
pub const INT_VSTI: u64 = 1 << 6;
/// VS external interrupt.
pub const INT_VSEI: u64 = 1 << 10;

/// `hstatus.SPV`: `sret` goes to V=1. Also a shifted bit test in assembly.
pub const HSTATUS_SPV: u64 = 1 << 7;
/// `hstatus.SPVP`.
pub const HSTATUS_SPVP: u64 = 1 << 8;
/// `hstatus.VTW`: WFI in VS traps.
pub const HSTATUS_VTW: u64 = 1 << 21;
/// `hstatus.VSXL` = 64 bits.
pub const HSTATUS_VSXL_64: u64 = 2 << 32;

/// `henvcfg` bits for the guest: STCE, PBMTE, ADUE, and the cache block ones.
pub const HENVCFG_STCE: u64 = 1 << 63;
/// `henvcfg.PBMTE`.
pub const HENVCFG_PBMTE: u64 = 1 << 62;
/// `henvcfg.ADUE`.
pub const HENVCFG_ADUE: u64 = 1 << 61;
/// `henvcfg.CBZE | CBCFE | CBIE` (flush).
pub const HENVCFG_CBO: u64 = 1 << 7 | 1 << 6 | 3 << 4;

/// Sv39 or Sv39x4 in the MODE field of `satp` and `hgatp`.
pub const ATP_MODE_SV39: u64 = 8 << 60;
/// VMID field of `hgatp`.
pub const HGATP_VMID_SHIFT: u32 = 44;
/// Bits of the VMID field.
pub const HGATP_VMID_MASK: u64 = (1 << 14) - 1;

/// Top bit of `scause`: an interrupt.
pub const CAUSE_INTERRUPT: u64 = 1 << 63;
/// Interrupt number: supervisor software.
pub const IRQ_SSI: u64 = 1;
/// Interrupt number: supervisor timer.
pub const IRQ_STI: u64 = 5;

/// Exception codes.
pub mod cause {
    /// Instruction access fault.
    pub const FETCH_ACCESS: u64 = 1;
    /// Illegal instruction.
    pub const ILLEGAL: u64 = 2;
    /// Breakpoint.
    pub const BREAKPOINT: u64 = 3;
    /// Load address misaligned.
    pub const LOAD_MISALIGNED: u64 = 4;
    /// Load access fault.
    pub const LOAD_ACCESS: u64 = 5;
    /// Store/AMO address misaligned.
    pub const STORE_MISALIGNED: u64 = 6;
    /// Store/AMO access fault.
    pub const STORE_ACCESS: u64 = 7;
    /// ECALL from U or VU.
    pub const ECALL_U: u64 = 8;
    /// ECALL from VS.
    pub const ECALL_VS: u64 = 10;
    /// Instruction page fault.
    pub const FETCH_PAGE: u64 = 12;
    /// Load page fault.
    pub const LOAD_PAGE: u64 = 13;
    /// Store/AMO page fault.
    pub const STORE_PAGE: u64 = 15;
    /// Instruction guest-page fault.
    pub const FETCH_GUEST_PAGE: u64 = 20;
    /// Load guest-page fault.
    pub const LOAD_GUEST_PAGE: u64 = 21;
    /// Virtual instruction.
    pub const VIRTUAL: u64 = 22;
    /// Store/AMO guest-page fault.
    pub const STORE_GUEST_PAGE: u64 = 23;

    /// What a cause means, for messages.
    pub const fn name(cause: u64) -> &'static str {
        match cause {
            FETCH_ACCESS => "instruction access fault",
            ILLEGAL => "illegal instruction",
            BREAKPOINT => "breakpoint",
            LOAD_MISALIGNED => "misaligned load",
            LOAD_ACCESS => "load access fault",
            STORE_MISALIGNED => "misaligned store",
            STORE_ACCESS => "store access fault",
            FETCH_PAGE => "instruction page fault",
            LOAD_PAGE => "load page fault",
            STORE_PAGE => "store page fault",
            _ => "unexpected exception",
        }
    }
}
