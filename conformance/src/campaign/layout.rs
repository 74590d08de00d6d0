//! Where things are in a program's memory. Everything outside of memory is shut by locked PMP entries, so that no model's devices are ever
//! reached, and code is read-only to all modes, so that no stray store makes a fence necessary.

/// First address of memory.
pub const RAM: u64 = 0x8000_0000;
/// Bytes of memory.
pub const RAM_SIZE: u64 = 16 << 20;
/// A doubleword that ends the program when it becomes odd, where no pointer points to; `fromhost` is behind it.
pub const TOHOST: u64 = 0x80fe_d000;
/// Prologue, M-mode's handler, epilogue: 64 KiB, execute and read only.
pub const BOOT: u64 = 0x8001_0000;
/// Variables of M-mode's handler.
pub const STATE: u64 = 0x8002_0000;
/// Contexts, read only.
pub const CONTEXTS: u64 = 0x8004_0000;
/// Bytes of a context.
pub const CONTEXT_SIZE: u64 = 1024;
/// The most contexts.
pub const MAX_CONTEXTS: usize = 256;
/// Random code.
pub const CODE: u64 = 0x8010_0000;
/// Bytes of random code.
pub const CODE_SIZE: u64 = 0x1_0000;
/// End of the random code, and handlers of HS-mode and VS-mode. Bit 16 tells their addresses from those of random code.
pub const HANDLERS: u64 = 0x8011_0000;
/// HS-mode's handler.
pub const HS_HANDLER: u64 = HANDLERS + 0x1000;
/// VS-mode's handler.
pub const VS_HANDLER: u64 = HANDLERS + 0x2000;
/// Code that programs write themselves.
pub const PATCH: u64 = 0x8012_0000;
/// User code is mapped at an address with this bit set.
pub const USER_ALIAS: u64 = 0x0020_0000;
/// Data.
pub const DATA: u64 = 0x8040_0000;
/// Pages of data.
pub const DATA_PAGES: u64 = 8;
/// Page tables.
pub const TABLES: u64 = 0x8080_0000;
/// Timer comparator of hart 0, on all models.
pub const MTIMECMP: u64 = 0x0200_4000;
/// Bytes of a page.
pub const PAGE: u64 = 4096;
