//! Instructions (manual 1.3).

/// URET, as in the N extension's draft v1.1. Assemblers no longer know it: write `.4byte 0x00200073`.
pub const URET: u32 = 0x0020_0073;
