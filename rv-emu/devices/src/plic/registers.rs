//! From offsets to registers (PLIC specification, "Memory Map").

use crate::{AccessError, Width};

/// Size of the device's window, as on QEMU's `virt`.
pub const SIZE: u64 = 0x60_0000;
/// Interrupt sources, numbered 1 to `SOURCES`; 0 means "no interrupt".
pub const SOURCES: u32 = 95;
/// The highest priority. Priority and threshold registers keep only these bits.
pub const PRIORITY_MAX: u32 = 7;
/// Machine and supervisor context of up to 64 harts.
pub const CONTEXTS_MAX: usize = 128;

/// 32-bit words that hold one bit per source, source 0 included.
pub(super) const WORDS: usize = (SOURCES as usize + 1).div_ceil(32);

const PENDING: u64 = 0x1000;
const ENABLE: u64 = 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
const CONTEXT: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;

const _: () = assert!(CONTEXT + CONTEXTS_MAX as u64 * CONTEXT_STRIDE <= SIZE);
const _: () = assert!(ENABLE + CONTEXTS_MAX as u64 * ENABLE_STRIDE <= CONTEXT);
const _: () = assert!((PRIORITY_MAX + 1).is_power_of_two());

/// A register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Register {
    /// Priority of a source.
    Priority(usize),
    /// 32 pending bits.
    Pending(usize),
    /// 32 enable bits of a context.
    Enable { context: usize, word: usize },
    /// Priority threshold of a context.
    Threshold(usize),
    /// Claim (read) and complete (write) of a context.
    Claim(usize),
}

/// The register that an access of `width` at `offset` means on a device with `contexts` contexts.
/// All registers are 32 bits wide.
pub(super) fn decode(offset: u64, width: Width, contexts: usize) -> Result<Register, AccessError> {
    let register = register_at(offset)
        .filter(|register| present(*register, contexts) && offset.is_multiple_of(4))
        .ok_or(AccessError::Offset(offset))?;
    if width == Width::Word { Ok(register) } else { Err(AccessError::Width { offset, width }) }
}

fn register_at(offset: u64) -> Option<Register> {
    Some(match offset {
        0..PENDING => Register::Priority((offset / 4) as usize),
        PENDING..ENABLE => Register::Pending(((offset - PENDING) / 4) as usize),
        ENABLE..CONTEXT => Register::Enable {
            context: ((offset - ENABLE) / ENABLE_STRIDE) as usize,
            word: ((offset - ENABLE) % ENABLE_STRIDE / 4) as usize,
        },
        CONTEXT..SIZE => {
            let context = ((offset - CONTEXT) / CONTEXT_STRIDE) as usize;
            match (offset - CONTEXT) % CONTEXT_STRIDE / 4 {
                0 => Register::Threshold(context),
                1 => Register::Claim(context),
                _ => return None,
            }
        }
        _ => return None,
    })
}

fn present(register: Register, contexts: usize) -> bool {
    match register {
        Register::Priority(source) => (1..=SOURCES as usize).contains(&source),
        Register::Pending(word) => word < WORDS,
        Register::Enable { context, word } => context < contexts && word < WORDS,
        Register::Threshold(context) | Register::Claim(context) => context < contexts,
    }
}
