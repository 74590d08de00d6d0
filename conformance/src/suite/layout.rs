//! Where things are in the memory of a test program. Everything is at fixed addresses from the usual start of memory, so that page tables and
//! expectations can name them.

/// Start of memory, and of the runtime: entry, trap handlers, the report.
pub const RUNTIME: u64 = 0x8000_0000;
/// What the trap handlers record. Bits 31 and 17 only: as a mask for mstatus it is MPRV, which the handler must clear with no other register.
pub const RECORD: u64 = 0x8002_0000;
/// One pair of doublewords for each case: the verdict, and the value that was wrong.
pub const RESULTS: u64 = 0x8003_0000;
/// Mailbox of the host-target interface.
pub const TOHOST: u64 = 0x8002_f000;
/// The other direction.
pub const FROMHOST: u64 = 0x8002_f040;
/// The cases, and snippets for M, HS and VS.
pub const TEXT: u64 = 0x8020_0000;
/// Snippets for U and VU.
pub const USER_TEXT: u64 = 0x8080_0000;
/// Constants of the cases: operands and expected values.
pub const TABLES: u64 = 0x80a0_0000;
/// For the tests' own data.
pub const DATA: u64 = 0x80c0_0000;
/// For the tests' page tables.
pub const PAGE_TABLES: u64 = 0x8100_0000;
/// The end of the memory that a program needs.
pub const END: u64 = 0x8200_0000;

/// Fields of the record, as offsets from [`RECORD`].
pub mod record {
    /// Integer registers at the end, x0 not used.
    pub const X: i32 = 0;
    /// The level that took the trap: see [`super::super::case::Level`].
    pub const LEVEL: i32 = 256;
    /// xcause.
    pub const CAUSE: i32 = 264;
    /// xepc.
    pub const EPC: i32 = 272;
    /// xtval.
    pub const TVAL: i32 = 280;
    /// mtval2 or htval.
    pub const TVAL2: i32 = 288;
    /// mtinst or htinst.
    pub const TINST: i32 = 296;
    /// mstatus or sstatus.
    pub const STATUS: i32 = 304;
    /// hstatus, if HS took the trap.
    pub const HSTATUS: i32 = 312;
    /// Where M-mode goes on.
    pub const CONTINUE: i32 = 320;
    /// Place for a register of a handler of HS or VS.
    pub const SPARE: i32 = 328;
    /// The case that runs.
    pub const CURRENT: i32 = 336;
    /// Cases that failed.
    pub const FAILED: i32 = 344;
}
