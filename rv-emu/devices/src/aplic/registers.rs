//! From offsets to registers ("Memory-mapped control region for an interrupt domain").

use super::domain::Level;
use crate::{AccessError, Width};

/// Size of a domain's window, as on QEMU's `virt`: room for 512 harts.
pub const SIZE: u64 = 0x8000;
/// Interrupt sources, numbered 1 to `SOURCES`.
pub const SOURCES: u32 = 96;
/// 32-bit words that hold one bit per source, 0 included.
pub(super) const WORDS: usize = (SOURCES as usize + 1).div_ceil(32);
/// Most harts: as many as a window has room for.
pub(super) const HARTS_MAX: usize = ((SIZE - IDC) / IDC_STRIDE) as usize;

const LAST: usize = SOURCES as usize;
const IDC: u64 = 0x4000;
const IDC_STRIDE: u64 = 32;

/// domaincfg: what is always there.
pub(super) const DOMAINCFG_FIXED: u32 = 0x80 << 24;
/// domaincfg.IE.
pub(super) const DOMAINCFG_IE: u32 = 1 << 8;
/// domaincfg.DM.
pub(super) const DOMAINCFG_DM: u32 = 1 << 2;
/// sourcecfg.D.
pub(super) const SOURCECFG_D: u32 = 1 << 10;
/// sourcecfg.SM.
pub(super) const SOURCECFG_SM: u32 = 7;
/// target and genmsi: hart index, and where it is.
pub(super) const HART_INDEX: u32 = 0x3fff << HART_INDEX_SHIFT;
pub(super) const HART_INDEX_SHIFT: u32 = 18;
/// target, direct delivery: priority number.
pub(super) const IPRIO: u32 = 0xff;
/// target, MSI delivery: guest index, and where it is.
pub(super) const GUEST_INDEX: u32 = 0x3f << GUEST_INDEX_SHIFT;
pub(super) const GUEST_INDEX_SHIFT: u32 = 12;
/// target and genmsi: external interrupt identity.
pub(super) const EIID: u32 = 0x7ff;
/// mmsiaddrcfgh: all fields, and those that smsiaddrcfgh has too.
pub(super) const MMSIADDRCFGH: u32 = MSI_LOCK | 0x1f << 24 | 7 << 20 | 7 << 16 | 0xf << 12 | 0xfff;
pub(super) const SMSIADDRCFGH: u32 = 7 << 20 | 0xfff;
/// mmsiaddrcfgh.L.
pub(super) const MSI_LOCK: u32 = 1 << 31;

/// Which of an array's bits a register is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Array {
    SetPending,
    ClearPending,
    SetEnable,
    ClearEnable,
}

/// A register of an IDC structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idc {
    Delivery,
    Force,
    Threshold,
    Top,
    Claim,
}

/// A register of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Register {
    DomainConfig,
    SourceConfig(usize),
    /// mmsiaddrcfg, mmsiaddrcfgh, smsiaddrcfg, smsiaddrcfgh.
    MsiAddress(usize),
    /// A word of bits.
    Bits(Array, usize),
    /// The same by number.
    Number(Array),
    SetPendingLittle,
    SetPendingBig,
    GenerateMsi,
    Target(usize),
    Idc(Idc, usize),
    /// Read-only zero.
    Zero,
}

/// The register that an access of `width` at `offset` of the device means. All are 32 bits wide.
pub(super) fn decode(offset: u64, width: Width, harts: usize) -> Result<(Level, Register), AccessError> {
    let level = match offset / SIZE {
        0 => Level::Machine,
        1 => Level::Supervisor,
        _ => return Err(AccessError::Offset(offset)),
    };
    if !offset.is_multiple_of(4) {
        return Err(AccessError::Offset(offset));
    }
    if width != Width::Word {
        return Err(AccessError::Width { offset, width });
    }
    Ok((level, register_at(offset % SIZE, harts)))
}

fn register_at(offset: u64, harts: usize) -> Register {
    let index = |base: u64| ((offset - base) / 4) as usize;
    let source = |make: fn(usize) -> Register, index: usize| match index {
        1..=LAST => make(index),
        _ => Register::Zero,
    };
    match offset {
        0 => Register::DomainConfig,
        0x4..=0xfff => source(Register::SourceConfig, index(0)),
        0x1bc0..=0x1bcf => Register::MsiAddress(index(0x1bc0)),
        0x1c00..=0x1fff => bits_at(offset & 0x300, offset & 0xff),
        0x2000 => Register::SetPendingLittle,
        0x2004 => Register::SetPendingBig,
        0x3000 => Register::GenerateMsi,
        0x3004..=0x3fff => source(Register::Target, index(0x3000)),
        IDC.. => idc_at(offset - IDC, harts),
        _ => Register::Zero,
    }
}

/// The four arrays of bits are laid out alike: words, and at 0xdc a register for a number.
fn bits_at(array: u64, offset: u64) -> Register {
    let array = match array {
        0x000 => Array::SetPending,
        0x100 => Array::ClearPending,
        0x200 => Array::SetEnable,
        _ => Array::ClearEnable,
    };
    let word = (offset / 4) as usize;
    match offset {
        0xdc => Register::Number(array),
        _ if word < WORDS => Register::Bits(array, word),
        _ => Register::Zero,
    }
}

fn idc_at(offset: u64, harts: usize) -> Register {
    let hart = (offset / IDC_STRIDE) as usize;
    let register = match offset % IDC_STRIDE {
        _ if hart >= harts => return Register::Zero,
        0x00 => Idc::Delivery,
        0x04 => Idc::Force,
        0x08 => Idc::Threshold,
        0x18 => Idc::Top,
        0x1c => Idc::Claim,
        _ => return Register::Zero,
    };
    Register::Idc(register, hart)
}

/// Sources that exist in a word of bits.
pub(super) const fn implemented(word: usize) -> u32 {
    let first = 32 * word as u32;
    let all = if first + 31 <= SOURCES { u32::MAX } else { (2 << (SOURCES - first)) - 1 };
    if word == 0 { all & !1 } else { all }
}
