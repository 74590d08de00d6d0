//! What the chapters on translation and protection try on a place of memory: a load, a store, a fetch.

use rv_hart::Mode;
use rv_isa::asm::{self, A0, A1, RA};
use rv_isa::cause::{ECALL_FROM_M, ECALL_FROM_S, ECALL_FROM_U, ECALL_FROM_VS};
use rv_isa::fields::pte;

/// An access to the address in a0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// A doubleword into a1.
    Load,
    /// The doubleword in a1.
    Store,
    /// A jump there.
    Fetch,
}

/// All of them.
pub const ALL: [Try; 3] = [Try::Load, Try::Store, Try::Fetch];
/// What the place holds; a fetch finds an environment call.
pub const VALUE: u64 = 0x73;

impl Try {
    /// The instruction.
    pub fn instruction(self) -> u32 {
        match self {
            Try::Load => asm::ld(A1, A0, 0),
            Try::Store => asm::sd(A1, A0, 0),
            Try::Fetch => asm::jalr(RA, A0, 0),
        }
    }

    /// The cause for a load, a store or a fetch.
    pub fn cause(self, [load, store, fetch]: [u64; 3]) -> u64 {
        match self {
            Try::Load => load,
            Try::Store => store,
            Try::Fetch => fetch,
        }
    }

    /// Whether a leaf with these R, W and X permits it. W without R is reserved; none of them makes a pointer, which the last level can't hold.
    pub fn permitted(self, rwx: u64, mxr: bool) -> bool {
        let (r, w, x) = (rwx & pte::R != 0, rwx & pte::W != 0, rwx & pte::X != 0);
        let valid = r || !w && x;
        valid
            && match self {
                Try::Load => r || mxr && x,
                Try::Store => w,
                Try::Fetch => x,
            }
    }
}

/// The environment call of `mode`.
pub fn call(mode: Mode) -> u64 {
    match mode {
        Mode::M => ECALL_FROM_M,
        Mode::HS => ECALL_FROM_S,
        Mode::VS => ECALL_FROM_VS,
        Mode::U | Mode::VU => ECALL_FROM_U,
    }
}
